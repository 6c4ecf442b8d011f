"""Stability of repeated rankings: values worked by hand, and the general measures as oracles of the fast ones."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import InputError, SettingsError
from app.ranking.evaluation.rank_agreement import tau_b
from app.ranking.evaluation.rbo import rbo
from app.ranking.evaluation.stability import consensus, overlap, rank_intervals, stability, tau
from app.ranking.evaluation.weak_orders import WeakOrder

ABCD = tuple("abcdefgh")


def test_two_orders_by_hand() -> None:
    # X_d of abc and bac: 0, 2, 3. p = .5: (1 - p) / p = 1; .5 * 0 + .25 * 2 / 2 + .125 * 3 / 3 + .125 = .5. One of three pairs is swapped.
    assert overlap("abc", "bac", 0.5) == pytest.approx(0.5)
    assert tau("abc", "bac") == pytest.approx(1 / 3)
    assert overlap("abc", "abc") == pytest.approx(1.0) and tau("abc", "cba") == -1.0


def test_three_runs_of_two_topics_by_hand() -> None:
    runs = {"one": {"q": "abc", "r": "xy"}, "two": {"q": "bac", "r": "xy"}, "three": {"q": "abc", "r": "xy", "only here": "z"}}
    values = {"one": {"q": 0.5, "r": 1.0}, "two": {"q": 0.2, "r": 1.0}, "three": {"q": 0.6, "r": 1.0}}
    found = stability(runs, values, p=0.5, samples=200)
    q, r = found.topics
    # Pairs of q: one-two .5, one-three 1, two-three .5; tau 1/3, 1, 1/3.
    assert (q.topic, q.passages, q.firsts) == ("q", 3, 2) and q.rbo == pytest.approx(2 / 3) and q.tau == pytest.approx(5 / 9)
    assert q.spread == pytest.approx(0.4) and (r.tau, r.firsts, r.spread) == (1.0, 1, 0.0)
    assert r.rbo == pytest.approx(1.0)
    assert found.rbo.mean == pytest.approx(5 / 6) and found.rbo.n == 2 and found.same_first == 0.5
    assert found.spread is not None and found.spread.mean == pytest.approx(0.2)
    assert found.means == {"one": 0.75, "two": pytest.approx(0.6), "three": pytest.approx(0.8)}
    frame = found.to_frame()
    assert list(frame.index) == ["q", "r"] and frame.loc["q", "high"] == 0.6


@settings(deadline=None, max_examples=60)
@given(st.permutations(ABCD), st.permutations(ABCD), st.integers(1, 8), st.sampled_from((0.5, 0.9, 0.98)))
def test_the_fast_ones_are_the_general_ones(first: list[str], second: list[str], cut: int, p: float) -> None:
    for one, other in ((first, second), (first[:cut], second), (first[:cut], second[:cut])):
        wanted = rbo(WeakOrder.of(one), WeakOrder.of(other), p=p).value
        assert wanted is not None and overlap(one, other, p) == pytest.approx(wanted, abs=1e-12)
        general = tau_b(WeakOrder.of(one), WeakOrder.of(other)).value
        found = tau(one, other)
        assert (found is None) == (general is None) and (general is None or found == pytest.approx(general))


def test_keys_that_are_pairs_stay_whole() -> None:
    runs = {name: {("set", "1"): "ab", ("set", "2"): "ba"} for name in ("one", "two")}
    found = stability(runs, samples=50)
    assert list(found.to_frame().index) == [("set", "1"), ("set", "2")] and found.spread is None and found.means == {}


def test_rank_intervals_by_hand() -> None:
    # a before b in 2 of 3, both before c in 3 and 2 of 3.
    a, b, c = rank_intervals(["abc", "acb", "bac"])
    assert [(one.passage, one.rank, one.best, one.worst) for one in (a, b, c)] == [("a", 1, 1, 2), ("b", 2, 1, 3), ("c", 3, 2, 3)]
    assert (a.firm, b.firm, c.firm) == (0.5, 0.0, 0.5)


def test_consensus_over_topics() -> None:
    found = consensus({"q": ["abc", "acb", "bac"], "r": ["xy", "xy"], "once": ["xy"]}, depth=2, samples=100)
    # First two of q: .5 and 0; of r: 1 and 1.
    assert found.firm.mean == pytest.approx(0.625) and found.firm.n == 2 and found.orders == (2, 3)
    assert list(found.to_frame()["passage"]) == ["a", "b", "c", "x", "y"]


def test_what_cannot_be_compared_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="two or more runs"):
        stability({"one": {"q": "ab"}})
    with pytest.raises(InputError, match="no topic in common"):
        stability({"one": {"q": "ab"}, "two": {"r": "ab"}})
    with pytest.raises(InputError, match="'a' stands in two places"):
        stability({"one": {"q": "aab"}, "two": {"q": "aab"}})
    with pytest.raises(SettingsError, match="p is 1"):
        stability({"one": {"q": "ab"}, "two": {"q": "ab"}}, p=1.0)
    with pytest.raises(InputError, match="same passages"):
        rank_intervals(["ab", "ac"])
    with pytest.raises(InputError, match="no topic has two"):
        consensus({"q": ["ab"]})
    assert not math.isnan(stability({"one": {"q": "a"}, "two": {"q": "a"}}, samples=10).rbo.mean)
