"""The same strategy over k shuffles of the list, and the order that agrees best with all: a stability certificate for a ranking.

Permutation self-consistency (Tang et al. 2024, arXiv 2310.07712): models favour places in a prompt, and a central ranking over shuffles
cancels that. Each passage is handed on with its best and worst rank over the k orders: where the two are far apart the order is a coin
toss, where they are equal it is firm (`kemeny.firmness`). What the inner strategy leaves in incoming order is left in a shuffle's order
here, and shows as a wide interval.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from ..errors import SettingsError
from ..kemeny import central_order
from ..protocols import Strategy
from ..values import RANK_BEST, RANK_WORST, Fork, Parsed, Passage, Plan, PlanCost, Unit
from .answered import noting
from .parameters import check_least, parameter
from .sliding import Sliding


@dataclass(frozen=True, slots=True, kw_only=True)
class Consensus:
    """`k` orders of `strategy`: the first over the list as it came, the others over shuffles made from `seed`.

    Orders without any answer are left out; where none is left the list stays as it came. With fewer than two nothing is known of how firm
    ranks are, and every interval is the whole list. Raises SettingsError for a consensus of a consensus.
    """

    label: ClassVar[str] = "Consensus: the same over shuffles of the list, with a rank interval for every passage"
    strategy: Strategy = field(default_factory=Sliding)
    k: int = parameter(5, "orders", 1, 50)
    seed: int = parameter(0, "seed of the shuffles", 0, 1_000_000)
    name: str = "consensus"

    def __post_init__(self) -> None:
        check_least(self, k=1, seed=0)
        if isinstance(self.strategy, Consensus):
            raise SettingsError("a consensus of a consensus would lose the inner intervals: take a larger k over another strategy")

    @property
    def unit(self) -> Unit:
        """The inner strategy's."""
        return self.strategy.unit

    def plan(self, passages: Sequence[Passage]) -> Plan:
        """A fork of k plans; see `protocols.Strategy`."""
        listed = tuple(passages)
        if not listed:
            return ()
        answered = [list[Parsed]() for _ in range(self.k)]
        plans = [noting(self.strategy.plan(self._shuffled(listed, number)), answered[number]) for number in range(self.k)]
        orders = yield Fork(plans=tuple(plans))
        at = {passage.id: place for place, passage in enumerate(listed)}
        # An order without a single answer is a shuffle and says nothing.
        ranked = [[at[passage.id] for passage in order] for order, told in zip(orders, answered, strict=True) if told]
        ranked = ranked or [list(range(len(listed)))]
        ranks: dict[int, list[int]] = {}
        for order in ranked:
            for rank, place in enumerate(order, start=1):
                ranks.setdefault(place, []).append(rank)
        if len(ranked) < 2:
            ranks = dict.fromkeys(ranks, [1, len(listed)])
        return tuple(_certified(listed[place], ranks[place]) for place in central_order(ranked))

    def cost(self, n: int) -> PlanCost:
        """The inner strategy's calls k times, side by side."""
        one, k = self.strategy.cost(n), self.k
        calls, read = (one.calls[0] * k, one.calls[1] * k), (one.passages_read[0] * k, one.passages_read[1] * k)
        return PlanCost(calls=calls, depth=one.depth, passages_read=read)

    def _shuffled(self, listed: tuple[Passage, ...], number: int) -> list[Passage]:
        out = list(listed)
        if number:
            random.Random(f"{self.seed} {number}").shuffle(out)
        return out


def _certified(passage: Passage, ranks: Sequence[int]) -> Passage:
    return replace(passage, features={**passage.features, RANK_BEST: float(min(ranks)), RANK_WORST: float(max(ranks))})
