"""What the routes of review, quality, objections and the dashboard answer, for the OpenAPI document. Ranks are 1-based."""

from __future__ import annotations

from typing import Any, Literal

from .answers import Answer

Groups = list[list[str]]


class Statistic(Answer):
    """A number, or the reason why there is none; `n` says over how many things it is, `interval` what low and high are."""

    name: str
    value: float | None
    n: int
    low: float | None
    high: float | None
    interval: str
    why: str


class Mean(Answer):
    """A mean over n tasks with its 95 % interval."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    why: str


class ReviewTask(Answer):
    """A task; `disagreement` is the mean over pairs of people of (1 - tau-b) / 2."""

    task: str
    number: int
    query: str
    kind: Literal["plain", "gold", "tutorial"]
    judgements: int
    disagreement: float | None
    flagged: int
    adjudicated: bool
    holdout: bool


class ReviewAnswer(Answer):
    """Tasks of a project."""

    project: dict[str, Any]
    tasks: list[ReviewTask]


class Adjudication(Answer):
    """A decision; `edited` says whether it differs from what was picked, null where that is not known."""

    id: str
    version: int
    who: str
    label: str
    mine: bool
    picked_id: str | None
    edited: bool | None
    order: Groups
    not_relevant: list[str]
    unranked: list[str]
    grades: dict[str, int]
    reason: str
    seen: list[str]
    created: str


class Said(Answer):
    """What a person or a model says of a list."""

    id: str
    who: str
    label: str
    mine: bool
    kind: Literal["person", "model"]
    order: Groups
    not_relevant: list[str]
    unranked: list[str]
    grades: dict[str, int]
    note: str
    created: str


class TaskReview(Answer):
    """A task with all judgements; `positions` has for each passage its rank under each of them, in their sequence."""

    task: str
    query: str
    grades: list[str]
    guidelines: dict[str, Any] | None
    passages: list[dict[str, Any]]
    judgements: list[Said]
    others: list[dict[str, Any]]
    positions: dict[str, list[float | None]]
    agreement: list[Statistic]
    gold: dict[str, Any] | None
    adjudication: Adjudication | None
    adjudications: list[Adjudication]
    base_version: int
    may: dict[str, Any]


class AdjudicationAnswer(Answer):
    """The decision that was saved."""

    adjudication: Adjudication


class ModelAgreement(Answer):
    """One model against the people."""

    who: str
    label: str
    statistics: list[Statistic]


class PairAgreement(Answer):
    """Two judges."""

    first: str
    second: str
    kinds: list[Literal["person", "model"]]
    tasks: int
    tau_b: Statistic


class AgreementAnswer(Answer):
    """Agreement of a project."""

    how: str
    computed: str
    tasks: int
    judges: int
    judgements: int
    holdout: int
    statistics: list[Statistic]
    models: list[ModelAgreement]
    pairs: list[PairAgreement]
    pairs_left_out: int
    raters: list[dict[str, Any]]


class Flag(Answer):
    """A reason to look, with its statistic, threshold and how many tasks it rests on."""

    kind: str
    statistic: float
    threshold: float
    n: int
    sentence: str


class Annotator(Answer):
    """A judge; `seconds` is the median of active time on a task."""

    who: str
    label: str
    mine: bool
    kind: Literal["person", "model"]
    tasks: int
    trust: float | None
    gold: Mean
    peers: Mean
    adjudicated: Mean
    position_bias: Mean
    speed: Mean
    seconds: float | None
    flags: list[Flag]


class AnnotatorsAnswer(Answer):
    """All judges of a project."""

    how: str
    annotators: list[Annotator]


class AnnotatorAnswer(Annotator):
    """One judge, and what they did task by task, oldest first."""

    series: list[dict[str, Any]]


class ConsentAnswer(Answer):
    """The consent text."""

    version: str
    text: str
    licence: str


class Objection(Answer):
    """An objection as its author sees it."""

    id: str
    run: str
    state: Literal["new", "accepted", "rejected"]
    created: str
    message: str


class ObjectionAnswer(Answer):
    """The objection that was kept."""

    disagreement: Objection


class Disagreement(Answer):
    """An objection as a reviewer sees it; `newer`: the same person objected again later, which counts instead."""

    id: str
    run: str
    query: str
    model: str
    model_order: list[str]
    order: Groups | None
    not_relevant: list[str]
    note: str
    who: str
    created: str
    state: Literal["new", "accepted", "rejected"]
    trust: float
    consent_version: str
    licence: str
    tau_b: Statistic | None
    newer: bool


class ObjectionsAnswer(Answer):
    """Objections, newest first."""

    disagreements: list[Disagreement]
    counts: dict[str, int]
    more: bool


class DecisionAnswer(Answer):
    """The objection, decided on."""

    disagreement: Disagreement


class Cell(Answer):
    """A model on a topic (null: on all); `items` is the way to the judgements it is made of."""

    topic: str | None
    model: str
    n: int
    lists: int
    tau: Statistic
    rbo: Statistic
    bins: list[dict[str, Any]]
    fragility: dict[str, Any]
    items: str


class DashboardAnswer(Answer):
    """Data of all charts."""

    how: str
    computed: str
    models: list[str]
    topics: list[str]
    totals: dict[str, int]
    overall: list[Cell]
    cells: list[Cell]
    moves: dict[str, Any]
    flow: dict[str, Any]
    contested: list[dict[str, Any]]
    days: list[dict[str, Any]]
    objections: list[dict[str, Any]]


class ItemsAnswer(Answer):
    """Judgements behind a bar."""

    n: int
    left_out: int
    what: str
    items: list[dict[str, Any]]
