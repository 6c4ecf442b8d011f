"""Which task comes next: gold now and then, a random slice for unbiased statistics, else the one with the highest priority.

Each choice carries the chance with which it was made, so that any mean over tasks can be estimated without bias from what was judged:
the mean of y over n tasks by (1 / n) * mean over draws of y_i / p_i (Hansen and Hurwitz, 1943, for draws with unequal chances).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from .errors import SettingsError

Reason = Literal["priority", "audit", "gold", "tutorial"]


class Random(Protocol):
    """Where chance comes from; `random.Random` fits."""

    def random(self) -> float:
        """A number of [0, 1)."""
        ...

    def randrange(self, stop: int, /) -> int:
        """A whole number of 0 to stop - 1."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How often a draw gives a gold task, and how often any other draw is uniform. Probabilities; raises SettingsError for others."""

    gold: float
    audit: float

    def __post_init__(self) -> None:
        if not (0 <= self.gold <= 1 and 0 <= self.audit <= 1):
            raise SettingsError(f"shares {self.gold} and {self.audit} are no probabilities: give numbers from 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What to take: the task at a 0-based `place` of its pool of `size` tasks, or the top one where place is None."""

    reason: Reason
    place: int | None
    size: int


def choose(random: Random, *, plain: int, gold: int, shares: Shares) -> Choice | None:
    """Draw from so many plain and gold tasks; None where no plain task is left: gold alone would measure nobody's work."""
    if plain == 0:
        return None
    if gold and random.random() < shares.gold:
        return Choice(reason="gold", place=random.randrange(gold), size=gold)
    if random.random() < shares.audit:
        return Choice(reason="audit", place=random.randrange(plain), size=plain)
    return Choice(reason="priority", place=None, size=plain)


def chance(choice: Choice, *, gold: int, top: bool, shares: Shares) -> float:
    """Total probability of the task that was drawn, whichever way it came: with g and a the shares (g = 0 where there is no gold),
    gold g / n_gold; plain (1 - g) * (a / n), and (1 - g) * (1 - a) more where it is the top one.
    """
    if choice.reason == "gold":
        return shares.gold / choice.size
    plain = 1 - (shares.gold if gold else 0.0)
    return plain * (shares.audit / choice.size + (1 - shares.audit if top else 0.0))
