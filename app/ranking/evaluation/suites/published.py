"""Rows that were published, as data in `published.toml`: to be shown beside ours, never to be computed with."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...errors import SettingsError
from .declared import suite

FILE = Path(__file__).resolve().parent / "published.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """A printed row. `values` are nDCG@10 times 100 by set, `average` the printed mean over the sets, `over` the first stage it reranks.

    `label` tells rows of one model apart; `source` is paper and table.
    """

    model: str
    label: str
    values: Mapping[str, float]
    average: float
    source: str
    over: str
    settings: str = ""
    first_stage: bool = False

    def mean(self, sets: tuple[str, ...]) -> float | None:
        """Mean over some sets; None where the row lacks one, or there is none."""
        values = [self.values[name] for name in sets if name in self.values]
        return sum(values) / len(values) if values and len(values) == len(sets) else None

    @property
    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@functools.cache
def rows(name: str) -> tuple[PublishedRow, ...]:
    """The published rows of a suite, as printed; none where nothing was published. Raises SettingsError for an unknown suite."""
    table = suite(name).published
    return tuple(row for of, row in _all() if of == table) if table else ()


@functools.cache
def _all() -> tuple[tuple[str, PublishedRow], ...]:
    """All rows with the name of their table. Raises SettingsError for a file that is not as it should be."""
    try:
        found = tomllib.loads(FILE.read_text(encoding="utf-8"))["rows"]
        return tuple((one["suite"], PublishedRow(**{key: value for key, value in one.items() if key != "suite"})) for one in found)
    except (KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{FILE.name} can't be read ({error}): give each row suite, model, label, values, average, source") from error
