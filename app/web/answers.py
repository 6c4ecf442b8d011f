"""What the routes answer, as models for the OpenAPI document only: services make the dicts, and a test holds them against these.

Further fields may come with later versions: a client should not mind what it does not know.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Outcome = Literal["clean", "repaired", "truncated", "no_answer", "error", "refused"]


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(extra="allow")


class Error(Answer):
    """`code` is for programs, `message` one sentence for people."""

    code: str
    message: str


class ErrorAnswer(Answer):
    """What went wrong."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"error": {"code": "bad_input", "message": "the query is empty"}}]})

    error: Error


class Model(Answer):
    """A model; `reason` says why it can't be used, empty where it can. `routed`: thinking `auto` can be asked of it."""

    name: str
    label: str
    about: str
    available: bool
    reason: str
    default: bool
    routed: bool


class ModelsAnswer(Answer):
    """Models one can choose."""

    models: list[Model]


class Parameter(Answer):
    """One argument of a strategy; `min` and `max` are null where there is no bound."""

    name: str
    label: str
    type: str
    default: Any
    min: int | None = None
    max: int | None = None
    optional: bool = False


class Strategy(Answer):
    """A strategy; `unit` is what one call asks about: a list, the best of a list, or one passage."""

    name: str
    label: str
    unit: Literal["list", "best", "passage"]
    parameters: list[Parameter]


class StrategiesAnswer(Answer):
    """Strategies one can choose."""

    strategies: list[Strategy]


class Example(Answer):
    """A question to start with."""

    id: str
    text: str
    topic: str


class ExamplesAnswer(Answer):
    """Questions to start with."""

    examples: list[Example]


class Collection(Answer):
    """A collection; `progress` of its indexing goes from 0 to 1, `doing` says what is done or waited for."""

    id: str
    name: str
    passages: int
    state: Literal["indexing", "ready", "failed"]
    progress: float
    doing: str
    error: str


class CollectionsAnswer(Answer):
    """Collections one can search."""

    collections: list[Collection]


class Started(Answer):
    """The token of a new run, which is its link too."""

    run: str


class EstimateAnswer(Answer):
    """Least and most of calls, serial depth, passages and tokens; `most_out` is the limit of all calls, `exact`: tokens were counted."""

    calls: tuple[int, int]
    depth: tuple[int, int]
    passages_read: tuple[int, int]
    tokens_in: tuple[int, int]
    tokens_out: tuple[int, int]
    most_out: int
    exact: bool
    text: str


class RunPassage(Answer):
    """A candidate with its evidence."""

    id: str
    title: str
    text: str
    first_rank: int
    score: float | None
    features: dict[str, float]


class RunWindow(Answer):
    """One model call; `order` holds 0-based places of `passages`, best first, null until it has ended."""

    window: str
    number: int
    depth: int
    passages: list[str]
    reasoning: str
    answer: str
    outcome: Outcome | None
    problems: list[str] | None
    order: list[int] | None
    error: str
    claims: list[dict[str, Any]]
    sentences: list[dict[str, Any]]


class RunAnswer(Answer):
    """RUN: all that is known of a run. `order` holds passage ids, best first, null unless it has finished."""

    token: str
    state: Literal["running", "finished", "stopped", "failed"]
    query: str
    model: str
    strategy: str
    strategy_args: dict[str, Any]
    options: dict[str, Any]
    predicted: dict[str, Any]
    depth: int
    outcome: Outcome | None
    error: str
    calls: int
    requests: int
    serial_depth: int
    tokens_in: int
    tokens_out: int
    counted: bool
    seconds: float | None
    notes: list[str]
    passages: list[RunPassage]
    order: list[str] | None
    orders: dict[str, list[str] | None]
    windows: list[RunWindow]


class Judgement(Answer):
    """One version of a person's judgement of a list: that of a run, or of a task. A blind task names no run."""

    run: str
    assignment: str | None = None
    version: int
    state: str
    order: list[list[str]]
    not_relevant: list[str]
    unranked: list[str]
    grades: dict[str, int]
    query: str
    actor: str
    created: str


class Feedback(Answer):
    """How a submitted task of the tutorial compares with its known answer; `agreement` is tau-b, null where it is not defined."""

    agreement: float | None
    gold: dict[str, Any]
    why: str
    good: bool
    left: int


class JudgementAnswer(Answer):
    """The judgement that was saved; feedback comes with a submitted task of the tutorial only."""

    judgement: Judgement
    feedback: Feedback | None = None


class VersionsAnswer(Answer):
    """Versions of one judgement, newest first."""

    versions: list[Judgement]


class JudgementsAnswer(Answer):
    """Judgements, newest first; asked for one run, its newest one or null as `judgement`."""

    judgements: list[Judgement] | None = None
    judgement: Judgement | None = None


class StatsAnswer(Answer):
    """Counts over everything."""

    runs: int
    by_outcome: dict[str, int]


class RerankResult(Answer):
    """A document's place. `index` is its 0-based place in the request; the score is (n - rank + 1) / n and no probability."""

    index: int
    relevance_score: float
    document: dict[str, str] | None = None


class Usage(Answer):
    """Cost of the run: calls of the plan, requests sent for them; tokens as the model counts, estimated where not `counted`."""

    total_tokens: int
    tokens_in: int
    tokens_out: int
    calls: int
    requests: int
    counted: bool


class Meta(Answer):
    """As clients of Cohere's API v2 read it; nothing is billed."""

    api_version: dict[str, str]
    billed_units: dict[str, int]
    warnings: list[str] | None = None


class RerankCall(Answer):
    """One model call; `passages` are indices of documents in the order in which they were shown."""

    window: str
    depth: int
    passages: list[int]
    reasoning: str
    answer: str
    outcome: Outcome | None
    problems: list[str] | None
    error: str


class Interval(Answer):
    """Best and worst 1-based rank of a document over the orders of a consensus."""

    index: int
    best: int
    worst: int


class RerankAnswer(Answer):
    """Documents best first, what it cost, and how the model came to it. `run` opens the run in the page: /?run=TOKEN."""

    id: str
    model: str
    results: list[RerankResult]
    usage: Usage
    meta: Meta
    outcome: Outcome
    trace: list[RerankCall]
    notes: list[str]
    intervals: list[Interval]
    run: str


_EVENTS = {"schema": {"type": "string"}}
ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorAnswer, "description": "Refused: the message says what to change."},
    "5XX": {"model": ErrorAnswer, "description": "Not now (503, with Retry-After), or a defect (500)."},
}
EVENTS_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: start, window, trace, standing, done, end. Each has an id to resume after.",
        "content": {"text/event-stream": _EVENTS},
    }
}
EXPORT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "A file to take away.", "content": {kind: _EVENTS for kind in ("application/x-ndjson", "text/plain")}}
}
RERANK_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "model": RerankAnswer,
        "description": "The whole answer, or with `stream` the events window, trace, standing, done, and result, whose data it is.",
        "content": {"text/event-stream": _EVENTS},
        "headers": {"X-Rerank-Outcome": {"description": "Outcome of the run; not on a stream.", "schema": {"type": "string"}}},
    }
}
UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
                        "name": {"type": "string"},
                        "format": {"type": "string", "enum": ["auto", "jsonl", "csv", "tsv", "beir", "text"]},
                    },
                }
            }
        },
    }
}
