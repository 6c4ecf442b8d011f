"""How one run is to be ranked beyond its model: strategy, thinking, fusion. Made from plain values, so that page, API and CLI agree."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import SettingsError
from .fusion import Fusion
from .protocols import Strategy
from .strategies import Sliding, strategy_from
from .thinking import Settle, Thinking


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Defaults are ReasonRank's: a window of 20 moved by 10, thinking as the profile asks, the model's own order."""

    strategy: Strategy = dataclasses.field(default_factory=Sliding)
    thinking: Thinking = Thinking()
    fusion: Fusion | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Options:
        """Options from `{"strategy": {"name": ..., ...}, "thinking": {...}, "fusion": {...}}`, each part optional.

        Raises SettingsError naming what is unknown or wrong.
        """
        unknown = set(data) - {"strategy", "thinking", "fusion"}
        if unknown:
            raise SettingsError(f"options {sorted(unknown)} are unknown: known are strategy, thinking, fusion")
        values: dict[str, Any] = {}
        if data.get("strategy"):
            args = _table("strategy", data["strategy"])
            values["strategy"] = strategy_from(str(args.pop("name", "sliding")), args)
        if data.get("thinking"):
            values["thinking"] = _thinking(_table("thinking", data["thinking"]))
        if data.get("fusion"):
            values["fusion"] = _made(Fusion, _table("fusion", data["fusion"]))
        return cls(**values)

    @property
    def plain(self) -> dict[str, Any]:
        """Thinking and fusion as plain values, defaults left out; the strategy is stored by name and arguments of its own.

        A router goes by the name of its file alone: where that lies is nobody's business, and a run's note has the hash of its weights.
        """
        thinking = {name: value for name, value in asdict(self.thinking).items() if value != asdict(Thinking())[name]}
        if "router" in thinking:
            thinking["router"] = Path(thinking["router"]).name
        return {**({"thinking": thinking} if thinking else {}), **({"fusion": asdict(self.fusion)} if self.fusion else {})}


def strategy_args(strategy: Strategy) -> dict[str, Any]:
    """A strategy's arguments as plain values, a nested strategy with its name."""
    out: dict[str, Any] = {}
    for field in dataclasses.fields(strategy):  # type: ignore[arg-type]
        value = getattr(strategy, field.name)
        if field.name in ("name", "unit"):
            continue
        is_strategy = dataclasses.is_dataclass(value) and hasattr(value, "plan")
        out[field.name] = {"name": value.name, **strategy_args(value)} if is_strategy else value
    return out


def _table(name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{name} is {value!r}: it must be an object of names and values")
    return dict(value)


def _thinking(data: dict[str, Any]) -> Thinking:
    if data.get("settle") is not None:
        data["settle"] = _made(Settle, _table("settle", data["settle"]))
    thinking: Thinking = _made(Thinking, data)
    return thinking


def _made(kind: Any, data: dict[str, Any]) -> Any:
    """A dataclass from plain values of the right kind."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = set(data) - set(fields)
    if unknown:
        raise SettingsError(f"{kind.__name__.lower()} has no {sorted(unknown)}: known are {', '.join(fields)}")
    for name, value in data.items():
        default = fields[name].default
        if isinstance(default, bool | int | float | str) and not _fits(value, default):
            raise SettingsError(f"{kind.__name__.lower()} {name} is {value!r}: it must be a {type(default).__name__}")
    return kind(**data)


def _fits(value: object, default: object) -> bool:
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(default)
