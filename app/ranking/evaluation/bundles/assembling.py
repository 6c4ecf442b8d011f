"""From the order of every topic to the rows and files of a set: measured by `evaluation.scores`, beside the first stage and the ceiling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...formats.topics import Question
from ..headroom import DEPTHS, perfect
from ..scores import Scores, score
from .hashing import grades_hash, ids_hash
from .values import CallRow, Scored, SetFiles, TopicRow
from .write import BundleWriter, mean


def _none() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What became of a topic that was given to a ranker: its order and what it cost. `error` says why it kept the incoming order."""

    order: tuple[str, ...]
    outcome: str = "clean"
    outcomes: Mapping[str, int] = field(default_factory=_none)
    calls: int = 0
    requests: int = 0
    depth: int = 0
    tokens: tuple[int, int] = (0, 0)
    seconds: float = 0.0
    error: str = ""
    notes: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    texts_hash: str = ""
    texts_words: int = 0

    def with_calls(self, calls: Sequence[CallRow]) -> Asked:
        """The same with the sums of its calls; `seconds` are those of the slowest call of each depth, one after the other."""
        slowest: dict[int, float] = {}
        for call in calls:
            slowest[call.depth] = max(call.seconds, slowest.get(call.depth, 0.0))
        return replace(
            self,
            outcomes=dict(sorted(Counter(call.outcome for call in calls).items())),
            calls=len(calls),
            requests=sum(call.requests for call in calls),
            depth=max(slowest, default=0),
            tokens=(sum(call.tokens_in for call in calls), sum(call.tokens_out for call in calls)),
            seconds=round(sum(slowest.values()), 3),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SetParts:
    """A set with its run. `asked` holds the topics that a ranker was given; a run from a file has none of them."""

    name: str
    title: str = ""
    in_source: bool = False
    qrels: Mapping[str, Mapping[str, int]]
    first: Scored = field(default_factory=_none)
    run: Scored
    questions: Mapping[str, Question] = field(default_factory=_none)
    domains: Mapping[str, str] = field(default_factory=_none)
    hashes: Mapping[str, str] = field(default_factory=_none)
    asked: Mapping[str, Asked] = field(default_factory=_none)


def add_set(writer: BundleWriter, parts: SetParts, measures: Sequence[str]) -> Scores:
    """Score a set and write its files and rows, topics in the order of the qrels. Raises what `scores.score` raises."""
    got = score(_plain(parts.run), parts.qrels, measures)
    first = score(_plain(parts.first), parts.qrels, measures) if parts.first else None
    candidates = {topic: _candidates(parts, topic) for topic in parts.qrels}
    heights = {topic: {str(d): perfect(ids[:d], parts.qrels[topic]) for d in DEPTHS} for topic, ids in candidates.items()}
    judged = {topic: scored for topic, scored in parts.run.items() if topic in parts.qrels}
    files = SetFiles(
        name=parts.name,
        title=parts.title,
        in_source=parts.in_source,
        qrels=parts.qrels,
        first={topic: scored for topic, scored in parts.first.items() if topic in parts.qrels},
        run=judged,
        headroom={str(depth): mean([height[str(depth)] for height in heights.values()]) for depth in DEPTHS},
        hashes=parts.hashes,
    )
    writer.add_set(files)
    for topic in parts.qrels:
        measured = TopicRow(
            set=parts.name,
            topic=topic,
            values=_values(got, topic),
            first=_values(first, topic) if first else {},
            ceiling=heights[topic],
            missing=topic in got.missing,
            tied=topic in got.tied,
        )
        writer.add_topic(_described(measured, parts, candidates[topic]))
    return got


def _described(row: TopicRow, parts: SetParts, candidates: Sequence[str]) -> TopicRow:
    """The row with what was asked, and what the topic is."""
    topic, grades = row.topic, parts.qrels[row.topic]
    asked = parts.asked.get(topic, Asked(order=()))
    question = parts.questions.get(topic)
    return replace(
        row,
        query=question.text if question else "",
        domain=parts.domains.get(topic, parts.name),
        candidates=len(candidates),
        candidates_hash=ids_hash(candidates),
        texts_hash=asked.texts_hash,
        texts_words=asked.texts_words,
        qrels_hash=grades_hash(grades),
        relevant=sum(grade > 0 for grade in grades.values()),
        order_hash=ids_hash([id_ for id_, _ in parts.run.get(topic, ())]),
        outcome=asked.outcome,
        outcomes=asked.outcomes,
        calls=asked.calls,
        requests=asked.requests,
        depth=asked.depth,
        tokens_in=asked.tokens[0],
        tokens_out=asked.tokens[1],
        seconds=asked.seconds,
        error=asked.error,
        notes=asked.notes,
    )


def _candidates(parts: SetParts, topic: str) -> tuple[str, ...]:
    """What there was to order: the ids that a ranker was given, else the first stage's, else those of the run itself."""
    if topic in parts.asked:
        return parts.asked[topic].candidates
    return tuple(id_ for id_, _ in parts.first.get(topic, parts.run.get(topic, ())))


def _plain(run: Scored) -> dict[str, dict[str, float]]:
    return {topic: dict(scored) for topic, scored in run.items()}


def _values(scores: Scores, topic: str) -> dict[str, float]:
    return {name: float(by_topic[topic]) for name, by_topic in scores.values.items()}


def strictly(ids: Iterable[str]) -> tuple[tuple[str, float], ...]:
    """An order with whole scores falling to 1, which no tool can order otherwise."""
    listed = tuple(ids)
    return tuple((id_, float(len(listed) - place)) for place, id_ in enumerate(listed))
