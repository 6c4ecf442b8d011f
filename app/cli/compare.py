"""`compare`: why two evaluations differ, from their bundles, or from run files with the judgements to score them by."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import sentences
from app.ranking.errors import InputError

if TYPE_CHECKING:
    from app.ranking.evaluation.bundles.comparison import Comparison, PairRow
    from app.ranking.evaluation.bundles.read import Bundle

_SHOWN = 10  # settings
_USED = {"calls": "calls", "requests": "requests", "tokens_in": "tokens read", "tokens_out": "tokens written", "seconds": "seconds"}
_QUERY = 60  # characters


def command(
    first: Annotated[Path, typer.Argument(help="bundle, or a TREC run with --qrels")],
    second: Annotated[Path, typer.Argument(help="the one that is compared with it")],
    measure: Annotated[str, typer.Option(help="a measure of both; default: the primary one of the first")] = "",
    topics: Annotated[int, typer.Option(help="topics to show, those that changed most first", min=0)] = 10,
    qrels: Annotated[Path | None, typer.Option(help="judgements, for run files")] = None,
    samples: Annotated[int, typer.Option(help="resamples for interval and test", min=1)] = 10_000,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Every difference of two bundles, in settings and in data, and how much of the change each explains."""
    from app.ranking.evaluation.bundles.compare import compare

    with sentences(), tempfile.TemporaryDirectory(prefix="compare-") as aside:
        one, other = _opened(first, second, (qrels, measure), Path(aside))
        found = compare(one, other, measure, samples=samples)
        typer.echo(json.dumps(found.plain, indent=1) if as_json else "\n".join(lines(found, topics)))


def _opened(first: Path, second: Path, how: tuple[Path | None, str], aside: Path) -> tuple[Bundle, Bundle]:
    """Both as bundles; a run file becomes one aside."""
    from app.ranking.evaluation.bundles.read import Bundle

    ready = {path: Bundle.open(path) for path in (first, second) if path.is_dir()}
    files = [path for path in (first, second) if path not in ready]
    for path in files:
        if not path.is_file():
            raise InputError(f"{str(path)!r} is neither a bundle nor a run file: name one that is there")
    names = {str(one["name"]) for bundle in ready.values() for one in bundle.sets}
    if files and len(names) > 1:
        raise InputError("a run file can be compared with a bundle of one set: make a bundle of the runs of all sets first")
    name = next(iter(names), "set")
    made = [ready.get(path) or _of_run(path, (name, *how), aside / str(at)) for at, path in enumerate((first, second))]
    return made[0], made[1]


def _of_run(path: Path, about: tuple[str, Path | None, str], out: Path) -> Bundle:
    from dataclasses import replace

    from app.ranking.evaluation.bundles.of_run import RunFiles, named_after, of_run

    name, qrels, measure = about
    if qrels is None:
        raise InputError(f"{path.name!r} is a run file: give the judgements to score it by with --qrels")
    header = named_after(path)
    return of_run([RunFiles(name=name, run=path, qrels=qrels)], replace(header, measures=(measure or header.primary,)), out)


def lines(found: Comparison, topics: int) -> list[str]:
    """A comparison for people."""
    first, second = found.first.means.get(found.measure, 0.0), found.second.means.get(found.measure, 0.0)
    said = [
        f"first   {found.first.name}: {first:.4f} {found.measure} over {found.first.topics} topics",
        f"second  {found.second.name}: {second:.4f} {found.measure} over {found.second.topics} topics",
    ]
    if found.same:
        return [*said, "nothing differs: the same settings, the same data, the same orders", *_notes(found)]
    said += [f"change  {found.change:+.4f}; by sets {_set_change(found):+.4f}", ""]
    named = found.named
    said += [f"{number}. {cause.name}: {cause.text}" for number, cause in enumerate(named, start=1)]
    said += [f"not explained: {cause.text}" for cause in found.causes if cause not in named]
    if not found.causes:
        said.append("no cause: orders and values are the same on every topic")
    if found.differs:
        said += ["", "settings and files that differ:"]
        said += [f"  {name}: {_short(one)} | {_short(other)}" for name, one, other in found.differs[:_SHOWN]]
        said += [f"  and {len(found.differs) - _SHOWN} more: see --json"] * (len(found.differs) > _SHOWN)
    if found.difference is not None:
        said += ["", found.difference.text]
    return [*said, *_usage(found), *_topics(found, topics), *_notes(found)]


def _set_change(found: Comparison) -> float:
    return found.second.set_means.get(found.measure, 0.0) - found.first.set_means.get(found.measure, 0.0)


def _usage(found: Comparison) -> list[str]:
    """What both used per topic, side by side; nothing for run files."""
    one, other = found.first.usage, found.second.usage
    if not one.get("calls") and not other.get("calls"):
        return []
    rows = [f"  {label:<15}{one[name]:>14,.1f}{other[name]:>14,.1f}" for name, label in _USED.items()]
    return ["", f"  {'per topic':<15}{'first':>14}{'second':>14}", *rows]


def _topics(found: Comparison, topics: int) -> list[str]:
    rows = found.worst(topics)
    changed = len(found.worst(len(found.rows)))
    if not rows:
        return []
    keys = [f"{row.set} {row.topic}" for row in rows]
    width = max(map(len, keys))
    head = f"  {'topic':<{width}}   first  second  change  causes; query"
    return ["", f"the {len(rows)} of {changed} topics that changed most:", head, *(_topic(row, width) for row in rows)]


def _topic(row: PairRow, width: int) -> str:
    causes = ", ".join(sorted(row.moved, key=lambda name: -abs(row.moved[name])))
    query = " ".join("".join(letter if letter.isprintable() else " " for letter in row.query).split())
    outcome = f" ({row.outcomes[0]} -> {row.outcomes[1]})" if row.outcomes[0] != row.outcomes[1] else ""
    key = f"{row.set} {row.topic}"
    return f"  {key:<{width}}  {row.first:.4f}  {row.second:.4f} {row.change:+.4f}  {causes}{outcome}; {query[:_QUERY]}"


def _notes(found: Comparison) -> list[str]:
    return ["", *(f"note: {note}" for note in found.notes)] if found.notes else []


def _short(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 20 else f"{text[:12]}…"
