"""Rank-biased overlap with ties: published numbers, the closed form without ties, bounds, and every small pair against its definition."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import SettingsError
from app.ranking.evaluation.rbo import Ties, rbo
from app.ranking.evaluation.weak_orders import WeakOrder
from tests.ranking.agreement_proof import CHECKS, TIES, agree, weak

# The example of the authors' repository (julian-urbano/sigir2024-rbo), with its published results for p = 0.95: value, lower, upper bound.
RED = WeakOrder.of([["red"], ["blue", "green"], ["yellow"], ["pink"]])
BLUE = WeakOrder.of([["blue", "red"], ["white"], ["yellow", "black", "purple"], ["green"]])
PUBLISHED: dict[Ties, tuple[float, float, float]] = {
    "a": (0.6922853, 0.3310519, 0.8930692),
    "b": (0.7207131, 0.3509163, 0.9129336),
    "w": (0.7068257, 0.3429684, 0.9049857),
}


def orders(passages: str = "abcdefgh", least: int = 1) -> st.SearchStrategy[tuple[tuple[str, ...], ...]]:
    """Weak orders of any part of the passages."""
    levels = st.dictionaries(st.sampled_from(passages), st.integers(0, 4), min_size=least)
    return levels.map(lambda found: tuple(tuple(sorted(p for p in found if found[p] == level)) for level in sorted(set(found.values()))))


@pytest.mark.parametrize("ties", TIES)
def test_published_numbers(ties: Ties) -> None:
    for pair in ((RED, BLUE), (BLUE, RED)):
        found = rbo(*pair, p=0.95, ties=ties)
        assert (found.value, found.low, found.high) == pytest.approx(PUBLISHED[ties], abs=5e-8)
        assert found.n == 8 and found.interval.startswith("bounds")


def test_without_ties_the_closed_form_of_webber() -> None:
    # Equation 32 of Webber, Moffat and Zobel: lists of s and l passages, X_d of the first d ranks of each.
    draw = random.Random(5)
    for _ in range(200):
        p = draw.uniform(0.1, 0.98)
        short, long = (draw.sample("abcdefghijkl", size) for size in sorted((draw.randint(1, 12), draw.randint(1, 12))))
        s, n = len(short), len(long)
        x = [len(set(short[:d]) & set(long[:d])) for d in range(n + 1)]
        sums = sum(x[d] / d * p**d for d in range(1, n + 1)) + sum(x[s] * (d - s) / s / d * p**d for d in range(s + 1, n + 1))
        wanted = (1 - p) / p * sums + ((x[n] - x[s]) / n + x[s] / s) * p**n
        for ties in TIES:
            found = rbo(weak(tuple((one,) for one in short)), weak(tuple((one,) for one in long)), p=p, ties=ties)
            assert found.value == pytest.approx(wanted, abs=1e-12)


def test_weight_of_the_first_ten_ranks() -> None:
    # Equation 21 of Webber et al.: what the error message says of p = 0.9.
    p, d = 0.9, 10
    weight = 1 - p ** (d - 1) + (1 - p) / p * d * (math.log(1 / (1 - p)) - sum(p**i / i for i in range(1, d)))
    assert round(weight, 2) == 0.86


@pytest.mark.parametrize("ties", TIES)
def test_every_small_pair_against_the_definition(ties: Ties) -> None:
    from tests.ranking.agreement_oracles import partial_orders

    small = list(partial_orders("abc"))
    check = CHECKS[f"rbo-{ties}, with bounds"]
    wrong = [(first, second) for first in small for second in small if not agree(*check(first, second))]
    assert len(small) == 26 and wrong == []


@settings(deadline=None, max_examples=60)
@given(orders(), orders(), st.floats(0.05, 0.98), st.sampled_from(TIES))
def test_symmetric_bounded_and_blind_to_names(
    first: tuple[tuple[str, ...], ...], second: tuple[tuple[str, ...], ...], p: float, ties: Ties
) -> None:
    found = rbo(weak(first), weak(second), p=p, ties=ties)
    back = rbo(weak(second), weak(first), p=p, ties=ties)
    assert found.value is not None and found.low is not None and found.high is not None
    assert (found.value, found.low, found.high) == pytest.approx((back.value, back.low, back.high), abs=1e-12)
    assert -1e-12 <= found.low <= found.value + 1e-12 and found.value <= found.high + 1e-12 and found.high <= 1.0
    renamed = [weak(tuple(tuple(f"#{ord(p) * 7 % 100}" for p in group) for group in order)) for order in (first, second)]
    assert rbo(*renamed, p=p, ties=ties).value == pytest.approx(found.value, abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(orders(), st.floats(0.05, 0.98))
def test_a_list_agrees_with_itself_unless_ties_hide_its_order(order: tuple[tuple[str, ...], ...], p: float) -> None:
    for ties in ("b", "w"):
        assert rbo(weak(order), weak(order), p=p, ties=ties).value == pytest.approx(1.0)
    value = rbo(weak(order), weak(order), p=p, ties="a").value
    assert value is not None and (value < 1.0 - 1e-9 if any(len(group) > 1 for group in order) else value == pytest.approx(1.0))


@settings(deadline=None, max_examples=60)
@given(st.permutations("abcdefgh"), st.permutations("abcdefgh"), st.integers(1, 8), st.integers(1, 8), st.sampled_from(TIES))
def test_whatever_comes_next_lies_within_the_bounds(first: list[str], second: list[str], m: int, n: int, ties: Ties) -> None:
    # The known parts begin with a tie, what comes after has none.
    whole = [weak((tuple(one[:2]), *((each,) for each in one[2:]))) for one in (first, second)]
    known = [weak((tuple(one[:2]), *((each,) for each in one[2 : max(2, size)]))) for one, size in ((first, m), (second, n))]
    inner, outer = rbo(*whole, ties=ties), rbo(*known, ties=ties)
    assert inner.low is not None and inner.high is not None and outer.low is not None and outer.high is not None
    assert outer.low <= inner.low + 1e-12 and inner.high <= outer.high + 1e-12


def test_what_is_undefined_says_why() -> None:
    nothing = rbo(RED, WeakOrder.of([], unranked=["red"]))
    assert nothing.value is None and nothing.why == "one of the two ranked nothing: overlap needs at least one passage each"
    with pytest.raises(SettingsError, match="p is 1"):
        rbo(RED, BLUE, p=1.0)


def test_passages_that_are_not_relevant_are_the_last_group() -> None:
    first = WeakOrder.of([["a"]], ["b", "c"], ["d"])
    assert rbo(first, BLUE) == rbo(WeakOrder.of([["a"], ["b", "c"]]), BLUE)
