"""Statistics of two orders: by hand, by published numbers, by a reference, by their properties, and against their definitions.

All ordered pairs of weak orders of up to 4 passages are here, and a part of those of 5; `tests.ranking.agreement_proof` does all of them.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings

from app.ranking.errors import InputError, SettingsError
from app.ranking.evaluation import rank_agreement as ours
from app.ranking.evaluation.panels import Between
from app.ranking.evaluation.weak_orders import WeakOrder
from tests.ranking.agreement_oracles import Order, partial_orders
from tests.ranking.agreement_proof import mismatches, same_passages, weak
from tests.ranking.test_rbo import orders

ABC = weak((("a",), ("b",), ("c",)))
TIED = weak((("a",), ("b", "c")))
SYMMETRIC = (ours.tau_b, ours.tau_ap_b, ours.kendall_distance, ours.expected_distance, ours.footrule)


def by_score(scores: list[float]) -> WeakOrder:
    """Items by falling score, as ircor takes them."""
    return WeakOrder.of([[str(at) for at, score in enumerate(scores) if score == level] for level in sorted(set(scores), reverse=True)])


@pytest.mark.oracle
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4])
def test_every_pair_of_orders_of_the_same_passages(n: int) -> None:
    all_of = same_passages(n)
    assert len(all_of) == [1, 1, 3, 13, 75][n]
    _, wrong, words = mismatches((first, second) for first in all_of for second in all_of)
    assert not wrong, words


@pytest.mark.oracle
def test_some_pairs_of_five_and_of_parts_of_four() -> None:
    draw = random.Random(20240)
    for all_of, size in ((same_passages(5), 541), (list(partial_orders("abcd")), 150)):
        assert len(all_of) == size
        _, wrong, words = mismatches((draw.choice(all_of), draw.choice(all_of)) for _ in range(500))
        assert not wrong, words


def test_tau_b_of_a_tie_against_a_strict_order() -> None:
    # Two pairs alike, none opposite; the strict order has 3 untied pairs, the other 2: 2 / sqrt(6).
    assert ours.tau_b(TIED, ABC).value == pytest.approx(2 / 6**0.5) == pytest.approx(0.8165, abs=5e-5)
    # One pair of three is tied by one only: half of it counts. Expected: (1 - 1/3 * 0) / 2.
    assert ours.kendall_distance(TIED, ABC).value == pytest.approx(1 / 6)
    assert ours.expected_distance(TIED, ABC).value == 0.5
    assert ours.expected_distance(TIED, TIED).value == pytest.approx((1 - 1 / 9) / 2)
    # Ranks 1, 2.5, 2.5 against 1, 2, 3; the most for 3 is 4.
    assert ours.footrule(TIED, ABC).value == pytest.approx(1 - 1 / 4)


def test_tau_b_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    draw = random.Random(3)
    for _ in range(300):
        n, most = draw.randint(2, 30), draw.randint(1, 9)
        first, second = ([float(draw.randint(0, most)) for _ in range(n)] for _ in range(2))
        found, wanted = ours.tau_b(by_score(first), by_score(second)), stats.kendalltau(first, second).statistic
        assert (found.value is None and wanted != wanted) or found.value == pytest.approx(wanted, abs=1e-12)


# Published results of the authors' R package ircor (tests of its tauAP_a and tauAP_b): scores without and with ties.
X1 = [0.897, 0.372, 0.908, 0.898, 0.661, 0.062, 0.177, 0.384, 0.498, 0.992]
Y1 = [0.82, 0.406, 0.817, 0.953, 0.673, 0.073, 0.364, 0.547, 0.589, 0.988]
X1_TIES, Y1_TIES = [0.9, 0.4, 0.9, 0.9, 0.7, 0.1, 0.2, 0.4, 0.5, 1], [0.8, 0.4, 0.8, 1, 0.7, 0.1, 0.4, 0.5, 0.6, 1]
X3 = [0.185, 0.573, 0.944, 0.129, 0.468, 0.553, 0.761, 0.405, 0.976, 0.445]
Y3 = [0.845, 0.272, 0.275, 0.924, 0.605, 0.334, 0.162, 0.872, 0.018, 0.25]
X3_TIES, Y3_TIES = [0.2, 0.6, 0.9, 0.1, 0.5, 0.6, 0.8, 0.4, 1, 0.4], [0.8, 0.3, 0.3, 0.9, 0.6, 0.3, 0.2, 0.9, 0, 0.2]


@pytest.mark.parametrize(
    ("statistic", "first", "second", "wanted"),
    [
        (ours.tau_b, X1_TIES, Y1_TIES, 0.9398),
        (ours.tau_b, X3_TIES, Y3_TIES, -0.6510),
        (ours.tau_ap_a, X1, Y1, 0.8519),
        (ours.tau_ap_a, X3, Y3, -0.6971),
        (ours.tau_ap_a, X1, Y1_TIES, 0.7454),
        (ours.tau_ap_a, X3, Y3_TIES, -0.5558),
        (ours.tau_ap_b, X1, Y1, 0.8333),
        (ours.tau_ap_b, X1_TIES, Y1_TIES, 0.7321),
        (ours.tau_ap_b, X3_TIES, Y3_TIES, -0.7047),
    ],
)
def test_published_numbers(statistic: Between, first: list[float], second: list[float], wanted: float) -> None:
    assert statistic(by_score(first), by_score(second)).value == pytest.approx(wanted, abs=5e-5)


def test_ndcg_by_hand() -> None:
    run, judge = weak((("b",), ("a", "c"))), WeakOrder.of([["a"], ["b"]], ["c"])
    log3 = 1.584962500721156
    # Gains a 2, b 1, c 0. The tie of a and c has a mean gain of 1 at ranks 2 and 3.
    assert ours.ndcg_under(run, judge).value == pytest.approx((1 + 1 / log3 + 1 / 2) / (2 + 1 / log3))
    assert ours.ndcg_under(run, judge, k=2).value == pytest.approx((1 + 1 / log3) / (2 + 1 / log3))
    assert ours.ndcg_under(run, judge, grades={"a": 0, "c": 5}).value == pytest.approx((2.5 + 2.5 / log3) / 5)
    assert ours.ndcg_under(judge, judge).value == 1.0
    with pytest.raises(SettingsError, match="k is 0"):
        ours.ndcg_under(run, judge, k=0)


@pytest.mark.parametrize(
    ("statistic", "first", "second", "why"),
    [
        (ours.tau_b, "a", "b", "have no passages in common"),
        (ours.footrule, "ab", "bc", "have 1 passage in common"),
        (ours.kendall_distance, "", "abc", "have no passages in common"),
    ],
)
def test_too_little_in_common_says_so(statistic: Between, first: str, second: str, why: str) -> None:
    found = statistic(WeakOrder.of(first), WeakOrder.of(second))
    assert found.value is None and why in found.why


def test_what_has_no_order_says_so() -> None:
    flat = WeakOrder.of([("a", "b", "c")])
    assert ours.tau_b(flat, ABC).why == "one judge ties all 3 passages in common: there is no order to compare"
    assert ours.tau_ap_b(flat, flat).why == "both judges tie all 3 passages in common: there is no order to compare"
    assert ours.ndcg_under(ABC, flat).why == "the other judge gives all 3 passages in common the same gain: every order is ideal"
    assert ours.tau_ap_a(TIED, ABC).why.startswith("the judge taken as the truth has ties")
    assert ours.kendall_distance(flat, flat).value == 0.0 and ours.footrule(flat, ABC).value == 0.5
    assert ours.ndcg_under(flat, ABC).value is not None  # ties of the run have a value


def test_unranked_passages_are_left_out() -> None:
    first = WeakOrder.of([["a"], ["b"]], ["c"], ["d"])
    second = WeakOrder.of([["d"], ["c"], ["a"], ["b"]])
    assert ours.tau_b(first, second).n == 3
    assert ours.tau_b(first, second) == ours.tau_b(ABC, weak((("c",), ("a",), ("b",))))
    with pytest.raises(InputError, match="passage 'a' stands in two places"):
        WeakOrder.of([["a"], ["b"]], ["a"])


@settings(deadline=None, max_examples=80)
@given(orders(), orders())
def test_symmetric_bounded_and_blind_to_names(first: Order, second: Order) -> None:
    pair, back = (weak(first), weak(second)), (weak(second), weak(first))
    renamed = [weak(tuple(tuple(f"#{ord(p) * 7 % 100}" for p in group) for group in order)) for order in (first, second)]
    for statistic in SYMMETRIC:
        found = statistic(*pair)
        assert found.value == pytest.approx(statistic(*back).value, abs=1e-12) and found.n == statistic(*back).n
        assert found.value is None or -1.0 <= found.value <= 1.0
        assert statistic(*renamed).value == pytest.approx(found.value, abs=1e-12)
    found = ours.ndcg_under(*pair)
    assert found.value is None or 0.0 < found.value <= 1.0


@settings(deadline=None, max_examples=80)
@given(orders(least=2))
def test_an_order_agrees_with_itself_and_not_with_its_reverse(order: Order) -> None:
    one, reverse = weak(order), weak(order[::-1])
    assert ours.kendall_distance(one, one).value == 0.0 and ours.footrule(one, one).value == 1.0
    for statistic in (ours.tau_b, ours.tau_ap_b):
        if len(order) > 1:
            assert statistic(one, one).value == pytest.approx(1.0) and statistic(one, reverse).value == pytest.approx(-1.0)
    if len(order) > 1:
        assert ours.ndcg_under(one, one).value == pytest.approx(1.0)
    if all(len(group) == 1 for group in order):
        assert ours.tau_ap_a(one, one).value == pytest.approx(1.0) and ours.footrule(one, reverse).value == pytest.approx(0.0)


@settings(deadline=None, max_examples=60)
@given(orders("abcdef"), orders("abcdef"), orders("abcdef"))
def test_the_distance_is_a_metric_on_the_same_passages(first: Order, second: Order, third: Order) -> None:
    common = {p for g in first for p in g} & {p for g in second for p in g} & {p for g in third for p in g}
    one, two, three = (weak(tuple(tuple(p for p in group if p in common) for group in order)) for order in (first, second, third))
    a, b, c = (ours.kendall_distance(*pair).value for pair in ((one, two), (two, three), (one, three)))
    assert len(common) < 2 or (a is not None and b is not None and c is not None and c <= a + b + 1e-12)
