"""Agreement on labels, complete or sparse: alpha, Cohen's and Fleiss' kappa, each with a bootstrap over items.

Items with the same labels by the same annotators are one pattern with a count, so that every statistic is a function of counts of patterns:
one function gives the value (counts as they are) and each resample (counts drawn). They are computed here rather than by `krippendorff` and
scikit-learn, which know no counts, and of which the first takes memory of items * labels^2; tests hold ours to theirs.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .label_sums import KINDS, WEIGHTS, Kind, LabelCounts, LabelPairs, Weights
from .labels import Labels
from .statistic import Resampling, Statistic, undefined, with_interval

if TYPE_CHECKING:
    import numpy as np

LISTED = 10  # annotators up to whom each pair has its own kappas
_COMPARED = 300_000  # pairs of labels that a resample goes through: kappas of more have no interval
_MET = 10  # items that two annotators share on average, for a mean of kappas of many annotators
_DRAWN = 2_000_000  # counts of patterns drawn at once
_NO_SCALE = "the labels are not numbers and nothing says how they follow each other: name the levels from lowest to highest"
_FLAT = "all labels that can be compared are one and the same: where nothing varies chance agrees as well"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairStatistic:
    """A statistic of two annotators."""

    first: str
    second: str
    statistic: Statistic


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Statistics over all annotators, and those of each two where there are few."""

    overall: tuple[Statistic, ...]
    pairs: tuple[PairStatistic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A statistic before its value is known; `why` where the labels can't define it, whatever they are."""

    name: str
    n: int
    why: str
    kappa: bool = False  # Cohen's
    couple: tuple[int, int] | None = None


def agreement(labels: Labels, how: Resampling | None = None, weights: Sequence[Weights] = WEIGHTS) -> Agreement:
    """Alpha nominal, ordinal and interval, Fleiss' kappa, Cohen's kappas: mean of pairs (Light 1971), each pair up to 10 annotators.

    `n` counts the items with labels of two annotators (of the two, for a pair). Ordinal alpha goes by how many labels lie between two,
    interval alpha by the scale's values, weighted kappa by positions on the scale. A resample in which nothing varies has no number and is
    left out of the interval, which says how many were.
    """
    import numpy as np

    sums = _Sums(labels, weights)
    plans = _plans(labels, sums.pairs, weights)
    values = sums.all(np.asarray(labels.times, dtype=np.float64), plans)
    drawn = _drawn(labels, sums, plans, how) if how is not None and how.samples and labels.shared else None
    too_many = f"none: {sums.compared:,} pairs of labels are too many to resample" if sums.compared > _COMPARED else ""
    done = list[Statistic]()
    for at, (plan, value) in enumerate(zip(plans, values, strict=True)):
        if plan.why or np.isnan(value):
            done.append(undefined(plan.name, plan.n, plan.why or _FLAT))
            continue
        one = Statistic(name=plan.name, value=float(value), n=plan.n)
        if how is not None and drawn is not None:
            one = replace(one, interval=too_many) if plan.kappa and too_many else with_interval(one, drawn[:, at], how)
        done.append(one)
    both = zip(plans, done, strict=True)
    names = labels.annotators
    pairs = [PairStatistic(first=names[p.couple[0]], second=names[p.couple[1]], statistic=one) for p, one in both if p.couple]
    return Agreement(overall=tuple(done[: len(done) - len(pairs)]), pairs=tuple(pairs))


def _plans(labels: Labels, pairs: LabelPairs, weights: Sequence[Weights]) -> list[_Plan]:
    """In the order in which `_Sums.all` gives values."""
    alone = _alone(labels)
    plans = [_Plan(name=f"alpha {kind}", n=labels.shared, why=alone or _scaleless(labels, kind)) for kind in KINDS]
    plans.append(_Plan(name="Fleiss kappa", n=labels.shared, why=alone or _uneven(labels)))
    names = {weight: "Cohen kappa" if weight == "none" else f"Cohen kappa {weight}" for weight in weights}
    thin = alone or _thin(labels, pairs)
    plans += [_Plan(name=f"{names[w]}, mean of pairs", n=labels.shared, why=thin or _scaleless(labels, w), kappa=True) for w in weights]
    if len(labels.annotators) > LISTED:
        return plans
    shared = {(couple.first, couple.second): couple.items for couple in pairs.couples}
    for one, other in itertools.combinations(range(len(labels.annotators)), 2):
        n = shared.get((one, other), 0)
        none = "" if n else f"{labels.annotators[one]} and {labels.annotators[other]} labelled no item in common"
        plans += [_Plan(name=names[w], n=n, why=none or _scaleless(labels, w), kappa=True, couple=(one, other)) for w in weights]
    return plans


def _alone(labels: Labels) -> str:
    if not labels.annotators:
        return "there is no label"
    if len(labels.annotators) == 1:
        return f"only {labels.annotators[0]} gave labels: agreement needs two annotators"
    return "" if labels.shared else "no item has labels of two annotators"


def _scaleless(labels: Labels, kind: Kind | Weights) -> str:
    return _NO_SCALE if labels.scale.values is None and kind not in ("nominal", "none") else ""


def _thin(labels: Labels, pairs: LabelPairs) -> str:
    """Among many annotators who hardly meet, the mean of their kappas says nothing: over one item in common a kappa is 0 or undefined."""
    each = len(pairs.pattern) and sum(couple.items for couple in pairs.couples) / len(pairs.couples)
    if len(labels.annotators) <= LISTED or each >= _MET:
        return ""
    return f"two annotators who met share {each:.1f} items on average: kappas of fewer than {_MET} can't be averaged, alpha can be used"


def _uneven(labels: Labels) -> str:
    sizes = {len(pattern) for pattern in labels.patterns}
    few, many = min(sizes), max(sizes)
    return "" if few == many else f"items have from {few} to {many} labels: Fleiss' kappa needs the same number for each, alpha does not"


class _Sums:
    """All statistics as one row of numbers, from counts of patterns."""

    def __init__(self, labels: Labels, weights: Sequence[Weights]) -> None:
        self.pairs, self.weights = LabelPairs(labels), weights
        self.counts = LabelCounts(labels, self.pairs)
        self.compared = len(self.pairs.pattern)
        self.listed = {(couple.first, couple.second): at for at, couple in enumerate(self.pairs.couples)}

    def all(self, times: np.ndarray, plans: Sequence[_Plan], *, kappas: bool = True) -> np.ndarray:
        """One number a plan; NaN where there is none, or for kappas that are left out."""
        import numpy as np

        out = np.full(len(plans), np.nan)
        if plans[0].why:  # nobody to compare
            return out
        out[: len(KINDS)] = self.counts.alphas(times)
        if not plans[len(KINDS)].why:
            out[len(KINDS)] = self.counts.fleiss(times)
        start = len(KINDS) + 1
        if not kappas or all(plan.why for plan in plans[start:]):
            return out
        found = self.pairs.kappas(times, self.weights)
        defined = ~np.isnan(found)
        count = defined.sum(axis=1)
        np.divide(np.where(defined, found, 0.0).sum(axis=1), count, out=out[start : start + len(count)], where=count > 0)
        for at, plan in enumerate(plans):
            if plan.couple in self.listed:
                out[at] = found[(at - start) % len(self.weights), self.listed[plan.couple]]
        return out


def _drawn(labels: Labels, sums: _Sums, plans: Sequence[_Plan], how: Resampling) -> np.ndarray:
    """Resamples x plans. Drawing items with replacement gives multinomial counts of their patterns."""
    import numpy as np

    draw = np.random.default_rng(how.seed)
    shares = np.asarray(labels.times, dtype=np.float64) / labels.items
    rows = max(1, _DRAWN // len(shares))
    blocks = (draw.multinomial(labels.items, shares, min(rows, how.samples - start)) for start in range(0, how.samples, rows))
    return np.asarray(
        [sums.all(counts.astype(np.float64), plans, kappas=sums.compared <= _COMPARED) for block in blocks for counts in block]
    )
