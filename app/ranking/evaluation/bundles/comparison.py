"""What a comparison of two bundles comes to: values, for people and for JSON. It is made in `compare`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..differences import Difference
from .values import Key

if TYPE_CHECKING:
    import pandas

UNEXPLAINED = "not explained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One thing that differs between the bundles and what it did.

    `topics` are those to which it applies; `effect` is what it did to the mean of the measure (second minus first), `share` the part of all
    movement, topic by topic and without sign, that is put down to it: shares of a comparison sum to 1 where anything moved. `measured` says
    that the effect was found by computing again without it; else movement was put down to it because it applies where the movement is.
    """

    name: str
    text: str
    topics: int
    share: float
    effect: float = 0.0
    measured: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRow:
    """A topic in both bundles: values of the measure, outcomes, and the causes that moved it with what each did to its value."""

    set: str
    topic: str
    query: str
    first: float
    second: float
    outcomes: tuple[str, str]
    same_order: bool
    moved: Mapping[str, float]

    @property
    def change(self) -> float:
        """Second minus first."""
        return self.second - self.first

    @property
    def key(self) -> Key:
        """(set name, topic id)."""
        return self.set, self.topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two bundles: its name and id, the mean of each measure over topics and over sets, and what it used per topic."""

    name: str
    id: str
    topics: int
    means: Mapping[str, float]
    set_means: Mapping[str, float]
    usage: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two bundles beside each other. `rows` are the topics of both, in the order of the first; `causes` by their share.

    `differs` are settings that differ: (name, first's value, second's). `difference` is second minus first over the rows, None without any.
    `notes` say what could not be compared.
    """

    measure: str
    first: Side
    second: Side
    rows: tuple[PairRow, ...]
    causes: tuple[Cause, ...]
    differs: tuple[tuple[str, Any, Any], ...]
    difference: Difference | None
    notes: tuple[str, ...] = ()

    @property
    def change(self) -> float:
        """Mean of the second minus mean of the first, each over all of its own topics."""
        return self.second.means.get(self.measure, 0.0) - self.first.means.get(self.measure, 0.0)

    @property
    def named(self) -> tuple[Cause, ...]:
        """Causes with a name, without what is not explained."""
        return tuple(cause for cause in self.causes if cause.name != UNEXPLAINED)

    @property
    def same(self) -> bool:
        """Whether nothing differs: neither a setting nor an input nor an order nor a value."""
        return not self.causes and not self.differs and all(row.same_order and not row.change for row in self.rows)

    def worst(self, count: int) -> tuple[PairRow, ...]:
        """The topics that changed most, the largest change first; equal ones in the order of the rows. Unchanged ones are left out."""
        return tuple(sorted((row for row in self.rows if row.change), key=lambda row: -abs(row.change))[:count])

    @property
    def plain(self) -> dict[str, Any]:
        """For JSON, with the topics that changed."""
        return {
            "measure": self.measure,
            "change": self.change,
            "same": self.same,
            "first": asdict(self.first),
            "second": asdict(self.second),
            "causes": [asdict(cause) for cause in self.causes],
            "differs": [{"name": name, "first": one, "second": other} for name, one, other in self.differs],
            "difference": asdict(self.difference) if self.difference else None,
            "topics": [{**asdict(row), "change": row.change} for row in self.worst(len(self.rows))],
            "notes": list(self.notes),
        }

    def to_frame(self) -> pandas.DataFrame:
        """A row per topic of both, a column per cause with what it did to the topic's value."""
        import pandas

        names = [cause.name for cause in self.causes]
        records = [
            {
                "set": row.set,
                "topic": row.topic,
                "first": row.first,
                "second": row.second,
                "change": row.change,
                "first outcome": row.outcomes[0],
                "second outcome": row.outcomes[1],
                **{name: row.moved.get(name, 0.0) for name in names},
            }
            for row in self.rows
        ]
        frame = pandas.DataFrame.from_records(records)
        return frame.set_index(["set", "topic"]) if records else frame


def ordered(causes: Sequence[Cause]) -> tuple[Cause, ...]:
    """By share, what is not explained last; equal shares keep their order."""
    return tuple(sorted(causes, key=lambda cause: (cause.name == UNEXPLAINED, -cause.share)))
