"""Items for tests: passages p1..pn shown in that order, ranked as told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.ranking.values import Outcome, Passage
from training.synthesis.values import Item, Sample


def sample(order: Sequence[int], *, at: int = 0, reasoning: str = "", outcome: Outcome = "clean", shown: Sequence[int] = ()) -> Sample:
    """An answer by numbers of passages."""
    ids = [f"p{number}" for number in shown or sorted(order)]
    return Sample(
        sample=at, seed=0, shown=tuple(ids), order=tuple(f"p{number}" for number in order), reasoning=reasoning, outcome=outcome
    )  # fmt: skip


def item(order: Sequence[int] = (1, 2, 3), *, reasoning: str = "", grades: dict[str, int] | None = None, **changes: Any) -> Item:
    """An item with one answer over as many passages as the order has."""
    passages = tuple(Passage(id=f"p{number}", text=f"Text {number}.") for number in sorted(order))
    made = Item(
        number=0, source_id="s0", source="jsonl", domain="d", query="why is the sky blue", passages=passages, grades=grades or {},
        samples=(sample(order, reasoning=reasoning),), template="studio",
    )  # fmt: skip
    return replace(made, **changes)
