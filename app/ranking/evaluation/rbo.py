"""Rank-biased overlap of two lists with ties (Webber, Moffat and Zobel, TOIS 2010; ties: Corsi and Urbano, SIGIR 2024).

RBO = (1 - p) / p * sum over depths d of p^d * A_d, with A_d the agreement of the two lists down to depth d. Lists are prefixes of longer
ones that nobody saw: the value extrapolates what was seen, the bounds allow for any continuation without ties. With c(e, d) the part of
passage e that lies within the first d ranks, and X_d = sum over e of c_S(e, d) * c_L(e, d):

- w: a tie means equal ranks, so a group counts whole as soon as it begins. A_d = 2 X_d / (sum c_S + sum c_L).
- a: a tie means that the order is not known; c is the share of the group's ranks within d, A_d = X_d / d, which makes RBO the mean over all
  ways to break the ties. A list with ties agrees with itself by less than 1.
- b: as a, corrected for what ties hide: A_d = X_d / (sqrt(sum c_S^2) * sqrt(sum c_L^2)). It stands to a as tau-b to tau-a, and a list
  agrees with itself by 1. The default, because two judges are compared, neither of whom is the truth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import SettingsError
from .statistic import Statistic, undefined
from .weak_orders import WeakOrder

Ties = Literal["a", "b", "w"]
BOUNDS = "bounds over what the lists leave open"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """A group of ties on ranks `first` to `last`, from 1."""

    first: int
    last: int
    passages: tuple[str, ...]

    def part(self, depth: int, ties: Ties) -> float:
        """c(e, d) of each of its passages."""
        if depth < self.first:
            return 0.0
        return 1.0 if ties == "w" or depth >= self.last else (depth - self.first + 1) / len(self.passages)

    def squares(self, depth: int, ties: Ties) -> float:
        """Sum of c(e, d)^2 of the whole list, for a depth within this group. For w a square is the part itself, 1."""
        return self.first - 1 + len(self.passages) * self.part(depth, ties) ** 2


def rbo(first: WeakOrder, second: WeakOrder, *, p: float = 0.9, ties: Ties = "b") -> Statistic:
    """Extrapolated RBO, from 0 to 1, `low` and `high` the bounds of Webber et al. `n` counts the passages of either list.

    Passages that are not relevant are the last group of ties. Raises SettingsError unless 0 < p < 1. Undefined for an empty list.
    """
    if not 0.0 < p < 1.0:
        raise SettingsError(f"p is {p}: it must lie between 0 and 1 (0.9 sets about 86 % of the weight on the first 10 ranks)")
    short, long = sorted((_by_rank(first.stated), _by_rank(second.stated)), key=len)
    name, n = f"RBO-{ties} (p={p:g})", len({*first.levels(), *second.levels()})
    if not short:
        return undefined(name, n, "one of the two ranked nothing: overlap needs at least one passage each")
    low, value, high = _three(short, long, p, ties)
    return Statistic(name=name, value=min(value, 1.0), n=n, low=max(0.0, low), high=min(high, 1.0), interval=BOUNDS)


def _by_rank(groups: Sequence[Sequence[str]]) -> list[_Group]:
    """The group that stands on each rank."""
    ranks = list[_Group]()
    for passages in groups:
        ranks += [_Group(first=len(ranks) + 1, last=len(ranks) + len(passages), passages=tuple(passages))] * len(passages)
    return ranks


def _places(ranks: Sequence[_Group]) -> dict[str, _Group]:
    return {passage: group for group in ranks for passage in group.passages}


def _overlaps(short: Sequence[_Group], long: Sequence[_Group], ties: Ties) -> Iterator[float]:
    """X_d for each depth of the long list. Only passages of the groups at a depth change their part there."""
    places, others = _places(short), _places(long)
    products = dict.fromkeys(places.keys() & others.keys(), 0.0)
    for depth, group in enumerate(long, 1):
        moved = {*group.passages, *(short[depth - 1].passages if depth <= len(short) else ())}
        for passage in moved & products.keys():
            products[passage] = places[passage].part(depth, ties) * others[passage].part(depth, ties)
        yield math.fsum(products.values())


def _agreement(both: float, short: float, long: float, depth: int, ties: Ties) -> float:
    if ties == "w":
        return 2.0 * both / (short + long)
    return both / depth if ties == "a" else both / math.sqrt(short * long)


def _three(short: Sequence[_Group], long: Sequence[_Group], p: float, ties: Ties) -> tuple[float, float, float]:
    """(lower bound, extrapolated, upper bound): depths of both lists, then of the longer one only, then beyond."""
    s, n = len(short), len(long)
    known = _places(short).keys()
    own = {group: sum(passage not in known for passage in group.passages) for group in dict.fromkeys(long)}
    low = value = high = last = seen = 0.0
    for depth, seen in enumerate(_overlaps(short, long, ties), 1):
        squares = long[depth - 1].squares(depth, ties)
        if depth <= s:
            least = likely = most = last = _agreement(seen, short[depth - 1].squares(depth, ties), squares, depth, ties)
        else:
            # The short list goes on without ties: depth - s passages of it were not seen. How many of them are in the long list?
            group = long[depth - 1]
            above = sum(many for other, many in own.items() if other.first < group.first)
            likely, most = _unseen(above, own[group], group.part(depth, ties), depth - s)
            guesses = (0.0, last * (depth - s) * likely, most)
            least, likely, most = (_agreement(seen + more, float(depth), squares, depth, ties) for more in guesses)
        weight = p**depth
        low, value, high = low + weight * least, value + weight * likely, high + weight * most
    low_tail, high_tail = _tails(round(seen), s, n, p)
    tail = (seen + (n - s) * last) / n * p ** (n + 1) / (1.0 - p)
    scale = (1.0 - p) / p
    return scale * (low + low_tail), scale * (value + tail), scale * (high + high_tail)


def _unseen(above: int, here: int, part: float, unseen: int) -> tuple[float, float]:
    """Of the long list's own passages, those in groups above and the `here` of the group at a depth: mean and best parts."""
    best = min(unseen, above)
    return (above + here * part) / (above + here), best + (unseen - best) * part


def _tails(seen: int, s: int, n: int, p: float) -> tuple[float, float]:
    """Sums of p^d * A_d beyond both lists, with `seen` passages in common: nothing more in common, and all that can be.

    At best the lists take up each other's passages first (two more in common a depth, until all are), and then the same new ones.
    """
    whole = s + n - seen
    least = seen * (-math.log1p(-p) - math.fsum(p**depth / depth for depth in range(1, n + 1)))
    rising = math.fsum(p**depth * (2 * depth - s - n + seen) / depth for depth in range(n + 1, whole + 1))
    return least, rising + p ** (whole + 1) / (1.0 - p)
