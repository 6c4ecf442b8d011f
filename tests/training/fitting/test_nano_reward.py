"""The view of the reward that checks a trace against its cards."""

from __future__ import annotations

import json

import pytest

from app.ranking.models.nano import cards
from app.ranking.models.nano.cards import Plan
from training.fitting.nano_grpo import scored
from training.fitting.nano_rows import Lesson
from training.fitting.rewarding import reward_of

CARDS = ((9, 9, 9, 9, 9, 9), (4, 4, 4, 4, 4, 4), (0, 0, 0, 0, 0, 0))
ROW = {"shown": ["a", "b", "c"], "grades": json.dumps({"a": 3, "b": 1, "c": 0}), "teacher_order": ["a", "b", "c"]}
LESSON = Lesson(id="one", prompt=cards.prompt_text("heat", CARDS), cards=CARDS, gains=(3, 1, 0), row=ROW)
TRUE = cards.write_reasoning(Plan(), CARDS)


def answer(trace: str) -> str:
    return f"<think> {trace} </think> {cards.write_answer((0, 1, 2))}"


def test_a_true_trace_is_worth_all() -> None:
    found = scored(reward_of("studio"), answer(TRUE), LESSON)
    assert found.outcome == "clean"
    # 1 + 0.6 + 0.1 + 0.3 + 0.05: everything is as good as it can be.
    assert dict(found.parts) == {name: 1.0 for name in ("ndcg", "recall", "rbo", "faithful", "brevity")}
    assert found.total == pytest.approx(2.05)


def test_wrong_grades_and_reasons_cost() -> None:
    """The grade of `b` is 22: 25 makes a mean error of 1, half of what is too far; a wrong reason is one of three."""
    grades = scored(reward_of("studio"), answer(TRUE.replace("g22", "g25")), LESSON).parts["faithful"]
    assert grades == pytest.approx((1 - 1 / 2 + 1) / 2)
    assert "[2] g22 +none -words" in TRUE
    reasons = scored(reward_of("studio"), answer(TRUE.replace("[2] g22 +none", "[2] g22 +lead")), LESSON).parts["faithful"]
    assert reasons == pytest.approx((1 + 1 - 1 / 3) / 2)
    # 49 -> 19: a mean error of 10 is as bad as can be.
    far = scored(reward_of("studio"), answer(TRUE.replace("g49", "g19")), LESSON).parts["faithful"]
    assert far == pytest.approx(0.5)


def test_a_trace_that_is_not_whole_is_worth_nothing() -> None:
    cut = TRUE.rpartition(" [3]")[0]
    assert scored(reward_of("studio"), answer(cut), LESSON).parts["faithful"] == 0.0


def test_the_papers_reward_does_not_look_at_the_trace() -> None:
    whole, wrong = (scored(reward_of("paper"), answer(trace), LESSON) for trace in (TRUE, TRUE.replace("g49", "g00")))
    assert whole.total == wrong.total == pytest.approx(1.3)


def test_left_out_views_are_not_paid() -> None:
    found = scored(reward_of("studio", ("faithful", "brevity")), answer(TRUE), LESSON)
    assert found.total == pytest.approx(1.7) and set(found.parts) == {"ndcg", "recall", "rbo"}
