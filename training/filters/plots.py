"""Plots of a report as SVG texts: the same report makes the same bytes. Names of domains are data and are escaped."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Paul Tol's "bright" scheme: can be told apart with any kind of colour vision, and in grey.
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")
_LINE, _WIDTH = "#222222", 7.0  # inches


def plots(report: Mapping[str, Any]) -> dict[str, str]:
    """SVG by name: `domains` (survivors), `costs` where anything was paid or asked, and one per filter with scores."""
    found = {}
    if report["domains"]:
        found["domains"] = _drawn("domains", _domains, report["domains"])
        found["costs"] = _drawn("costs", _costs, report["domains"], report["currency"] or "")
    for one in report["filters"]:
        if any(map(sum, one["histogram"]["counts"].values())):
            found[one["name"]] = _drawn(one["name"], _scores, one)
    return found


def _drawn(name: str, draw: Any, *what: Any) -> str:
    """One figure. Nothing of the process-wide state of matplotlib is left changed."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # `hashsalt` makes the ids of clips and markers, apart for each figure of a page.
    settings: Any = {"svg.hashsalt": f"reasonrank-{name}", "svg.fonttype": "none", "font.family": "sans-serif", "text.parse_math": False}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # of letters in a domain's name: the browser has a font
        figure = Figure(figsize=(_WIDTH, 2.6), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure, *what)
        held = io.StringIO()
        figure.savefig(held, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = held.getvalue()
    return "\n".join(line.rstrip() for line in text[text.index("<svg") :].splitlines()) + "\n"


def _axes(figure: Figure) -> Axes:
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _scores(figure: Figure, one: Mapping[str, Any]) -> None:
    """A histogram, domains stacked, with the threshold; the side that falls out is shaded."""
    axes, edges = _axes(figure), one["histogram"]["edges"]
    width, below = edges[1] - edges[0], [0] * (len(edges) - 1)
    for at, (domain, counts) in enumerate(one["histogram"]["counts"].items()):
        axes.bar(edges[:-1], counts, width=width * 0.92, bottom=below, align="edge", color=COLOURS[at % len(COLOURS)], label=_short(domain))
        below = [a + b for a, b in zip(below, counts, strict=True)]
    threshold, low = one["threshold"], one["keeps"] == "at_least"
    axes.axvspan(edges[0] if low else threshold, threshold if low else edges[-1], color="#000000", alpha=0.06, lw=0)
    axes.axvline(threshold, color=_LINE, lw=1.2, ls="--")
    axes.set_xlim(edges[0] - width / 2, edges[-1] + width / 2)
    axes.set_xlabel(f"{one['name']} ({'at least' if low else 'at most'} {threshold:g} is kept)")
    axes.set_ylabel("items")
    _legend(axes, len(one["histogram"]["counts"]))


def _domains(figure: Figure, domains: Sequence[Mapping[str, Any]]) -> None:
    """Items with a ranking and those that are left, by domain."""
    figure.set_size_inches(_WIDTH, _height(domains))
    axes, places = _axes(figure), range(len(domains))
    before, after = [one["before"] for one in domains], [one["after"] for one in domains]
    axes.barh(places, before, height=0.7, color="#dddddd", label="before")
    bars = axes.barh(places, after, height=0.7, color=COLOURS[0], label="after")
    axes.bar_label(bars, [f" {a} of {b}" for a, b in zip(after, before, strict=True)], padding=2)
    axes.margins(x=0.12)
    _named(axes, domains)
    axes.set_xlabel("items")
    _legend(axes, 2)


def _costs(figure: Figure, domains: Sequence[Mapping[str, Any]], currency: str) -> None:
    """Money per kept item, or tokens where nothing was paid."""
    figure.set_size_inches(_WIDTH, _height(domains))
    axes, paid = _axes(figure), any(one["cost"] for one in domains)
    values = [(one["cost"] if paid else one["tokens"]) / one["after"] if one["after"] else 0.0 for one in domains]
    bars = axes.barh(range(len(domains)), values, height=0.7, color=COLOURS[0])
    axes.bar_label(bars, [f" {value:.4g}" if one["after"] else " nothing kept" for value, one in zip(values, domains, strict=True)])
    axes.margins(x=0.15)
    _named(axes, domains)
    axes.set_xlabel(f"{currency or 'cost'} per kept item" if paid else "tokens per kept item")


def _named(axes: Axes, domains: Sequence[Mapping[str, Any]]) -> None:
    axes.set_yticks(range(len(domains)), [_short(one["domain"]) for one in domains])
    axes.invert_yaxis()


def _legend(axes: Axes, entries: int) -> None:
    if entries > 1:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def _height(domains: Sequence[object]) -> float:
    return 1.2 + 0.35 * len(domains)


def _short(name: str) -> str:
    """A name for an axis; an underscore in front would hide it from a legend."""
    shown = name if len(name) <= 30 else f"{name[:29]}\u2026"
    return f" {shown}" if shown.startswith("_") else shown or "(none)"
