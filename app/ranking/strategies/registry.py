"""Strategies by name, and from plain values. A new one is one new file and one line here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..errors import SettingsError
from ..protocols import Strategy
from ..values import PlanCost
from .consensus import Consensus
from .pointwise import Pointwise
from .setwise import Setwise
from .single import Single
from .sliding import Sliding
from .top_down import TopDown
from .tournament import Tournament
from .two_level import TwoLevel

STRATEGIES: dict[str, type[Any]] = {
    "sliding": Sliding,
    "single": Single,
    "two_level": TwoLevel,
    "top_down": TopDown,
    "tournament": Tournament,
    "setwise": Setwise,
    "pointwise": Pointwise,
    "consensus": Consensus,
}


def strategy_from(name: str, args: Mapping[str, Any]) -> Strategy:
    """A strategy from plain values; a nested one is given as `{"name": ..., ...}` or by its name.

    Raises SettingsError for unknown names and arguments, listing what there is, and for values that can't be.
    """
    if name not in STRATEGIES:
        raise SettingsError(f"no strategy is called {name!r}: there are {', '.join(STRATEGIES)}")
    kind = STRATEGIES[name]
    fields = {field.name: field for field in dataclasses.fields(kind) if field.name not in ("name", "unit")}
    unknown = sorted(set(args) - set(fields))
    if unknown:
        raise SettingsError(f"{name} has no {', '.join(unknown)}: known are {', '.join(fields) or 'no arguments'}")
    values = {key: _value(name, fields[key], value) for key, value in args.items()}
    strategy: Strategy = kind(**values)
    return strategy


def _value(name: str, field: dataclasses.Field[Any], value: Any) -> Any:
    if field.name == "strategy":
        given = {"name": value} if isinstance(value, str) else dict(value) if isinstance(value, Mapping) else {}
        return strategy_from(str(given.pop("name", "")), given)
    if field.metadata:
        optional = value is None and "None" in str(field.type)
        if not optional and (isinstance(value, bool) or not isinstance(value, int)):
            raise SettingsError(f"{name}: {field.name} is {value!r}, it must be a whole number")
        if not optional and not value <= field.metadata["max"]:
            raise SettingsError(f"{name}: {field.name} is {value}, it must be at most {field.metadata['max']}")
        return value
    try:
        return tuple((int(size), int(keep)) for size, keep in value)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{name}: {field.name} is {value!r}, it must be pairs of numbers such as [[20, 50], [10, 20]]") from error


def choices() -> list[dict[str, Any]]:
    """Every strategy as a page offers it: name, label, unit, and parameters with label, default, min and max."""
    return [{"name": name, "label": kind.label, "unit": kind().unit, "parameters": _parameters(kind)} for name, kind in STRATEGIES.items()]


def _parameters(kind: type[Any]) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for field in dataclasses.fields(kind):
        if field.name == "strategy":
            out.append({"name": "strategy", "label": "strategy repeated", "type": "strategy", "default": "sliding"})
        elif field.metadata:
            optional = "None" in str(field.type)
            out.append({"name": field.name, "type": "integer", "optional": optional, "default": field.default, **field.metadata})
    return out


def plan_text(cost: PlanCost) -> str:
    """A plan's cost in words: "9 calls, 9 deep, 180 passages read"."""
    calls, depth, read = (
        f"{least:,}" if least == most else f"{least:,}-{most:,}" for least, most in (cost.calls, cost.depth, cost.passages_read)
    )
    return f"{calls} {'call' if calls == '1' else 'calls'}, {depth} deep, {read} passages read"
