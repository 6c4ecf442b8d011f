"""`report`: bundles of evaluations as one HTML file that can be handed on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import sentences, written_aside


def command(
    bundles: Annotated[list[Path], typer.Argument(help="folders that evaluations have written; others are compared with the first")],
    out: Annotated[Path, typer.Option(help="HTML file to write")],
    title: Annotated[str, typer.Option(help="title of the page; default: the names of the bundles")] = "",
) -> None:
    """What was evaluated, what came out and why, with charts, telling topics and traces: one file that loads and runs nothing."""
    from app.ranking.evaluation.bundles.read import Bundle
    from app.reporting.report import page

    with sentences():
        text = page([Bundle.open(folder) for folder in bundles], title)
        with written_aside(out) as file:
            file.write(text.encode("utf-8"))
        typer.echo(f"{out} ({out.stat().st_size / 1e6:.1f} MB)")
