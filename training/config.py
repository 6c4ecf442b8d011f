"""Recipes: TOML files that say how a model is trained, read into frozen values. An unknown or missing key is an error, never ignored.

One recipe leads through a whole update: `[cold]` trains the embedded model from nothing, `[data]` names the data, `[sft]` and `[rl]` are
the two stages that start from the weights in use, `[gate]` says what the result must show. A stage that is not there is left out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from app.ranking.errors import SettingsError
from app.ranking.evaluation.gate import Margins

RECIPES = Path(__file__).parent / "recipes"
EMBEDDED = "nano"
"""The model that is trained from nothing, by its own family."""

Value = TypeVar("Value")
Family = Literal["nano", "hub"]


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
class ColdStart:
    """The embedded model from random weights. `grade_spread` is the standard deviation, in grades, of the smoothed grade targets."""

    max_length: int
    grade_spread: float
    weight_decay: float
    betas: tuple[float, float]
    threads: int
    validate: int
    shape: Shape
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What is learned from: `synthesis` is a recipe of `recipes/synthesis/`."""

    synthesis: str = "update"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """Low-rank adapters on all linear layers: rank `r`, scaled by alpha / r."""

    r: int
    alpha: int
    dropout: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sft:
    """Supervised fine-tuning. `batch` sequences per device and `accumulation` batches make one step; `warmup` is a share of the steps.

    `checkpoint_every` counts steps (0: each epoch). Longer rows than `max_length` tokens are refused. Of the embedded family alone:
    `steps` (0: by epochs), `plan_weight` of the words of the plan in the loss, `replay` synthetic rows in each batch, and `own`, how far a
    list's own best plan is believed against what is best for all lists, 0 to 1 (see `fitting/nano_plans.py`).
    """

    rate: float
    batch: int
    max_length: int
    epochs: float = 1.0
    accumulation: int = 1
    warmup: float = 0.0
    schedule: str = "cosine"
    weight_decay: float = 0.0
    precision: str = "fp32"
    checkpoint_every: int = 0
    lora: Lora | None = None
    steps: int = 0
    plan_weight: float = 1.0
    replay: int = 0
    own: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rl:
    """Reinforcement learning: `prompts` times `group` answers per rollout, `steps` rollouts, `minibatch` prompts per change (0: all).

    `micro` is the number of answers that one device learns from at once. `kl` weighs the distance to the weights of the start, `clip` is
    epsilon of the clipped ratio, `scale` what advantages are divided by. `top_k` 0 is off. `vllm` draws the answers with vLLM, over
    `tensor_parallel` GPUs together. `checkpoint_every` counts rollouts. `without` names views of the reward that are left out. Of kind
    `expert` (the embedded family): `softness`, `plan_weight`, `replay` and `own`.
    """

    kind: str
    reward: str
    steps: int
    group: int
    prompts: int
    rate: float
    minibatch: int = 0
    micro: int = 1
    kl: float = 0.0
    clip: float = 0.2
    loss: str = "dapo"
    scale: str = "group"
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    max_completion: int = 512
    max_prompt: int = 1024
    schedule: str = "constant"
    warmup: float = 0.0
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    precision: str = "fp32"
    checkpoint_every: int = 25
    vllm: bool = False
    tensor_parallel: int = 1
    without: tuple[str, ...] = ()
    lora: Lora | None = None
    softness: float = 0.05
    plan_weight: float = 1.0
    replay: int = 0
    own: float = 1.0


Gate = Margins
"""What a new version must show before it replaces the one in use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A whole recipe. `model` is `nano`, or a model's folder or name at a hub; `template` the prompt profile; `text` the TOML as read."""

    name: str
    about: str
    seed: int
    model: str
    template: str
    cold: ColdStart | None = None
    data: Data = Data()
    sft: Sft | None = None
    rl: Rl | None = None
    gate: Gate = field(default_factory=Gate)
    text: str = ""

    @property
    def family(self) -> Family:
        """Who trains it: `nano`, or `hub` for models of the transformers library."""
        return "nano" if self.model == EMBEDDED else "hub"

    @property
    def start(self) -> ColdStart:
        """The cold start. Raises SettingsError where the recipe has none."""
        if self.cold is None:
            raise SettingsError(f"recipe {self.name!r} has no [cold]: it can't train {self.model} from nothing, take one that can")
        return self.cold


def recipes() -> tuple[str, ...]:
    """Names of the recipes that ship with the project."""
    return tuple(sorted(path.stem for path in RECIPES.glob("*.toml")))


def load_recipe(name: str | Path) -> Recipe:
    """Read a recipe by name (a file of `recipes/`) or by path. Raises SettingsError naming the file and the key."""
    path = Path(name) if str(name).endswith(".toml") else RECIPES / f"{name}.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise SettingsError(
            f"there is no recipe {str(name)!r}: choose one of {', '.join(recipes())}, or give a path to a .toml file"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"recipe {path.name} can't be read ({error}): give a TOML file in UTF-8") from error
    return read_recipe(text, path.name)


def read_recipe(text: str, where: str) -> Recipe:
    """A recipe from TOML text; `where` names it in errors. Raises SettingsError naming the table and the key."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"recipe {where} is not valid TOML: {error}") from error
    made: dict[str, Any] = {}
    if "cold" in table:
        made["cold"] = _cold(dict(_table(table.pop("cold"), where, "cold")), where)
    for key, kind in (("sft", Sft), ("rl", Rl)):
        if key in table:
            made[key] = _stage(kind, dict(_table(table.pop(key), where, key)), f"{where} [{key}]")
    made["data"] = build(Data, _table(table.pop("data", {}), where, "data"), f"{where} [data]")
    made["gate"] = build(Gate, _table(table.pop("gate", {}), where, "gate"), f"{where} [gate]")
    recipe = build(Recipe, {**table, **made, "text": text}, where)
    from .config_checks import faults

    for fault in faults(recipe):
        raise SettingsError(f"{where} {fault}")
    return recipe


def _cold(table: dict[str, Any], where: str) -> ColdStart:
    shape = build(Shape, _table(table.pop("shape", None), where, "cold.shape"), f"{where} [cold.shape]")
    stages = table.pop("stage", [])
    if not isinstance(stages, list) or not stages:
        raise SettingsError(f"recipe {where} has no [[cold.stage]]: a curriculum needs at least one")
    built = tuple(
        build(Stage, _table(stage, where, "cold.stage"), f"{where} [[cold.stage]] {number}") for number, stage in enumerate(stages, start=1)
    )
    return build(ColdStart, {**table, "shape": shape, "stages": built}, f"{where} [cold]")


def _stage(kind: type[Value], table: dict[str, Any], where: str) -> Value:
    if "lora" in table:
        table["lora"] = build(Lora, _table(table["lora"], where, "lora"), f"{where} lora")
    return build(kind, table, where)


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
    return kind(**{name: _converted(value, str(known[name].type), f"{where}: {name}") for name, value in table.items()})


def _converted(value: Any, wanted: str, where: str) -> Any:
    """A value of TOML as a field of that type wants it; types that TOML has no word for are taken as they are."""
    if wanted == "float" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if wanted in ("int", "float", "str", "bool") and type(value).__name__ != wanted:
        raise SettingsError(f"{where} must be {wanted}, got {value!r}")
    if wanted == "tuple[str, ...]" and isinstance(value, list):
        if not all(isinstance(one, str) for one in value):
            raise SettingsError(f"{where} must be a list of texts, got {value!r}")
        return tuple(value)
    if wanted == "tuple[float, float]":
        if not isinstance(value, list) or len(value) != 2 or not all(type(one) in (int, float) for one in value):
            raise SettingsError(f"{where} must be two numbers, got {value!r}")
        return float(value[0]), float(value[1])
    return value
