"""Tournaments (TourRank, Chen et al. 2025, arXiv 2406.11678): groups send their best to the next stage, points add up over tournaments.

A listwise answer orders a whole group, so places inside groups break ties between passages of equal points (a departure: TourRank asks
for the best of a group without their order).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..errors import SettingsError
from ..values import Fork, Passage, Plan, PlanCost, Round, Unit, Window
from .answered import incoming_order
from .parameters import check_least, parameter

Passages = tuple[Passage, ...]

_MOST_STAGES = 20


@dataclass(slots=True)
class _Score:
    """What one tournament says of each passage by id: stages passed, and its relative places (0 best) in the groups it played in."""

    points: dict[str, int] = field(default_factory=dict)
    places: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tournament:
    """`rounds` tournaments that do not depend on each other. A stage is (largest group, passages kept in all).

    Groups are dealt by stride and shuffled inside, differently in every tournament, from `seed`. A stage that would keep everybody is left
    out; a list too short for any stage plays one. Every group keeps at least its best, also where that is more than the stage says.
    Raises SettingsError for stages that can't be played.
    """

    label: ClassVar[str] = "Tournament: groups send their best on, five stages deep"
    rounds: int = parameter(1, "tournaments", 1, 20)
    seed: int = parameter(0, "seed of the shuffles", 0, 1_000_000)
    stages: tuple[tuple[int, int], ...] = ((20, 50), (10, 20), (20, 10), (20, 5), (20, 2))
    name: str = "tournament"
    unit: Unit = "list"

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", _stages(self.stages))
        check_least(self, rounds=1, seed=0)
        keeps = [keep for _, keep in self.stages]
        if not self.stages or min(size for size, _ in self.stages) < 2 or min(keeps) < 1 or keeps != sorted(keeps, reverse=True):
            raise SettingsError(f"tournament: stages {self.stages} can't be played: give groups of 2 or more, keeping fewer at every stage")

    def plan(self, passages: Sequence[Passage]) -> Plan:
        """See `protocols.Strategy`."""
        listed = tuple(passages)
        scores = [_Score() for _ in range(self.rounds)]
        plans = [self._play(listed, random.Random(f"{self.seed} {number}"), score) for number, score in enumerate(scores)]
        if self.rounds == 1:
            return (yield from plans[0])
        yield Fork(plans=tuple(plans))
        return _final(listed, scores)

    def cost(self, n: int) -> PlanCost:
        """Exact: the sizes do not depend on the answers."""
        calls, depth, read, left = 0, 0, 0, n
        for size, keep in self._played(n):
            calls, depth, read, left = calls - (-left // size), depth + 1, read + left, keep
        many = self.rounds
        return PlanCost(calls=(calls * many, calls * many), depth=(depth, depth), passages_read=(read * many, read * many))

    def _played(self, n: int) -> Iterator[tuple[int, int]]:
        """(Largest group, passages kept) of the stages that keep fewer than there are."""
        left = n
        for size, most in self.stages:
            keep = max(most, -(-left // size))
            if keep < left:
                yield size, keep
                left = keep
        if left == n and n > 1:
            size = self.stages[-1][0]
            yield size, max(n // 2, -(-n // size))

    def _play(self, listed: Passages, rng: random.Random, score: _Score) -> Plan:
        """One tournament; `score` is filled as it goes."""
        left, out, number = list(listed), list[Passage](), 0
        at = {passage.id: place for place, passage in enumerate(listed)}
        for size, keep in self._played(len(listed)):
            count = -(-len(left) // size)
            groups = [left[start::count] for start in range(count)]
            for group in groups:
                rng.shuffle(group)
            windows = tuple(Window(id=f"w{number + one}", passages=tuple(group)) for one, group in enumerate(groups, start=1))
            number += count
            answers = yield Round(windows=windows, standing=(*left, *out))
            orders = incoming_order(windows, answers, at)
            ranked = [[group[position] for position in order] for group, order in zip(groups, orders, strict=True)]
            kept, lost = _split(ranked, keep)
            _note(score, ranked, kept)
            left, out = kept, lost + out
        return _final(listed, [score])


def _stages(given: Any) -> tuple[tuple[int, int], ...]:
    """Pairs of whole numbers, from tuples or from the lists that JSON has."""
    pairs = [tuple(pair) for pair in given if isinstance(pair, list | tuple)] if isinstance(given, list | tuple) else []
    if not pairs or len(pairs) != len(given) or any([type(one) for one in pair] != [int, int] for pair in pairs):
        raise SettingsError(f"tournament: stages is {given!r}, it must be pairs of numbers such as [[20, 50], [10, 20]]")
    if len(pairs) > _MOST_STAGES:
        raise SettingsError(f"tournament: {len(pairs)} stages are too many to play: give at most {_MOST_STAGES}")
    return tuple((size, keep) for size, keep in pairs)


def _split(ranked: Sequence[list[Passage]], keep: int) -> tuple[list[Passage], list[Passage]]:
    """The best `keep` of all groups, as evenly as can be, and the others; both by rank in the group."""
    quotas = [keep // len(ranked) + (at < keep % len(ranked)) for at in range(len(ranked))]
    places = sorted((rank, at) for at, group in enumerate(ranked) for rank in range(len(group)))
    kept = [ranked[at][rank] for rank, at in places if rank < quotas[at]]
    return kept, [ranked[at][rank] for rank, at in places if rank >= quotas[at]]


def _note(score: _Score, ranked: Sequence[list[Passage]], kept: Sequence[Passage]) -> None:
    for group in ranked:
        for rank, passage in enumerate(group):
            score.places.setdefault(passage.id, []).append(rank / len(group))
    for passage in kept:
        score.points[passage.id] = score.points.get(passage.id, 0) + 1


def _final(listed: Passages, scores: Sequence[_Score]) -> Passages:
    """By points over all tournaments, then by mean relative place, then in incoming order."""

    def worth(passage: Passage) -> tuple[int, float]:
        points = sum(score.points.get(passage.id, 0) for score in scores)
        places = [place for score in scores for place in score.places.get(passage.id, ())]
        return -points, sum(places) / len(places) if places else 0.0

    return tuple(sorted(listed, key=worth))
