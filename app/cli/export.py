"""`export`: judgements and runs of the studio as files."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from app.cli import sentences, written_aside

FORMATS = {"jsonl": "judgements.jsonl", "qrels": "qrels.txt", "run": "runs.txt"}


def command(
    format: Annotated[str, typer.Argument(help=f"what to write: {', '.join(FORMATS)}")],
    out: Annotated[str, typer.Option(help="file to write; - is standard output")] = "-",
    data_dir: Annotated[Path | None, typer.Option(help="the studio's data folder")] = None,
    database_url: Annotated[str, typer.Option(help="the studio's database, where it is not in the data folder")] = "",
) -> None:
    """Write judgements as JSON lines, as TREC qrels, or finished runs as a TREC run."""
    from app.ranking.errors import SettingsError
    from app.services.actors import LOCAL
    from app.services.exports import Exports
    from app.settings import Settings
    from db.session import Database

    with sentences():
        if format not in FORMATS:
            raise SettingsError(f"there is no format {format!r}: use {', '.join(FORMATS)}")
        flags = [*(["--data-dir", str(data_dir)] if data_dir else []), *(["--database-url", database_url] if database_url else [])]
        settings = Settings.load(flags)
        if not settings.database_url and not (settings.data_dir / "studio.db").exists():
            raise SettingsError(f"there is no studio.db in {str(settings.data_dir)!r}: name the data folder with --data-dir")
        database = Database(settings.url)
        database.migrate()
        count = _write(Exports(database).write(LOCAL, FORMATS[format]), out)
        database.close()
    if out != "-":
        typer.echo(f"wrote {count:,} bytes to {out}", err=True)


def _write(pieces: Iterable[bytes], out: str) -> int:
    """Write pieces of bytes; a stopped export leaves no half file."""
    if out == "-":
        return sum(sys.stdout.buffer.write(piece) for piece in pieces)
    with written_aside(Path(out)) as file:
        return sum(file.write(piece) for piece in pieces)
