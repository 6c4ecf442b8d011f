"""What the routes of evaluations answer, for the OpenAPI document. Values and differences are of the primary measure of a row."""

from __future__ import annotations

from typing import Any

from .answers import Answer


class DomainAnswer(Answer):
    """Means of one domain (a set, where its topics have no domains): of the evaluation and of the first stage."""

    name: str
    n: int
    value: float | None
    first: float | None


class ResultAnswer(Answer):
    """An evaluation. `value` is the mean over all topics with its interval, `gain` the difference to the first stage, with interval and p.

    `clean` is the share of calls with a clean answer, `calls`, `tokens` and `seconds` are per topic. Rows of one `group` rank the same
    topics from the same candidates under the same judgements; `apart` says of others why they can't be compared with most of their suite.
    """

    id: str
    name: str
    suite: str
    model: str
    version: str | None
    strategy: str
    thinking: str
    created: str
    job: str | None
    n: int
    measure: str
    value: float | None
    low: float | None
    high: float | None
    set_mean: float | None
    first: float | None
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    p: float | None
    wins: int
    ties: int
    losses: int
    clean: float | None
    calls: float | None
    tokens: float | None
    seconds: float | None
    group: str
    apart: str
    domains: list[DomainAnswer]


class SuiteAnswer(Answer):
    """A suite that can be run here."""

    name: str
    title: str
    about: str


class ResultsAnswer(Answer):
    """Evaluations, newest first, and the suites that a job can run on this machine."""

    results: list[ResultAnswer]
    suites: list[SuiteAnswer]


class HeadroomAnswer(Answer):
    """By depth the mean of a perfect reranking of the first so many candidates; beside it the first stage and what was reached."""

    depths: list[int]
    ceiling: list[float]
    first: float | None
    reached: float | None


class WholeResultAnswer(ResultAnswer):
    """An evaluation with its manifest, its sets (topics, hashes, means, first stage, headroom) and its headroom by depth."""

    manifest: dict[str, Any]
    sets: list[dict[str, Any]]
    headroom: HeadroomAnswer | None


class TopicAnswer(Answer):
    """A topic: its values, and what its calls came to. `ceiling` is the value of a perfect reranking of all candidates."""

    set: str
    topic: str
    query: str
    domain: str
    value: float | None
    first: float | None
    gain: float | None
    ceiling: float | None
    outcome: str
    calls: int
    tokens: int
    seconds: float
    relevant: int
    missing: bool
    error: str


class TopicsAnswer(Answer):
    """Topics in the order that was asked for; `more` says whether there are any behind them, `total` how many there are."""

    topics: list[TopicAnswer]
    more: bool
    total: int


class ResultPassage(Answer):
    """A candidate; title and text are empty where this machine doesn't have them, `grade` is null where nobody judged it."""

    id: str
    title: str
    text: str
    first_rank: int | None
    grade: int | None


class WholeTopicAnswer(TopicAnswer):
    """A topic with its candidates, both orders (passage ids, best first), and every call with trace, claims and sentences."""

    passages: list[ResultPassage]
    orders: dict[str, list[str]]
    windows: list[dict[str, Any]]


class CauseAnswer(Answer):
    """A difference between two evaluations that explains a share of the change; `topics` is how many it touches."""

    name: str
    text: str
    topics: int
    share: float | None


class ComparisonAnswer(Answer):
    """Two evaluations: the difference b - a over the topics of both, what explains it, settings that differ, topics that changed most.

    `text` says why the two can't be compared as they stand, `only` how many topics stand in one of them alone.
    """

    a: ResultAnswer
    b: ResultAnswer
    measure: str
    change: float
    same: bool
    difference: dict[str, Any] | None
    causes: list[CauseAnswer]
    differs: list[dict[str, str]]
    changed: list[dict[str, Any]]
    only: list[int]
    notes: list[str]
    text: str


class StabilityAnswer(Answer):
    """How far evaluations agree that differ in seed or shuffle alone; `why` says why there is nothing to measure."""

    runs: list[dict[str, str]]
    why: str
    stability: dict[str, Any] | None


def _file(kind: str, text: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": text, "content": {kind: {"schema": {"type": "string", "format": "binary"}}}}}


REPORT_RESPONSES = _file("text/html", "A report in one file.")
TABLE_RESPONSES = _file("text/csv", "A table, a topic in each row.")
