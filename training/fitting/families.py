"""Families of models that can be trained, by the name that `Recipe.family` gives. Bodies are imported when one is asked for."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from app.ranking.errors import SettingsError
from app.ranking.protocols import Backend

from .values import Fit, Fitted


class Family(Protocol):
    """How the models of one kind are trained and tried. Each method writes whole weights into `fit.out`."""

    def cold(self, fit: Fit) -> Fitted:
        """Weights from nothing; `fit.base` and `fit.version` are not read. Raises SettingsError where the family has no cold start."""
        ...

    def sft(self, fit: Fit) -> Fitted:
        """Weights from those of `fit.base`, by the stage `sft` of the version. Raises Cancelled, InputError without a usable row."""
        ...

    def rl(self, fit: Fit) -> Fitted:
        """Weights from those of `fit.base`, by the stage `rl` of the version. Raises Cancelled, InputError without a usable row."""
        ...

    def backend(self, folder: Path) -> Backend:
        """The weights of a folder as a backend, for evaluation."""
        ...


FAMILIES: dict[str, str] = {
    "nano": "training.fitting.nano_family:NanoFamily",
    "hub": "training.fitting.hub_family:HubFamily",
}
"""`module:class` by name; a class is made without arguments."""


def family(name: str) -> Family:
    """A family by name. Raises SettingsError listing the names there are."""
    if name not in FAMILIES:
        raise SettingsError(f"no family of models is called {name!r}: there are {', '.join(FAMILIES)}")
    module, _, kind = FAMILIES[name].partition(":")
    return cast(Family, getattr(import_module(module), kind)())
