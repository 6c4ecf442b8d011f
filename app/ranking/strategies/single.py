"""The whole list in one call (Liu et al. 2024, arXiv 2412.14574: full ranking). The model must be able to read it all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..values import Passage, Plan, PlanCost, Round, Unit, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """One window of everything."""

    label: ClassVar[str] = "Whole list: one call reads every passage"
    name: str = "single"
    unit: Unit = "list"

    def plan(self, passages: Sequence[Passage]) -> Plan:
        """One round of one window; see `protocols.Strategy`."""
        listed = tuple(passages)
        if not listed:
            return ()
        (parsed,) = yield Round(windows=(Window(id="w1", passages=listed),), standing=listed)
        return tuple(listed[position] for position in parsed.order)

    def cost(self, n: int) -> PlanCost:
        """Exact."""
        calls = min(n, 1)
        return PlanCost(calls=(calls, calls), depth=(calls, calls), passages_read=(n, n))
