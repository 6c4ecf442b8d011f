"""Hindsight plans: what a plan ordered is explained by one that orders it alike, and traces are true to the last word."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.evaluation.metrics import ndcg
from app.ranking.models.nano import cards as nano
from app.ranking.models.nano.cards import CHOICES, Plan, best_order, grade, read_plan, write_reasoning
from app.ranking.models.nano.plans import usual_plan
from training.datasets.hindsight import explain, follows_grammar, gains_of, trace_of, true_trace
from training.nano_data import draw_cards

plans = st.builds(Plan, first=st.sampled_from(CHOICES), then=st.sampled_from(CHOICES))
lists = st.builds(lambda seed, size: draw_cards(random.Random(seed), size), st.integers(0, 10_000), st.integers(1, 20))


def order_of(plan: Plan, cards: tuple[nano.Digits, ...]) -> tuple[int, ...]:
    return best_order([grade(plan, digits) for digits in cards])


def wanting(order: tuple[int, ...]) -> list[int]:
    """Gains of an order, as of an example without grades."""
    example = {"passages": [{"id": at} for at in range(len(order))], "order": list(order), "grades": {}}
    return gains_of(example)


@given(plans, lists)
@settings(max_examples=100, deadline=None)
def test_a_list_ordered_by_a_plan_is_explained_exactly(plan: Plan, cards: tuple[nano.Digits, ...]) -> None:
    order = order_of(plan, cards)
    found = explain(cards, wanting(order))
    assert found.agreement == pytest.approx(1.0) and found.order[:10] == order[:10]
    assert found.order == order_of(found.plan, cards)
    trace = trace_of(found.plan, cards)
    assert true_trace(trace, found.order, cards) and read_plan(trace) is not None and read_plan(trace)[0] == found.plan  # type: ignore[index]


@given(lists, st.data())
@settings(max_examples=50, deadline=None)
def test_no_plan_agrees_better_than_the_one_that_is_found(cards: tuple[nano.Digits, ...], data: st.DataObject) -> None:
    grades = data.draw(st.lists(st.integers(0, 3), min_size=len(cards), max_size=len(cards)))
    found = explain(cards, grades)
    wanted = {str(at): value for at, value in enumerate(grades)}
    scores = {
        Plan(first=first, then=then): ndcg([str(at) for at in order_of(Plan(first=first, then=then), cards)], wanted)
        for first in CHOICES
        for then in CHOICES
    }
    assert len(scores) == 49 and found.agreement == max(scores.values()) == scores[found.plan]


@given(lists)
@settings(max_examples=30, deadline=None)
def test_among_equally_good_plans_it_is_the_usual_one(cards: tuple[nano.Digits, ...]) -> None:
    assert explain(cards, [0] * len(cards)).plan == usual_plan(cards)
    assert explain(cards, [1] * len(cards)).plan == usual_plan(cards)


def test_a_near_plan_is_taken_before_a_far_one() -> None:
    # Two cards that only meaning tells apart: every plan with any weight on meaning, which is each of the 49, puts the second first.
    cards = ((5, 1, 5, 5, 5, 5), (5, 9, 5, 5, 5, 5))
    assert explain(cards, [0, 1]).plan == usual_plan(cards)
    # The usual plan gives meaning two more: the first has 24, the second 29. Of the plans (all, x) only words as x turns them round.
    cards = ((9, 2, 3, 3, 2, 1), (1, 4, 4, 4, 4, 4))
    usual = usual_plan(cards)
    assert usual == Plan(first="all", then="meaning") and order_of(usual, cards) == (1, 0)
    assert explain(cards, [1, 0]).plan == Plan(first="all", then="words")


@pytest.mark.parametrize(
    ("grades", "order", "gains"),
    [
        ({"a": 0, "b": 2, "c": 1}, ["c", "b", "a"], [0, 2, 1]), ({"a": 0}, ["c", "b", "a"], [1, 2, 3]), ({}, ["b", "a", "c"], [2, 3, 1]),
        ({"b": -1, "a": 1}, ["b", "a", "c"], [1, 0, 0]),
    ],
)  # fmt: skip
def test_gains_are_the_grades_or_made_of_the_order(grades: dict[str, int], order: list[str], gains: list[int]) -> None:
    assert gains_of({"passages": [{"id": one} for one in "abc"], "grades": grades, "order": order}) == gains


def test_gains_of_a_long_order_end_after_the_tenth() -> None:
    assert wanting(tuple(range(12))) == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0]


CARDS = ((9, 9, 9, 9, 9, 9), (0, 0, 0, 0, 0, 0))
TRACE = write_reasoning(Plan(), CARDS)


@pytest.mark.parametrize(
    ("trace", "order", "readable", "true"),
    [
        (TRACE, (0, 1), True, True),
        (TRACE, (1, 0), False, False),  # the answer takes the lower grade first
        (TRACE.replace("g49", "g48"), (0, 1), True, False),
        (TRACE.replace("+words", "+lead"), (0, 1), True, False),
        (TRACE.replace("weigh ", ""), (0, 1), False, False),
        (TRACE + " [3] g01 +none -none", (0, 1), False, False),
        (TRACE.rsplit(" ", 4)[0], (0, 1), False, False),
        ("Passage [1] says it.", (0, 1), False, False),
        ("", (0, 1), False, False),
    ],
)  # fmt: skip
def test_traces_are_read_by_the_grammar_and_checked_against_the_cards(
    trace: str, order: tuple[int, ...], readable: bool, true: bool
) -> None:
    assert "g49" in TRACE and "+words" in TRACE
    assert follows_grammar(trace, order, 2) is readable and true_trace(trace, order, CARDS) is true
