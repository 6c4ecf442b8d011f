"""Ranked lists of many annotators as arrays, and likeness of orders: what rater_signals.py and raters.py compute on."""

from __future__ import annotations

import math
from array import array
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]
    Signs = NDArray[np.float32]

_EARLIER = 20  # an order is compared with so many orders of the same task at most, those submitted last before it
_SHORTEST = 8  # passages; three swaps reach 1 in 17 orders of 8, but 4 of 5 orders of 5: shorter lists say nothing of copying
_CELLS = 4_000_000  # pairs of passages held in memory at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """One submitted order. `groups` and `gold` are weak orders, best first, over all or some of the passages of `shown`."""

    annotator: str
    task: str
    shown: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    when: int  # number of the submission: later ones are higher
    seconds: float | None = None
    gold: tuple[tuple[str, ...], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """R submitted orders over at most N passages. Columns of a row are the passages of its task, the same for all rows of the task."""

    annotators: tuple[str, ...]
    who: Whole  # (R,) number of the annotator; rows are sorted by it
    task: Whole  # (R,)
    when: Whole  # (R,)
    size: Whole  # (R,) passages of the task
    ranks: Floats  # (R, N) middle rank, 1 the best; NaN where not ranked or no passage
    shown: Floats  # (R, N) place in the list as it was shown, NaN as above
    gold: Floats  # (tasks, N) middle rank in the gold order; NaN as above and where there is none
    decided: Floats  # (R,) share of the pairs of passages that are neither tied nor unranked
    seconds: Floats  # (R,) NaN where not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Orders of the same task: `later` was submitted after `earlier` by somebody else, `swaps` exchanges of two passages away."""

    later: Whole  # (P,) rows
    earlier: Whole
    swaps: Whole


def encode(rated: Sequence[Rated]) -> Orders:
    """Arrays of submissions, sorted by annotator and then by time."""
    import numpy as np

    rows = sorted(rated, key=lambda row: row.task)  # names of one task are looked up together, which is faster
    names = tuple(sorted({row.annotator for row in rows}))
    number = {name: at for at, name in enumerate(names)}
    columns: dict[str, dict[str, int]] = {}
    for row in rows:
        known = columns.setdefault(row.task, {})
        if not known.keys() >= set(row.shown):
            for passage in sorted(row.shown):
                known.setdefault(passage, len(known))
    tasks = {name: at for at, name in enumerate(columns)}
    width = max(map(len, columns.values()), default=0)
    gold = {row.task: row.gold for row in rows if row.gold is not None}
    who, when = np.array([number[row.annotator] for row in rows], dtype=np.int64), np.array([row.when for row in rows], dtype=np.int64)
    task, size = (
        np.array([of[row.task] for row in rows], dtype=np.int64) for of in (tasks, {name: len(columns[name]) for name in columns})
    )
    by = np.lexsort((when, who))
    return Orders(
        annotators=names,
        who=who[by],
        task=task[by],
        when=when[by],
        size=size[by],
        ranks=_middle(((columns[row.task], row.groups) for row in rows), width)[by],
        shown=_middle(((columns[row.task], list(zip(row.shown, strict=True))) for row in rows), width)[by],
        gold=_middle(((known, _kept(gold.get(task, ()), known)) for task, known in columns.items()), width),
        decided=np.array([_decided(row) for row in rows])[by],
        seconds=np.array([row.seconds or np.nan for row in rows])[by],
    )


def _kept(order: Sequence[Sequence[str]], known: Container[str]) -> list[list[str]]:
    """A gold order without passages that nobody was shown."""
    return [[passage for passage in group if passage in known] for group in order]


def _decided(row: Rated) -> float:
    if len(row.groups) == len(row.shown):
        return 1.0
    ranked, pairs = sum(map(len, row.groups)), math.comb(len(row.shown), 2)
    return (math.comb(ranked, 2) - sum(math.comb(len(group), 2) for group in row.groups)) / pairs if pairs else 1.0


def _middle(orders: Iterable[tuple[dict[str, int], Sequence[Sequence[str]]]], width: int) -> Floats:
    """Middle ranks of weak orders, (orders, width); NaN elsewhere."""
    import numpy as np

    columns, sizes, lengths = array("q"), array("q"), array("q")
    for known, order in orders:
        before = len(columns)
        columns.extend(map(known.__getitem__, chain.from_iterable(order)))
        sizes.extend(map(len, order))
        lengths.append(len(columns) - before)
    size, length = np.array(sizes), np.array(lengths)
    # Place of each group's last passage among all orders' passages, then middle of the group, then that within its order.
    middle = np.repeat(np.cumsum(size) - (size - 1) / 2, size) - np.repeat(np.cumsum(length) - length, length)
    out = np.full((len(length), width), np.nan)
    out[np.repeat(np.arange(len(length)), length), np.array(columns)] = middle
    return out


def normal_scores(ranks: Floats) -> Floats:
    """Normal quantiles of rank / (m + 1) (van der Waerden 1952), the best highest: mean 0, sum of squares m - 1 over m ranked passages.

    0 where not ranked, and all 0 where everything is tied.
    """
    import numpy as np

    known = ~np.isnan(ranks)
    m = known.sum(axis=1)
    table = np.zeros((int(m.max(initial=0)) + 1, 2 * int(m.max(initial=0)) + 1))
    for length in np.unique(m[m > 0]).tolist():
        table[length, 2 : 2 * length + 1] = [-NormalDist().inv_cdf(half / 2 / (length + 1)) for half in range(2, 2 * length + 1)]
    scores = np.where(known, table[m[:, None], np.where(known, 2 * ranks, 0).astype(np.int64)], 0.0)
    scores -= np.where(known, (scores.sum(axis=1) / np.maximum(m, 1))[:, None], 0.0)
    squares = (scores**2).sum(axis=1)
    return np.asarray(scores * np.sqrt(np.where(squares > 1e-9, (m - 1) / np.maximum(squares, 1e-9), 0.0))[:, None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreements:
    """Kendall's tau-b (Kendall 1945) of each order, (R,), over the passages that both rank; NaN where there is none or either ties all."""

    gold: Floats
    peers: Floats  # with the consensus
    shown: Floats  # with the list as it was shown
    others: Floats  # mean tau-b of the others' orders of the task with the list as this annotator was shown it


def agreements(orders: Orders, consensus: Floats) -> Agreements:
    """All four, for whole tasks at once: `consensus` (R, N) are ranks."""
    import numpy as np

    gold, peers, shown, others = (np.full(len(orders.who), np.nan) for _ in range(4))
    with_gold: NDArray[np.bool_] = np.asarray((orders.gold > 0).any(axis=1))[orders.task]
    by_task = np.argsort(orders.task, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(orders.task[by_task])) + 1, len(by_task))
    step, start = max(1, _CELLS // max(1, math.comb(orders.ranks.shape[1], 2))), 0
    while start < len(by_task):
        stop = int(ends[max(np.searchsorted(ends, start + step, side="right") - 1, np.searchsorted(ends, start, side="right"))])
        rows = by_task[start:stop]
        own, list_ = _signs(orders.ranks[rows]), _signs(orders.shown[rows])
        peers[rows] = _tau_b(own, _signs(consensus[rows]))
        shown[rows] = _tau_b(own, list_)
        others[rows] = _others(own, list_, orders.task[rows])
        known = with_gold[rows]
        gold[rows[known]] = _tau_b(own[:, known], _signs(orders.gold[orders.task[rows[known]]]))
        start = stop
    return Agreements(gold=gold, peers=peers, shown=shown, others=others)


def tau_b(one: Floats, other: Floats) -> Floats:
    """Kendall's tau-b of rows of ranks, over the passages that both rank. NaN where either ties all of them."""
    return _tau_b(_signs(one), _signs(other))


def _signs(ranks: Floats) -> Signs:
    """(N (N - 1) / 2, rows): 1 where the first passage of a pair is ahead, -1 where behind, 0 where tied, NaN where one is not ranked."""
    import numpy as np

    first, second = np.triu_indices(ranks.shape[1], 1)
    columns = np.ascontiguousarray(ranks.T, dtype=np.float32)
    return np.asarray(np.sign(columns[second] - columns[first]))


def _tau_b(a: Signs, b: Signs) -> Floats:
    import numpy as np

    product = a * b
    if np.isnan(product).any():
        both = ~np.isnan(product)
        a, b, product = np.where(both, a, 0), np.where(both, b, 0), np.where(both, product, 0)
    norm = np.sqrt((a * a).sum(axis=0, dtype=float) * (b * b).sum(axis=0, dtype=float))
    return np.asarray(np.where(norm > 0, product.sum(axis=0) / np.where(norm > 0, norm, 1.0), np.nan))


def _others(own: Signs, shown: Signs, task: Whole) -> Floats:
    """See Agreements.others. Rows are sorted by task. A mean of cosines with one list is the cosine with the mean of the unit vectors."""
    import numpy as np

    known = (~np.isnan(own)).sum(axis=0)
    unit = np.nan_to_num(own)
    length = np.sqrt((unit * unit).sum(axis=0) * known)
    unit /= np.where(length > 0, length, 1.0).astype(np.float32)
    _, starts, group = np.unique(task, return_index=True, return_inverse=True)
    count = np.bincount(group, length > 0)[group] - (length > 0)
    total = np.add.reduceat(unit, starts, axis=1)[:, group]
    return np.asarray(np.where(count > 0, ((total - unit) * np.nan_to_num(shown)).sum(axis=0) / np.maximum(count, 1), np.nan))


def pairs_of(orders: Orders) -> Pairs:
    """Every order of 8 passages or more with those of its task submitted before it: the last 20 at most, so that work grows with R."""
    import numpy as np

    by_task = np.lexsort((orders.when, orders.task))
    task, long = orders.task[by_task], orders.size[by_task] >= _SHORTEST
    found: list[tuple[Any, Any]] = []
    for back in range(1, min(_EARLIER, len(task) - 1) + 1):
        at = np.flatnonzero((task[back:] == task[:-back]) & long[back:])
        found.append((by_task[at + back], by_task[at]))
    empty = np.zeros(0, dtype=np.int64)
    later = np.concatenate([empty, *(pair[0] for pair in found)])
    earlier = np.concatenate([empty, *(pair[1] for pair in found)])
    places = _places(orders)
    return Pairs(later=later, earlier=earlier, swaps=swaps(places[later], places[earlier]))


def _places(orders: Orders) -> Whole:
    """Rows as permutations of range(N). Ties are broken, and passages not ranked put last, at random: a tie is no evidence of a copy."""
    import numpy as np

    rows, width = orders.ranks.shape
    guess = np.random.default_rng(0).random((rows, width))
    # Columns beyond the task's passages come last, in their own order, and so count as no swap.
    beyond = np.arange(width) >= orders.size[:, None]
    key = np.where(beyond, 2.0 * width + np.arange(width), np.where(np.isnan(orders.ranks), width + guess, orders.ranks + guess / 4))
    return np.asarray(np.argsort(np.argsort(key, axis=1), axis=1))


def swaps(one: Whole, other: Whole) -> Whole:
    """Fewest exchanges of two passages, adjacent or not, that turn rows of permutations into another's: N - cycles (Cayley 1849)."""
    import numpy as np

    rows, width = one.shape
    step = np.take_along_axis(np.argsort(one, axis=1), other, axis=1) if rows else one
    least = np.broadcast_to(np.arange(width), (rows, width)).copy()
    for _ in range(max(width - 1, 1).bit_length()):  # doubles how far along its cycle each passage has looked
        least = np.minimum(least, np.take_along_axis(least, step, axis=1))
        step = np.take_along_axis(step, step, axis=1)
    return np.asarray(width - (least == np.arange(width)).sum(axis=1))
