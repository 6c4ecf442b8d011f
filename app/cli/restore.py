"""`restore`: an empty studio filled from a backup."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import sentences
from app.cli.stores import DatabaseUrl, DataDir, settings_of


def command(
    source: Annotated[Path, typer.Argument(help="the file or folder that `backup` wrote, or one of the data folder's backups/")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = "",
) -> None:
    """Fill an empty database and data folder from a backup, of SQLite or of PostgreSQL, then bring the tables up to date.

    The backup is checked against its hashes before anything is touched, and where it can't be loaded nothing stays.
    """
    from db import backup
    from db.session import Database

    with sentences():
        settings = settings_of(data_dir, database_url, new=True)
        database = Database(settings.url)
        made = backup.restore(database, source, settings.data_dir, settings.artifacts_dir)
        database.close()
        typer.echo(f"restored {made}; check the log with: python -m app verify")
