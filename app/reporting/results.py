"""The tables of results: by set, averaged over topics and over sets, in-source and unseen apart, by domain, and for every measure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from app.ranking.evaluation.averages import Average, averages
from app.reporting.plots import Grid
from app.reporting.shown import Shown, measures, sets_of
from app.reporting.text import number, signed, whole

if TYPE_CHECKING:
    from app.ranking.evaluation.bundles.values import Key
    from app.ranking.evaluation.significance import Interval

_DOMAINS = 40
"""Rows of the chart by domain; beyond them the domains with most topics are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A mean, its difference to the first stage (signed), and its interval; empty texts where there is none."""

    value: str
    change: str = ""
    interval: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a table: a set or an average, with n topics ("6 to 48" where bundles differ)."""

    head: str
    n: str
    first: Cell
    cells: tuple[Cell, ...]
    note: str = ""


NOTHING = Cell(value=number(None))


def by_set(shown: Sequence[Shown], measure: str) -> tuple[Line, ...]:
    """A line a set: means of every bundle with the difference to its own first stage, and of the first stage of most topics."""
    lines = list[Line]()
    for one in sets_of(shown):
        starts = [_of_set(some.first(measure), one.name) for some in shown]
        start = max(starts, key=len)
        cells = tuple(_cell(_of_set(some.value(measure), one.name), began) for some, began in zip(shown, starts, strict=True))
        note = "in source" if one.in_source else "unseen"
        lines.append(Line(head=one.title, n=_span([one.fewest, one.topics]), first=_cell(start, {}), cells=cells, note=note))
    return tuple(lines)


def other_starts(shown: Sequence[Shown], measure: str) -> tuple[str, ...]:
    """Sentences on sets whose first stage is not the same in all bundles: the column of the first stage has that of most topics."""
    out = list[str]()
    for one in sets_of(shown):
        means = {some.letter: fmean(found.values()) for some in shown if (found := _of_set(some.first(measure), one.name))}
        if means and not all(math.isclose(value, next(iter(means.values())), abs_tol=1e-9) for value in means.values()):
            told = ", ".join(f"{letter} {number(value)}" for letter, value in means.items())
            out.append(f"{one.title}: the bundles had different first stages, or other topics ({told}); differences are to each one's own.")
    return tuple(out)


def over_all(shown: Sequence[Shown], measure: str) -> tuple[Line, ...]:
    """Averages over all sets, in-source and unseen ones, each over topics and over sets, with 95 % intervals."""
    sides = {one.name: one.in_source for one in sets_of(shown)}
    starts = [some.first(measure) for some in shown]
    found = [averages(some.value(measure), sides) if some.value(measure) else None for some in shown]
    begun = [averages(start, sides) if start else None for start in starts]
    lines = list[Line]()
    kinds = ("all",) if len(set(sides.values())) < 2 else ("all", "in_source", "unseen")
    for kind in kinds:
        for way, of in _WAYS.items():
            means = [_mean(one, kind, of) for one in found]
            before = [_mean(one, kind, of) for one in begun]
            first = max((one for one in before if one is not None), key=lambda one: one.n, default=None)
            cells = tuple(_averaged(mean, start) for mean, start in zip(means, before, strict=True))
            n = _span([one.n for one in means if one is not None])
            lines.append(Line(head=f"{_KINDS[kind]}, {way}", n=n, first=_averaged(first, None), cells=cells))
            if kind != "all" and list(sides.values()).count(kind == "in_source") == 1 or len(sides) == 1:
                break  # of one set both ways are the same number
    return tuple(lines)


_KINDS = {"all": "All sets", "in_source": "In-source sets", "unseen": "Unseen sets"}
_WAYS: Mapping[str, Callable[[Average], Interval]] = {"mean over topics": lambda one: one.topics, "mean over sets": lambda one: one.sets}


def _mean(one: object, kind: str, of: Callable[[Average], Interval]) -> Interval | None:
    part: Average | None = getattr(one, kind) if one is not None else None
    return None if part is None else of(part)


def _averaged(mean: Interval | None, start: Interval | None) -> Cell:
    if mean is None:
        return NOTHING
    interval = f"[{number(mean.low)}, {number(mean.high)}]"
    return Cell(value=number(mean.mean), change=signed(mean.mean - start.mean) if start is not None else "", interval=interval)


def every_measure(shown: Sequence[Shown]) -> tuple[Line, ...]:
    """A line a measure: the mean over all topics."""
    lines = list[Line]()
    for measure in measures(shown):
        starts = [some.first(measure) for some in shown]
        start = max(starts, key=len)
        values = [some.value(measure) for some in shown]
        cells = tuple(_cell(value, began) for value, began in zip(values, starts, strict=True))
        lines.append(Line(head=measure, n=_span([len(one) for one in values if one]), first=_cell(start, {}), cells=cells))
    return tuple(lines)


def by_domain(shown: Sequence[Shown], measure: str) -> Grid | None:
    """Mean differences to the first stage by the topics' domains; None where no bundle has a first stage."""
    gains: dict[str, list[dict[Key, float]]] = {}
    for at, one in enumerate(shown):
        for row in one.bundle.topics:
            if measure in row.first and measure in row.values:
                columns = gains.setdefault(row.domain or row.set, [{} for _ in shown])
                columns[at][row.key] = float(row.values[measure]) - float(row.first[measure])
    if not gains:
        return None
    sizes = {name: max(map(len, columns)) for name, columns in gains.items()}
    kept = set(sorted(sizes, key=lambda name: (-sizes[name], name))[:_DOMAINS])
    titles = {one.name: one.title for one in sets_of(shown)}
    rows = [name for name in gains if name in kept]
    return Grid(
        rows=tuple((titles.get(name, name), sizes[name]) for name in rows),
        columns=tuple(one.label for one in shown),
        values=tuple(tuple(fmean(some.values()) if some else None for some in gains[name]) for name in rows),
    )


def _span(counts: Sequence[int]) -> str:
    least, most = min(counts, default=0), max(counts, default=0)
    return whole(most) if least == most else f"{whole(least)} to {whole(most)}"


def _of_set(values: Mapping[Key, float], name: str) -> dict[Key, float]:
    return {key: value for key, value in values.items() if key[0] == name}


def _cell(values: Mapping[Key, float], start: Mapping[Key, float]) -> Cell:
    """A mean, with its difference to the start where that has the same topics."""
    if not values:
        return NOTHING
    mean = fmean(values.values())
    return Cell(value=number(mean), change=signed(mean - fmean(start.values())) if start.keys() == values.keys() else "")
