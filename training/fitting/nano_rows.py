"""Rows for updates of the embedded model: true traces over the lists of a version, and synthetic lists that are replayed beside them.

A small update without replay unlearns the arithmetic that makes a trace true; replayed rows keep it, and leave the choice of the plan to
what is learned: their plans are random and only given. Measured in docs/experiments.md.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.ranking.errors import InputError
from app.ranking.models.nano.cards import Digits, Plan
from app.ranking.models.nano.grammar import longest
from app.ranking.models.nano.vocabulary import chat_text, encode
from training import nano_data
from training.config import ColdStart, Stage
from training.datasets.hindsight import gains_of
from training.datasets.rendering import Rendering, rows
from training.datasets.version import Version

Row = dict[str, Any]
TEMPLATE = "nano"
TOO_LONG = "longer than the recipe's max_length"

_CARD = re.compile(r"W(\d)M(\d) S(\d)C(\d) P(\d)L(\d) =\[\d+\]")
# Before the plan stand the think tag and `weigh`; the plan is two words.
_PLAN_AT = slice(2, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A list of the stage `rl`: the prompt as the model reads it, its cards, and what is wanted of each, one gain per card.

    `row` is the rendered row, for rewards.
    """

    id: str
    prompt: str
    cards: tuple[Digits, ...]
    gains: tuple[int, ...]
    row: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How the words of a row count in the loss: as in the last stage of the cold start, those of the plan `plan_weight` times.

    Replayed lists have as many cards as in that stage; `max_length` bounds prompt and trace, in tokens.
    """

    stage: Stage
    spread: float
    max_length: int
    plan_weight: float = 1.0

    @classmethod
    def of(cls, cold: ColdStart, plan_weight: float = 1.0) -> Style:
        """The style of a recipe."""
        return cls(stage=cold.stages[-1], spread=cold.grade_spread, max_length=cold.max_length, plan_weight=plan_weight)


def cards_in(prompt: str) -> tuple[Digits, ...]:
    """The cards of a prompt, in its order."""
    return tuple(tuple(int(digit) for digit in found.groups()) for found in _CARD.finditer(prompt))


def trace_row(prompt: str, plan: Plan, style: Style) -> Row:
    """The row that teaches the true trace of a plan over the cards of a prompt; columns as of `nano_data.row`."""
    cards = cards_in(prompt)
    example = nano_data.Example(query="", cards=cards, numbers=tuple(range(1, len(cards) + 1)), plan=plan, learn_plan=True)
    made = nano_data.row(example, style.stage, style.spread)
    # The prompt says five words of its query, whatever that is: the real ones take the place of those made of none.
    head = encode(chat_text(prompt))
    made["input_ids"][: len(head)] = head
    weights = made["weights"]
    at = slice(len(head) + _PLAN_AT.start, len(head) + _PLAN_AT.stop)
    weights[at] = [weight * style.plan_weight for weight in weights[at]]
    return made


def replayed(rng: random.Random, style: Style) -> Row:
    """A synthetic row whose plan is random, given and not learned."""
    size = rng.randint(style.stage.least, style.stage.most)
    return nano_data.row(nano_data.draw(rng, size, 1.0), style.stage, style.spread)


def batches(taught: Iterator[Row], steps: int, batch: int, replay: int, rng: random.Random, style: Style) -> list[Row]:
    """All rows of `steps` batches in order: `batch` taught ones, then `replay` synthetic ones each."""
    made: list[Row] = []
    for _ in range(steps):
        made += [next(taught) for _ in range(batch)]
        made += [replayed(rng, style) for _ in range(replay)]
    return made


def shuffled(found: Sequence[Any], rng: random.Random) -> Iterator[Any]:
    """`found` in a new random order, again and again."""
    while found:
        yield from rng.sample(found, len(found))


def lessons(version: Version, style: Style) -> tuple[list[Lesson], dict[str, int]]:
    """Lists of the stage `rl` and how many were left out, by reason. Raises InputError where none is left."""
    how = Rendering()
    made: list[Lesson] = []
    for row in rows(version, TEMPLATE, "rl", how):
        prompt = row["prompt"][0]["content"]
        cards = cards_in(prompt)
        if not fits(prompt, len(cards), style):
            how.refused.add(TOO_LONG, row["id"])
            continue
        made.append(Lesson(id=row["id"], prompt=prompt, cards=cards, gains=_gains(row), row=row))
    refused = {reason: len(ids) for reason, ids in how.refused.by_reason.items()}
    if not made:
        raise InputError(f"no list of the stage 'rl' can be learned from ({_counted(refused)}): give a version with judged lists")
    return made, refused


def fits(prompt: str, size: int, style: Style) -> bool:
    """Whether a prompt of `size` cards and its trace keep to the recipe's limit."""
    return len(encode(chat_text(prompt))) + longest(size) <= style.max_length


def _counted(refused: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in refused.items()) or "it holds none"


def _gains(row: Mapping[str, Any]) -> tuple[int, ...]:
    passages = [{"id": one} for one in row["shown"]]
    return tuple(gains_of({"passages": passages, "grades": json.loads(row["grades"]), "order": row["teacher_order"]}))


def update_stage(name: str, style: Style, **changes: Any) -> Stage:
    """The stage of an update: the words weigh as in the cold start, the rest is given."""
    return replace(style.stage, name=name, **changes)
