"""The table of a paper with our rows beside: sets as columns, means over sets and over topics, sets in source and unseen ones apart.

Numbers are nDCG@10 (the suite's primary measure) times 100. Where ours has some of the sets only, all means are over those, so that a row
is compared with rows of the same sets; the printed average stands beside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .averages import Averages, averages
from .differences import Compared, Difference, difference, differences
from .significance import Interval, bootstrap
from .statistic import Resampling
from .suites.published import PublishedRow, rows
from .suites.values import Suite

if TYPE_CHECKING:
    import pandas as pd

Key = tuple[str, str]
"""(set, topic)."""
FIRST = "the first stage"
_ABREAST = 3
MEANS = ("sets", "topics", "in source", "unseen", "printed")
_TITLES = {"sets": "mean", "topics": "by topic", "in source": "in source", "unseen": "unseen", "printed": "printed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """A row of ours: the measure by (set, topic), between 0 and 1, and the first stage's for the same topics where it reranks one."""

    label: str
    values: Mapping[Key, float]
    first: Mapping[Key, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """A line of the table, times 100: by set, and the means by the names of MEANS; None where there is none."""

    label: str
    ours: bool
    first_stage: bool
    values: Mapping[str, float]
    means: Mapping[str, float | None]
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """A row of ours against its first stage: means of both with intervals of the difference, by set too, and the comparison by topic."""

    label: str
    ours: Averages
    first: Averages
    gain: Averages
    by_set: Mapping[str, Interval]
    difference: Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTable:
    """Everything there is to print. `columns` are (set, its label), `over` the sets that means are over."""

    title: str
    measure: str
    columns: tuple[tuple[str, str], ...]
    over: tuple[str, ...]
    rows: tuple[TableRow, ...]
    against: tuple[Against, ...] = ()

    @property
    def text(self) -> str:
        """Plain text of at most some 160 characters a line."""
        width = max(len(row.label) for row in self.rows) if self.rows else 0
        heads = [label for _, label in self.columns] + [_TITLES[name] for name in self.shown_means]
        widths = [max(6, len(head)) for head in heads]
        whole = len(self.over) == len(self.columns)
        over = "" if whole else f"; means are over {len(self.over)} sets: {', '.join(self.over)}"
        lines = [f"{self.title}: {self.measure} x 100{over}", _line("", heads, (width, widths))]
        for kind, group in (("published", [row for row in self.rows if not row.ours]), ("ours", [row for row in self.rows if row.ours])):
            lines += [f"-- {kind}"] * bool(group)
            lines += [_line(row.label, self._cells(row), (width, widths)) for row in group]
        for one in self.against:
            lines += ["", *_against_lines(one)]
        return "\n".join(lines) + "\n"

    @property
    def shown_means(self) -> tuple[str, ...]:
        """Means that some row has."""
        return tuple(name for name in MEANS if any(row.means.get(name) is not None for row in self.rows))

    def _cells(self, row: TableRow) -> list[str]:
        return [_number(row.values.get(name)) for name, _ in self.columns] + [_number(row.means.get(name)) for name in self.shown_means]

    @property
    def plain(self) -> dict[str, Any]:
        """For JSON; numbers times 100 in rows, between 0 and 1 in the comparisons."""
        return {
            "title": self.title,
            "measure": self.measure,
            "sets": [name for name, _ in self.columns],
            "over": list(self.over),
            "rows": [asdict(row) for row in self.rows],
            "against": [asdict(one) for one in self.against],
        }

    def to_frame(self) -> pd.DataFrame:
        """A row per line of the table; columns ours, first_stage, the sets, the means."""
        import pandas as pd

        lines = [
            {
                "row": row.label,
                "ours": row.ours,
                "first_stage": row.first_stage,
                **row.values,
                **{f"mean: {k}": v for k, v in row.means.items()},
            }
            for row in self.rows
        ]
        frame = pd.DataFrame(lines).set_index("row") if lines else pd.DataFrame()
        return frame


def paper_table(suite: Suite, ours: Sequence[Ours] = (), how: Resampling | None = None) -> PaperTable:
    """Published rows above, ours below. Raises InputError where a row of ours has no value, or a set that the suite has not."""
    known = {one.name: one.in_source for one in suite.sets}
    sets = tuple(dict.fromkeys(name for row in ours for name, _ in row.values))
    if odd := [name for name in sets if name not in known]:
        raise InputError(f"suite {suite.name!r} has no set {odd[0]!r}: its sets are {', '.join(known)}")
    over = tuple(name for name in known if name in sets) or tuple(known)
    return PaperTable(
        title=suite.title,
        measure=suite.primary,
        columns=tuple((one.name, one.label) for one in suite.sets),
        over=over,
        rows=(*(_published(row, suite, over) for row in rows_of(suite)), *(_ours(row, known) for row in ours)),
        against=_all_against(ours, known, suite.primary, how or Resampling(samples=10_000)),
    )


def rows_of(suite: Suite) -> tuple[PublishedRow, ...]:
    """Published rows of a suite; none for a folder, which has no name that anybody published under."""
    return rows(suite.name) if suite.published else ()


def _published(row: PublishedRow, suite: Suite, over: tuple[str, ...]) -> TableRow:
    """Means over the same sets as ours; over topics by the declared numbers of topics."""
    counts = {one.name: one.topics or 0 for one in suite.sets}
    values = {name: row.values[name] for name in over if name in row.values}
    weight = sum(counts[name] for name in values)
    return TableRow(
        label=row.label,
        ours=False,
        first_stage=row.first_stage,
        values=dict(row.values),
        means={
            **_set_means(values, {one.name: one.in_source for one in suite.sets}),
            "topics": sum(value * counts[name] for name, value in values.items()) / weight if weight else None,
            "printed": row.average,
        },
        source=row.source,
    )


def _ours(row: Ours, known: Mapping[str, bool]) -> TableRow:
    by: dict[str, list[float]] = {}
    for (name, _), value in row.values.items():
        by.setdefault(name, []).append(100.0 * value)
    if not by:
        raise InputError(f"row {row.label!r} has no value: evaluate at least one topic")
    values = {name: fmean(found) for name, found in by.items()}
    means = {**_set_means(values, known), "topics": fmean(value for found in by.values() for value in found), "printed": None}
    return TableRow(label=row.label, ours=True, first_stage=row.first is None, values=values, means=means)


def _set_means(values: Mapping[str, float], known: Mapping[str, bool]) -> dict[str, float | None]:
    """Mean over all sets, and over those in source and unseen where there are both kinds."""
    parts = {which: [value for name, value in values.items() if known[name] is which] for which in (True, False)}
    both = bool(parts[True] and parts[False])
    return {
        "sets": fmean(values.values()) if values else None,
        "in source": fmean(parts[True]) if both else None,
        "unseen": fmean(parts[False]) if both else None,
    }


def _all_against(ours: Sequence[Ours], known: Mapping[str, bool], measure: str, how: Resampling) -> tuple[Against, ...]:
    """Every row that has one against its first stage; where they share it, p is corrected for how many they are."""
    rows_ = [(row, row.first) for row in ours if row.first is not None]
    if not rows_:
        return ()
    base = rows_[0][1]
    if all(first == base for _, first in rows_) and len({row.label for row, _ in rows_}) == len(rows_):
        found = differences({FIRST: base, **{row.label: row.values for row, _ in rows_}}, FIRST, measure, how)
    else:
        found = tuple(
            difference(row.values, first, Compared(measure=measure, first=row.label, second=FIRST, how=how)) for row, first in rows_
        )
    return tuple(_against(row.label, (row.values, first), known, (one, how)) for (row, first), one in zip(rows_, found, strict=True))


def _against(
    label: str, pair: tuple[Mapping[Key, float], Mapping[Key, float]], known: Mapping[str, bool], compared: tuple[Difference, Resampling]
) -> Against:
    (values, first), (found, how) = pair, compared
    gain = {key: value - first[key] for key, value in values.items()}
    ours, base, more = (averages(one, known, how) for one in (values, first, gain))
    sets: dict[str, list[float]] = {}
    for name, topic in sorted(gain):
        sets.setdefault(name, []).append(gain[name, topic])
    drawn = {name: bootstrap(sets[name], samples=max(1, how.samples), seed=how.seed, level=how.level) for name in known if name in sets}
    return Against(label=label, ours=ours, first=base, gain=more, by_set=drawn, difference=found)


def _against_lines(one: Against) -> Iterable[str]:
    """Means of both by the way of averaging, with the interval of the difference."""
    yield f"{one.label} against the first stage ({one.difference.n} topics, 95 % bootstrap intervals)"
    for part, name in (("all", "all sets"), ("in_source", "in source"), ("unseen", "unseen")):
        ours, first, gain = getattr(one.ours, part), getattr(one.first, part), getattr(one.gain, part)
        if ours is None or (part != "all" and (one.ours.in_source is None or one.ours.unseen is None)):
            continue
        for way, title in (("sets", f"mean over {len(ours.names)} set{'s' * (len(ours.names) != 1)}"), ("topics", "mean over topics")):
            if len(ours.names) == 1 and way == "sets":
                continue
            mine, base, more = getattr(ours, way), getattr(first, way), getattr(gain, way)
            yield (
                f"  {name:<10} {title:<18} n={mine.n:<5} {100 * mine.mean:6.2f}  first stage {100 * base.mean:6.2f}  "
                f"difference {100 * more.mean:+6.2f} [{100 * more.low:+.2f}, {100 * more.high:+.2f}]"
            )
    if len(one.by_set) > 1:
        shown = [f"{name} {100 * gain.mean:+.2f} [{100 * gain.low:+.2f}, {100 * gain.high:+.2f}]" for name, gain in one.by_set.items()]
        for start in range(0, len(shown), _ABREAST):
            yield f"  {'' if start else 'by set':<10} {', '.join(shown[start : start + _ABREAST])}"
    yield f"  {one.difference.text}"


def _line(label: str, cells: Sequence[str], widths: tuple[int, Sequence[int]]) -> str:
    first, rest = widths
    return f"{label:<{first}}  " + " ".join(f"{cell:>{width}}" for cell, width in zip(cells, rest, strict=True))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
