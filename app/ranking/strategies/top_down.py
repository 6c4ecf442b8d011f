"""Top-down partitioning around a pivot (TDPart, Parry et al. 2024, arXiv 2405.14589).

The first window gives a pivot; every other passage is compared with it, in windows that run side by side; those above it are ranked at
the end. About as good as a sliding window at a third of its depth, but with a budget it relies on a good first stage.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
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
        numbers = itertools.count(1)
        left, after = tuple(passages), tuple[Passage, ...]()  # what is still to be ranked, and what stands behind it already
        while left:
            head, rest = left[: self.size], left[self.size :]
            (parsed,) = yield Round(windows=(Window(id=f"w{next(numbers)}", passages=head),), standing=left + after)
            ranked = tuple(head[position] for position in parsed.order)
            if not rest:
                return ranked + after
            above, pivot, below = ranked[: self.pivot - 1], ranked[self.pivot - 1], ranked[self.pivot :]
            groups = [rest[start : start + self.size - 1] for start in range(0, len(rest), self.size - 1)]
            windows = tuple(Window(id=f"w{next(numbers)}", passages=(pivot, *group)) for group in groups)
            answers = yield Round(windows=windows, standing=ranked + rest + after)
            promoted, demoted = _around(pivot, windows, answers)
            room = len(promoted) if self.budget is None else self.budget - len(above)
            left, after = above + promoted[:room], (*promoted[room:], pivot, *below, *demoted, *after)
            if len(left) == len(above):
                break  # nobody new: those above the pivot are in their order already
        return left + after

    def cost(self, n: int) -> PlanCost:
        """Least where nobody beats the pivot, most where everybody does, time and again: more candidates never cost less."""
        calls = depth = read = 0
        least: tuple[int, int, int] | None = None
        left = n
        while left > self.size:
            rest = left - self.size
            groups = -(-rest // (self.size - 1))
            calls, depth, read = calls + 1 + groups, depth + 2, read + left + groups
            least = least or (calls, depth, read)
            promoted = rest if self.budget is None else min(rest, self.budget - (self.pivot - 1))
            left = self.pivot - 1 + promoted if promoted else 0
        last = min(left, 1)
        most = calls + last, depth + last, read + left
        calls, depth, read = least or most
        return PlanCost(calls=(calls, most[0]), depth=(depth, most[1]), passages_read=(read, most[2]))


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
