"""Where queries come from: one reader per kind of source, all giving `SourceItem`s one by one in the order of their file.

Nothing is held but what one item needs, so that a source may be larger than the memory; what has to be looked up again is kept in a
temporary file. Which rows a reader refuses and which it skips and counts stands in its module's docstring.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from app.ranking.errors import SettingsError
from training.synthesis.sources.options import Options
from training.synthesis.sources.where import Skipped, Where
from training.synthesis.values import SourceItem

__all__ = ["SOURCES", "Options", "Skipped", "Where", "read"]

_HERE = "training.synthesis.sources"
SOURCES: dict[str, str] = {
    name: f"{_HERE}.{name}:items" for name in ("beir", "demo", "judgements", "leetcode", "math", "msmarco", "reasonrank", "stackexchange")
}


def read(kind: str, options: Mapping[str, Any], where: Where) -> Iterator[SourceItem]:
    """Items of a source of some kind. Options are checked before this returns, rows while they are read.

    Raises SettingsError for a kind or an option that can't be, and InputError naming file, line and what to do for a malformed row.
    """
    if kind not in SOURCES:
        raise SettingsError(f"there is no source of the kind {kind!r}: use {', '.join(SOURCES)}")
    module, name = SOURCES[kind].split(":")
    found: Iterator[SourceItem] = getattr(import_module(module), name)(options, where)
    return found
