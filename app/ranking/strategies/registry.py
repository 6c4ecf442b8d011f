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
    """A strategy from plain values; a nested one is given as `{"name": ..., ...}`, or by its name with its arguments beside the outer ones.

    Where both have an argument of one name (`seed`), one that stands beside is the outer's. Raises SettingsError for unknown names and
    arguments, listing what there is, and for values that can't be.
    """
    kind = _kind(name)
    fields = {field.name: field for field in dataclasses.fields(kind) if field.name not in ("name", "unit")}
    args = _gathered(fields, args)
    unknown = sorted(str(key) for key in args if key not in fields)
    if unknown:
        raise SettingsError(f"{name} has no {', '.join(unknown)}: known are {', '.join(fields) or 'no arguments'}")
    values = {key: _value(name, fields[key], value) for key, value in args.items()}
    strategy: Strategy = kind(**values)
    return strategy


def _kind(name: object) -> type[Any]:
    if not isinstance(name, str) or name not in STRATEGIES:
        raise SettingsError(f"no strategy is called {name!r}: there are {', '.join(STRATEGIES)}")
    return STRATEGIES[name]


def _gathered(fields: Mapping[str, Any], args: Mapping[str, Any]) -> Mapping[str, Any]:
    """Arguments of an inner strategy that stand beside its name, moved to it."""
    if not ("strategy" in fields and isinstance(args.get("strategy"), str)):
        return args
    inner = {key: value for key, value in args.items() if key not in fields}
    return {**{key: value for key, value in args.items() if key in fields}, "strategy": {"name": args["strategy"], **inner}}


def _value(name: str, field: dataclasses.Field[Any], value: Any) -> Any:
    if field.name == "strategy":
        given = dict(value) if isinstance(value, Mapping) else {}
        inner = given.pop("name", "")
        # Before it is built: plain values from outside may be nested deeper than Python can follow.
        if any(held.name == "strategy" for held in dataclasses.fields(_kind(inner))):
            raise SettingsError(f"a {name} of a {inner} can't be: name a strategy that asks by itself")
        return strategy_from(inner, given)
    if field.metadata:
        optional = value is None and "None" in str(field.type)
        if not optional and (isinstance(value, bool) or not isinstance(value, int)):
            raise SettingsError(f"{name}: {field.name} is {value!r}, it must be a whole number")
        if not optional and not value <= field.metadata["max"]:
            raise SettingsError(f"{name}: {field.name} is {value}, it must be at most {field.metadata['max']}")
    return value


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


CHOICES: tuple[dict[str, Any], ...] = tuple(choices())


def plan_text(cost: PlanCost) -> str:
    """A plan's cost in words: "9 calls, 9 deep, 180 passages read"."""
    calls, depth, read = (
        f"{least:,}" if least == most else f"{least:,}-{most:,}" for least, most in (cost.calls, cost.depth, cost.passages_read)
    )
    return f"{calls} {'call' if calls == '1' else 'calls'}, {depth} deep, {read} {'passage' if read == '1' else 'passages'} read"
