"""Every passage on its own, all at once: as many calls as passages, in a chain of one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..values import Passage, Plan, PlanCost, Round, Unit, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointwise:
    """By score, ties in incoming order. A passage whose call gave no score keeps its place, and the others are sorted around it."""

    label: ClassVar[str] = "Pointwise: one call for every passage, all at once"
    name: str = "pointwise"
    unit: Unit = "passage"

    def plan(self, passages: Sequence[Passage]) -> Plan:
        """One round of windows of one passage; see `protocols.Strategy`."""
        listed = tuple(passages)
        if not listed:
            return ()
        windows = tuple(Window(id=f"w{number}", passages=(passage,)) for number, passage in enumerate(listed, start=1))
        answers = yield Round(windows=windows, standing=listed)
        # What is no number can't be compared, and would leave the others unsorted.
        scores = [parsed.scores[0] if parsed.scores and not math.isnan(parsed.scores[0]) else None for parsed in answers]
        scored = sorted(((-score, place) for place, score in enumerate(scores) if score is not None))
        following = iter(scored)
        return tuple(listed[place if score is None else next(following)[1]] for place, score in enumerate(scores))

    def cost(self, n: int) -> PlanCost:
        """Exact."""
        depth = min(n, 1)
        return PlanCost(calls=(n, n), depth=(depth, depth), passages_read=(n, n))
