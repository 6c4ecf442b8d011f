"""The keys of a recipe's [[source]] table, taken one by one and checked; what nobody took is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.ranking.errors import SettingsError
from training.synthesis.sources.where import Where

_SHARES = 1 << 64

Keep = Callable[[str], bool]
"""Whether an id is among those that are taken."""


class Options:
    """Options of one source. Every method raises SettingsError naming the key for a value that can't be."""

    def __init__(self, kind: str, given: Mapping[str, Any], where: Where) -> None:
        self._kind, self._given, self._folder = kind, given, where.folder
        self._known: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        """A text; needed where there is no default."""
        value = self._take(name, default)
        if not isinstance(value, str) or (default is None and not value):
            raise self._wrong(name, value, "a text")
        return value

    def path(self, name: str) -> Path:
        """A file or folder that is there, relative to the recipe's folder."""
        found = self.maybe_path(name)
        if found is None:
            raise SettingsError(f"source {self._kind} needs {name!r}: give the path of a file or folder, relative to the recipe")
        return found

    def maybe_path(self, name: str) -> Path | None:
        """The same, or None where it isn't given."""
        value = self._take(name, "")
        if not isinstance(value, str):
            raise self._wrong(name, value, "a path")
        if not value:
            return None
        path = self._folder / value
        if not path.exists():
            raise SettingsError(f"{name!r} of source {self._kind} names {value!r}, which is not there: correct it, or put the data there")
        return path

    def folder(self, name: str) -> Path | None:
        """A folder that need not be there yet, or None where it isn't given."""
        value = self.text(name, "")
        return self._folder / value if value else None

    def whole(self, name: str, default: int, least: int = 0) -> int:
        """A whole number."""
        value = self._take(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self._wrong(name, value, f"a whole number from {least}")
        return value

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """A number between two bounds."""
        value = self._take(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self._wrong(name, value, f"a number from {least:g} to {most:g}")
        return float(value)

    def yes(self, name: str, default: bool) -> bool:
        """true or false."""
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise self._wrong(name, value, "true or false")
        return value

    def names(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A list of texts, none of them empty."""
        value = self._take(name, default)
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) and one for one in value):
            raise self._wrong(name, value, "a list of texts")
        return tuple(value)

    def one_of(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        """One of some words."""
        value = self._take(name, default)
        if value not in allowed:
            raise self._wrong(name, value, f"one of {', '.join(allowed)}")
        return str(value)

    def share(self) -> Keep:
        """Which ids to take: the option `share` (0-1, all by default) by a hash of the id and `share_seed`: a stable choice."""
        share, seed = self.number("share", 1.0, 0.0, 1.0), self.whole("share_seed", 0)
        if share >= 1.0:
            return lambda _: True
        return lambda id_: int.from_bytes(hashlib.sha256(f"{seed}\n{id_}".encode()).digest()[:8], "big") < share * _SHARES

    def done(self) -> None:
        """All have been taken. Raises SettingsError for a key that nobody took."""
        if strange := sorted(set(self._given) - set(self._known)):
            raise SettingsError(f"source {self._kind} has no option {strange[0]!r}: there are {', '.join(self._known)}")

    def _take(self, name: str, default: Any) -> Any:
        self._known.append(name)
        return self._given.get(name, default)

    def _wrong(self, name: str, value: object, wanted: str) -> SettingsError:
        return SettingsError(f"{name!r} of source {self._kind} can't be {value!r}: it must be {wanted}")
