"""Agreement among many judges over many topics: means of what each two of them have, an alpha with a distance of orders, intervals.

A panel is topic -> judge -> order. Intervals resample topics, since a topic's pairs of judges share its passages.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .rank_agreement import expected_distance, footrule, kendall_distance, ndcg_under, tau_ap_b, tau_b
from .rbo import rbo
from .statistic import Resampling, Statistic, resampled, undefined, with_interval
from .weak_orders import WeakOrder

if TYPE_CHECKING:
    import numpy as np

Panel = Mapping[str, Mapping[str, WeakOrder]]
Between = Callable[[WeakOrder, WeakOrder], Statistic]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A statistic between two judges; one that is not symmetric is taken in both directions."""

    name: str
    between: Between
    symmetric: bool = True


MEASURES = (
    Measure(name="Kendall tau-b", between=tau_b),
    Measure(name="RBO-b (p=0.9)", between=rbo),
    Measure(name="tau_AP,b", between=tau_ap_b),
    Measure(name="NDCG of one under another", between=ndcg_under, symmetric=False),
    Measure(name="Spearman footrule", between=footrule),
)


def _couples(judges: Mapping[str, WeakOrder]) -> Iterator[tuple[str, str]]:
    return itertools.combinations(sorted(judges), 2)


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def of_topic(measure: Measure, judges: Mapping[str, WeakOrder]) -> Statistic:
    """Mean of a statistic over the pairs of one topic's judges that define it; `n` counts those pairs."""
    found = list[Statistic]()
    for one, other in _couples(judges):
        found.append(measure.between(judges[one], judges[other]))
        if not measure.symmetric:
            found.append(measure.between(judges[other], judges[one]))
    values = [each.value for each in found if each.value is not None]
    if not found:
        return undefined(measure.name, 0, f"{len(judges) or 'no'} judge{'s' * (not judges)} ranked this topic: agreement needs two")
    if not values:
        return undefined(measure.name, 0, found[0].why)
    return Statistic(name=measure.name, value=_mean(values), n=len(values))


def of_panel(measure: Measure, panel: Panel, how: Resampling | None = None) -> Statistic:
    """Mean over topics of the mean over pairs of judges, with an interval over topics; `n` counts the topics that define it."""
    topics = [of_topic(measure, judges) for judges in panel.values()]
    values = [each.value for each in topics if each.value is not None]
    if not topics:
        return undefined(measure.name, 0, "there is no topic: agreement needs one that two judges ranked")
    if not values:
        return undefined(measure.name, 0, f"none of {len(topics)} topics has a value; the first: {topics[0].why}")
    return _ratio(Statistic(name=measure.name, value=_mean(values), n=len(values)), values, [1.0] * len(values), how)


def rank_alpha(panel: Panel, how: Resampling | None = None) -> Statistic:
    """1 - observed / expected disagreement of orders, the Kendall distance with ties: 1 for equal orders, 0 for what chance would give.

    Krippendorff's form (2004, chapter 11): the mean distance of a topic's pairs of judges counts as often as judges are in such pairs.
    *Departure*: he deals all values to all units for the expectation; orders of different topics have no passage in common, so here a
    judge's passages are dealt to the judge's own places at random, which keeps the ties (`expected_distance`). Undefined where every two
    judges tied all that they have in common.
    """
    name = "alpha of orders"
    observed, expected = list[float](), list[float]()
    for judges in panel.values():
        couples = [couple for couple in _couples(judges) if kendall_distance(judges[couple[0]], judges[couple[1]]).value is not None]
        if not couples:
            continue
        members = len({judge for couple in couples for judge in couple})
        for sums, distance in ((observed, kendall_distance), (expected, expected_distance)):
            sums.append(members * _mean([distance(judges[one], judges[other]).value or 0.0 for one, other in couples]))
    if not observed:
        return undefined(name, 0, "no two judges ranked two passages in common on any topic")
    if not math.fsum(expected):
        return undefined(
            name, len(observed), "every two judges tied all passages that they have in common: without an order there is no chance"
        )
    value = 1.0 - math.fsum(observed) / math.fsum(expected)
    apart = [most - least for least, most in zip(observed, expected, strict=True)]
    return _ratio(Statistic(name=name, value=value, n=len(observed)), apart, expected, how)


def _ratio(statistic: Statistic, above: list[float], below: list[float], how: Resampling | None) -> Statistic:
    """With the interval of a ratio of sums over topics."""
    import numpy as np

    if how is None or not how.samples:
        return statistic
    tops, bottoms = np.asarray(above), np.asarray(below)

    def of(drawn: np.ndarray) -> np.ndarray:
        sums = bottoms[drawn].sum(axis=1)
        values: np.ndarray = np.divide(tops[drawn].sum(axis=1), sums, out=np.full(len(sums), np.nan), where=sums != 0.0)
        return values

    return with_interval(statistic, resampled(len(tops), how, of), how)
