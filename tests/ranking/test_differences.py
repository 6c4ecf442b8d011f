"""Differences of two systems, Holm's rule, queries needed, averages over topics and sets: worked by hand, and what must not matter."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import InputError
from app.ranking.evaluation.averages import averages
from app.ranking.evaluation.differences import Compared, difference, differences, holm, queries_needed, to_frame
from app.ranking.evaluation.statistic import Resampling

QUICK = Resampling(samples=400)
NAMED = Compared(measure="nDCG@10", first="new", second="old", how=QUICK)
VALUES = st.integers(0, 4).map(lambda n: n / 4)
PAIRS = st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=20)


def two(pairs: list[tuple[float, float]]) -> tuple[dict[str, float], dict[str, float]]:
    return {f"{n}": one for n, (one, _) in enumerate(pairs)}, {f"{n}": other for n, (_, other) in enumerate(pairs)}


def test_by_hand() -> None:
    # Differences .1, .3, -.1, 0: mean .075, squares about it .000625 + .050625 + .030625 + .005625 = .0875, s = sqrt(.0875 / 3).
    first, second = {"a": 0.5, "b": 0.8, "c": 0.2, "d": 0.0}, {"a": 0.4, "b": 0.5, "c": 0.3, "d": 0.0}
    found = difference(first, second, NAMED)
    spread = math.sqrt(0.0875 / 3)
    assert (found.n, found.wins, found.ties, found.losses) == (4, 2, 1, 1)
    assert found.mean == pytest.approx(0.075) and found.deviation == pytest.approx(spread)
    assert found.effect == pytest.approx(0.075 / spread)
    # Of 16 sign flips, |sum| >= .3 where .1 and -.1 do not work against .3: sums .5, .3, .3, .1 and their negatives, each twice for the 0.
    assert found.p == pytest.approx(12 / 16) and found.p_corrected == found.p and found.family == 1
    # z(.975) + z(.8) = 1.959964 + 0.841621
    assert found.smallest == pytest.approx(2.801585 * spread / 2, rel=1e-6)
    assert found.more == math.ceil((2.801585 * spread / 0.075) ** 2) - 4 == 37
    assert found.low <= found.mean <= found.high
    assert found.text.startswith("nDCG@10: new is better by 0.0750 than old [")
    assert "better on 2 of 4 queries, equal on 1, worse on 1 (p = 0.7500). That could be chance: were it the true difference," in found.text
    assert found.text.endswith("about 37 more queries would be needed to show it four times out of five.")


def test_what_is_told_needs_no_more_queries() -> None:
    rng = random.Random(2)
    old = {("set", f"{n}"): rng.random() for n in range(60)}
    found = difference({key: value - 0.1 + rng.gauss(0, 0.05) for key, value in old.items()}, old, NAMED)
    assert found.p < 0.01 and found.more is None and found.high < 0.0
    assert f"new is worse by {-found.mean:.4f} than old [" in found.text and found.text.endswith(").")


def test_equal_systems_and_differences_that_cancel_out() -> None:
    same = difference({"a": 0.1 + 0.2}, {"a": 0.3}, NAMED)  # differ by rounding only
    assert (same.ties, same.p, same.more, same.effect, same.smallest) == (1, 1.0, None, None, None)
    assert same.text == "nDCG@10: new and old are equal on all 1 queries."
    out = difference({"a": 0.2, "b": 0.4}, {"a": 0.4, "b": 0.2}, NAMED)
    assert (out.mean, out.effect) == pytest.approx((0.0, 0.0)) and (out.p, out.more) == (1.0, None)
    assert "no different on average from old" in out.text and out.text.endswith("More queries like these would show nothing either.")


def test_few_queries_never_tell() -> None:
    # 5 of 5 won by the same: the least p of 5 topics is 2 / 2^5 > .05, and 6 topics could tell.
    found = difference({f"{n}": 1.0 for n in range(5)}, {f"{n}": 0.5 for n in range(5)}, NAMED)
    assert found.p == 2 / 32 and found.more == 1 and found.effect is None and "about 1 more query would" in found.text
    assert difference({f"{n}": 1.0 for n in range(6)}, {f"{n}": 0.5 for n in range(6)}, NAMED).more is None


def test_queries_needed() -> None:
    # (2.801585 * 2)^2 = 31.4: as many for a difference of half a standard deviation.
    assert queries_needed(0.1, 0.2) == queries_needed(-0.1, 0.2) == 32
    assert queries_needed(0.0, 0.2) is None and queries_needed(0.5, 0.0) == 6 and queries_needed(0.5, 0.0, level=0.99) == 8
    assert (queries_needed(0.1, 0.2, level=0.99) or 0) > 32


def test_holm_by_hand() -> None:
    # Sorted .01, .02, .04, .05: times 4, 3, 2, 1 gives .04, .06, .08, .05, and none below one before it.
    assert holm([0.04, 0.01, 0.05, 0.02]) == pytest.approx((0.08, 0.04, 0.08, 0.06))
    assert holm([0.6, 0.7]) == (1.0, 1.0) and holm([]) == ()


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_lies_between_no_correction_and_bonferronis(ps: list[float]) -> None:
    for p, corrected in zip(ps, holm(ps), strict=True):
        assert p <= corrected <= min(1.0, len(ps) * p) + 1e-12


def test_a_family_is_all_that_are_compared_with_one() -> None:
    rng = random.Random(4)
    old = {f"{n}": rng.random() for n in range(40)}
    systems = {"old": old} | {
        name: {key: value + rng.gauss(by, 0.1) for key, value in old.items()} for name, by in (("a", 0.04), ("b", 0.1))
    }
    rows = differences(systems, "old", "RR", QUICK)
    assert [(row.first, row.second, row.measure, row.family) for row in rows] == [("a", "old", "RR", 2), ("b", "old", "RR", 2)]
    assert [row.p_corrected for row in rows] == list(holm([row.p for row in rows]))
    alone = difference(systems["a"], old, Compared(measure="RR", first="a", second="old", how=QUICK))
    assert replace(rows[0], p_corrected=alone.p, family=1, text=alone.text, more=alone.more) == alone
    assert "by Holm's rule for 2 comparisons" in rows[1].text
    unsure = differences(
        {**systems, "c": {key: value + 0.01 * (-1) ** int(key) + 0.002 for key, value in old.items()}}, "old", "RR", QUICK
    )[2]
    wanted = queries_needed(unsure.mean, unsure.deviation, level=1 - 0.05 / 3)
    assert unsure.p_corrected > 0.05 and wanted is not None and unsure.more == wanted - 40
    table = to_frame(rows)
    assert table["first"].tolist() == ["a", "b"] and table["wins"].tolist() == [row.wins for row in rows]
    assert list(to_frame([]).columns) == list(table.columns)
    with pytest.raises(InputError, match="no system 'c' to compare with: there are old, a, b"):
        differences(systems, "c")
    assert differences({"old": old}, "old") == ()


@settings(deadline=None, max_examples=40)
@given(PAIRS, st.randoms(use_true_random=False))
def test_neither_the_order_of_topics_nor_that_of_systems_matters(pairs: list[tuple[float, float]], rng: random.Random) -> None:
    first, second = two(pairs)
    found = difference(first, second, NAMED)
    topics = list(first)
    rng.shuffle(topics)
    assert difference({topic: first[topic] for topic in topics}, second, NAMED) == found
    turned = difference(second, first, NAMED)
    assert (turned.wins, turned.losses, turned.ties, turned.p, turned.more) == (found.losses, found.wins, found.ties, found.p, found.more)
    assert (turned.mean, turned.low, turned.high) == pytest.approx((-found.mean, -found.high, -found.low), abs=1e-12)
    assert found.wins + found.losses + found.ties == found.n == len(pairs)
    # Where it is told, nothing more is needed; where it isn't, at least one more query is, but for a mean of 0.
    assert (found.more is None) is (found.p < 0.05 or abs(found.mean) < 1e-9)
    assert found.more is None or found.more >= 1


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ({"a": 1.0}, {"b": 1.0}, r"2 topics are of new or old only \(a, b\): compare both on the same qrels"),
        ({("s", "a"): 1.0}, {}, r"1 topics are of new or old only \(s a\)"),
        ({}, {}, "need a finite value for at least one topic"),
        ({"a": math.nan}, {"a": 1.0}, "need a finite value for at least one topic"),
    ],
)
def test_what_cannot_be_compared(first: dict[str, float], second: dict[str, float], says: str) -> None:
    with pytest.raises(InputError, match=says):
        difference(first, second, NAMED)


def test_averages_by_hand() -> None:
    values = {("big", "1"): 0.0, ("big", "2"): 0.5, ("big", "3"): 1.0, ("small", "1"): 0.9, ("far", "1"): 0.3}
    found = averages(values, {"big": True, "small": True, "far": False, "absent": False}, QUICK)
    assert found.all.topics.mean == pytest.approx(2.7 / 5) and found.all.sets.mean == pytest.approx((0.5 + 0.9 + 0.3) / 3)
    assert found.all.names == ("big", "small", "far") and found.all.sets.n == 5
    assert found.in_source is not None and found.unseen is not None
    assert found.in_source.topics.mean == pytest.approx(2.4 / 4) and found.in_source.sets.mean == pytest.approx(0.7)
    assert found.unseen.sets.mean == found.unseen.sets.low == found.unseen.sets.high == 0.3 and found.unseen.names == ("far",)
    # A set of one topic can't vary: the set mean varies by a third of what the big set's does, from 0 to 1.
    assert 0.399 < found.all.sets.low < found.all.sets.mean < found.all.sets.high < 0.4 + 1 / 3 + 0.001
    assert averages(values, {"big": True, "small": True, "far": True}, QUICK).unseen is None


def test_an_interval_over_sets_draws_within_each_set() -> None:
    # All topics of a set are alike: there is nothing to draw, however much the sets differ.
    values = {(name, f"{n}"): value for name, value in (("a", 0.1), ("b", 0.9)) for n in range(5)}
    found = averages(values, {"a": False, "b": False}, QUICK)
    assert found.all.sets.low == pytest.approx(0.5) and found.all.sets.high == pytest.approx(0.5) and found.in_source is None
    assert found.all.topics.high - found.all.topics.low > 0.2


def test_pieces_of_a_large_draw_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {("a", f"{n}"): n / 7 for n in range(7)}
    whole = averages(values, {"a": False}, QUICK)
    monkeypatch.setattr("app.ranking.evaluation.averages._AT_ONCE", 50)
    assert averages(values, {"a": False}, QUICK) == whole
    # One set: both means are of the same topics, drawn by the same seed.
    assert whole.all.sets == whole.all.topics


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(st.tuples(st.sampled_from("ab"), st.sampled_from("12345")), VALUES, min_size=1))
def test_the_order_of_topics_makes_no_difference_to_averages(values: dict[tuple[str, str], float]) -> None:
    sides = {"a": True, "b": False}
    found, turned = averages(values, sides, QUICK), averages(dict(reversed(values.items())), sides, QUICK)
    assert (turned.in_source, turned.unseen) == (found.in_source, found.unseen)
    assert (turned.all.topics, turned.all.sets) == (found.all.topics, found.all.sets)


def test_averages_need_values_and_sides() -> None:
    with pytest.raises(InputError, match="nothing to average"):
        averages({}, {})
    with pytest.raises(InputError, match="whether b is in source or unseen"):
        averages({("a", "1"): 1.0, ("b", "1"): 1.0}, {"a": True})
