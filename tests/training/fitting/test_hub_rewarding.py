"""The reward as a trainer calls it: the frame of an answer, views on the curves, views left out. No torch here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.ranking.errors import SettingsError
from training.fitting.rewarding import Scored, reward_of, text_of

GOOD = "<think>why</think> <answer> [2] > [1] > [3] </answer>"
LAST = "<think>why</think> <answer> [1] > [3] > [2] </answer>"


def called(
    scored: Scored, *answers: Any, grades: dict[str, int] | None = None
) -> tuple[list[float], dict[str, float], dict[str, list[Any]]]:
    metrics: dict[str, float] = {}
    extra: dict[str, list[Any]] = {}
    many = len(answers)
    rewards = scored(
        completions=list(answers), log_extra=extra.__setitem__, log_metric=metrics.__setitem__, prompts=["?"] * many,
        shown=[["a", "b", "c"]] * many, grades=[json.dumps({"b": 1} if grades is None else grades)] * many,
        teacher_order=[["b", "a", "c"]] * many, id=[f"e{at}" for at in range(many)],
    )  # fmt: skip
    return rewards, metrics, extra


def message(text: str, **more: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text, **more}]


def test_rewards_views_and_columns() -> None:
    scored = Scored(reward_of("paper"), opened=False)
    rewards, metrics, extra = called(scored, message(GOOD), message(LAST), message("no"))
    # LAST: b third is NDCG 1 / log2(4); overlaps with b, a, c at depths 1, 2, 3 are 0, 1/2, 1 (their mean 0.5).
    assert rewards == pytest.approx([1.3, 0.5 + 0.2 + 0.1 * 0.5, -1.0])
    assert metrics == pytest.approx({"reward.ndcg": 0.75, "reward.recall": 1.0, "reward.rbo": 0.75, "clean": 2 / 3})
    assert extra["outcome"] == ["clean", "clean", "no_answer"] and extra["example"] == ["e0", "e1", "e2"]
    assert json.loads(extra["parts"][2]) == {} and json.loads(extra["parts"][0])["ndcg"] == 1.0
    assert (scored.__name__, scored.rollouts) == ("reward", 1)


def test_a_view_with_nothing_to_say_is_left_out_of_its_mean() -> None:
    rewards, metrics, _ = called(Scored(reward_of("paper"), opened=False), GOOD, grades={"b": 0})
    assert rewards == pytest.approx([0.1]) and metrics == pytest.approx({"reward.rbo": 1.0, "clean": 1.0})


def test_views_can_be_left_out() -> None:
    rewards, metrics, _ = called(Scored(reward_of("paper", ("recall", "rbo")), opened=False), GOOD)
    assert rewards == pytest.approx([1.0]) and set(metrics) == {"reward.ndcg", "clean"}
    with pytest.raises(SettingsError, match="has no view length: there are ndcg, recall, rbo"):
        reward_of("paper", ("length",))


def test_a_tag_that_the_chat_template_wrote_is_put_back() -> None:
    """Without it every answer would be a broken frame."""
    begun = GOOD.removeprefix("<think>")
    assert called(Scored(reward_of("paper"), opened=True), message(begun))[0] == pytest.approx([1.3])
    assert called(Scored(reward_of("paper"), opened=False), message(begun))[0] == [-1.0]


def test_a_trace_that_a_parser_took_out_is_put_back() -> None:
    told = message(" <answer> [2] > [1] > [3] </answer>", reasoning_content="why")
    assert text_of(told, opened=False) == text_of(told, opened=True) == GOOD
    assert text_of("text", opened=True) == "<think>text"
