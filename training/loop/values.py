"""What an update is asked for, what it starts from, and the names of its steps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.config import Recipe

INPUTS = "inputs"
DATASET, COLD, SFT, RL, EVALUATE, DECIDE = "dataset", "cold", "sft", "rl", "evaluate", "decide"
TRAINING = (COLD, SFT, RL)

# How long steps take beside each other, for the progress of the whole.
_LENGTHS = {DATASET: 2.0, COLD: 20.0, SFT: 5.0, RL: 5.0, EVALUATE: 3.0, DECIDE: 0.2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One update: `from_scratch` repeats the cold start first, `again` trains although the last update had the same data and base."""

    recipe: Recipe
    seed: int
    from_scratch: bool = False
    again: bool = False

    @property
    def model(self) -> str:
        """The name under which versions of this model are kept: `nano`, or the recipe's own name for a model of a hub."""
        return self.recipe.model if self.recipe.family == "nano" else self.recipe.name

    @property
    def steps(self) -> tuple[str, ...]:
        """Names of the steps in their order."""
        training = [(COLD, self.from_scratch), (SFT, self.recipe.sft is not None), (RL, self.recipe.rl is not None)]
        return (DATASET, *(name for name, there in training if there), EVALUATE, DECIDE)

    def share(self, name: str) -> tuple[float, float]:
        """Where a step begins and ends in the progress of the whole, 0..1."""
        total = sum(_LENGTHS[one] for one in self.steps)
        before = sum(_LENGTHS[one] for one in self.steps[: self.steps.index(name)])
        return before / total, (before + _LENGTHS[name]) / total


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What was fixed when the update began: the version that served (None: the recipe's own model), the place in the sealed log up to
    which judgements count, and how many had been withdrawn.
    """

    base_id: str | None
    until: int
    withdrawn: int

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {"base_id": self.base_id, "until": self.until, "withdrawn": self.withdrawn}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The folder of weights that a step left, its artifact, and what the step says of itself (JSON)."""

    folder: Path
    artifact: str
    result: Mapping[str, Any]


def key_of(*parts: Any) -> str:
    """64 hex digits (sha256) that name a step by all it depends on, the program apart; parts are JSON."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True, sort_keys=True).encode()).hexdigest()
