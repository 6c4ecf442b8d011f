"""Judging the judges: likeness of orders by hand and against other tools, one simulated campaign, and what is undefined."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import InputError
from app.ranking.evaluation import rater_orders, raters
from app.ranking.evaluation.raters import Rated, RaterReport, report
from benchmarks import campaign

WEAK = st.lists(st.integers(1, 4), min_size=2, max_size=7)


def rated(annotator: str, task: str, order: str, **more: object) -> Rated:
    """`order` as letters, groups apart by blanks; shown in the order of the alphabet."""
    letters = tuple(sorted(order.replace(" ", "")))
    groups = tuple(tuple(group) for group in order.split()) if " " in order else tuple((letter,) for letter in order)
    return replace(Rated(annotator=annotator, task=task, shown=letters, groups=groups, when=0), **more)  # type: ignore[arg-type]


def by_definition(one: list[int], other: list[int]) -> float:
    """Concordant less discordant pairs over the geometric mean of the pairs that each does not tie."""
    pairs = list(itertools.combinations(range(len(one)), 2))
    signs = [[(values[a] > values[b]) - (values[a] < values[b]) for a, b in pairs] for values in (one, other)]
    untied = math.prod(sum(abs(sign) for sign in row) for row in signs)
    return sum(a * b for a, b in zip(*signs, strict=True)) / math.sqrt(untied) if untied else math.nan


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_tau_b_is_kendalls(data: st.DataObject) -> None:
    one = data.draw(WEAK)
    other = data.draw(st.lists(st.integers(1, 4), min_size=len(one), max_size=len(one)))
    got = float(rater_orders.tau_b(np.array([one], float), np.array([other], float))[0])
    assert got == pytest.approx(by_definition(one, other), abs=1e-6, nan_ok=True)


def test_tau_b_is_over_the_passages_that_both_rank() -> None:
    # Of 1 2 3 - and 2 1 - 3 only the first two passages are common, and they are the other way about.
    ranks = np.array([[1, 2, 3, np.nan]]), np.array([[2, 1, np.nan, 3]])
    assert rater_orders.tau_b(*ranks)[0] == -1.0


def test_swaps_are_the_fewest_exchanges() -> None:
    """Breadth first over all orders of five."""
    start, reached, edge = tuple(range(5)), {tuple(range(5)): 0}, [tuple(range(5))]
    while edge:
        grown = []
        for order, (a, b) in itertools.product(edge, itertools.combinations(range(5), 2)):
            other = list(order)
            other[a], other[b] = other[b], other[a]
            if tuple(other) not in reached:
                reached[tuple(other)] = reached[order] + 1
                grown.append(tuple(other))
        edge = grown
    orders = np.array(list(reached))
    assert len(orders) == 120
    assert rater_orders.swaps(np.tile(start, (120, 1)), orders).tolist() == list(reached.values())


def test_scores_have_mean_0_and_unit_variance_with_ties_and_gaps() -> None:
    scores = rater_orders.normal_scores(np.array([[1, 2.5, 2.5, 4, np.nan], [1.5, 1.5, np.nan, np.nan, np.nan]]))
    assert scores.sum(axis=1) == pytest.approx([0, 0]) and (scores**2).sum(axis=1) == pytest.approx([3, 0])
    assert scores[0] == pytest.approx([math.sqrt(1.5), 0, 0, -math.sqrt(1.5), 0], abs=1e-9)


def test_agreements_by_hand() -> None:
    gold = (("a",), ("b",), ("c",))
    found = report([rated("x", "1", "abc", gold=gold), rated("y", "1", "bac", gold=gold), rated("x", "2", "ab c"), rated("y", "2", "cab")])
    # x agrees with gold wholly; y has one of three pairs the other way about: 1/3.
    assert (found["x"].gold_agreement.value, found["x"].gold_agreement.n) == (1.0, 1)
    assert found["y"].gold_agreement.value == pytest.approx(1 / 3)
    # Task 1: x is the shown list (1), y has 1/3 with it. Task 2: {ab} c has 2 / sqrt(2 * 3) with abc, c a b has -1/3.
    assert found["x"].position_bias.value == pytest.approx(((1 - 1 / 3) + (2 / math.sqrt(6) + 1 / 3)) / 2, abs=1e-6)
    assert found["x"].position_bias.low is None and "fewer than 3" in found["x"].position_bias.why
    assert found["x"].tied == pytest.approx((0 + 1 / 3) / 2)


def test_what_is_undefined_says_why() -> None:
    one = report([rated("x", "1", "abcd"), rated("x", "2", "abcd", groups=(("a", "b", "c", "d"),))])["x"]
    for mean in (one.gold_agreement, one.peer_agreement, one.position_bias, one.speed):
        assert mean.value is None and mean.n == 0 and mean.why
    assert one.copying.share is None and one.copying.why and not one.flags
    assert report([]) == {}


def test_an_unranked_passage_says_nothing() -> None:
    rows = [rated(who, str(task), "abcdefghij", when=task) for task in range(10) for who in "xy"]
    partial = [replace(row, groups=row.groups[:2]) if row.annotator == "y" else row for row in rows]
    assert report(partial)["x"].peer_agreement.value == 1.0
    assert report(partial)["y"].tied == pytest.approx(44 / 45)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([rated("x", "1", "ab"), rated("x", "1", "ba")], "two orders of task '1'"),
        ([rated("x", "1", "ab", groups=(("a",), ("a",)))], "names a passage twice"),
        ([rated("x", "1", "ab", groups=(("a", "z"),))], "placed 'z'"),
    ],
)
def test_bad_input_is_refused(rows: list[Rated], why: str) -> None:
    with pytest.raises(InputError, match=why):
        report(rows)


@pytest.mark.parametrize(("free", "value"), [(2, 4.303), (3, 3.182), (5, 2.571), (10, 2.228), (30, 2.042), (120, 1.980)])
def test_students_quantile(free: int, value: float) -> None:
    assert raters._student(free) == pytest.approx(value, rel=0.04 if free == 2 else 0.01)  # printed tables of t


def test_fast_is_against_others_on_the_same_task() -> None:
    rows = [rated(who, str(task), "abcd", seconds=(10.0 if who == "x" else 100.0) * (1 + task)) for task in range(8) for who in "xyz"]
    found = report(rows)
    assert [flag.kind for flag in found["x"].flags] == ["fast"] and found["x"].speed.value == pytest.approx(0.1)
    # y against the geometric mean of 10 and 100.
    assert found["y"].speed.value == pytest.approx(math.sqrt(10)) and not found["y"].flags


SETTING = campaign.Setting(name="slice", length=10)


@pytest.fixture(scope="module")
def planted() -> tuple[campaign.Campaign, dict[str, RaterReport]]:
    made = campaign.simulate(SETTING, 3)
    return made, report(made.rated)


def test_the_campaign_is_what_it_says(planted: tuple[campaign.Campaign, dict[str, RaterReport]]) -> None:
    made, _ = planted
    crews: dict[str, set[str]] = {}
    for row in made.rated:
        crews.setdefault(row.task, set()).add(row.annotator)
    assert len(crews) == 400 and all(len(crew) == 3 for crew in crews.values())
    assert all(sum(row.annotator == name for row in made.rated) == 40 for name in made.kinds)
    assert sorted(made.kinds.values()) == sorted(["honest"] * 21 + [*campaign.KINDS] * 3)
    assert len({row.task for row in made.rated if row.gold}) == 40


@pytest.mark.parametrize("tau", [0.3, 0.6, 0.9])
def test_honest_orders_have_their_tau(tau: float) -> None:
    draw, truth = random.Random(0), [f"p{at}" for at in range(10)]
    taus = [
        by_definition(list(range(10)), [order.index(p) for p in truth])
        for order in (campaign.mallows(truth, tau, draw) for _ in range(300))
    ]
    assert np.mean(taus) == pytest.approx(tau, abs=0.03)  # standard error .012 at most


def test_planted_annotators_are_flagged(planted: tuple[campaign.Campaign, dict[str, RaterReport]]) -> None:
    made, found = planted
    right = [name for name, kind in made.kinds.items() if kind != "honest" and kind in {flag.kind for flag in found[name].flags}]
    wrong = [name for name, kind in made.kinds.items() if kind == "honest" and found[name].flags]
    assert len(right) >= 8 and len(wrong) <= 1  # of 9 and 21
    for one in found.values():
        for flag in one.flags:
            assert flag.statistic >= flag.threshold and flag.n >= 8 and flag.sentence.endswith(".")
    copier = next(name for name, kind in made.kinds.items() if kind == "copier")
    assert found[copier].copying.share == pytest.approx(0.8, abs=0.2) and found[copier].copying.n == 40


def test_a_clean_campaign_has_no_more_than_one_flag() -> None:
    found = report(campaign.simulate(replace(SETTING, planted=0), 4).rated)
    assert sum(bool(one.flags) for one in found.values()) <= 1


def test_short_lists_raise_no_flag_of_laziness() -> None:
    draw = random.Random(2)
    rows = []
    for task in range(30):
        orders = {"x": "abcde", "y": "abcde", "z": "".join(draw.sample("abcde", 5))}
        rows += [rated(who, str(task), order, shown=tuple(draw.sample("abcde", 5)), when=task) for who, order in orders.items()]
    found = report(rows)
    assert found["z"].unread_odds > 1.0 and not found["z"].flags  # shown, not held against anybody
    assert "lazy" in {flag.kind for flag in report(rows, raters.Thresholds(passages=5))["z"].flags}


def test_the_source_of_a_copy_is_not_the_copier() -> None:
    draw = random.Random(5)
    rows, letters = [], "abcdefghij"
    for task in range(20):
        orders = {who: "".join(draw.sample(letters, 10)) for who in "xyz"}
        orders["z"] = orders["y"]  # y submits before z
        rows += [rated(who, str(task), order, when=3 * task + at) for at, (who, order) in enumerate(orders.items())]
    found = report(rows)
    assert "copier" in {flag.kind for flag in found["z"].flags} and found["z"].copying.peer == "y"
    assert found["z"].copying.share == pytest.approx(1.0, abs=0.01)
    assert not {flag.kind for one in (found["x"], found["y"]) for flag in one.flags} & {"copier"}


def test_a_shown_order_that_all_agree_with_is_no_bias() -> None:
    """Everybody is shown one good list and orders much like it: the others' orders say how much that is."""
    made = campaign.simulate(replace(SETTING, planted=0, one_list=True), 1)
    found = report(made.rated)
    assert not any(flag.kind == "position_bias" for one in found.values() for flag in one.flags)
    follower = made.rated[0].annotator
    biased = report([replace(row, groups=tuple((p,) for p in row.shown)) if row.annotator == follower else row for row in made.rated])
    assert [name for name, one in biased.items() if "position_bias" in {flag.kind for flag in one.flags}] == [follower]


def test_names_and_order_of_submissions_do_not_matter(planted: tuple[campaign.Campaign, dict[str, RaterReport]]) -> None:
    made, found = planted
    mixed = random.Random(0).sample(made.rated, len(made.rated))
    assert report(mixed) == found


def test_wilson_by_hand() -> None:
    # 8 of 10: centre (.8 + 1.9207 / 10) / 1.38415, half 1.95996 sqrt(.016 + .96036 / 100) / 1.38415 (Wilson's formula, by calculator)
    values = campaign.wilson(8, 10)
    assert (values["low"], values["high"]) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert campaign.wilson(0, 0)["rate"] is None
