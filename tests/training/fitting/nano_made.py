"""Versions, weights and fits of the embedded model to test with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.training.datasets import made
from training.config import Recipe, load_recipe
from training.datasets.version import Version, load
from training.fitting.values import Fit


def version(folder: Path, stage: str, count: int = 4, **changes: Any) -> Version:
    """`count` lists of four passages in one stage, graded as their evidence falls, so that many plans explain them."""
    grades = {"p1": 2, "p2": 1, "p3": 0, "p4": 0}
    items = [made.stored(number, **{"grades": grades, **changes}) for number in range(count)]
    made.version(folder, items, stages={stage: 1.0})
    return load(folder)


def base(folder: Path, recipe: Recipe) -> Path:
    """Untrained weights of the recipe's shape."""
    from training.fitting.nano_sft import save
    from training.nano_model import new_model

    save(new_model(recipe.start.shape, 1), folder)
    return folder


def fit(folder: Path, stage: str, **changes: Any) -> Fit:
    """Two steps of the recipe `smoke` in new folders under `folder`; weights and data are the same for the same `folder.parent`."""
    shared, recipe = folder.parent, load_recipe("smoke")
    assert recipe.sft is not None
    recipe = replace(recipe, sft=replace(recipe.sft, steps=2))
    weights, data = shared / "base", shared / f"data-{stage}"
    if not weights.is_dir():
        base(weights, recipe)
    found = load(data) if data.is_dir() else version(data, stage)
    out = folder / "out"
    out.mkdir(parents=True)
    given = Fit(recipe=recipe, version=found, base=weights, out=out, scratch=folder / "scratch", seed=5)
    return replace(given, **changes)
