"""Two bundles side by side: everything that causes are looked for in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .evidence import Seen, seen
from .read import Bundle
from .recomputing import Opened, Steps, steps
from .settings import differing
from .values import Key, TopicRow

BAD = ("truncated", "no_answer", "refused", "error")
"""Outcomes of a topic that say that an answer was not had whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """`common` are the topics of both in the order of the first, `differs` settings by name with both values."""

    first: Opened
    second: Opened
    measure: str
    common: tuple[Key, ...]
    steps: Mapping[Key, Steps]
    seen: Mapping[Key, Seen]
    differs: Mapping[str, tuple[Any, Any]]

    @classmethod
    def of(cls, first: Bundle, second: Bundle, measure: str) -> Pair:
        """Reads both bundles whole, but for their traces. Raises SettingsError for a measure that can't be computed again."""
        one, other = Opened(first), Opened(second)
        return cls(
            first=one,
            second=other,
            measure=measure,
            common=tuple(key for key in one.rows if key in other.rows),
            steps=steps(one, other, measure),
            seen=seen(first, second),
            differs={name: (ours, theirs) for name, ours, theirs in differing(first, second)},
        )

    def rows(self, key: Key) -> tuple[TopicRow, TopicRow]:
        """A topic in both."""
        return self.first.rows[key], self.second.rows[key]

    def where(self, holds: Callable[[TopicRow, TopicRow], bool]) -> frozenset[Key]:
        """Topics of both whose rows fulfil something."""
        return frozenset(key for key in self.common if holds(*self.rows(key)))

    def shown(self, key: Key) -> Seen:
        """What the calls of a topic show."""
        return self.seen.get(key, Seen())

    def of_settings(self, *names: str) -> dict[str, tuple[Any, Any]]:
        """Settings that differ and have one of the names, or lie in a table of that name."""
        return {name: both for name, both in self.differs.items() if any(name == one or name.startswith(f"{one}.") for one in names)}

    @property
    def judged_apart(self) -> frozenset[str]:
        """Sets of the same run and of other judgements: a topic that only one bundle has is one that only it has judgements of."""
        run, qrels = (self.of_settings(*(f"hashes.{name}.{kind}" for name in self.first.names)) for kind in ("run", "qrels"))
        known = {str(one["name"]) for one in self.first.bundle.sets if (one.get("hashes") or {}).get("run")}
        apart = {name for name in known if f"hashes.{name}.qrels" in qrels and f"hashes.{name}.run" not in run}
        return frozenset() if self.of_settings("limit") else frozenset(apart)

    @property
    def several(self) -> str:
        """ "103 topics"."""
        return f"{len(self.common)} topic{'s' * (len(self.common) != 1)}"

    def counted(self, keys: frozenset[Key]) -> str:
        """ "7 of 103 topics"."""
        return f"{len(keys)} of {self.several}"
