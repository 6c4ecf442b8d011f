"""Charts of a report as SVG: headroom, differences by domain, topics won and lost, quality against tokens, outcomes.

Each function takes plain values and gives one <svg> with titles, units and n. Nothing is told by colour alone: signs are written, series
differ in marker and dash, parts of a bar in hatching.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

from app.reporting.svg import BAD, DASHES, EVEN, GOOD, INK, LINE, MARKERS, SERIES, SOFT, as_svg, drawing
from app.reporting.text import number, percent, short, signed, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

_WIDE, _SMALL = 4.6, 3.3  # inches: 442 and 317 pixels of a page
_ROW = 0.18  # inches of a line of a legend
EVEN_WITHIN = 1e-9  # values of a topic that differ by no more are equal
OUTCOMES = ("clean", "repaired", "truncated", "no_answer", "error", "refused")
_PARTS = dict(zip(OUTCOMES, zip((*SERIES[:3], SERIES[3], BAD, EVEN), ("", "//", "xx", "..", "\\\\", "++"), strict=True), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One set: the measure of a perfect reranking by depth (candidates), of the first stage, and of rerankings by name."""

    title: str
    n: int
    ceiling: Mapping[int, float]
    first: float | None
    ranked: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Differences by domain (rows, each with its n) and ranking (columns); None where a ranking has no such topic."""

    rows: tuple[tuple[str, int], ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A ranking's mean measure with its interval, and tokens read and written per topic."""

    label: str
    tokens: float
    mean: float
    low: float
    high: float
    n: int


def headroom(curve: Curve, measure: str, name: str) -> str:
    """A perfect reranking by depth, over the first stage's and the rerankings' lines. Depths are candidates per topic."""
    with drawing():
        figure, axes = _figure(_SMALL, 2.4 + _ROW * (len(curve.ranked) // 2 + 1))
        depths = sorted(curve.ceiling)
        axes.plot(depths, [curve.ceiling[depth] for depth in depths], color=INK, marker="o", markersize=3, label="perfect reranking")
        if curve.first is not None:
            axes.axhline(curve.first, color=SOFT, linestyle=(0, (1, 1.5)), label="first stage")
        for (label, value), (colour, _, dash) in zip(curve.ranked.items(), _series(), strict=False):
            axes.axhline(value, color=colour, linestyle=dash, label=short(label, 28))
        axes.set_ylim(0, 1.02)
        axes.set_xlim(0, max(depths, default=1) * 1.03)
        _named(axes, f"{short(curve.title, 30)} (n = {whole(curve.n)})", "candidates reranked per topic", f"mean {measure}")
        _legend(figure)
        least, most = (depths[0], depths[-1]) if depths else (0, 0)
        text = f"A perfect reranking of the first {least} gives {number(curve.ceiling.get(least))}, of the first {most} "
        text += f"{number(curve.ceiling.get(most))}; the first stage {number(curve.first)}; "
        text += ", ".join(f"{label} {number(value)}" for label, value in curve.ranked.items())
        return as_svg(figure, name, f"Headroom of {curve.title}", text)


def heat_map(grid: Grid, measure: str, name: str) -> str:
    """Mean difference to the first stage by domain, one at least: signed numbers in cells, blue above and orange below."""
    with drawing():
        figure, axes = _figure(max(_WIDE, 2.6 + 0.62 * len(grid.columns)), 1.0 + 0.3 * len(grid.rows))
        shown = [value for row in grid.values for value in row if value is not None]
        most = max((abs(value) for value in shown), default=0.0) or 1.0
        table = [[math.nan if value is None else value for value in row] for row in grid.values]
        axes.pcolormesh(table, cmap=_diverging(), vmin=-most, vmax=most, edgecolors="#ffffff", linewidth=1.5)
        for down, row in enumerate(grid.values):
            for right, value in enumerate(row):
                dark = value is not None and abs(value) / most > 0.62
                ink = INK if value is None else "#ffffff" if dark else "#101010"
                axes.text(right + 0.5, down + 0.5, signed(value, 3), ha="center", va="center", color=ink)
        axes.set_yticks([at + 0.5 for at in range(len(grid.rows))], [f"{short(title, 26)} ({whole(n)})" for title, n in grid.rows])
        # Names where there is room for them, letters elsewhere: both are in the tables beside it.
        heads = [short(column, 14) if len(grid.columns) < 3 else column.split(" ")[0] for column in grid.columns]
        axes.set_xticks([at + 0.5 for at in range(len(grid.columns))], heads)
        axes.tick_params(length=0, top=False)
        axes.invert_yaxis()
        axes.grid(False)
        axes.spines[:].set_visible(False)
        _named(axes, "", "ranking", "domain (topics)")
        figure.suptitle(f"Difference to the first stage, mean {measure}", x=0.01, ha="left", fontsize=9.5, fontweight="bold")
        text = "; ".join(
            f"{title}: {', '.join(f'{c} {signed(v, 3)}' for c, v in zip(grid.columns, row, strict=True))}"
            for (title, _), row in zip(grid.rows, grid.values, strict=True)
        )
        return as_svg(figure, name, "Differences by domain", text)


def win_loss(differences: Sequence[float], first: str, second: str, measure: str, name: str) -> str:
    """One bar a topic, sorted: how far `first` is above `second` on it. One outline for all bars, so that a thousand topics stay small."""
    with drawing():
        figure, axes = _figure(_WIDE, 2.7)
        ordered = sorted(differences, reverse=True)
        edges = list(range(len(ordered) + 1))
        axes.stairs([max(0.0, one) for one in ordered], edges, fill=True, color=GOOD)
        axes.stairs([min(0.0, one) for one in ordered], edges, fill=True, color=BAD)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_xlim(0, max(1, len(ordered)))
        _counted(axes.xaxis)
        better, worse = sum(one > EVEN_WITHIN for one in ordered), sum(one < -EVEN_WITHIN for one in ordered)
        told = f"{whole(better)} better, {whole(len(ordered) - better - worse)} equal, {whole(worse)} worse"
        title = f"{short(first, 24)} against {short(second, 24)}"
        _named(axes, title, f"{whole(len(ordered))} topics, sorted: {told}", f"difference in {measure}")
        return as_svg(figure, name, f"Topics won and lost: {title}", told)


def quality(points: Sequence[Point], first: float | None, measure: str, name: str) -> str:
    """Mean measure with its 95 % interval against tokens read and written per topic."""
    with drawing():
        figure, axes = _figure(_WIDE, 2.5 + _ROW * (len(points) + 1))
        if first is not None:
            axes.axhline(first, color=SOFT, linestyle=(0, (1, 1.5)), label="first stage")
        for point, (colour, marker, _) in zip(points, _series(), strict=False):
            axes.errorbar(
                [point.tokens], [point.mean], yerr=[[max(0.0, point.mean - point.low)], [max(0.0, point.high - point.mean)]], color=colour,
                marker=marker, markersize=6, capsize=3, linestyle="none", label=short(f"{point.label} (n = {whole(point.n)})", 44),
            )  # fmt: skip
        axes.set_xlim(left=0, right=max((point.tokens for point in points), default=0) * 1.15 or 1)
        axes.xaxis.set_major_formatter(lambda value, _: whole(value))
        _counted(axes.xaxis, 5)
        _named(axes, "Quality against tokens", "tokens read and written per topic", f"mean {measure}")
        _legend(figure, columns=1)
        text = "; ".join(f"{one.label}: {number(one.mean)} for {whole(one.tokens)} tokens per topic" for one in points)
        return as_svg(figure, name, "Quality against tokens", text)


def outcomes(counts: Mapping[str, Mapping[str, int]], name: str) -> str:
    """How calls ended, as shares of each ranking's calls."""
    with drawing():
        figure, axes = _figure(_WIDE, 1.2 + 0.32 * max(1, len(counts)))
        labels = [f"{short(label, 20)} ({whole(sum(found.values()))})" for label, found in counts.items()]
        kinds = [kind for kind in OUTCOMES if any(found.get(kind) for found in counts.values())]
        left = [0.0] * len(counts)
        for kind in kinds:
            colour, hatch = _PARTS[kind]
            shares = [100 * found.get(kind, 0) / (sum(found.values()) or 1) for found in counts.values()]
            axes.barh(labels, shares, left=left, color=colour, hatch=hatch, edgecolor="#ffffff", label=kind.replace("_", " "), height=0.6)
            left = [one + other for one, other in zip(left, shares, strict=True)]
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.grid(False, axis="y")
        _named(axes, "How calls ended", "share of calls (%)", "ranking (calls)")
        _legend(figure, columns=3)
        text = "; ".join(f"{label}: {', '.join(f'{found[k]} {k}' for k in kinds if found.get(k))}" for label, found in counts.items())
        return as_svg(figure, name, "How calls ended", text)


def overlaps(values: Sequence[float], label: str, name: str) -> str:
    """How many topics have which mean overlap of their runs, in tenths."""
    with drawing():
        figure, axes = _figure(_WIDE, 2.4)
        counts = [0] * 10
        for value in values:
            counts[min(9, int(value * 10 + 1e-9))] += 1
        axes.bar([at / 10 + 0.05 for at in range(10)], counts, width=0.092, color=SERIES[0])
        axes.set_xlim(0, 1)
        _counted(axes.yaxis)
        _named(axes, f"Agreement of {short(label, 36)}", f"mean rank-biased overlap of a topic's runs (n = {whole(len(values))})", "topics")
        most = max(range(10), key=lambda at: counts[at])
        share = percent(counts[most] / (len(values) or 1))
        return as_svg(figure, name, "Agreement of runs", f"{share} of topics lie between {most / 10:.1f} and {(most + 1) / 10:.1f}")


def ranges(values: Sequence[tuple[float, float]], measure: str, name: str) -> str:
    """The lowest and highest value of each topic over its runs, sorted by their middle."""
    with drawing():
        figure, axes = _figure(_WIDE, 2.6)
        ordered = sorted(values, key=lambda one: (one[0] + one[1], one))
        at = [float(place + half) for place in range(len(ordered)) for half in (0, 1)]
        low, high = ([one[side] for one in ordered for _ in (0, 1)] for side in (0, 1))
        axes.fill_between(at, low, high, color=SERIES[0], linewidth=0.8)
        axes.set_xlim(0, max(1, len(ordered)))
        _counted(axes.xaxis)
        axes.set_ylim(0, 1.02)
        _named(axes, f"Range of {measure} over runs", f"topics, sorted (n = {whole(len(ordered))})", f"lowest to highest {measure}")
        wide = sum(high - low for low, high in ordered) / (len(ordered) or 1)
        return as_svg(figure, name, f"Range of {measure} over runs", f"the mean range is {number(wide)}")


def rank_ranges(best: Sequence[float], worst: Sequence[float], n: int, name: str) -> str:
    """Mean best and worst rank over the orders of a consensus, by rank in the central order."""
    with drawing():
        figure, axes = _figure(_WIDE, 2.6)
        ranks = range(1, len(best) + 1)
        for rank, low, high in zip(ranks, best, worst, strict=True):
            axes.plot([rank, rank], [low, high], color=SERIES[0], linewidth=4, solid_capstyle="butt")
        axes.plot(list(ranks), list(ranks), color=INK, marker="o", markersize=3, linestyle="none", label="rank in the central order")
        axes.invert_yaxis()
        _counted(axes.xaxis)
        _named(axes, f"Rank intervals of a consensus (n = {whole(n)})", "rank in the central order", "mean best to worst rank")
        text = "; ".join(f"rank {rank}: {low:.1f} to {high:.1f}" for rank, low, high in zip(ranks, best, worst, strict=True))
        return as_svg(figure, name, "Rank intervals", text)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Sizes in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _named(axes: Axes, title: str, x: str, y: str) -> None:
    # Left of the axis' own names, so that a long title is not cut off at the right.
    axes.set_title(title, x=0.0)
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def _counted(axis: Axis, most: int = 9) -> None:
    """Whole numbers only, at most so many steps."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=most, integer=True, min_n_ticks=1))


def _legend(figure: Figure, columns: int = 2) -> None:
    if figure.axes[0].get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower left", ncols=columns, handlelength=2.6, columnspacing=1.2)


def _series() -> Any:
    """Colour, marker and dash of each series; after five the pairing shifts, so that 25 can be told apart."""
    return ((SERIES[at % 5], MARKERS[(at + at // 5) % 5], DASHES[(at + at // 5) % 5]) for at, _ in enumerate(cycle((0,))))


def _diverging() -> Any:
    """Orange over near white to blue; grey where there is no number."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("report", ["#a44a05", "#f6f4ee", "#1f5c9c"]).with_extremes(bad=LINE)
