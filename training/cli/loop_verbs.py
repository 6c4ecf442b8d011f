"""`python -m training loop|versions|promote|rollback`: flags and statuses; what they do is in `loop`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from .loop import Request, Studio, Wish

verbs = typer.Typer()

DataDir = Annotated[Path | None, typer.Option(help="The studio's data folder; default: var.")]
DatabaseUrl = Annotated[str, typer.Option(help="The studio's database; default: SQLite in the data folder.")]
Artifacts = Annotated[Path | None, typer.Option(help="Where datasets and weights are kept; default: artifacts in the data folder.")]
Models = Annotated[Path | None, typer.Option(help="Models file, as for app.py.")]


@verbs.command()
def loop(
    recipe: Annotated[str, typer.Argument(help="Recipe by name (a file of training/recipes) or path to a .toml file.")],
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of data, order and answers; default: the recipe's.")] = None,
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="Repeat the cold start first.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Train although the last update had the same data and base.")] = False,
    queue: Annotated[bool, typer.Option("--queue", help="Leave it to a worker.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = "",
    artifacts: Artifacts = None,
    models: Models = None,
) -> None:
    """Learn from judgements, measure, decide: a better version serves at once. Killed, the same command goes on where it was."""
    from .loop import loop as work

    studio = Studio(data_dir=data_dir, database_url=database_url, artifacts=artifacts, models=models)
    request = Request(recipe=recipe, seed=seed, from_scratch=from_scratch, again=again, queue=queue)
    with _statuses():
        work(studio, request)


@verbs.command()
def versions(data_dir: DataDir = None, database_url: DatabaseUrl = "") -> None:
    """List the versions of models, and which serve."""
    from .loop import versions_list

    with _statuses():
        versions_list(Studio(data_dir=data_dir, database_url=database_url))


@verbs.command()
def promote(
    version: Annotated[str, typer.Argument(help="Version by the first digits of its id.")],
    margin: Annotated[list[str] | None, typer.Option(help="NAME=NUMBER in place of the recipe's margin; may be repeated.")] = None,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = "",
) -> None:
    """Let a version serve, where the gate allows it under these margins."""
    from .loop import promote as work

    with _statuses():
        work(Studio(data_dir=data_dir, database_url=database_url), Wish(version=version, margins=tuple(margin or ()), note=note))


@verbs.command()
def rollback(
    model: Annotated[str, typer.Argument(help="Name of the model.")] = "nano",
    note: Annotated[str, typer.Option(help="Why.")] = "",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = "",
) -> None:
    """Let the version serve that did before."""
    from .loop import rollback as work

    with _statuses():
        work(Studio(data_dir=data_dir, database_url=database_url), model, note)


@contextmanager
def _statuses() -> Iterator[None]:
    """2 for an error, with its sentence; 130 for a stop."""
    from app.ranking.cache import Cancelled
    from app.ranking.errors import RankingError

    try:
        yield
    except Cancelled as error:
        typer.echo("Stopped. The same command begins a new update; what the teacher answered is not asked again.", err=True)
        raise typer.Exit(130) from error
    except (RankingError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
