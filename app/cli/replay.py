"""`replay`: rank again from recorded answers, without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli import sentences, written_aside


def command(
    candidates: Annotated[Path, typer.Option(help="JSON list of objects with qid and docids, in first-stage order")],
    responses: Annotated[Path, typer.Option(help="JSON list of raw answers, one per window, topic after topic, back to front")],
    out: Annotated[Path, typer.Option(help="TREC run to write")],
    window: Annotated[int, typer.Option(help="passages a window")] = 20,
    step: Annotated[int, typer.Option(help="places a window moves")] = 10,
    parser: Annotated[str, typer.Option(help="strict (the studio's grammar) or lenient (the digit scan of published code)")] = "strict",
    tag: Annotated[str, typer.Option(help="tag of the run")] = "replay",
) -> None:
    """Rank again from recorded raw answers; says how often each outcome and problem came, and writes a TREC run."""
    from app.ranking.formats.trec import write_run
    from app.ranking.replay import read_recorded, replay
    from app.ranking.strategies import Sliding

    with sentences():
        strategy = Sliding(size=window, step=step)
        topics = read_recorded(_json(candidates), _json(responses), strategy)
        done = replay(topics, strategy, parser)
        with written_aside(out) as file:
            for line in write_run(done.orders, tag):
                file.write(line.encode("utf-8"))
        total = sum(done.outcomes.values())
        counted = ", ".join(f"{count} {name}" for name, count in done.outcomes.most_common())
        typer.echo(f"{len(topics)} topics, {total} windows: {counted}")
        if done.problems:
            typer.echo("problems: " + ", ".join(f"{count} {name}" for name, count in done.problems.most_common()))
        typer.echo(f"wrote {out}")


def _json(path: Path) -> Any:
    import json

    from app.ranking.errors import InputError

    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # not JSON, or not UTF-8
        raise InputError(f"{str(path)!r} is not JSON: {error}") from error
