"""Rows of updates of the embedded model: what is learned of them, word by word."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from app.ranking.errors import InputError
from app.ranking.models.nano import cards
from app.ranking.models.nano.cards import Plan
from app.ranking.models.nano.vocabulary import IDS, WORDS, chat_text, decode
from tests.training.fitting import nano_made
from training.config import load_recipe
from training.fitting.nano_rows import TOO_LONG, Style, batches, cards_in, lessons, replayed, shuffled, trace_row

CARDS = ((9, 8, 7, 6, 5, 4), (0, 1, 2, 3, 4, 5), (5, 5, 5, 0, 0, 0))
PROMPT = cards.prompt_text("how does heat move through metal", CARDS)
STYLE = Style.of(load_recipe("smoke").start, 5.0)


def test_cards_are_read_back_from_a_prompt() -> None:
    assert cards_in(PROMPT) == CARDS
    assert cards_in("N2 len1 asks agree0 cover3") == ()


def test_a_row_teaches_the_true_trace_of_its_plan() -> None:
    plan = Plan(first="meaning", then="lead")
    row = trace_row(PROMPT, plan, STYLE)
    order = cards.best_order([cards.grade(plan, digits) for digits in CARDS])
    told = f"{chat_text(PROMPT)} <think> {cards.write_reasoning(plan, CARDS)} </think> {cards.write_answer(order)} <end>"
    assert decode(row["input_ids"]) == told


def test_weights_of_a_row() -> None:
    """Nothing of the prompt, five times the words of the plan, three times the grades, once the reasons."""
    row = trace_row(PROMPT, Plan(first="meaning", then="lead"), STYLE)
    weights = {word: weight for word, weight in zip(decode(row["input_ids"]).split(), row["weights"], strict=True)}
    assert weights["first:meaning"] == weights["then:lead"] == 5.0
    assert weights["weigh"] == pytest.approx(0.2)
    assert {weights[word] for word in weights if word.startswith("g") and word[1:].isdigit()} == {3.0}
    assert {weights[word] for word in weights if word.startswith(("+", "-"))} == {1.0}
    head = len(chat_text(PROMPT).split())
    assert set(row["weights"][:head]) == {0.0} and all(at >= head for at in row["soft_at"])


def test_replayed_rows_leave_the_choice_of_the_plan_alone() -> None:
    row = replayed(random.Random(1), STYLE)
    plan = [weight for token, weight in zip(row["input_ids"], row["weights"], strict=True) if WORDS[token].startswith(("first:", "then:"))]
    assert plan == [0.0, 0.0]
    assert max(row["weights"]) == 3.0


def test_batches_are_taught_rows_then_replayed_ones() -> None:
    taught = [trace_row(PROMPT, Plan(first=first), STYLE) for first in ("words", "meaning")]

    def made(seed: int) -> list[list[int]]:
        rng = random.Random(seed)
        return [row["input_ids"] for row in batches(shuffled(taught, rng), 3, 2, 1, rng, STYLE)]

    found = made(4)
    assert len(found) == 9
    own = [row["input_ids"] for row in taught]
    assert all((ids in own) == (at % 3 < 2) for at, ids in enumerate(found))
    assert made(4) == found and made(5) != found


def test_lessons_hold_prompt_cards_and_gains(tmp_path: Path) -> None:
    found, refused = lessons(nano_made.version(tmp_path / "v", "rl", 2), STYLE)
    assert refused == {} and len(found) == 2
    assert found[0].cards == cards_in(found[0].prompt) and len(found[0].cards) == 4
    # The teacher was shown p4, p3, p2, p1.
    assert found[0].row["shown"] == ["p4", "p3", "p2", "p1"] and found[0].gains == (0, 0, 1, 2)


def test_lists_that_are_too_long_are_refused_and_named(tmp_path: Path) -> None:
    version = nano_made.version(tmp_path / "v", "rl", 2)
    with pytest.raises(InputError, match=f"2 {TOO_LONG}"):
        lessons(version, replace(STYLE, max_length=30))


def test_a_version_without_lists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it holds none"):
        lessons(nano_made.version(tmp_path / "v", "sft", 2), STYLE)


def test_the_header_is_the_prompts_own() -> None:
    """The row is made of no query: the words that say something of the query must be the real ones."""
    row = trace_row(PROMPT, Plan(), STYLE)
    assert IDS["asks"] in row["input_ids"] and IDS["len1"] in row["input_ids"]
