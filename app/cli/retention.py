"""`retention`: one pass of the retention setting now, or what it would take away."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import sentences
from app.cli.stores import DatabaseUrl, DataDir, settings_of


def command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only count what would go")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = "",
) -> None:
    """Take away what is older than the setting retention_days: drafts, visitors' objections and unused runs."""
    from app.services.storage import open_database
    from app.services.withdrawals import Withdrawals

    with sentences():
        settings = settings_of(data_dir, database_url)
        database = open_database(settings)
        try:
            pass_ = Withdrawals(database, settings.retention_days, judgements=settings.retention_judgements)
            counts = pass_.retain(dry_run=dry_run)
        finally:
            database.close()
    if not settings.retention_days:
        typer.echo("retention_days is 0: everything is kept")
        return
    told = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
    typer.echo(f"{'would take away' if dry_run else 'took away'} {told}, older than {settings.retention_days} days")
