"""Top-down partitioning around a pivot (TDPart, Parry et al. 2024, arXiv 2405.14589).

The first window gives a pivot; every other passage is compared with it, in windows that run side by side; those above it are ranked at
the end. About as good as a sliding window at a third of its depth, but with a budget it relies on a good first stage.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import SettingsError
from ..values import Parsed, Passage, Plan, PlanCost, Round, Unit, Window
from .parameters import check_least, parameter

Passages = tuple[Passage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopDown:
    """`pivot` is a rank in the first window, `budget` the most candidates that are ranked at the end, None for all.

    The pivot is shown first in its windows, so that one without an answer promotes nobody. Where more passages beat the pivot than the
    budget holds, the first of each window come first (a departure: the paper takes window after window, and so may lose the best); those
    beyond it stand before the pivot, the rest follows it.
    """

    label: ClassVar[str] = "Top-down: everything against a pivot at once, then the best"
    size: int = parameter(20, "passages a window", 2, 100)
    pivot: int = parameter(10, "rank of the pivot in the first window", 1, 100)
    budget: int | None = parameter(20, "most candidates ranked at the end", 1, 500)
    name: str = "top_down"
    unit: Unit = "list"

    def __post_init__(self) -> None:
        check_least(self, size=2, pivot=1, budget=1)
        if self.pivot > self.size:
            raise SettingsError(f"top_down: a pivot at rank {self.pivot} is outside a window of {self.size}: set it to {self.size} or less")
        if self.budget is not None and self.budget < self.pivot - 1:
            raise SettingsError(f"top_down: a budget of {self.budget} has no room for the {self.pivot - 1} passages above the pivot")

    def plan(self, passages: Sequence[Passage]) -> Plan:
        """See `protocols.Strategy`."""
        return (yield from self._part(tuple(passages), (), itertools.count(1)))

    def cost(self, n: int) -> PlanCost:
        """Least where nobody beats the pivot, most where everybody does, time and again: more candidates never cost less."""
        calls = depth = read = 0
        least, left = (0, 0, 0), n
        while left > self.size:
            groups = -(-(left - self.size) // (self.size - 1))
            calls, depth, read = calls + 1 + groups, depth + 2, read + left + groups
            least = min(least, (calls, depth, read)) if any(least) else (calls, depth, read)
            beating = left - self.size if self.budget is None else min(left - self.size, self.budget - (self.pivot - 1))
            left = self.pivot - 1 + beating if beating else 0
        last = min(left, 1)
        calls, depth, read = calls + last, depth + last, read + left
        least = least if any(least) else (calls, depth, read)
        return PlanCost(calls=(least[0], calls), depth=(least[1], depth), passages_read=(least[2], read))

    def _part(self, listed: Passages, after: Passages, numbers: Iterator[int]) -> Plan:
        """Rank `listed`; `after` comes behind it and only stands in the standing."""
        if not listed:
            return ()
        head = listed[: self.size]
        (parsed,) = yield Round(windows=(Window(id=f"w{next(numbers)}", passages=head),), standing=listed + after)
        ranked = tuple(head[position] for position in parsed.order)
        rest = listed[self.size :]
        if not rest:
            return ranked + after
        above, pivot, below = ranked[: self.pivot - 1], ranked[self.pivot - 1], ranked[self.pivot :]
        groups = [rest[start : start + self.size - 1] for start in range(0, len(rest), self.size - 1)]
        windows = tuple(Window(id=f"w{next(numbers)}", passages=(pivot, *group)) for group in groups)
        answers = yield Round(windows=windows, standing=ranked + rest + after)
        promoted, demoted = _around(pivot, windows, answers)
        room = len(promoted) if self.budget is None else max(0, self.budget - len(above))
        candidates, spare = above + promoted[:room], promoted[room:]
        behind = (*spare, pivot, *below, *demoted, *after)
        if len(candidates) == len(above):
            return candidates + behind
        return (yield from self._part(candidates, behind, numbers))


def _around(pivot: Passage, windows: Sequence[Window], answers: Sequence[Parsed]) -> tuple[Passages, Passages]:
    """Passages above the pivot by their rank in the window, and below it window after window, each in its ranked order."""
    above, below = list[tuple[int, int, Passage]](), list[Passage]()
    for number, (window, parsed) in enumerate(zip(windows, answers, strict=True)):
        ranked = [window.passages[position] for position in parsed.order]
        at = next(place for place, passage in enumerate(ranked) if passage.id == pivot.id)
        above += [(rank, number, passage) for rank, passage in enumerate(ranked[:at])]
        below += ranked[at + 1 :]
    above.sort(key=lambda one: one[:2])
    return tuple(passage for _, _, passage in above), tuple(below)
