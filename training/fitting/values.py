"""What a training step is given and what it gives back, whichever family of models it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from app.ranking.cache import Watch
from training.config import Recipe
from training.datasets.version import Version

StageName = Literal["cold", "sft", "rl"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of the curves: `values` by name, such as loss, rate, reward, reward_std, reward.ndcg, kl, length (tokens), ndcg."""

    stage: str
    step: int
    steps: int
    values: Mapping[str, float]


def nothing(_point: Point) -> None:
    """Nobody watches the curves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What a step is given. The same (recipe, base, version, seed) gives the same weights byte for byte on one machine.

    `base` is the folder of the weights to start from (a cold start reads none). `out` is a new and empty folder, for weights, tokenizer,
    curves.jsonl and completions.jsonl. `scratch` is kept between attempts and holds checkpoints. `watch.tell(0..1)` raises Cancelled
    where the work should stop; `point` is told each point of the curves.
    """

    recipe: Recipe
    version: Version
    base: Path
    out: Path
    scratch: Path
    seed: int
    watch: Watch = field(default_factory=Watch)
    point: Callable[[Point], None] = nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What a step did: rows it learned from, examples it refused by reason, optimizer steps, seconds, and further facts (JSON)."""

    rows: int
    refused: Mapping[str, int]
    steps: int
    seconds: float
    facts: Mapping[str, Any] = field(default_factory=dict)
