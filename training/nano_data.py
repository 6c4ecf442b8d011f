"""Synthetic evidence cards for the embedded model and the rows it is trained on: no query, no text, no gold label.

A list is drawn so that its signals look like those of real lists: three are stretched over the list, three are absolute and often zero,
and in some lists they follow a common hidden relevance, each in its own strength. Other lists are plain random digits, so that
the arithmetic is learned everywhere. See `row` for the columns.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.ranking.models.nano import cards as nano
from app.ranking.models.nano.cards import CHOICES, Digits, Plan
from app.ranking.models.nano.plans import usual_plan
from app.ranking.models.nano.vocabulary import ANSWER, ANSWERED, END, GRADES, IDS, THINK, THOUGHT, chat_text, encode

from .config import Recipe, Stage

_WORDS_OF_QUERY = ("how", "why", "what", "heat", "moves", "through", "metal", "and", "air", "over", "time", "in", "small", "steps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One synthetic list with the plan its trace follows; `learn_plan` says whether the plan itself is to be learned."""

    query: str
    cards: tuple[Digits, ...]
    numbers: tuple[int, ...]
    plan: Plan
    learn_plan: bool


def draw_cards(rng: random.Random, size: int) -> tuple[Digits, ...]:
    """`size` cards of one synthetic list."""
    if rng.random() < 0.35:
        return tuple(tuple(rng.randrange(10) for _ in range(6)) for _ in range(size))
    hidden = [rng.gauss(0, 1) for _ in range(size)]
    columns = [_column(rng, hidden, stretched=signal < 3) for signal in range(6)]
    return tuple(zip(*columns, strict=True))


def _column(rng: random.Random, hidden: Sequence[float], *, stretched: bool) -> list[int]:
    """Digits of one signal over a list."""
    loyalty, centre, width = rng.random(), rng.uniform(-1.5, 1.0), rng.uniform(0.5, 2.0)
    noise = math.sqrt(1 - loyalty**2)
    values = [1 / (1 + math.exp(-centre - width * (loyalty * h + noise * rng.gauss(0, 1)))) for h in hidden]
    if stretched and rng.random() < 0.8:
        low, high = min(values), max(values)
        values = [(value - low) / (high - low) if high > low else 0.0 for value in values]
    if not stretched:
        silent, levels = rng.choice((0.0, 0.0, 0.4, 0.8, 1.0)), rng.choice((2, 3, 4, 6, 10))
        values = [0.0 if rng.random() < silent else round(value * levels) / levels for value in values]
    return [max(0, min(9, int(value * 10))) for value in values]


def draw_query(rng: random.Random) -> str:
    """Words that matter only by their number and by whether they ask."""
    words = rng.choices(_WORDS_OF_QUERY[3:], k=rng.randint(1, 26))
    return " ".join((rng.choice(_WORDS_OF_QUERY[:3]), *words)) if rng.random() < 0.5 else " ".join(words)


def draw(rng: random.Random, size: int, free_plans: float) -> Example:
    """One example; with chance `free_plans` its plan is random and only given."""
    cards, query = draw_cards(rng, size), draw_query(rng)
    free = rng.random() < free_plans
    plan = Plan(first=rng.choice(CHOICES), then=rng.choice(CHOICES)) if free else usual_plan(cards)
    # Short lists borrow high numbers, so that every number is met from the first stage on.
    numbers = range(1, size + 1) if size > 8 or rng.random() < 0.3 else sorted(rng.sample(range(1, nano.MAX_CARDS + 1), size))
    return Example(query=query, cards=cards, numbers=tuple(numbers), plan=plan, learn_plan=not free)


def row(example: Example, stage: Stage, spread: float) -> dict[str, Any]:
    """Columns of one training row.

    `input_ids` (T,), `weights` (T,) the loss weight of each token (0 for the prompt and for given plans), and sparse soft targets:
    at position `soft_at[k]` the token `soft_ids[k]` has the share `soft_shares[k]` instead of all weight on the token itself.
    """
    words = list(nano.header(example.query, example.cards))
    for number, digits in zip(example.numbers, example.cards, strict=True):
        words += nano.card_words(number, digits)
    ids = encode(chat_text(" ".join(words)))
    weights = [0.0] * len(ids)
    soft_at: list[int] = []
    soft_ids: list[int] = []
    soft_shares: list[float] = []

    def write(words: Sequence[str], weight: float) -> None:
        ids.extend(IDS[word] for word in words)
        weights.extend([weight] * len(words))

    write((THINK, *nano.plan_words(example.plan)[:1]), 0.2)
    write(nano.plan_words(example.plan)[1:], 1.0 if example.learn_plan else 0.0)
    grades = []
    for number, digits in zip(example.numbers, example.cards, strict=True):
        name, grade, *reasons = nano.verdict_words(number, example.plan, digits)
        grades.append(nano.grade(example.plan, digits))
        write((name,), 0.2)
        for near, share in _smoothed(grades[-1], spread):
            soft_at.append(len(ids))
            soft_ids.append(IDS[GRADES[near]])
            soft_shares.append(share)
        write((grade,), stage.grade_weight)
        write(reasons, 1.0)
    write((THOUGHT, ANSWER), 0.2)
    order = nano.best_order(grades)
    write([f"{'>' if rank else ''}[{example.numbers[position]}]" for rank, position in enumerate(order)], stage.order_weight)
    write((ANSWERED, END), 0.2)
    return {"input_ids": ids, "weights": weights, "soft_at": soft_at, "soft_ids": soft_ids, "soft_shares": soft_shares}


def _smoothed(grade: int, spread: float) -> list[tuple[int, float]]:
    """Grades within three spreads with the shares of a Gaussian; the grade alone for a spread of 0."""
    if spread <= 0:
        return [(grade, 1.0)]
    reach = math.ceil(3 * spread)
    near = [g for g in range(grade - reach, grade + reach + 1) if 0 <= g <= nano.BEST]
    shares = [math.exp(-((g - grade) ** 2) / (2 * spread**2)) for g in near]
    return [(g, share / sum(shares)) for g, share in zip(near, shares, strict=True)]


def stage_rows(recipe: Recipe, index: int, seed: int) -> Iterator[dict[str, Any]]:
    """All rows of stage number `index` of the cold start, batch by batch, one list size per batch so that nothing is padded."""
    cold = recipe.start
    stage = cold.stages[index]
    rng = random.Random(f"{recipe.name} {seed} {index}")
    for _ in range(stage.steps):
        size = rng.randint(stage.least, stage.most)
        for _ in range(stage.batch):
            yield row(draw(rng, size, stage.free_plans), stage, cold.grade_spread)
