"""Every statistic of two orders against its definition, on every ordered pair of weak orders: python -m tests.ranking.agreement_proof [N].

N passages (5 unless told, 541 weak orders, 292,681 pairs) for pairs that rank the same passages, 4 at most for pairs that rank any part of
them (150 orders, the empty one too, 22,500 pairs).
"""

from __future__ import annotations

import functools
import sys
from collections import Counter
from collections.abc import Callable, Iterable

from app.ranking.evaluation import rank_agreement as ours
from app.ranking.evaluation.rbo import Ties, rbo
from app.ranking.evaluation.statistic import Statistic
from app.ranking.evaluation.weak_orders import WeakOrder
from tests.ranking import agreement_oracles as oracles
from tests.ranking.agreement_oracles import Order

NEAR = 1e-12
Numbers = tuple[float, ...] | None
Check = Callable[[Order, Order], tuple[Numbers, Numbers]]
TIES: tuple[Ties, ...] = ("a", "b", "w")


@functools.cache
def weak(order: Order, relevant: int | None = None) -> WeakOrder:
    """The program's value; groups after the first `relevant` ones, if any are, are not relevant."""
    cut = len(order) if relevant is None else relevant
    return WeakOrder.of(order[:cut], [passage for group in order[cut:] for passage in group])


def _value(found: Statistic) -> Numbers:
    return None if found.value is None else (found.value,)


def _one(statistic: Callable[[WeakOrder, WeakOrder], Statistic], oracle: Callable[[Order, Order], float | None]) -> Check:
    def check(first: Order, second: Order) -> tuple[Numbers, Numbers]:
        wanted = oracle(first, second)
        return _value(statistic(weak(first), weak(second))), None if wanted is None else (wanted,)

    return check


def _ndcg(irrelevant: int, k: int) -> Check:
    """With the judge's last groups not relevant, and a depth."""

    def check(first: Order, second: Order) -> tuple[Numbers, Numbers]:
        relevant = max(len(second) - irrelevant, 0)
        wanted = oracles.ndcg(first, second, relevant=relevant, k=k)
        return _value(ours.ndcg_under(weak(first), weak(second, relevant), k=k)), None if wanted is None else (wanted,)

    return check


def _rbo(ties: Ties) -> Check:
    def check(first: Order, second: Order) -> tuple[Numbers, Numbers]:
        found = rbo(weak(first), weak(second), p=oracles.P, ties=ties)
        bounds = None if found.low is None or found.value is None or found.high is None else (found.low, found.value, found.high)
        return bounds, oracles.rbo(first, second, ties)

    return check


CHECKS: dict[str, Check] = {
    "tau_b": _one(ours.tau_b, oracles.tau_b),
    "kendall_distance": _one(ours.kendall_distance, oracles.kendall_distance),
    "expected_distance": _one(ours.expected_distance, oracles.expected_distance),
    "footrule": _one(ours.footrule, oracles.footrule),
    "tau_ap_a": _one(ours.tau_ap_a, oracles.tau_ap_a),
    "tau_ap_b": _one(ours.tau_ap_b, oracles.tau_ap_b),
    "ndcg": _ndcg(0, 99),
    "ndcg, last group not relevant": _ndcg(1, 99),
    "ndcg@2": _ndcg(1, 2),
    **{f"rbo-{ties}, with bounds": _rbo(ties) for ties in TIES},
}


def agree(found: Numbers, wanted: Numbers) -> bool:
    """Both undefined, or all numbers within 1e-12."""
    if found is None or wanted is None:
        return found is wanted
    return len(found) == len(wanted) and all(abs(a - b) <= NEAR for a, b in zip(found, wanted, strict=True))


def mismatches(pairs: Iterable[tuple[Order, Order]]) -> tuple[Counter[str], Counter[str], list[str]]:
    """(pairs with a number, mismatches, the first ones in words), by statistic."""
    defined, wrong, words = Counter[str](), Counter[str](), list[str]()
    for first, second in pairs:
        for name, check in CHECKS.items():
            found, wanted = check(first, second)
            defined[name] += wanted is not None
            if not agree(found, wanted):
                wrong[name] += 1
                words += [f"{name} of {first} and {second}: {found} for {wanted}"] if len(words) < 10 else []
    return defined, wrong, words


def same_passages(n: int) -> list[Order]:
    """All weak orders of n passages."""
    return list(oracles.weak_orders("abcde"[:n]))


def main(n: int) -> int:
    """Write the counts; 1 where anything differs."""
    failed = 0
    for title, orders in ((f"same {n} passages", same_passages(n)), ("any part", list(oracles.partial_orders("abcd"[: min(n, 4)])))):
        defined, wrong, words = mismatches((first, second) for first in orders for second in orders)
        sys.stdout.write(f"{title}: {len(orders)} orders, {len(orders) ** 2:,} ordered pairs\n")
        for name in CHECKS:
            sys.stdout.write(f"  {name}: {defined[name]:,} defined, {wrong[name]} mismatches\n")
        sys.stdout.writelines(f"  {word}\n" for word in words)
        failed += wrong.total()
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
