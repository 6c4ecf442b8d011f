"""What a filter is and what it says: a score per item with reasons, and the threshold that an item has to meet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from training.synthesis.values import Item

Keeps = Literal["at_least", "at_most"]
"""Which side of its threshold a filter keeps; the threshold itself is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A number, None where the item has nothing to judge by, and why it is what it is: short sentences, the weightiest first."""

    value: float | None
    reasons: tuple[str, ...] = ()


NOTHING = Score(value=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One quality of an item. Scores lie in low..high; `judge` is None where the whole set is needed (see `whole`).

    A `fixed` threshold can't be moved by anybody.
    """

    name: str
    about: str
    keeps: Keeps
    threshold: float
    low: float = 0.0
    high: float = 1.0
    judge: Callable[[Item], Score] | None = None
    fixed: bool = False

    def drops(self, value: float | None, threshold: float) -> bool:
        """Whether an item with this score falls out; one without a score never does."""
        if value is None:
            return False
        return value < threshold if self.keeps == "at_least" else value > threshold
