"""Synthetic rows of the embedded model: what is taught, and with which weight."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ranking.models.nano import cards
from app.ranking.models.nano.vocabulary import IDS, UNKNOWN, decode
from training import nano_data
from training.config import load_recipe

STAGE = load_recipe("smoke").start.stages[0]


@given(st.integers(0, 2**32), st.integers(1, 20), st.sampled_from([0.0, 1.0]))
def test_rows_are_true_traces(seed: int, size: int, free: float) -> None:
    example = nano_data.draw(random.Random(seed), size, free)
    row = nano_data.row(example, STAGE, 1.0)
    text = decode(row["input_ids"])
    assert IDS[UNKNOWN] not in row["input_ids"]
    assert len(row["weights"]) == len(row["input_ids"])
    prompt, _, answer = text.partition(" <assistant> ")
    assert not any(row["weights"][: len(prompt.split()) + 1])
    grades = [cards.grade(example.plan, digits) for digits in example.cards]
    order = [example.numbers[at] for at in cards.best_order(grades)]
    assert [int(word.strip("[]>")) for word in answer.split("<answer> ")[1].split(" </answer>")[0].split()] == order
    plan, *_ = cards.read_plan(answer) or (None,)
    assert plan == example.plan


@given(st.integers(0, 2**32))
def test_given_plans_are_not_learned(seed: int) -> None:
    rng = random.Random(seed)
    for free, weight in ((1.0, 0.0), (0.0, 1.0)):
        row = nano_data.row(nano_data.draw(rng, 3, free), STAGE, 1.0)
        words = decode(row["input_ids"]).split()
        weights = [row["weights"][at] for at, word in enumerate(words) if word.startswith(("first:", "then:"))]
        assert weights == [weight, weight]


def test_soft_targets_sum_to_one_and_centre_on_the_grade() -> None:
    row = nano_data.row(nano_data.draw(random.Random(1), 4, 1.0), STAGE, 1.0)
    for at in set(row["soft_at"]):
        shares = {i: s for a, i, s in zip(row["soft_at"], row["soft_ids"], row["soft_shares"], strict=True) if a == at}
        assert sum(shares.values()) == pytest.approx(1.0)
        assert max(shares, key=shares.__getitem__) == row["input_ids"][at]


def test_the_same_seed_draws_the_same_rows() -> None:
    recipe = load_recipe("smoke")
    assert list(nano_data.stage_rows(recipe, 0, 3)) == list(nano_data.stage_rows(recipe, 0, 3))
    assert list(nano_data.stage_rows(recipe, 0, 3)) != list(nano_data.stage_rows(recipe, 0, 4))


def test_digits_stay_digits() -> None:
    rng = random.Random(5)
    lists = [nano_data.draw_cards(rng, 20) for _ in range(200)]
    assert {digit for rows in lists for row in rows for digit in row} == set(range(10))
    assert all(len(row) == 6 for rows in lists for row in rows)
