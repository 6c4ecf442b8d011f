"""What every source is told besides its options, and where it counts what it left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from db.session import Database

_EXAMPLES = 3


@dataclass(slots=True, kw_only=True)
class Skipped:
    """Rows that were left out, by reason: how many, and the places of the first few."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, place: str) -> None:
        """Count one. `place` is a file with a line or an id; never a text."""
        self.counts[reason] += 1
        places = self.examples.setdefault(reason, [])
        if len(places) < _EXAMPLES:
            places.append(place)

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence per reason, the most frequent first."""
        ranked = sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return tuple(f"{count} left out: {reason} (such as {', '.join(self.examples[reason])})" for reason, count in ranked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where a source reads. `folder` is the one that paths are relative to; `licence` is for data that names none of its own.

    `skipped` is filled while the source is read.
    """

    folder: Path
    database: Database | None
    domain: str
    licence: str
    skipped: Skipped = field(default_factory=Skipped)
