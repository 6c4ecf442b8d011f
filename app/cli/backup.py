"""`backup`: the database and its files as one file or folder, while the studio runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import sentences
from app.cli.stores import DatabaseUrl, DataDir, settings_of


def command(
    out: Annotated[
        Path | None, typer.Option(help="a new file, ending in .tar, or a new folder; default: backups/studio-TIME.tar in the data folder")
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = "",
) -> None:
    """Write the database, uploaded collections and artifacts to one file or folder, while the studio runs.

    The server's secret key is never in it; hashes of passwords are: keep it where only you can read it.
    """
    from db import backup
    from db.session import Database

    with sentences():
        settings = settings_of(data_dir, database_url)
        target = out or settings.data_dir / "backups" / f"studio-{backup.stamp()}.tar"
        database = Database(settings.url)
        made = backup.write(database, target, settings.data_dir, settings.artifacts_dir)
        database.close()
        typer.echo(f"wrote {made} to {target}")
