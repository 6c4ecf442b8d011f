"""`python -m training <verb>`: train a model. Bodies import what they need, so that --help is instant."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Train the models of ReasonRank Studio.")


@app.callback()
def _verbs() -> None:
    """Keeps `sft` a verb although it is the only one so far."""


@app.command()
def sft(
    model: Annotated[str, typer.Argument(help="Recipe by name (a file of training/recipes) or path to a .toml file.")],
    seed: Annotated[int | None, typer.Option(help="Seed of weights, data and order; default: the recipe's.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the weights; default: var/models/<recipe>-<seed>.")] = None,
    smoke: Annotated[bool, typer.Option(help="Run the recipe `smoke` instead: seconds, not minutes.")] = False,
) -> None:
    """Cold start: supervised fine-tuning on synthetic traces."""
    from app.ranking.errors import RankingError

    from .config import load_recipe
    from .sft import train

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        recipe = load_recipe("smoke" if smoke else model)
        used = recipe.seed if seed is None else seed
        folder = out or Path("var") / "models" / f"{recipe.name}-{used}"
        report = train(recipe, used, folder)
    except RankingError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    typer.echo(f"{folder}: {report['seconds']} s, last loss {report['stages'][-1]['losses'][-1:]}")


if __name__ == "__main__":
    app()
