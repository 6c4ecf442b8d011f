"""`agreement`: how far annotators agree on labels, from a file with one row a judgement."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import sentences

if TYPE_CHECKING:
    from app.ranking.evaluation.label_agreement import Agreement
    from app.ranking.evaluation.label_file import LabelFile
    from app.ranking.evaluation.label_sums import Weights
    from app.ranking.evaluation.statistic import Resampling, Statistic

_SHOWN = 12  # levels


def command(
    file: Annotated[Path, typer.Argument(help="CSV (or .tsv) with a header and one row a judgement")],
    item: Annotated[str, typer.Option(help="column, or columns with commas, that say what was labelled")] = "item",
    annotator: Annotated[str, typer.Option(help="column with who labelled it")] = "annotator",
    label: Annotated[str, typer.Option(help="column with the label; a blank one is missing")] = "label",
    levels: Annotated[str, typer.Option(help="labels from lowest to highest, with commas; default: numbers, sorted")] = "",
    weights: Annotated[str, typer.Option(help="weights of Cohen's kappa to show: none, linear, quadratic")] = "none,linear,quadratic",
    bootstrap: Annotated[int, typer.Option(help="resamples of items for the intervals; 0 for no intervals")] = 1000,
    seed: Annotated[int, typer.Option(help="seed of the resamples")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Alpha and kappas of annotators, each with n and an interval, or the reason why there is none."""
    from app.ranking.evaluation.label_agreement import agreement
    from app.ranking.evaluation.label_file import Columns, read_labels
    from app.ranking.evaluation.statistic import Resampling

    with sentences():
        how = Resampling(samples=bootstrap, seed=seed)
        kinds = _weights(weights)
        read = read_labels(file, Columns(item=_words(item), annotator=annotator, label=label), _words(levels))
        found = agreement(read.labels, how, kinds)
        typer.echo(_as_json(read, found, how) if as_json else _as_text(read, found, how))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _weights(text: str) -> tuple[Weights, ...]:
    from app.ranking.errors import SettingsError
    from app.ranking.evaluation.label_sums import WEIGHTS

    words = _words(text)
    for word in words:
        if word not in WEIGHTS:
            raise SettingsError(f"kappa has no weights {word!r}: use {', '.join(WEIGHTS)}")
    return tuple(weight for weight in WEIGHTS if weight in words)


def _facts(read: LabelFile) -> dict[str, Any]:
    labels = read.labels
    return {
        "rows": read.rows,
        "blank": read.blank,
        "judgements": labels.judgements,
        "items": labels.items,
        "items_compared": labels.shared,
        "annotators": len(labels.annotators),
        "levels": list(labels.scale.levels),
        "ordered": labels.scale.values is not None,
    }


def _as_json(read: LabelFile, found: Agreement, how: Resampling) -> str:
    import json
    from dataclasses import asdict

    data = {
        **_facts(read),
        "bootstrap": asdict(how),
        "statistics": [asdict(one) for one in found.overall],
        "pairs": [{"annotators": [one.first, one.second], **asdict(one.statistic)} for one in found.pairs],
    }
    return json.dumps(data, ensure_ascii=False, indent=1)


def _as_text(read: LabelFile, found: Agreement, how: Resampling) -> str:
    facts = _facts(read)
    levels = facts["levels"] if len(facts["levels"]) <= _SHOWN else [*facts["levels"][:3], "...", facts["levels"][-1]]
    order = " < ".join(levels) if facts["ordered"] else ", ".join(levels) + " (no order)"
    rows = [("", one) for one in found.overall] + [(f"{one.first} - {one.second}: ", one.statistic) for one in found.pairs]
    width = max(len(who + one.name) for who, one in rows)
    lines = [
        f"{facts['judgements']} labels of {facts['items']} items by {facts['annotators']} annotators, {facts['blank']} blank;"
        f" {facts['items_compared']} items have two or more",
        f"levels: {order}",
        *(f"{who + one.name:<{width}}  {_line(one)}" for who, one in rows),
    ]
    if how.samples:
        lines.append(f"intervals: {how.level:.0%} percentile bootstrap over items, {how.samples} resamples, seed {how.seed}")
    return "\n".join(lines)


def _line(one: Statistic) -> str:
    if one.value is None:
        return f"{'-':>7}  n={one.n}  {one.why}"
    interval = f"  [{one.low:.4f}, {one.high:.4f}]" if one.low is not None else ""
    remark = f"  interval: {one.interval}" if one.interval.startswith("none") or "undefined" in one.interval else ""
    return f"{one.value:7.4f}{interval}  n={one.n}{remark}"
