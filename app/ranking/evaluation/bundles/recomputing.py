"""Undoes, one by one, the differences of two bundles that can be undone by computing, and says how much each moved every topic.

From the second bundle's value of a topic to the first's, in this order: the second scored by the first's judgements; both with equal
scores in the order of their files; both without the passages that only one of them lists. What is left between the two is the
residual: what the model said. The steps add up to the change of the topic, whatever its sign.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..scores import score
from .read import Bundle
from .values import Key, TopicRow

SAME = 1e-9
"""Values that differ by no more are equal: sums of the same numbers in another order."""
Order = tuple[str, ...]


@dataclass(frozen=True)
class Opened:
    """A bundle with the runs and judgements of all of its sets, by topic key."""

    bundle: Bundle

    @cached_property
    def run(self) -> Mapping[Key, Mapping[str, float]]:
        """Scores by passage, in the order of the file."""
        return {(name, topic): dict(scored) for name in self.names for topic, scored in self.bundle.run(name).items()}

    @cached_property
    def first(self) -> Mapping[Key, Mapping[str, float]]:
        """The first stage in the same way; empty where the bundle has none."""
        return {(name, topic): dict(scored) for name in self.names for topic, scored in self.bundle.first(name).items()}

    @cached_property
    def qrels(self) -> Mapping[Key, Mapping[str, int]]:
        """Judgements by topic."""
        return {(name, topic): grades for name in self.names for topic, grades in self.bundle.qrels(name).items()}

    @property
    def names(self) -> list[str]:
        """Names of its sets."""
        return [str(one["name"]) for one in self.bundle.sets]

    @property
    def rows(self) -> Mapping[Key, TopicRow]:
        """Rows by topic."""
        return self.bundle.by_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What each step moved a topic's value by, second minus first. `dropped` are passages that only the first run lists, `added` those of
    the second alone.

    `alone` is the whole change of a topic that only one of the runs has.
    """

    qrels: float = 0.0
    ties: float = 0.0
    lines: float = 0.0
    alone: float = 0.0
    residual: float = 0.0
    dropped: frozenset[str] = field(default_factory=frozenset)
    added: frozenset[str] = field(default_factory=frozenset)


def steps(first: Opened, second: Opened, measure: str) -> dict[Key, Steps]:
    """The steps of every topic of both, in the order of the first. Raises SettingsError for a measure that can't be computed again."""
    common = [key for key in first.rows if key in second.rows]
    apart = {key for key in common if first.rows[key].missing != second.rows[key].missing}
    dropped = {key: frozenset(first.run.get(key, {})) - frozenset(second.run.get(key, {})) for key in common}
    added = {key: frozenset(second.run.get(key, {})) - frozenset(first.run.get(key, {})) for key in common}
    ours = _Scoring(first, common, measure, first.qrels)
    theirs = _Scoring(second, common, measure, first.qrels)
    a0, b0 = ours.values(), _Scoring(second, common, measure, second.qrels).values()
    b1 = theirs.values()
    a2, b2 = ours.values(by_file=True), theirs.values(by_file=True)
    a3, b3 = ours.values(by_file=True, without=dropped), theirs.values(by_file=True, without=added)
    return {
        key: Steps(alone=_real(b0[key] - a0[key]))
        if key in apart
        else Steps(
            qrels=_real(b0[key] - b1[key]),
            ties=_real((b1[key] - b2[key]) - (a0[key] - a2[key])),
            lines=_real((b2[key] - b3[key]) + (a3[key] - a2[key])),
            residual=_real(b3[key] - a3[key]),
            dropped=dropped[key],
            added=added[key],
        )
        for key in common
    }


@dataclass(frozen=True, slots=True)
class _Scoring:
    """One bundle's run under somebody's judgements, as often as it is asked for."""

    of: Opened
    keys: Sequence[Key]
    measure: str
    qrels: Mapping[Key, Mapping[str, int]]

    def values(self, *, by_file: bool = False, without: Mapping[Key, frozenset[str]] | None = None) -> dict[Key, float]:
        """The measure by topic: `by_file` keeps the order of the file where scores are equal, `without` leaves passages out."""
        runs: dict[str, dict[str, float]] = {}
        for key in self.keys:
            kept: Mapping[str, float] = self.of.run.get(key, {})
            if without and without[key]:
                kept = {id_: value for id_, value in kept.items() if id_ not in without[key]}
            runs["\t".join(key)] = dict(_falling(file_order(kept))) if by_file else dict(kept)
        grades = {"\t".join(key): self.qrels.get(key, {}) for key in self.keys}
        if not grades:
            return {}
        found = score(runs, grades, [self.measure]).values
        by_topic = next(iter(found.values()))
        return {key: float(by_topic["\t".join(key)]) for key in self.keys}


def file_order(scores: Mapping[str, float]) -> Order:
    """Ids by falling score (as 32-bit floats), equal ones as the file has them."""
    single = dict(zip(scores, array("f", scores.values()), strict=True))
    return tuple(sorted(scores, key=lambda id_: -single[id_]))


def _falling(ids: Sequence[str]) -> Iterable[tuple[str, float]]:
    return ((id_, float(len(ids) - place)) for place, id_ in enumerate(ids))


def _real(change: float) -> float:
    return 0.0 if abs(change) <= SAME else change
