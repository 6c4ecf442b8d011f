"""`verify`: whether the event log is as it was written."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import sentences
from app.cli.stores import DatabaseUrl, DataDir, settings_of

BROKEN = 1


def command(
    head: Annotated[str, typer.Option(help="a head that an earlier verify printed: it must still be in the chain")] = "",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = "",
) -> None:
    """Check every event of the log against its hash and the one before. Ends with status 1 where something was changed.

    Write the head that it prints down somewhere else: only with it can a cut-off end be noticed.
    """
    from db.session import Database
    from db.store import log_check

    with sentences():
        settings = settings_of(data_dir, database_url)
        database = Database(settings.url)
        with database.read() as session:
            report = log_check.verify(session, head or None)
        database.close()
    typer.echo(f"{report.events:,} events, {report.sealed:,} sealed, {report.erased:,} erased")
    typer.echo(f"head {report.head} (seq {report.seq})")
    for problem in report.problems:
        typer.echo(problem, err=True)
    if report.problems:
        raise typer.Exit(BROKEN)
