"""The verbs of the command line, one file each with a function `command`; app/__main__.py lists them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

WRONG, INTERRUPTED = 2, 130


@contextmanager
def sentences() -> Iterator[None]:
    """Ends the program with status 2 and one sentence on an error that a person can mend, with 130 when interrupted."""
    import typer

    from app.ranking.errors import RankingError

    try:
        yield
    except (RankingError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(WRONG) from error
    except KeyboardInterrupt as error:
        typer.echo("interrupted", err=True)
        raise typer.Exit(INTERRUPTED) from error


@contextmanager
def written_aside(target: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name only when all of it was written; nothing is left of one that was not."""
    aside = target.with_name(target.name + ".part")
    try:
        with aside.open("wb") as file:
            yield file
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
