"""Recipes: TOML files that say how a model is trained, read into frozen values. An unknown or missing key is an error, never ignored."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from app.ranking.errors import SettingsError

RECIPES = Path(__file__).parent / "recipes"
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Size of a model that is trained from scratch; heads are 32 wide, each with keys of its own."""

    hidden: int
    layers: int
    heads: int
    mlp: int
    positions: int = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of a curriculum: lists of `least` to `most` passages, `batch` rows of one length per step.

    `rate` is the peak learning rate of a cosine that begins with `warmup` steps and ends at `floor` times the peak. `free_plans` is the
    share of rows whose plan is drawn at random and only given, not learned. `grade_weight` and `order_weight` weigh those words in
    the loss.
    """

    name: str
    least: int
    most: int
    batch: int
    steps: int
    rate: float
    floor: float = 0.3
    warmup: int = 20
    free_plans: float = 0.6
    grade_weight: float = 3.0
    order_weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to train a model with SFT. `grade_spread` is the standard deviation, in grades, of the smoothed grade targets."""

    name: str
    seed: int
    max_length: int
    grade_spread: float
    weight_decay: float
    betas: tuple[float, float]
    threads: int
    validate: int
    shape: Shape
    stages: tuple[Stage, ...]


def load_recipe(name: str | Path) -> Recipe:
    """Read a recipe by name (a file of `recipes/`) or by path. Raises SettingsError naming the file and the key."""
    path = Path(name) if str(name).endswith(".toml") else RECIPES / f"{name}.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(sorted(file.stem for file in RECIPES.glob("*.toml")))
        raise SettingsError(f"there is no recipe {str(name)!r}: choose one of {known}, or give a path to a .toml file") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"recipe {path.name} is not valid TOML: {error}") from error
    shape = build(Shape, _table(table.pop("shape", None), path.name, "shape"), f"{path.name} [shape]")
    stages = table.pop("stage", [])
    if not isinstance(stages, list) or not stages:
        raise SettingsError(f"recipe {path.name} has no [[stage]]: a curriculum needs at least one")
    built = tuple(
        build(Stage, _table(stage, path.name, "stage"), f"{path.name} [[stage]] {number}") for number, stage in enumerate(stages, start=1)
    )
    if isinstance(table.get("betas"), list):
        table["betas"] = tuple(table["betas"])
    return build(Recipe, {**table, "shape": shape, "stages": built}, path.name)


def _table(value: object, file: str, key: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(f"recipe {file} needs a table [{key}], got {value!r}")
    return value


def build(kind: type[Value], table: Mapping[str, Any], where: str) -> Value:
    """A frozen value from a table; names unknown keys, missing keys and wrong types."""
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise SettingsError(f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(known)}")
    missing = [name for name, field in known.items() if field.default is field.default_factory is MISSING and name not in table]
    if missing:
        raise SettingsError(f"{where}: missing key {', '.join(missing)}")
    made: dict[str, Any] = {}
    for name, value in table.items():
        wanted = str(known[name].type)
        if wanted == "float" and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if wanted in ("int", "float", "str", "bool") and type(value).__name__ != wanted:
            raise SettingsError(f"{where}: {name} must be {wanted}, got {value!r}")
        made[name] = value
    return kind(**made)
