"""The bundles of one report: each by a letter and a name, with what all pages parts ask of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from app.ranking.errors import InputError
from app.reporting.text import plural, short

if TYPE_CHECKING:
    from app.ranking.evaluation.bundles.read import Bundle
    from app.ranking.evaluation.bundles.values import Key

MOST = 25
"""Bundles of one report: charts tell so many series apart, and tables grow no wider."""
_NAME = 80  # characters of a name or a title


@dataclass(frozen=True)
class Shown:
    """A bundle of a report. `letter` is what it is called in tables and charts."""

    letter: str
    bundle: Bundle

    @property
    def name(self) -> str:
        """Its maker's name for it, at most 80 characters."""
        return short(self.bundle.name, _NAME)

    @property
    def label(self) -> str:
        """For charts: letter and name, at most 24 characters."""
        return short(f"{self.letter} {self.bundle.name}", 24)

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The bundle's manifest."""
        return self.bundle.manifest

    @cached_property
    def sets(self) -> Mapping[str, Mapping[str, Any]]:
        """The manifest's sets by name."""
        return {one["name"]: one for one in self.bundle.sets}

    def value(self, measure: str) -> dict[Key, float]:
        """A measure by topic, nothing where the bundle has not got it."""
        return self.bundle.values(measure) if measure in self.bundle.measures else {}

    def first(self, measure: str) -> dict[Key, float]:
        """The first stage's measure by topic, for topics that have one."""
        return {row.key: float(row.first[measure]) for row in self.bundle.topics if measure in row.first}


def lettered(bundles: Iterable[Bundle]) -> tuple[Shown, ...]:
    """Bundles with their letters. Raises InputError for none, more than 25, or bundles without a measure in common."""
    given = list(bundles)
    if not given or len(given) > MOST:
        raise InputError(f"a report shows 1 to {MOST} bundles, {len(given)} were given: name the folders that evaluations have written")
    if not all(set(given[0].measures) & set(one.measures) for one in given):
        raise InputError("the bundles have no measure in common: a report compares bundles that were scored by the same measures")
    return tuple(Shown(chr(ord("A") + at), bundle) for at, bundle in enumerate(given))


def primary(shown: Sequence[Shown]) -> str:
    """The measure that the report judges by: the first bundle's, or the first of its measures that all bundles have."""
    wanted = shown[0].bundle
    return next(name for name in (wanted.primary, *wanted.measures) if all(name in one.bundle.measures for one in shown))


def measures(shown: Sequence[Shown]) -> tuple[str, ...]:
    """All measures, the primary first."""
    return tuple(dict.fromkeys([primary(shown), *(name for one in shown for name in one.bundle.measures)]))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOf:
    """A set over all bundles; `topics` of the bundle that has most of it, `fewest` of the one that has least."""

    name: str
    title: str
    in_source: bool
    topics: int
    fewest: int


def sets_of(shown: Sequence[Shown]) -> tuple[SetOf, ...]:
    """The sets of all bundles, in the order of the first that has each."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in shown:
        for name, about in one.sets.items():
            found.setdefault(name, []).append(about)
    return tuple(_set(name, abouts) for name, abouts in found.items())


def _set(name: str, abouts: Sequence[Mapping[str, Any]]) -> SetOf:
    title, counts = short(abouts[0]["title"] or name, _NAME), [about["topics"] for about in abouts]
    return SetOf(name=name, title=title, in_source=bool(abouts[0]["in_source"]), topics=max(counts), fewest=min(counts))


def extent(shown: Sequence[Shown]) -> str:
    """How many topics of how many sets: "6 topics of 2 sets of `small`"."""
    sets = sets_of(shown)
    suite = short(shown[0].manifest.get("suite") or "", _NAME)
    text = f"{plural(len({key for one in shown for key in one.bundle.by_key}), 'topic')} of {plural(len(sets), 'set')}"
    return f"{text} of suite {suite}" if suite else text
