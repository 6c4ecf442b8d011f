"""Groups side by side, their winners against each other: six calls in a chain of two for 100 passages.

Groups are dealt round-robin by first-stage rank, so that no group holds all the good ones. Where there are more groups than a window
holds, the winners go through another level.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..values import Passage, Plan, PlanCost, Round, Unit, Window
from .parameters import check_least, parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoLevel:
    """Groups of at most `size`; size // groups of each go on. Losers follow by their rank in the group, then in incoming order."""

    label: ClassVar[str] = "Two levels: groups side by side, then their winners"
    size: int = parameter(20, "passages a window", 2, 100)
    name: str = "two_level"
    unit: Unit = "list"

    def __post_init__(self) -> None:
        check_least(self, size=2)

    def plan(self, passages: Sequence[Passage]) -> Plan:
        """See `protocols.Strategy`."""
        return (yield from self._level(tuple(passages), (), itertools.count(1)))

    def cost(self, n: int) -> PlanCost:
        """Exact: the sizes do not depend on the answers."""
        calls, depth, read = 0, 0, 0
        while n > self.size:
            groups = -(-n // self.size)
            calls, depth, read = calls + groups, depth + 1, read + n
            n = sum(min(self._quota(groups), len(range(group, n, groups))) for group in range(groups))
        last = min(n, 1)
        calls, depth, read = calls + last, depth + last, read + n
        return PlanCost(calls=(calls, calls), depth=(depth, depth), passages_read=(read, read))

    def _quota(self, groups: int) -> int:
        return max(1, self.size // groups)

    def _level(self, listed: tuple[Passage, ...], beaten: tuple[Passage, ...], numbers: itertools.count[int]) -> Plan:
        """Rank `listed`; `beaten` have lost before and come after it."""
        if len(listed) <= self.size:
            if not listed:
                return ()
            window = Window(id=f"w{next(numbers)}", passages=listed)
            (parsed,) = yield Round(windows=(window,), standing=listed + beaten)
            return (*(listed[position] for position in parsed.order), *beaten)
        count = -(-len(listed) // self.size)
        windows = tuple(Window(id=f"w{next(numbers)}", passages=listed[start::count]) for start in range(count))
        answers = yield Round(windows=windows, standing=listed + beaten)
        at = {passage.id: place for place, passage in enumerate(listed)}
        ranked = [
            (rank, at[window.passages[position].id])
            for window, parsed in zip(windows, answers, strict=True)
            for rank, position in enumerate(parsed.order)
        ]
        quota = self._quota(count)
        winners = tuple(listed[place] for rank, place in sorted(ranked) if rank < quota)
        losers = tuple(listed[place] for rank, place in sorted(ranked) if rank >= quota)
        return (yield from self._level(winners, losers + beaten, numbers))
