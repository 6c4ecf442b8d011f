"""What may be posted, with tight limits: nothing reaches a service that is too long, of a wrong type, or unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from app.ranking.errors import SettingsError
from app.ranking.options import Options
from app.ranking.values import Passage
from app.services.runs import RunRequest

MAX_PASSAGES = 200
MAX_LISTED = 1_000  # passages of a run that can be judged: as many as a rerank takes
MAX_TEXT = 20_000
MAX_QUERY = 4_000


def _storable(text: str) -> str:
    """JSON may carry NUL and lone surrogates; not every database can store them."""
    if "\x00" in text:
        raise ValueError("holds a NUL character: leave it out")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("holds half a character (a lone surrogate): send valid UTF-8") from error
    return text


Clean = AfterValidator(_storable)
Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
PassageId = Annotated[str, StringConstraints(min_length=1, max_length=200), Clean]
Ids = Annotated[list[PassageId], Field(max_length=MAX_LISTED)]
Note = Annotated[str, StringConstraints(max_length=10_000), Clean]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), Clean]
Query = Annotated[str, StringConstraints(min_length=1, max_length=MAX_QUERY, strip_whitespace=True), Clean]


class Body(BaseModel):
    """Base of all that is posted: what is not named is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Named(Body):
    """Names that the library knows better: it refuses an unknown one with a list of those there are."""

    model_config = ConfigDict(extra="allow")


class StrategyBody(_Named):
    """A strategy by name, its arguments beside the name: see GET strategies."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=40)]


class SettleBody(_Named):
    """Early exit: a trace ends once its top places have stood still for so many tokens."""

    top: Annotated[int, Field(strict=True, le=1_000_000)] = 10
    patience: Annotated[int, Field(strict=True, le=1_000_000)] = 200


class ThinkingBody(_Named):
    """How much the model thinks: profile, reasoned, direct, or auto (the model's router takes one of the two for the query).

    A budget of tokens, 0 for none; early exit; audit measures it instead. A router is named in the models file, never here.
    """

    mode: str = "profile"
    budget: Annotated[int, Field(strict=True, le=1_000_000)] = 0
    settle: SettleBody | None = None
    audit: Annotated[bool, Field(strict=True)] = False


class FusionBody(_Named):
    """Fusion with the order in which passages were given or found: weight 1 is the model's order alone, 0 the given one."""

    weight: Annotated[float, Field(allow_inf_nan=False)] = 0.5
    k: Annotated[int, Field(strict=True, le=1_000_000)] = 60


def _strategy(given: object) -> object:
    return {"name": given} if isinstance(given, str) else given


class OptionsBody(Body):
    """How to rank beyond the model; every part may be left out."""

    strategy: Annotated[StrategyBody | None, BeforeValidator(_strategy, json_schema_input_type=str | StrategyBody | None)] = None
    thinking: ThinkingBody | None = None
    fusion: FusionBody | None = None

    def options(self) -> Options:
        """The same as the library takes it. Raises SettingsError naming what is unknown or wrong."""
        if self.thinking is not None and "router" in (self.thinking.model_extra or {}):
            # A router is a file of this machine, and the library would open any.
            raise SettingsError("thinking takes no router here: it is named in the models file, ask for mode 'auto' alone")
        parts = {"strategy": self.strategy, "thinking": self.thinking, "fusion": self.fusion}
        return Options.of({name: part.model_dump() for name, part in parts.items() if part is not None})


class PastedPassage(Body):
    """A passage given with the question; without an id it gets its place as one."""

    id: Annotated[str, StringConstraints(max_length=200), Clean] = ""
    title: Annotated[str, StringConstraints(max_length=1_000), Clean] = ""
    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT), Clean]


RUN_EXAMPLES: list[JsonValue] = [
    {"query": "Why does bread rise slowly in winter?", "model": "nano", "depth": 50, "options": {"strategy": {"name": "top_down"}}},
    {
        "query": "Why does bread rise slowly in winter?",
        "model": "nano",
        "passages": [{"id": "yeast", "text": "Yeast is sluggish in the cold."}, {"text": "January sales begin."}],
        "options": {"strategy": {"name": "sliding", "size": 20, "step": 10}, "fusion": {"weight": 0.7}},
    },
]


class RunBody(Body):
    """POST /api/v1/runs."""

    model_config = ConfigDict(json_schema_extra={"examples": RUN_EXAMPLES})

    query: Query
    collection: Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")] | None = None
    passages: Annotated[list[PastedPassage], Field(min_length=1, max_length=MAX_PASSAGES)] | None = None
    model: Name
    depth: Literal[20, 50, 100] = 20
    options: OptionsBody | None = None
    reveal: Any = Field(default=None, exclude=True)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.collection is not None and self.passages is not None:
            raise ValueError("give a collection or passages, not both; with neither the demo collection is asked")
        if twice := id_twice(self.passages or []):
            raise ValueError(f"passages: the id {twice!r} is given twice")
        return self

    def request(self) -> RunRequest:
        """The same as the services take it. Raises SettingsError for options that can't be."""
        options = Options() if self.options is None else self.options.options()
        pasted = None if self.passages is None else tuple(with_ids(self.passages))
        return RunRequest(
            query=self.query, collection=self.collection, passages=pasted, model=self.model, depth=self.depth, options=options
        )


class EstimateBody(RunBody):
    """POST /api/v1/estimate: a run that is not begun. Without a query calls are told, but no tokens."""

    model_config = ConfigDict(json_schema_extra={"examples": [*RUN_EXAMPLES, {"model": "nano", "depth": 100}]})

    query: Annotated[str, StringConstraints(max_length=MAX_QUERY, strip_whitespace=True), Clean] = ""


def id_twice(passages: Sequence[PastedPassage]) -> str:
    """The first id that is given to two passages; empty where there is none."""
    seen: set[str] = set()
    for passage in passages:
        if passage.id in seen:
            return passage.id
        seen |= {passage.id} - {""}
    return ""


def with_ids(passages: Sequence[PastedPassage]) -> list[Passage]:
    """Passages with ids; one that has none gets the first free number from its place on."""
    taken = {passage.id for passage in passages}
    named: list[Passage] = []
    for place, passage in enumerate(passages, start=1):
        number = place
        while not passage.id and str(number) in taken:
            number += len(passages)
        own = passage.id or str(number)
        taken.add(own)
        named.append(Passage(id=own, title=passage.title, text=passage.text))
    return named


class ClaimMark(Body):
    """What a person says of one claim of the trace; `span` is [start, end) in the raw reasoning, in code points."""

    claim_id: Annotated[str, StringConstraints(min_length=1, max_length=200), Clean]
    verdict: Literal["wrong", "right", "unsure"]
    rewrite: Note = ""
    passage_id: PassageId | None = None
    span: tuple[Annotated[int, Field(ge=0, le=10_000_000)], Annotated[int, Field(ge=0, le=10_000_000)]] | None = None

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.span is not None and self.span[0] >= self.span[1]:
            raise ValueError(f"span {list(self.span)} is empty or backwards")
        return self


JUDGEMENT_EXAMPLE: JsonValue = {
    "run": "Zq3v8mT1xWc0bY7n",
    "idempotency_key": "0198c7a2-4d1e-7b3a-9c55-2f6a1e0d8b47",
    "base_version": 0,
    "order": [["yeast"], ["flour", "dough"]],
    "not_relevant": ["sales"],
    "grades": {"yeast": 3},
    "shown_order": ["flour", "yeast", "dough", "sales"],
    "state": "submitted",
}


class Span(Body):
    """The words of a passage that decided, [start, end) in code points of its text."""

    passage_id: PassageId
    start: Annotated[int, Field(ge=0, le=1_000_000)]
    end: Annotated[int, Field(ge=1, le=1_000_000)]

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.start >= self.end:
            raise ValueError(f"span {self.start}-{self.end} is empty or backwards")
        return self


class JudgementBody(Body):
    """POST /api/v1/judgements, of a run or an assignment. A passage stands in one place only: `order`, `not_relevant` or `unranked`."""

    model_config = ConfigDict(json_schema_extra={"examples": [JUDGEMENT_EXAMPLE]})

    run: Token | None = None
    assignment: Token | None = None
    idempotency_key: UUID
    base_version: Annotated[int, Field(ge=0, le=1_000_000)]
    order: Annotated[list[Annotated[list[PassageId], Field(min_length=1, max_length=MAX_LISTED)]], Field(max_length=MAX_LISTED)]
    not_relevant: Ids = []
    unranked: Ids = []
    grades: Annotated[dict[PassageId, Annotated[int, Field(strict=True, ge=0, le=9)]], Field(max_length=MAX_LISTED)] = {}
    shown_order: Ids
    claims: Annotated[list[ClaimMark], Field(max_length=1_000)] = []
    spans: Annotated[list[Span], Field(max_length=1_000)] = []
    disagree: bool = False
    note: Note = ""
    confidence: Probability | None = None
    active_seconds: Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)] = 0.0
    state: Literal["draft", "submitted", "skipped", "flagged", "cannot_judge"]

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if (self.run is None) == (self.assignment is None):
            raise ValueError("give run or assignment, and not both: a judgement is of one of them")
        if self.run is not None and any(grade > 3 for grade in self.grades.values()):
            raise ValueError("grades of a run go from 0 to 3")
        return self

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        placed = [one for group in self.order for one in group] + self.not_relevant + self.unranked
        if len(set(placed)) < len(placed):
            twice = next(one for one in placed if placed.count(one) > 1)
            raise ValueError(f"passage {twice!r} stands in two places: order, not_relevant and unranked must not overlap")
        return self

    def draft(self) -> dict[str, Any]:
        """The same as the services take it: plain values."""
        absent = {"assignment"} if self.assignment is None else {"run"}
        return self.model_dump(mode="json", exclude=absent)
