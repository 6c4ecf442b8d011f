"""Items, stored items and versions to test with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.ranking.evidence import SIGNALS
from app.ranking.holdout import is_holdout
from app.ranking.values import Passage
from training.datasets import BuildOptions, Built, build
from training.synthesis.values import Item, Sample

SIZE = 4


@dataclass(frozen=True)
class Stored:
    """What `training.synthesis.stored.StoredItem` is, without a database."""

    item: Item
    scores: Mapping[str, float | None] = field(default_factory=dict)
    reasons: Mapping[str, Sequence[str]] = field(default_factory=dict)
    state: str = "made"


def query(number: int) -> str:
    """A query that may be trained on."""
    return next(text for at in range(1000) if not is_holdout(text := f"what is thing {number} of kind {at}"))


def held(number: int = 0) -> str:
    """A query that is for evaluation only."""
    return next(text for at in range(1000) if is_holdout(text := f"what is thing {number} of kind {at}"))


def passages(number: int, size: int = SIZE) -> tuple[Passage, ...]:
    """`size` passages with evidence that falls from the first to the last; two items in a row share their last text."""
    return tuple(
        Passage(
            id=f"p{at}", title=f"Title {at}", text=f"Text {at} of {number // 2 if at == size else number}.", score=float(size - at),
            features=dict.fromkeys(SIGNALS, 1 - at / (size + 1)),
        )
        for at in range(1, size + 1)
    )  # fmt: skip


def sample(shown: Sequence[str], order: Sequence[str], reasoning: str) -> Sample:
    return Sample(sample=0, seed=1, shown=tuple(shown), order=tuple(order), reasoning=reasoning, outcome="clean")


def item(number: int, **changes: Any) -> Item:
    """An item whose teacher was shown the list backwards and puts p2 first, which alone is relevant."""
    listed = passages(number)
    best = sample(("p4", "p3", "p2", "p1"), ("p2", "p1", "p3", "p4"), "Passage [3] says what it is. Passage [1] does not.")
    made = Item(
        number=number, source_id=f"s{number}", source="demo", domain="physics" if number % 2 else "cooking", query=query(number),
        passages=listed, origins=dict.fromkeys(("p1", "p2", "p3", "p4"), "given"), grades={"p1": 0, "p2": 1, "p3": 0, "p4": 0},
        samples=(best,), teacher="big", template="reasonrank", licence="CC0-1.0",
    )  # fmt: skip
    return replace(made, **changes)


def stored(number: int, scores: Mapping[str, float | None] | None = None, **changes: Any) -> Stored:
    return Stored(item(number, **changes), {"consistency": 1.0} if scores is None else scores)


def options(**changes: Any) -> BuildOptions:
    return replace(BuildOptions(name="trial", teacher="big", recipe_text="name = 'trial'\n"), **changes)


def version(folder: Path, items: Iterable[Stored], **changes: Any) -> Built:
    """Build a version in an empty folder."""
    return build(items, options(**changes), folder)
