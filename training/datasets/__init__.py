"""Dataset versions: training sets that are frozen, named by their content, and rendered for each model when it is trained.

Names are taken from here; what they need is imported when they are first used. No file here has the name of a function: the module would
take its place.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .freezing import publish as publish
    from .making import build as build
    from .rendering import rows as rows
    from .values import BuildOptions as BuildOptions
    from .values import Built as Built
    from .version import Version as Version
    from .version import load as load

_FROM = {
    "build": "making", "publish": "freezing", "rows": "rendering", "BuildOptions": "values", "Built": "values", "Version": "version",
    "load": "version",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_FROM[name]}", __name__), name)
