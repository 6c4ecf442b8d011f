"""The model behind raters.py: how well each annotator agrees with a truth nobody has seen, who didn't read, who copied.

Every submitted order becomes normal scores x. The model has one factor: x = r z + noise of variance 1 - r^2, where z is what the passages
are worth, the same for all, and r is the annotator's own. On a task that was not read r is 0; a copied order is a few swaps away from an
earlier one. Under normality Kendall's tau to z is (2 / pi) asin(r) (Kendall 1962, chapter 9), and two people who share nothing but z
correlate by the product of their r. That truth and annotators are estimated in turn goes back to Dawid and Skene (1979).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .rater_orders import Orders, Pairs, normal_scores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

FLOOR, CEILING = 0.3, 0.9  # tau to the truth between which an honest annotator is expected
_TAUS = tuple(FLOOR + (CEILING - FLOOR) * step / 12 for step in range(13))
_FACTORS = tuple(math.sin(math.pi * tau / 2) for tau in _TAUS)  # r of each
_SLIPS = (
    0.0,
    0.05,
    0.1,
)  # share of tasks on which an honest annotator slips: without it one odd order among very good ones is a proof of laziness
_UNREAD = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # share of tasks that a lazy one orders at random
_COPIED = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)  # share of tasks that a copier copies
_COPY_SWAPS = 4  # a copy is 0, 1, 2 or 3 swaps away from its source, each as likely
_ROUNDS = 4  # of estimating annotators and truth in turn
_GOLD = 0.98  # r of a gold order
_DRAWS = 4000  # pairs of honest orders simulated per list length and correlation
_LIKE = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.975)  # correlations of honest pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What the model makes of the orders. Odds are natural logarithms of ratios of marginal likelihoods, positive against the person."""

    consensus: Floats  # (R, N) rank by gold and the other annotators' orders, weighted; NaN where they say nothing
    factor: Floats  # (A,) likeliest r
    unread_odds: Floats  # (A,) random on two fifths of the tasks or more against a tenth or less
    unread_share: Floats  # (A,) expected share of such tasks, were the annotator lazy
    copy_odds: Floats  # (A,) some orders copied against none
    copied: Floats  # (P,) probability that the later order of a pair is a copy of the earlier one


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """How the annotators read, by their orders' likelihood given the others'."""

    level: Whole  # (A,) most likely r, a place in _FACTORS
    read: Floats  # (R,) probability that the task was read
    odds: Floats  # (A,)
    share: Floats  # (A,)


def fit(orders: Orders, pairs: Pairs) -> Fit:
    """Estimate annotators, truth and copies in turn. Deterministic; an order that says nothing (all tied) weighs nothing."""
    import numpy as np

    people, rows = len(orders.annotators), len(orders.who)
    scores = normal_scores(orders.ranks)
    sizes, size_of = np.unique(orders.size, return_inverse=True)
    factors = np.stack([_factors(n) for n in sizes.tolist()])[size_of]  # (R, r)
    level, evidence = np.full(people, len(_TAUS) // 2), np.ones(rows)
    table = np.zeros((len(sizes), len(_LIKE), orders.ranks.shape[1]))
    for at, n in enumerate(sizes.tolist()):
        table[at, :, :n] = _copy_odds(n)
    for _ in range(_ROUNDS):
        mean, precision = _consensus(orders, scores, factors[np.arange(rows), level[orders.who]], evidence)
        reading = _read(orders, _gain(orders, scores, (mean, precision), factors))
        level = reading.level
        own = np.array(_FACTORS)[level][orders.who]
        like = np.abs(np.subtract.outer(own[pairs.later] * own[pairs.earlier], _LIKE)).argmin(axis=1)
        odds = table[size_of[pairs.later], like, pairs.swaps]
        copy_odds, copied = _copying(orders, pairs, odds)
        # A copy is no second opinion.
        evidence = reading.read * (1.0 - np.minimum(np.bincount(pairs.later, copied, rows), 1.0))
    ranked = ~np.isnan(orders.ranks)
    said = ~np.isnan(orders.gold)
    np.add.at(counts := said.astype(np.int64), orders.task, ranked)
    return Fit(
        # Rounded, so that passages that nobody sets apart are tied.
        consensus=np.where(counts[orders.task] > ranked, -np.round(mean, 9), np.nan),
        factor=np.array(_FACTORS)[level],
        unread_odds=reading.odds,
        unread_share=reading.share,
        copy_odds=copy_odds,
        copied=copied,
    )


def _consensus(orders: Orders, scores: Floats, tie: Floats, evidence: Floats) -> tuple[Floats, Floats]:
    """Mean (R, N) and precision (R,) of z given gold and the other orders of the row's task; before any, z has mean 0 and variance 1."""
    import numpy as np

    tasks, width = orders.gold.shape
    # Of an order that was read with probability q, q r z is expected.
    own = evidence * tie
    gain, weight = own / (1 - own**2), own**2 / (1 - own**2) * (scores != 0).any(axis=1)
    gold = normal_scores(orders.gold)
    total = gold * (_GOLD / (1 - _GOLD**2))
    by_task = np.argsort(orders.task, kind="stable")
    starts = np.searchsorted(orders.task[by_task], np.arange(tasks))
    mine = scores * gain[:, None]
    total += np.add.reduceat(mine[by_task], starts, axis=0)
    known = (gold != 0).any(axis=1) * (_GOLD**2 / (1 - _GOLD**2)) + np.bincount(orders.task, weight, tasks)
    precision = 1.0 + np.maximum(known[orders.task] - weight, 0.0)
    precision[precision < 1.0 + 1e-9] = 1.0
    return (total[orders.task] - mine) / precision[:, None], precision


def _read(orders: Orders, gain: Floats) -> _Reading:
    """Likelihood of honest and lazy (r, but 0 on a small or a large share of the tasks) for every r and share, and what follows."""
    import numpy as np

    starts = np.searchsorted(orders.who, np.arange(len(orders.annotators)))
    ratio = np.exp(np.minimum(gain, 600.0))
    mixed = [np.log(ratio * (1 - share) + share) if share else gain for share in (*_SLIPS, *_UNREAD)]
    logs = np.stack([np.add.reduceat(one, starts, axis=0) for one in mixed], axis=1)  # (A, shares, r)
    marginal = np.logaddexp.reduce(logs, axis=2) - math.log(len(_TAUS))
    honest, lazy = np.logaddexp.reduce(marginal[:, : len(_SLIPS)], axis=1), marginal[:, len(_SLIPS) :]
    total = np.logaddexp.reduce(lazy, axis=1)
    best = logs.reshape(len(logs), -1).argmax(axis=1)
    share, at = np.array([1e-12, *_SLIPS[1:], *_UNREAD])[best // len(_TAUS)][orders.who], best % len(_TAUS)
    versus = gain[np.arange(len(gain)), at[orders.who]] + np.log1p(-share) - np.log(share)
    return _Reading(
        level=at,
        read=1 / (1 + np.exp(-np.clip(versus, -50, 50))),
        odds=total - honest - math.log(len(_UNREAD) / len(_SLIPS)),
        share=np.exp(lazy - total[:, None]) @ np.array(_UNREAD),
    )


def _gain(orders: Orders, scores: Floats, others: tuple[Floats, Floats], r: Floats) -> Floats:
    """log p(x | the others, read) - log p(x | not read), (R, r): mean r E[z] and variance 1 - r^2 + r^2 / precision against 0 and 1."""
    import numpy as np

    mean, precision = others
    ranked = ~np.isnan(orders.ranks)
    own, cross = (scores**2).sum(axis=1)[:, None], (scores * mean).sum(axis=1)[:, None]
    known = (np.where(ranked, mean, 0.0) ** 2).sum(axis=1)[:, None]
    spread = 1 - r**2 + r**2 / precision[:, None]
    free = (ranked.sum(axis=1) - 1.0)[:, None]
    log = -free / 2 * np.log(spread) - (own - 2 * r * cross + r**2 * known) / (2 * spread) + own / 2
    return np.asarray(np.where(own > 0, log, 0.0))


def _copying(orders: Orders, pairs: Pairs, odds: Floats) -> tuple[Floats, Floats]:
    """Log odds of copying per annotator, from anybody or (as likely before) from one fixed peer, and the probability of each pair.

    `odds` (P,) are p(swaps | copy) / p(swaps | two honest orders) of each pair.
    """
    import numpy as np

    people = len(orders.annotators)
    if not len(odds):
        return np.zeros(people), odds
    choices = np.bincount(pairs.later, minlength=len(orders.who)).astype(float)
    rows = np.flatnonzero(choices)
    of_row = np.bincount(pairs.later, odds, len(orders.who))[rows] / choices[rows]
    anybody = _shares(of_row, orders.who[rows], people)
    who, groups = np.unique(orders.who[pairs.later] * people + orders.who[pairs.earlier], return_inverse=True)
    one_peer = _shares(odds, groups, len(who))
    # The mean over those who could have been copied.
    owner = who // people
    top = np.full(people, -np.inf)
    np.maximum.at(top, owner, _marginal(one_peer))
    top = np.where(np.isfinite(top), top, 0.0)
    peers = np.maximum(np.bincount(owner, minlength=people), 1)
    fixed = top + np.log(np.maximum(np.bincount(owner, np.exp(_marginal(one_peer) - top[owner]), people), 1e-300) / peers)
    evident = choices[pairs.later]
    share = np.array([0.0, *_COPIED])[np.concatenate([np.zeros((people, 1)), anybody], axis=1).argmax(axis=1)][orders.who[pairs.later]]
    mixed = share * odds / evident
    rest = 1 - share + share * np.bincount(rows[np.searchsorted(rows, pairs.later)], odds / evident, len(orders.who))[pairs.later]
    return np.logaddexp(_marginal(anybody), fixed) - math.log(2), mixed / rest


def _shares(odds: Floats, group: Whole, groups: int) -> Floats:
    """(groups, shares): log likelihood ratio of copying this share of the orders against none."""
    import numpy as np

    return np.stack([np.bincount(group, np.log(1 - share + share * odds), groups) for share in _COPIED], axis=1)


def _marginal(logs: Floats) -> Floats:
    """Log of the mean over shares."""
    import numpy as np

    return np.asarray(np.logaddexp.reduce(logs, axis=1) - math.log(logs.shape[1]))


@functools.lru_cache(maxsize=256)
def _factors(n: int) -> Floats:
    """(r,): correlation of the scores of n passages with those of the truth, less than r because ranks are coarse; simulated."""
    import numpy as np

    draw = np.random.default_rng(n)
    out = np.empty(len(_FACTORS))
    for at, r in enumerate(_FACTORS):
        truth = draw.standard_normal((_DRAWS, n))
        seen = r * truth + math.sqrt(1 - r**2) * draw.standard_normal((_DRAWS, n))
        one, other = (normal_scores((np.argsort(np.argsort(-x, axis=1), axis=1) + 1).astype(np.float64)) for x in (truth, seen))
        out[at] = (one * other).sum() / (_DRAWS * max(n - 1, 1))
    return np.minimum(out, 0.985)


@functools.lru_cache(maxsize=256)
def _copy_odds(n: int) -> Floats:
    """(correlations, n): p(swaps | copy) / p(swaps | honest) for two orders of n passages, the honest ones simulated from the model."""
    import numpy as np

    from .rater_orders import swaps

    draw = np.random.default_rng(n)
    copy = np.zeros(n)
    copy[:_COPY_SWAPS] = 1.0 / min(_COPY_SWAPS, n)
    out = np.empty((len(_LIKE), n))
    for at, like in enumerate(_LIKE):
        one = draw.standard_normal((_DRAWS, n))
        other = like * one + math.sqrt(1 - like**2) * draw.standard_normal((_DRAWS, n))
        places = [np.argsort(np.argsort(x, axis=1), axis=1) for x in (one, other)]
        # Half a count for each number of swaps, so that none is impossible.
        honest = (np.bincount(swaps(*places), minlength=n) + 0.5) / (_DRAWS + 0.5 * n)
        out[at] = (copy + 1e-3) / (1 + 1e-3 * n) / honest
    return out
