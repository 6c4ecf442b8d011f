"""Agreement of orders by definition: all ways to break ties, all ordered pairs, all depths. Slow, and apart from the program's code.

An order is a tuple of tuples of passages, best group first. Ties have no closed form here: ranks come from enumerating strict orders.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

Order = tuple[tuple[str, ...], ...]
Strict = tuple[str, ...]
P = 0.5
DEPTHS = 60  # 0.5^60 is below what a float next to 1 can tell


def weak_orders(passages: Sequence[str]) -> Iterator[Order]:
    """Every weak order of the passages: 1, 1, 3, 13, 75, 541 for 0 to 5 of them."""
    if not passages:
        yield ()
    for size in range(1, len(passages) + 1):
        for group in itertools.combinations(passages, size):
            rest = [passage for passage in passages if passage not in group]
            yield from ((group, *tail) for tail in weak_orders(rest))


def partial_orders(passages: Sequence[str]) -> Iterator[Order]:
    """Every weak order of every part of the passages."""
    for size in range(len(passages) + 1):
        for some in itertools.combinations(passages, size):
            yield from weak_orders(some)


@functools.cache
def strict_orders(order: Order) -> tuple[Strict, ...]:
    """All ways to break the ties."""
    return tuple(tuple(itertools.chain(*ways)) for ways in itertools.product(*(itertools.permutations(group) for group in order)))


@functools.cache
def places(order: Order) -> dict[str, tuple[int, ...]]:
    """Passage -> its ranks from 1 in all strict orders."""
    ways = strict_orders(order)
    return {passage: tuple(way.index(passage) + 1 for way in ways) for group in order for passage in group}


@functools.cache
def within(order: Order, passages: frozenset[str]) -> Order:
    """The order of some of its passages."""
    kept = (tuple(passage for passage in group if passage in passages) for group in order)
    return tuple(group for group in kept if group)


def common(first: Order, second: Order) -> tuple[Order, Order]:
    both = _passages(first) & _passages(second)
    return within(first, both), within(second, both)


@functools.cache
def signs(order: Order) -> dict[tuple[str, str], int]:
    """Ordered pair -> 1 where the first is always better, -1 where always worse, 0 where some strict orders say one and some the other."""
    at = places(order)
    return {
        (a, b): (all(x < y for x, y in zip(at[a], at[b], strict=True)) - all(x > y for x, y in zip(at[a], at[b], strict=True)))
        for a, b in itertools.permutations(sorted(at), 2)
    }


def tau_b(first: Order, second: Order) -> float | None:
    one, other = (signs(order) for order in common(first, second))
    scale = sum(sign * sign for sign in one.values()) * sum(sign * sign for sign in other.values())
    return sum(one[pair] * other[pair] for pair in one) / math.sqrt(scale) if scale else None


def kendall_distance(first: Order, second: Order) -> float | None:
    one, other = (signs(order) for order in common(first, second))
    return sum(abs(one[pair] - other[pair]) for pair in one) / 2 / len(one) if one else None


def expected_distance(first: Order, second: Order) -> float | None:
    one, other = common(first, second)
    if sum(map(len, one)) < 2:
        return None
    return _dealt(tuple(map(len, one)), tuple(map(len, other)))


@functools.cache
def _dealt(first: tuple[int, ...], second: tuple[int, ...]) -> float:
    """Mean distance over all ways to deal passages to the second order's places."""
    names = [str(at) for at in range(sum(first))]
    found = [kendall_distance(_filled(first, names), _filled(second, dealt)) or 0.0 for dealt in itertools.permutations(names)]
    return math.fsum(found) / len(found)


def _filled(sizes: Sequence[int], names: Sequence[str]) -> Order:
    each = iter(names)
    return tuple(tuple(itertools.islice(each, size)) for size in sizes)


def footrule(first: Order, second: Order) -> float | None:
    one, other = (places(order) for order in common(first, second))
    if len(one) < 2:
        return None
    apart = sum(abs(Fraction(sum(one[each]), len(one[each])) - Fraction(sum(other[each]), len(other[each]))) for each in one)
    return float(1 - apart / _widest(len(one)))


@functools.cache
def _widest(n: int) -> int:
    return max(sum(abs(a - b) for a, b in enumerate(order)) for order in itertools.permutations(range(n)))


def tau_ap_a(truth: Order, estimate: Order) -> float | None:
    true, guess = common(truth, estimate)
    if len(true) < 2 or any(len(group) > 1 for group in true):
        return None
    ways = strict_orders(guess)
    return float(sum((_tau_ap(strict_orders(true)[0], way) for way in ways), Fraction()) / len(ways))


@functools.cache
def _tau_ap(true: Strict, walked: Strict) -> Fraction:
    shares = [
        Fraction(sum(true.index(above) < true.index(passage) for above in walked[:at]), at) for at, passage in enumerate(walked) if at
    ]
    return 2 * sum(shares, Fraction()) / len(shares) - 1


def tau_ap_b(first: Order, second: Order) -> float | None:
    one, other = (signs(order) for order in common(first, second))
    if not any(one.values()) or not any(other.values()):
        return None
    return float((_half(one, other) + _half(other, one)) / 2)


def _half(truth: dict[tuple[str, str], int], walked: dict[tuple[str, str], int]) -> Fraction:
    """Mean over passages with something above of the mean of 1 for each pair that the truth has so too, -1 for others."""
    means = list[Fraction]()
    for passage in {one for one, _ in walked}:
        found = [1 if truth[pair] == 1 else -1 for pair, sign in walked.items() if sign == 1 and pair[1] == passage]
        if found:
            means.append(Fraction(sum(found), len(found)))
    return sum(means, Fraction()) / len(means)


def ndcg(run: Order, judge: Order, *, relevant: int, k: int) -> float | None:
    """`relevant` groups of the judge are relevant: the last has gain 1, those after have 0."""
    walked, _ = common(run, judge)
    gain = {passage: max(relevant - level, 0) for level, group in enumerate(judge) for passage in group}
    gains = [gain[passage] for group in walked for passage in group]
    if len(set(gains)) < 2:
        return None
    ways = [_dcg(tuple(gain[passage] for passage in way), k) for way in strict_orders(walked)]
    return math.fsum(ways) / len(ways) / _ideal(tuple(sorted(gains)), k)


@functools.cache
def _dcg(gains: tuple[int, ...], k: int) -> float:
    return math.fsum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains[:k], 1))


@functools.cache
def _ideal(gains: tuple[int, ...], k: int) -> float:
    return max(_dcg(each, k) for each in itertools.permutations(gains))


@functools.cache
def parts(order: Order, depth: int, ties: str) -> dict[str, float]:
    """Passage -> share of the strict orders that have it within the depth; for w, 1 as soon as any has."""
    if ties == "w":
        return {passage: float(min(ranks) <= depth) for passage, ranks in places(order).items()}
    return {passage: sum(rank <= depth for rank in ranks) / len(ranks) for passage, ranks in places(order).items()}


def agreement(one: dict[str, float], other: dict[str, float], depth: int, ties: str, more: float = 0.0) -> float:
    """A_d of Corsi and Urbano, from the parts of passages within a depth, and `more` overlap."""
    overlap = more + math.fsum(part * other.get(passage, 0.0) for passage, part in one.items())
    if ties == "w":
        return 2 * overlap / (math.fsum(one.values()) + math.fsum(other.values()))
    squares = math.fsum(part * part for part in one.values()) * math.fsum(part * part for part in other.values())
    return overlap / depth if ties == "a" else overlap / math.sqrt(squares)


def rbo(first: Order, second: Order, ties: str) -> tuple[float, float, float] | None:
    """(lower bound, value, upper bound) with p = 0.5: bounds by going on with real passages, the value by the definition of each depth."""
    short, long = sorted((first, second), key=lambda order: sum(map(len, order)))
    if not short:
        return None
    mine, theirs = tuple(itertools.chain(*short)), tuple(itertools.chain(*long))
    own, lacked = (tuple(one for one in a if one not in b) for a, b in ((theirs, mine), (mine, theirs)))
    low = _continued((short, long), (("s",), ("l",)), ties)
    high = _continued((short, long), ((*own, "new"), (*lacked, "new")), ties)
    s, n = len(mine), len(theirs)
    values = [_seen(short, long, depth, ties) for depth in range(1, s + 1)]
    for depth in range(s + 1, n + 1):
        begun = [part for one, part in parts(long, depth, ties).items() if one in own and part]
        # Unseen passages of the short list, each as far in the long one as that one's own are on average, times the share seen so far.
        ghosts = {f"ghost{at}": 1.0 for at in range(depth - s)}
        more = (depth - s) * values[s - 1] * math.fsum(begun) / len(begun)
        values.append(agreement({**parts(short, depth, ties), **ghosts}, parts(long, depth, ties), depth, ties, more))
    last = (n - len(own) + (n - s) * values[s - 1]) / n
    return low, _weighed(values) + last * _weighed([1.0] * (DEPTHS - n), n + 1), high


@functools.lru_cache(maxsize=1000)  # asked for each pair three times in a row
def _seen(first: Order, second: Order, depth: int, ties: str) -> float:
    return agreement(parts(first, depth, ties), parts(second, depth, ties), depth, ties)


def _continued(orders: tuple[Order, Order], tails: tuple[tuple[str, ...], tuple[str, ...]], ties: str) -> float:
    """RBO of two orders that go on with passages without ties; the last name of a tail goes on for ever, numbered."""
    ends = [sum(map(len, order)) for order in orders]
    known = max(ends)
    values = list[float]()
    for depth in range(1, known + 1):
        if depth <= min(ends):
            values.append(_seen(*orders, depth, ties))
            continue
        both = [
            {**parts(order, depth, ties), **dict.fromkeys(_tail(tail)[: max(0, depth - end)], 1.0)}
            for order, tail, end in zip(orders, tails, ends, strict=True)
        ]
        values.append(agreement(both[0], both[1], depth, ties))
    return _weighed(values) + _beyond(*(_passages(order) for order in orders), *tails)


@functools.cache
def _tail(tail: tuple[str, ...]) -> tuple[str, ...]:
    return (*tail[:-1], *(f"{tail[-1]}{at}" for at in range(DEPTHS)))


@functools.cache
def _passages(order: Order) -> frozenset[str]:
    return frozenset(itertools.chain(*order))


@functools.cache
def _beyond(first: frozenset[str], second: frozenset[str], tail: tuple[str, ...], other: tuple[str, ...]) -> float:
    """What the depths add from where both orders are wholly seen up to the last."""
    start = max(len(first), len(second)) + 1
    values = [
        len((first | {*_tail(tail)[: depth - len(first)]}) & (second | {*_tail(other)[: depth - len(second)]})) / depth
        for depth in range(start, DEPTHS + 1)
    ]
    return _weighed(values, start)


def _weighed(values: Sequence[float], start: int = 1) -> float:
    return (1 - P) / P * math.fsum(P**depth * value for depth, value in enumerate(values, start))
