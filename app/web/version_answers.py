"""What the routes of versions and updates answer, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal

from .answers import Answer


class VersionAnswer(Answer):
    """A version. `gain` is NDCG@10 on the primary measure against what served then, with its interval, p and number of lists."""

    id: str
    model: str
    label: str
    state: Literal["candidate", "active", "retired", "rejected", "waiting"]
    reason: str
    base: str | None
    recipe: str
    dataset: str | None
    update: str | None
    code: str
    seed: int | None
    created: str
    primary: str | None
    gain: float | None
    low: float | None
    high: float | None
    p: float | None
    n: int | None


class ServingAnswer(Answer):
    """A model and the version that answers for it now; `text` says what is in the way of what should."""

    model: str
    version: str | None
    state: Literal["serving", "loading", "failed", "waiting"]
    text: str


class VersionsAnswer(Answer):
    """Versions, newest first, and what serves."""

    versions: list[VersionAnswer]
    serving: list[ServingAnswer]


class PromotionAnswer(Answer):
    """A change of what serves. Without `version_id` the model serves as its entry of the models file names it."""

    id: str
    model: str
    version_id: str | None
    previous_id: str | None
    kind: Literal["promoted", "forced", "rolled_back"]
    margins: dict[str, Any]
    decision: dict[str, Any] | None
    note: str
    created: str


class WholeVersionAnswer(VersionAnswer):
    """A version with its report (evidence, decision, margins, table, learned, facts), its card in Markdown, and when it served."""

    report: dict[str, Any] | None
    card: str
    history: list[PromotionAnswer]


class PromotedAnswer(VersionAnswer):
    """A version that was promoted."""

    promotion: PromotionAnswer


class RolledBackAnswer(Answer):
    """The change, and what serves after it."""

    promotion: PromotionAnswer
    serving: list[ServingAnswer]


class UpdateAnswer(Answer):
    """An update; its id is that of its job, whose state it has. `promoted` is null until there is a decision."""

    id: str
    recipe: str
    model: str
    state: str
    base: str | None
    candidate: str | None
    dataset: str | None
    from_scratch: bool
    seed: int
    created: str
    ended: str | None
    promoted: bool | None
    reason: str


class UpdatesAnswer(Answer):
    """Updates, newest first, at most 200."""

    updates: list[UpdateAnswer]


class StepAnswer(Answer):
    """A step that is done."""

    name: str
    seconds: float
    result: dict[str, Any]


class PointAnswer(Answer):
    """What was measured at a step of training."""

    stage: str
    step: int
    steps: int
    values: dict[str, Any]


class WholeUpdateAnswer(UpdateAnswer):
    """An update with its steps, the points of its curves (at most 2,000, an even sample of more) and the decision."""

    steps: list[StepAnswer]
    points: list[PointAnswer]
    decision: dict[str, Any] | None


class CompletionAnswer(Answer):
    """An answer that the model wrote during reinforcement learning, its reward and the parts of it; `number` is its place in the file."""

    number: int
    step: int
    prompt: str
    completion: str
    reward: float
    parts: dict[str, Any]
    advantage: float | None
    outcome: str
    example: str


class CompletionsAnswer(Answer):
    """Answers in their order; `more` says whether there are any behind them."""

    completions: list[CompletionAnswer]
    more: bool


TAR_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "A folder as a tar.", "content": {"application/x-tar": {"schema": {"type": "string", "format": "binary"}}}}
}
