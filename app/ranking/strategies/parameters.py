"""What a strategy says of its own parameters, so that page, API and command line can offer them without knowing it."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..errors import SettingsError


def parameter(default: Any, label: str, least: int, most: int) -> Any:
    """A field of a strategy that people may set: what it means, and its bounds."""
    return dataclasses.field(default=default, metadata={"label": label, "min": least, "max": most})


def check_least(strategy: Any, **least: int) -> None:
    """Raises SettingsError where a parameter is no whole number, or below what makes sense; None is left to its type."""
    for name, bound in least.items():
        value = getattr(strategy, name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise SettingsError(f"{strategy.name}: {name} is {value!r}, it must be a whole number")
        if value is not None and value < bound:
            raise SettingsError(f"{strategy.name}: {name} is {value}, it must be at least {bound}")
