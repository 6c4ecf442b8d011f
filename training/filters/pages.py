"""A report for people: report.md, and report.html, which holds its plots and needs nothing else. Everything from outside is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .plots import plots

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 Georgia, serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; }
h1, h2 { line-height: 1.2; }
table { border-collapse: collapse; font: 14px/1.4 system-ui, sans-serif; display: block; overflow-x: auto; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 1rem 0 2rem; } figure svg { max-width: 100%; height: auto; } figcaption { color: #555; }
.warning { border-left: 4px solid #ee6677; padding: .2rem 1rem; background: #fdf3f4; }
"""
_EMBEDDED = (
    "The teacher was the embedded model, which reads evidence and not text. Its labels and orders show that the pipeline works; they are "
    "no substitute for a language model's."
)
Table = tuple[tuple[str, ...], list[tuple[str, ...]]]


def write_pages(report: Mapping[str, Any], folder: Path, title: str = "What the filters kept") -> tuple[Path, Path]:
    """Write report.md and report.html, and the plots as SVG files beside them; the same report makes the same bytes.

    Returns the paths of the two. The folder is made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = plots(report)
    for name, svg in drawn.items():
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8", newline="\n")
    for name, text in (("report.md", markdown(report, title)), ("report.html", page(report, title, drawn))):
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return folder / "report.md", folder / "report.html"


def markdown(report: Mapping[str, Any], title: str) -> str:
    """The report as Markdown, with the plots as links to the files beside it."""
    parts = [f"# {_cell(title)}", _summary(report, _cell)]
    parts += [f"> {_EMBEDDED}"] if report["embedded"] else []
    for heading, table in _tables(report):
        parts += [f"## {heading}", _rows(table)]
    parts += ["## Scores"]
    for one in report["filters"]:
        parts += [f"**{one['name']}**: {_cell(_caption(one))}"]
        if any(map(sum, one["histogram"]["counts"].values())):
            parts += [f"![Scores of the filter {one['name']}]({one['name']}.svg)"]
    return "\n\n".join(parts) + "\n"


def page(report: Mapping[str, Any], title: str, drawn: Mapping[str, str]) -> str:
    """The report as one HTML file without scripts and without anything to load."""
    parts = [f"<h1>{_text(title)}</h1>", f"<p>{_summary(report, _text)}</p>"]
    parts += [f'<p class="warning">{_text(_EMBEDDED)}</p>'] if report["embedded"] else []
    for heading, table in _tables(report):
        parts += [f"<h2>{heading}</h2>", _html_table(table)]
        if heading == "Domains":
            parts += [_figure(drawn, "domains", "Items before and after the filters."), _figure(drawn, "costs", "What a kept item costs.")]
    parts += ["<h2>Scores</h2>", *(_figure(drawn, one["name"], f"{one['name']}: {_caption(one)}") for one in report["filters"])]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{_text(title)}</title><style>{_STYLE}</style>'
    body = "\n".join(part for part in parts if part)
    return f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{body}\n</body>\n</html>\n'


def _summary(report: Mapping[str, Any], escaped: Any) -> str:
    share = f" ({report['after'] / report['before']:.0%})" if report["before"] else ""
    return f"{report['after']} of {report['before']} items are kept{share}. Teacher: {escaped(report['teacher'])}."


def _tables(report: Mapping[str, Any]) -> list[tuple[str, Table]]:
    found = [("Domains", _domain_table(report)), ("Filters", _filter_table(report))]
    return found + ([("Labels of the teacher and of people", _agreement_table(report["agreement"]))] if report["agreement"] else [])


def _domain_table(report: Mapping[str, Any]) -> Table:
    head = ("domain", "before", "after", "empty", "failed", "calls", "tokens", report["currency"] or "cost", "per kept item")
    rows = []
    for one in report["domains"]:
        per = "\u2013" if one["cost_per_kept"] is None else f"{one['cost_per_kept']:.4g}"
        counts = (one[name] for name in ("before", "after", "empty", "failed", "calls", "tokens"))
        rows.append((one["domain"], *(f"{count:,}" for count in counts), f"{one['cost']:.4g}", per))
    return head, rows


def _filter_table(report: Mapping[str, Any]) -> Table:
    rows: list[tuple[str, ...]] = []
    for one in report["filters"]:
        name = one["name"]
        dropped, only = (sum(domain[key].get(name, 0) for domain in report["domains"]) for key in ("dropped", "only"))
        side = "at least" if one["keeps"] == "at_least" else "at most"
        fixed = ", fixed" if one.get("fixed") else ""
        rows.append((name, f"{side} {one['threshold']:g}{fixed}", f"{dropped:,}", f"{only:,}", f"{one['histogram']['none']:,}"))
    return ("filter", "keeps", "drops", "drops alone", "without a score"), rows


def _agreement_table(agreement: Mapping[str, Any]) -> Table:
    named = [("all", agreement), *agreement["domains"].items()]
    cells = ("items", "passages", "kappa", "precision", "recall")
    rows = [(name, *("\u2013" if one[cell] is None else f"{one[cell]:.4g}" for cell in cells)) for name, one in named]
    return ("domain", *cells), rows


def _caption(one: Mapping[str, Any]) -> str:
    none = one["histogram"]["none"]
    return str(one["about"]) + (
        f" {none:,} item{'s have' if none != 1 else ' has'} nothing to judge by and {'are' if none != 1 else 'is'} kept." if none else ""
    )


def _rows(table: Table) -> str:
    head, rows = table
    lines = [head, ("---", *["---:"] * (len(head) - 1)), *(tuple(map(_cell, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _html_table(table: Table) -> str:
    head, rows = table
    first = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in head)
    lines = ["<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    return f"<table>\n<tr>{first}</tr>\n" + "\n".join(lines) + "\n</table>"


def _figure(drawn: Mapping[str, str], name: str, caption: str) -> str:
    told = _text(caption)
    if name not in drawn:
        return f"<p>{told}</p>" if name not in ("domains", "costs") else ""
    svg = drawn[name].replace("<svg ", f'<svg role="img" aria-label="{told}" ', 1)
    return f"<figure>\n{svg}<figcaption>{told}</figcaption>\n</figure>"


def _text(value: object) -> str:
    return html.escape(str(value), quote=True)


def _cell(value: object) -> str:
    """Text that Markdown takes as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|!~&])", r"\\\1", re.sub(r"\s+", " ", str(value)))
