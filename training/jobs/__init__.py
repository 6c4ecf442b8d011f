"""Work for the worker process. A handler is `run(context, arguments) -> result`; its module is imported when a job of its kind is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast

from app.ranking.errors import SettingsError

from .context import Context

Handler = Callable[[Context, Mapping[str, Any]], dict[str, Any]]

KINDS: dict[str, str] = {
    "index": "training.jobs.index:run",
    "synthesize": "training.jobs.synthesize:run",
    "dataset": "training.jobs.dataset:run",
    "update": "training.jobs.update:run",
    "influence": "training.jobs.influence:run",
    "evaluate": "training.jobs.evaluate:run",
}
"""Kind of a job -> where its handler is. A handler may be run again after any of its steps, and does then only what is missing."""


def usable() -> tuple[str, ...]:
    """Kinds whose handler is installed here."""
    return tuple(kind for kind, place in KINDS.items() if find_spec(place.partition(":")[0]) is not None)


def handler(kind: str) -> Handler:
    """The handler of a kind. Raises SettingsError for an unknown one."""
    if kind not in KINDS:
        raise SettingsError(f"a job of kind {kind!r} can't be done here: known are {', '.join(KINDS)}")
    module, _, name = KINDS[kind].partition(":")
    return cast(Handler, getattr(import_module(module), name))
