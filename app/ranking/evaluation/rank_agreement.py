"""Agreement of two judges who ranked passages, each with ties and not all passages: only those that both judged are compared.

A statistic that the two orders do not define has no value but says why. RBO, which also uses passages of one judge only, is in `rbo`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import SettingsError
from .statistic import Statistic, undefined
from .weak_orders import WeakOrder, common_levels


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Pairs of passages by what the two orders say of them."""

    same: int
    opposite: int
    tied_first: int  # in the first order only
    tied_second: int
    tied_both: int

    @property
    def total(self) -> int:
        """All pairs."""
        return self.same + self.opposite + self.tied_first + self.tied_second + self.tied_both


def pairs(first: Sequence[int], second: Sequence[int]) -> Pairs:
    """Compare each pair of passages, by their levels in two orders."""
    same = opposite = tied_first = tied_second = tied_both = 0
    for at, (one, other) in enumerate(zip(first, second, strict=True)):
        for a, b in zip(first[:at], second[:at], strict=True):
            sign = (one - a) * (other - b)
            if sign > 0:
                same += 1
            elif sign < 0:
                opposite += 1
            elif one != a:
                tied_second += 1
            elif other != b:
                tied_first += 1
            else:
                tied_both += 1
    return Pairs(same=same, opposite=opposite, tied_first=tied_first, tied_second=tied_second, tied_both=tied_both)


def _too_few(levels: Sequence[int]) -> str:
    return (
        f"the two have {len(levels) or 'no'} passage{'s' * (not levels)} in common: an order needs at least two" if len(levels) < 2 else ""
    )


def _no_order(first: Sequence[int], second: Sequence[int]) -> str:
    """Why two orders can't be correlated, or nothing."""
    flat = [len(set(levels)) == 1 for levels in (first, second)]
    if few := _too_few(first):
        return few
    who = "both judges tie" if all(flat) else "one judge ties"
    return f"{who} all {len(first)} passages in common: there is no order to compare" if any(flat) else ""


def tau_b(first: WeakOrder, second: WeakOrder) -> Statistic:
    """Kendall's tau-b, -1 to 1: (same - opposite) / sqrt(pairs untied in the first * pairs untied in the second) (Kendall 1945)."""
    name, (a, b) = "Kendall tau-b", common_levels(first, second)
    if why := _no_order(a, b):
        return undefined(name, len(a), why)
    found = pairs(a, b)
    untied = found.same + found.opposite
    value = (found.same - found.opposite) / math.sqrt((untied + found.tied_second) * (untied + found.tied_first))
    return Statistic(name=name, value=value, n=len(a))


def kendall_distance(first: WeakOrder, second: WeakOrder) -> Statistic:
    """Share of pairs ordered the other way, 0 to 1; a pair tied by one judge only counts a half.

    K^(1/2) of Fagin, Kumar, Mahdian, Sivakumar and Vee (PODS 2004), which is a metric, over the number of pairs.
    """
    name, (a, b) = "Kendall distance", common_levels(first, second)
    if few := _too_few(a):
        return undefined(name, len(a), few)
    found = pairs(a, b)
    return Statistic(name=name, value=(found.opposite + 0.5 * (found.tied_first + found.tied_second)) / found.total, n=len(a))


def expected_distance(first: WeakOrder, second: WeakOrder) -> Statistic:
    """Mean Kendall distance were the passages of one order dealt to its places at random: (1 - t u) / 2, t and u the shares of tied pairs.

    A pair untied in one order is untied in the other alike or opposite equally often, or tied there, each a half on average; a pair tied in
    one counts a half unless the other ties it too. So only a pair tied by both counts nothing, and those meet with probability t u.
    """
    name, (a, b) = "expected Kendall distance", common_levels(first, second)
    if few := _too_few(a):
        return undefined(name, len(a), few)
    tied = [sum(math.comb(size, 2) for size in Counter(levels).values()) / math.comb(len(a), 2) for levels in (a, b)]
    return Statistic(name=name, value=0.5 * (1.0 - tied[0] * tied[1]), n=len(a))


def footrule(first: WeakOrder, second: WeakOrder) -> Statistic:
    """1 - Spearman's footrule (sum of differences in rank, ties at their mean rank) over its most, floor(n^2 / 2); 1 for equal orders.

    Ties as in F_prof of Fagin et al. (PODS 2004); most: Diaconis and Graham (1977).
    """
    name, (a, b) = "Spearman footrule", common_levels(first, second)
    if few := _too_few(a):
        return undefined(name, len(a), few)
    apart = math.fsum(abs(one - other) for one, other in zip(_mean_ranks(a), _mean_ranks(b), strict=True))
    return Statistic(name=name, value=1.0 - apart / (len(a) ** 2 // 2), n=len(a))


def _mean_ranks(levels: Sequence[int]) -> list[float]:
    sizes, above, ranks = Counter(levels), 0, dict[int, float]()
    for level in sorted(sizes):
        ranks[level] = above + (sizes[level] + 1) / 2
        above += sizes[level]
    return [ranks[level] for level in levels]


def tau_ap_a(truth: WeakOrder, estimate: WeakOrder) -> Statistic:
    """AP correlation of an estimate with ties to a truth without, -1 to 1: the mean over all ways to break the ties.

    Yilmaz, Aslam and Robertson (SIGIR 2008), tau_AP = 2 / (n - 1) * sum over ranks i > 1 of C_i / (i - 1) - 1, with C_i the passages above
    rank i that the truth has above too; ties: tau_AP,a of Urbano and Marrero (ICTIR 2017). Not symmetric: errors at the estimate's top
    weigh most.
    """
    name, (true, guess) = "tau_AP,a", common_levels(truth, estimate)
    if few := _too_few(true):
        return undefined(name, len(true), few)
    if len(set(true)) < len(true):
        return undefined(name, len(true), "the judge taken as the truth has ties, which tau_AP,a does not allow: use tau_AP,b")
    better, total = list[int](), 0.0  # the true levels of the groups above
    for level in sorted(set(guess)):
        # Each passage of the group stands at each of the group's ranks equally often, below all groups above; of the others of its group
        # that stand above it, half are rightly so on average over both passages of a pair.
        group = [mine for mine, place in zip(true, guess, strict=True) if place == level]
        right = sum(other < mine for mine in group for other in better) / len(group)
        above = len(better)
        total += math.fsum((right + (i - above) / 2.0) / i for i in range(max(above, 1), above + len(group)))
        better += group
    return Statistic(name=name, value=2.0 * total / (len(true) - 1) - 1.0, n=len(true))


def tau_ap_b(first: WeakOrder, second: WeakOrder) -> Statistic:
    """AP correlation of two judges with ties, symmetric, -1 to 1, and 1 for equal orders: tau_AP,b of Urbano and Marrero (ICTIR 2017).

    For each passage below the first group, the share of those in better groups that the other order has better too; the mean over those
    passages times 2 less 1; the mean of both directions. A pair tied in the other order only counts as wrong.
    """
    name, (a, b) = "tau_AP,b", common_levels(first, second)
    if why := _no_order(a, b):
        return undefined(name, len(a), why)
    return Statistic(name=name, value=(_ap_half(a, b) + _ap_half(b, a)) / 2.0, n=len(a))


def _ap_half(other: Sequence[int], walked: Sequence[int]) -> float:
    shares = list[float]()
    for one, level in zip(other, walked, strict=True):
        above = [true for true, place in zip(other, walked, strict=True) if place < level]
        if above:
            shares.append(sum(true < one for true in above) / len(above))
    return 2.0 * math.fsum(shares) / len(shares) - 1.0


def ndcg_under(run: WeakOrder, judge: WeakOrder, *, grades: Mapping[str, int] | None = None, k: int | None = None) -> Statistic:
    """NDCG@k of one judge's order by the other's gains, 0 to 1, over the passages that both judged. Not symmetric.

    Gain: the other's grade where `grades` are given (passages without are left out), else `WeakOrder.gains`: 1 for the last ranked group,
    one more each group up, 0 for not relevant; linear, over log2(rank + 1) (Jarvelin and Kekalainen, TOIS 2002). Ties of the run: the mean
    over all ways to break them (McSherry and Najork, ECIR 2008). Undefined where all gains are alike, since any order would do.
    Raises SettingsError for k below 1.
    """
    if k is not None and k < 1:
        raise SettingsError(f"k is {k}: NDCG needs a depth of 1 or more, or none")
    name = f"NDCG@{k}" if k else "NDCG"
    gains = judge.gains() if grades is None else grades
    groups = [[float(gains[passage]) for passage in group if passage in gains] for group in run.stated]
    flat = [gain for group in groups for gain in group]
    if few := _too_few([int(gain) for gain in flat]):
        return undefined(name, len(flat), few)
    if len(set(flat)) == 1:
        return undefined(name, len(flat), f"the other judge gives all {len(flat)} passages in common the same gain: every order is ideal")
    ideal = _dcg([[gain] for gain in sorted(flat, reverse=True)], k)
    return Statistic(name=name, value=min(1.0, _dcg(groups, k) / ideal), n=len(flat))


def _dcg(groups: Sequence[Sequence[float]], k: int | None) -> float:
    """Each passage of a group gets the group's mean gain at each of the group's ranks."""
    total, above = 0.0, 0
    for group in groups:
        ranks = range(above + 1, min(above + len(group), k or above + len(group)) + 1)
        total += math.fsum(group) / len(group) * math.fsum(1.0 / math.log2(rank + 1) for rank in ranks) if group else 0.0
        above += len(group)
    return total
