"""Sliding window, back to front (RankGPT, Sun et al. 2023, section 3.2; ReasonRank uses size 20, step 10).

Windows are those of the official ReasonRank loop: start at the end of the list, move by `step`, clamp the first window at 0.
Several passes each run over the whole list; the official code instead freezes `step` more places in each later pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..errors import SettingsError
from ..values import Passage, Plan, PlanCost, Round, Unit, Window
from .parameters import check_least, parameter


def spans(n: int, size: int, step: int) -> list[tuple[int, int]]:
    """Half-open windows over n places in the order in which they are asked, the last one starting at 0.

    The official loop asks nothing at all when n is exactly size - step; a list that fits one window is always asked about here.
    """
    if n <= size:
        return [(0, n)] if n else []
    out: list[tuple[int, int]] = []
    start, end = n - size, n
    while end > 0 and start + step != 0:
        start = max(start, 0)
        out.append((start, end))
        start, end = start - step, end - step
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Sliding:
    """`size` passages a call, the next window `step` places nearer to the front, `passes` times over.

    Raises SettingsError where a step would skip passages or any number is below 1.
    """

    label: ClassVar[str] = "Sliding window: from the end of the list to its top, one call after the other"
    size: int = parameter(20, "passages a window", 1, 100)
    step: int = parameter(10, "places a window moves", 1, 100)
    passes: int = parameter(1, "passes over the list", 1, 10)
    name: str = "sliding"
    unit: Unit = "list"

    def __post_init__(self) -> None:
        check_least(self, size=1, step=1, passes=1)
        if self.step > self.size:
            raise SettingsError(f"window {self.size} with step {self.step} would skip passages: set the step to {self.size} or less")

    def plan(self, passages: Sequence[Passage]) -> Plan:
        """One window a round; see `protocols.Strategy`."""
        standing = list(passages)
        for number, (start, end) in enumerate(self._all_spans(len(standing)), start=1):
            window = Window(id=f"w{number}", passages=tuple(standing[start:end]))
            (parsed,) = yield Round(windows=(window,), standing=tuple(standing))
            standing[start:end] = [window.passages[position] for position in parsed.order]
        return tuple(standing)

    def cost(self, n: int) -> PlanCost:
        """Exact: the windows do not depend on the answers."""
        windows = self._all_spans(n)
        calls, read = len(windows), sum(end - start for start, end in windows)
        return PlanCost(calls=(calls, calls), depth=(calls, calls), passages_read=(read, read))

    def _all_spans(self, n: int) -> list[tuple[int, int]]:
        return spans(n, self.size, self.step) * self.passes
