"""What may be posted, with tight limits: nothing reaches a service that is too long, of a wrong type, or unknown."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app.ranking.values import Passage
from app.services.runs import RunRequest

MAX_PASSAGES = 200
MAX_TEXT = 20_000


def _storable(text: str) -> str:
    """JSON may carry NUL and lone surrogates; not every database can store them."""
    if "\x00" in text:
        raise ValueError("holds a NUL character: leave it out")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("holds half a character (a lone surrogate): send valid UTF-8") from error
    return text


_Clean = AfterValidator(_storable)
Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
PassageId = Annotated[str, StringConstraints(min_length=1, max_length=200), _Clean]
Ids = Annotated[list[PassageId], Field(max_length=MAX_PASSAGES)]
Note = Annotated[str, StringConstraints(max_length=10_000), _Clean]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), _Clean]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PastedPassage(_Body):
    """A passage given with the question; without an id it gets its place as one."""

    id: Annotated[str, StringConstraints(max_length=200), _Clean] = ""
    title: Annotated[str, StringConstraints(max_length=1_000), _Clean] = ""
    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT), _Clean]


class RunBody(_Body):
    """POST /api/v1/runs."""

    query: Annotated[str, StringConstraints(min_length=1, max_length=4_000, strip_whitespace=True), _Clean]
    collection: Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")] | None = None
    passages: Annotated[list[PastedPassage], Field(min_length=1, max_length=MAX_PASSAGES)] | None = None
    model: Name
    depth: Literal[20, 50, 100] = 20
    reveal: Any = Field(default=None, exclude=True)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.collection is not None and self.passages is not None:
            raise ValueError("give a collection or passages, not both; with neither the demo collection is asked")
        ids = [passage.id for passage in self.passages or () if passage.id]
        if len(set(ids)) < len(ids):
            twice = next(one for one in ids if ids.count(one) > 1)
            raise ValueError(f"passages: the id {twice!r} is given twice")
        return self

    def request(self) -> RunRequest:
        """The same as the services take it."""
        pasted = None if self.passages is None else tuple(_named(self.passages))
        return RunRequest(query=self.query, collection=self.collection, passages=pasted, model=self.model, depth=self.depth)


def _named(passages: list[PastedPassage]) -> list[Passage]:
    """Passages with ids; one that has none gets the first free number from its place on."""
    taken = {passage.id for passage in passages}
    named = []
    for place, passage in enumerate(passages, start=1):
        number = place
        while not passage.id and str(number) in taken:
            number += len(passages)
        own = passage.id or str(number)
        taken.add(own)
        named.append(Passage(id=own, title=passage.title, text=passage.text))
    return named


class ClaimMark(_Body):
    """What a person says of one claim of the trace; `span` is [start, end) in the raw reasoning, in code points."""

    claim_id: Annotated[str, StringConstraints(min_length=1, max_length=200), _Clean]
    verdict: Literal["wrong", "right", "unsure"]
    rewrite: Note = ""
    passage_id: PassageId | None = None
    span: tuple[Annotated[int, Field(ge=0, le=10_000_000)], Annotated[int, Field(ge=0, le=10_000_000)]] | None = None

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.span is not None and self.span[0] >= self.span[1]:
            raise ValueError(f"span {list(self.span)} is empty or backwards")
        return self


class JudgementBody(_Body):
    """POST /api/v1/judgements. A passage stands in one place only: `order`, `not_relevant` or `unranked`."""

    run: Token
    idempotency_key: UUID
    base_version: Annotated[int, Field(ge=0, le=1_000_000)]
    order: Annotated[list[Annotated[list[PassageId], Field(min_length=1, max_length=MAX_PASSAGES)]], Field(max_length=MAX_PASSAGES)]
    not_relevant: Ids = []
    unranked: Ids = []
    grades: Annotated[dict[PassageId, Literal[0, 1, 2, 3]], Field(max_length=MAX_PASSAGES)] = {}
    shown_order: Ids
    claims: Annotated[list[ClaimMark], Field(max_length=1_000)] = []
    disagree: bool = False
    note: Note = ""
    confidence: Probability | None = None
    active_seconds: Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)] = 0.0
    state: Literal["draft", "submitted", "skipped", "flagged"]

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        placed = [one for group in self.order for one in group] + self.not_relevant + self.unranked
        if len(set(placed)) < len(placed):
            twice = next(one for one in placed if placed.count(one) > 1)
            raise ValueError(f"passage {twice!r} stands in two places: order, not_relevant and unranked must not overlap")
        return self

    def draft(self) -> dict[str, Any]:
        """The same as the services take it: plain values."""
        return self.model_dump(mode="json")
