"""What can be said of each annotator of ranked lists: agreement, position bias, copying, speed, and flags that a person can act on.

A flag is a reason to look, never a verdict: it names a statistic, its threshold and how many tasks it rests on. Thresholds come from
simulated campaigns (benchmarks/campaign.py); docs/experiments.md has what they find and what they miss. The model is in rater_signals.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from ..errors import InputError
from .rater_orders import Agreements, Orders, Pairs, Rated, agreements, encode, pairs_of
from .rater_signals import FLOOR, Fit, fit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

__all__ = ["Copying", "Flag", "Kind", "Mean", "Rated", "RaterReport", "Thresholds", "report"]

_LEAST = 3  # tasks for an interval

Kind = Literal["position_bias", "copier", "lazy", "fast"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Where a flag is raised. The first three were chosen on seeds 0-24 of the simulated campaign; the others are conventions."""

    position: float = 0.1  # low end of the interval of the excess of tau-b with the shown order
    copying: float = 3.0  # log odds
    unread: float = 1.0  # log odds
    fast: float = 0.25  # of the time that others took
    tasks: int = 8  # fewer raise no flag
    passages: float = 8.0  # shorter lists on average raise no flag of laziness: it would be wrong too often


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean over n tasks, and its 95 % interval where n is 3 or more (Student's t). Without a value, `why` says why not."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copying:
    """`share` of `n` orders with an earlier one to copy that look copied; `peer` is the likeliest source, of `from_peer` of them.

    Shares are sums of probabilities over orders, as a decimal fraction and a count. `odds`: log odds of copying against none.
    """

    peer: str | None
    share: float | None
    from_peer: float
    n: int
    odds: float
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Something a person should look at."""

    kind: Kind
    statistic: float
    threshold: float
    n: int  # tasks
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterReport:
    """One annotator. Agreements are tau-b, -1 to 1, over the passages that both orders rank.

    `peer_agreement` is with the weighted consensus of gold and everybody else on the task; `position_bias` is tau-b with the list as shown
    less what is expected, which is what the others' orders of that task have with it, scaled by how well this annotator and they agree
    with the truth; `speed` is time over that of others on the task (geometric mean); `unread_odds` are log odds of random orders on two
    fifths of the tasks or more against a tenth or less, with a tau of .3 to .9 on the rest, `unread_share` is the expected share were it
    so; `tied` is the share of pairs of passages that were left tied or unranked.
    """

    annotator: str
    tasks: int
    passages: float  # of a list, on average
    gold_agreement: Mean
    peer_agreement: Mean
    position_bias: Mean
    copying: Copying
    speed: Mean
    unread_odds: float
    unread_share: float
    tied: float
    flags: tuple[Flag, ...]


def report(rated: Sequence[Rated], thresholds: Thresholds | None = None) -> dict[str, RaterReport]:
    """Reports by annotator, of all submissions of a campaign.

    Raises InputError where somebody has two orders of a task, a passage has two places, or one was placed that was not shown. It needs all
    submissions, because annotators are judged by each other: 1,000 annotators of 100 tasks with 20 passages take 9 s.
    """
    _check(rated)
    if not rated:
        return {}
    orders = encode(rated)
    pairs = pairs_of(orders)
    fitted = fit(orders, pairs)
    by_later = pairs.later.argsort(kind="stable")
    found = _Found(
        orders=orders,
        pairs=pairs,
        fit=fitted,
        rows=_rows(orders, pairs, fitted),
        pair_order=by_later,
        by_later=pairs.later[by_later],
    )
    return {name: _one(found, at, thresholds or Thresholds()) for at, name in enumerate(orders.annotators)}


def _check(rated: Sequence[Rated]) -> None:
    seen: set[tuple[str, str]] = set()
    for row in rated:
        if (row.annotator, row.task) in seen:
            raise InputError(f"annotator {row.annotator!r} has two orders of task {row.task!r}: hand in the newest one only")
        seen.add((row.annotator, row.task))
        shown, placed = set(row.shown), set(chain.from_iterable(row.groups))
        if len(shown) < len(row.shown) or len(placed) < sum(map(len, row.groups)):
            raise InputError(f"the order of annotator {row.annotator!r} in task {row.task!r} names a passage twice: each has one place")
        if not placed <= shown:
            raise InputError(
                f"annotator {row.annotator!r} placed {min(placed - shown)!r} in task {row.task!r}, where it was not shown: leave it out"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Per submission; NaN where undefined."""

    agreements: Agreements
    excess: Floats  # of tau-b with the list as shown over what is expected
    speed: Floats  # log of time over others'
    candidates: Whole  # earlier orders it was compared with


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    orders: Orders
    pairs: Pairs
    fit: Fit
    rows: _Rows
    pair_order: Whole  # pairs sorted by their later row
    by_later: Whole  # the later rows, sorted


def _rows(orders: Orders, pairs: Pairs, fitted: Fit) -> _Rows:
    import numpy as np

    rows = len(orders.who)
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(orders.seconds)
        known = ~np.isnan(log)
        others = np.bincount(orders.task, known)[orders.task] - known
        mean = (np.bincount(orders.task, np.where(known, log, 0.0))[orders.task] - np.where(known, log, 0.0)) / others
        speed = np.where(others > 0, log - mean, np.nan)
    like = agreements(orders, fitted.consensus)
    # Honest orders have in common with the shown one what both have with the truth: by as much as each has of it.
    own, crew = fitted.factor[orders.who], np.bincount(orders.task)[orders.task]
    peers = (np.bincount(orders.task, own)[orders.task] - own) / np.maximum(crew - 1, 1)
    expected = like.others * own / np.where(crew > 1, peers, 1.0)
    return _Rows(agreements=like, excess=like.shown - expected, speed=speed, candidates=np.bincount(pairs.later, minlength=rows))


def _one(found: _Found, at: int, thresholds: Thresholds) -> RaterReport:
    """The report of one annotator; its rows are neighbours."""
    import numpy as np

    start, stop = np.searchsorted(found.orders.who, [at, at + 1]).tolist()
    mine, rows, name = slice(start, stop), found.rows, found.orders.annotators[at]
    like = rows.agreements
    speed = _mean(rows.speed[mine], "no task has a time of this annotator and of another one")
    out = RaterReport(
        annotator=name,
        tasks=stop - start,
        passages=float(found.orders.size[mine].mean()),
        gold_agreement=_mean(like.gold[mine], "no gold task was ordered (or all passages were tied)"),
        peer_agreement=_mean(like.peers[mine], "no task has gold or an order of another annotator (or all passages were tied)"),
        position_bias=_mean(rows.excess[mine], "no task has an order of another annotator to compare with (or all passages were tied)"),
        copying=_copying(found, at, mine),
        speed=Mean(n=speed.n, why=speed.why, **{key: _exp(getattr(speed, key)) for key in ("value", "low", "high")}),
        unread_odds=float(found.fit.unread_odds[at]),
        unread_share=float(found.fit.unread_share[at]),
        tied=1.0 - float(found.orders.decided[mine].mean()),
        flags=(),
    )
    return replace(out, flags=tuple(flags(out, thresholds)))


def _exp(value: float | None) -> float | None:
    return None if value is None else math.exp(value)


def _mean(values: Floats, why: str) -> Mean:
    """Mean over the tasks where it is defined."""
    known = [value for value in values.tolist() if not math.isnan(value)]
    if not known:
        return Mean(value=None, n=0, why=why)
    mean = fmean(known)
    if len(known) < _LEAST:
        return Mean(value=mean, n=len(known), why=f"fewer than {_LEAST} tasks: no interval")
    half = _student(len(known) - 1) * math.sqrt(sum((value - mean) ** 2 for value in known) / (len(known) - 1) / len(known))
    return Mean(value=mean, low=mean - half, high=mean + half, n=len(known))


def _student(free: int) -> float:
    """97.5 % quantile of Student's t by its expansion about the normal one (Fisher and Cornish 1960): 3 % low for n = 3, then under 1 %."""
    z = 1.959964
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + terms[0] / free + terms[1] / free**2 + terms[2] / free**3


def _copying(found: _Found, at: int, mine: slice) -> Copying:
    """Copied orders of one annotator."""
    import numpy as np

    n = int((found.rows.candidates[mine] > 0).sum())
    if not n:
        return Copying(
            peer=None,
            share=None,
            from_peer=0.0,
            n=0,
            odds=0.0,
            why="on no task of 8 passages or more had another annotator submitted before",
        )
    start, stop = np.searchsorted(found.by_later, [mine.start, mine.stop])
    some = found.pair_order[start:stop]
    copied = found.fit.copied[some]
    sources = np.bincount(found.orders.who[found.pairs.earlier[some]], copied)
    peer = int(sources.argmax())
    return Copying(
        peer=found.orders.annotators[peer],
        share=float(copied.sum()) / n,
        from_peer=float(sources[peer]),
        n=n,
        odds=float(found.fit.copy_odds[at]),
    )


def flags(one: RaterReport, thresholds: Thresholds) -> Iterator[Flag]:
    """What to look at. An order that follows the shown list or a peer's needs no second flag for being far from the truth."""
    bias, copying, explained = one.position_bias, one.copying, False
    if bias.n >= thresholds.tasks and bias.low is not None and bias.low >= thresholds.position:
        explained = True
        yield Flag(
            kind="position_bias",
            statistic=bias.low,
            threshold=thresholds.position,
            n=bias.n,
            sentence=f"On {bias.n} tasks the orders follow the list as shown, by {bias.value:.2f} of tau-b more than others' let expect: "
            "ask whether passages are moved for their content, and look at some of these tasks.",
        )
    if copying.n >= thresholds.tasks and copying.odds >= thresholds.copying:
        explained = True
        yield Flag(
            kind="copier",
            statistic=copying.odds,
            threshold=thresholds.copying,
            n=copying.n,
            sentence=f"About {copying.share or 0:.0%} of {copying.n} orders are a few swaps away from an earlier one, nearer than honest "
            f"people of this agreement come, most often ({copying.from_peer:.0f} times) from {copying.peer}: compare the two side by side.",
        )
    enough = one.peer_agreement.n >= thresholds.tasks and one.passages >= thresholds.passages
    if enough and not explained and one.unread_odds >= thresholds.unread:
        yield Flag(
            kind="lazy",
            statistic=one.unread_odds,
            threshold=thresholds.unread,
            n=one.peer_agreement.n,
            sentence=f"Of the orders of {one.peer_agreement.n} tasks about {one.unread_share:.0%} look random; a tau of {FLOOR} or more "
            "to the truth on all of them explains less well: go over some of the tasks with the lowest agreement together.",
        )
    speed = one.speed
    if speed.value is not None and speed.n >= thresholds.tasks and speed.value <= thresholds.fast:
        yield Flag(
            kind="fast",
            statistic=speed.value,
            threshold=thresholds.fast,
            n=speed.n,
            sentence=f"On {speed.n} tasks this annotator took {speed.value:.0%} of the time of others: see whether agreement suffers too.",
        )
