"""The ranking in the middle of several: Kemeny's where it can be had exactly, Borda's elsewhere.

Kemeny's order disagrees with as few pairs as possible, over all rankings. It never sets a passage before one that beats it in every chain
of majorities (extended Condorcet criterion, Truchon 1998), so the strongly connected components of the majority graph can be ordered one
by one: only passages inside a component are contested.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

_EXACT = 8  # contested passages; beyond, the exact order takes too long


def central_order(rankings: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The central order of rankings, each a permutation of range(n), best first. Equally good orders: the smaller number first."""
    if not rankings:
        return ()
    n = len(rankings[0])
    ranks = [[0] * n for _ in rankings]
    for one, ranking in zip(ranks, rankings, strict=True):
        for rank, item in enumerate(ranking):
            one[item] = rank
    ahead = [[0] * n for _ in range(n)]
    for one in ranks:
        for i, row in enumerate(ahead):
            mine = one[i]
            for j in range(n):
                row[j] += mine < one[j]
    out: list[int] = []
    for block in _components(ahead):
        out += _kemeny(block, ahead) if len(block) <= _EXACT else _borda(block, ranks)
    return tuple(out)


def disagreements(order: Sequence[int], rankings: Sequence[Sequence[int]]) -> int:
    """Pairs on which an order and a ranking differ, summed over the rankings: what Kemeny's order has fewest of."""
    at = {item: rank for rank, item in enumerate(order)}
    return sum(at[a] > at[b] for ranking in rankings for place, a in enumerate(ranking) for b in ranking[place + 1 :])


def firmness(best: int, worst: int, n: int) -> float:
    """How firm a passage's rank is: 1 where all orders gave it the same of n ranks, 0 where one had it first and another last.

    An interval is the range of the ranks that were seen, no confidence interval. Were k orders made from shuffles drawn alike, an order
    from one more shuffle would put the passage outside its interval with a probability of 2 / (k + 1) at most: a third for k = 5. Where
    one passage's worst rank is better than another's best, every order agreed on the two; where intervals overlap orders may differ.
    """
    return 1.0 if n < 2 else 1 - (worst - best) / (n - 1)


def _components(ahead: Sequence[Sequence[int]]) -> list[list[int]]:
    """Strongly connected components of the majority graph (ties are edges both ways), the winners first.

    Between any two items there is an edge, so the components form a chain, and more wins mean an earlier component.
    """
    n = len(ahead)
    wins = [sum(ahead[i][j] >= ahead[j][i] for j in range(n) if j != i) for i in range(n)]
    chain = sorted(range(n), key=lambda item: (-wins[item], item))
    blocks: list[list[int]] = []
    start, reach = 0, 0
    for place, item in enumerate(chain):
        # As far down the chain as something stands that is not beaten by this item.
        last = next(other for other in range(n - 1, -1, -1) if other == place or ahead[chain[other]][item] >= ahead[item][chain[other]])
        reach = max(reach, last)
        if reach == place:
            blocks.append(sorted(chain[start : place + 1]))
            start = place + 1
            reach = start
    return blocks


def _kemeny(block: Sequence[int], ahead: Sequence[Sequence[int]]) -> list[int]:
    """The exact order of a few items, by dynamic programming over the sets of those placed already."""
    everything = (1 << len(block)) - 1

    @functools.cache
    def best(placed: int) -> tuple[int, int]:
        """(fewest disagreements among those not placed, the one to place next)."""
        if placed == everything:
            return 0, -1
        left = [at for at in range(len(block)) if not placed >> at & 1]
        return min((sum(ahead[block[o]][block[at]] for o in left if o != at) + best(placed | 1 << at)[0], at) for at in left)

    out, placed = list[int](), 0
    while placed != everything:
        at = best(placed)[1]
        out.append(block[at])
        placed |= 1 << at
    return out


def _borda(block: Sequence[int], ranks: Sequence[Sequence[int]]) -> list[int]:
    """By mean rank."""
    return sorted(block, key=lambda item: (sum(one[item] for one in ranks), item))
