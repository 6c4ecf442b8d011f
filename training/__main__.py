"""`python -m training <verb>`: train a model. Bodies import what they need, so that --help is instant."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from .cli.dataset import group
from .cli.loop_verbs import verbs

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Train the models of ReasonRank Studio.")

app.add_typer(group, name="dataset")
app.add_typer(verbs)


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


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def worker(
    context: typer.Context,
    once: Annotated[bool, typer.Option(help="End when no job is left to take.")] = False,
    lease: Annotated[float, typer.Option(min=1.0, help="Seconds without a word after which another worker takes this one's job.")] = 30.0,
    parent: Annotated[int, typer.Option(hidden=True, help="Process without which this one ends too.")] = 0,
) -> None:
    """Take jobs from the studio's queue: indexing, synthesis, data sets, updates.

    Other flags are those of app.py: --data-dir, --database-url, --models, --artifacts, --log-level ...
    """
    from app.ranking.errors import RankingError
    from app.settings import Settings

    from .jobs.lines import to_stderr

    try:
        settings = Settings.load(context.args)
        to_stderr(settings)
        from .worker import Terms, work

        work(settings, Terms(lease=lease, once=once, parent=parent))
    except (RankingError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


@app.command()
def synthesize(
    recipe: Annotated[str, typer.Argument(help="Recipe by name (a file of training/recipes/synthesis) or path to a .toml file.")],
    teacher: Annotated[str, typer.Option(help="Model of the models file, or nano; default: the recipe's.")] = "",
    models: Annotated[Path | None, typer.Option(help="Models file, as for app.py.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The studio's data folder; default: var.")] = None,
    database_url: Annotated[str, typer.Option(help="The studio's database; default: SQLite in the data folder.")] = "",
    artifacts: Annotated[Path | None, typer.Option(help="Where datasets are kept; default: artifacts in the data folder.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many queries, taken from all sources in turn; 0: all.")] = 0,
    dry_run: Annotated[int | None, typer.Option(min=0, help="Ask for so many queries only, and estimate the whole; 0: no call.")] = None,
    budget_tokens: Annotated[int | None, typer.Option(min=0, help="Most tokens in all, read and written; 0: no cap.")] = None,
    budget_cost: Annotated[float | None, typer.Option(min=0, help="Most money in all, in the teacher's currency; 0: no cap.")] = None,
    queue: Annotated[bool, typer.Option("--queue", help="Leave it to a worker.")] = False,
    build: Annotated[bool, typer.Option("--build", help="Build a dataset although the budget is spent.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the report and a copy of the dataset.")] = None,
) -> None:
    """Make training data with a teacher. Killed or stopped, the same command goes on where it was."""
    from app.ranking.cache import Cancelled
    from app.ranking.errors import RankingError

    from .cli.synthesize import Request
    from .cli.synthesize import synthesize as work

    given = Request(
        recipe=recipe, teacher=teacher, models=models, data_dir=data_dir, database_url=database_url, artifacts=artifacts, limit=limit,
        dry_run=dry_run, budget_tokens=budget_tokens, budget_cost=budget_cost, queue=queue, build=build, out=out,
    )  # fmt: skip
    try:
        work(given)
    except Cancelled as error:
        typer.echo("Stopped. What was made is kept: the same command goes on from there.", err=True)
        raise typer.Exit(130) from error
    except (RankingError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


@app.command()
def reward(
    file: Annotated[Path, typer.Argument(help="JSON lines: answer, shown, relevant or grades, teacher_order.")],
    name: Annotated[str, typer.Option("--reward", help="paper or studio.")] = "paper",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line instead of text.")] = False,
) -> None:
    """Score answers as GRPO would, part by part."""
    import json

    from app.ranking.errors import RankingError

    from .cli.reward import as_text, scored
    from .rewards import reward as named

    try:
        for row in scored(file, named(name)):
            typer.echo(json.dumps(row, ensure_ascii=False) if as_json else as_text(row))
    except RankingError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


@app.command()
def preflight(
    recipe: Annotated[str, typer.Argument(help="Recipe by name (a file of training/recipes) or path to a .toml file.")],
    dataset: Annotated[str, typer.Option(help="Dataset version: id, the first six digits of it, name, or a folder.")] = "",
    base: Annotated[str, typer.Option(help="Folder or hub id of the weights to start from; default: the recipe's model.")] = "",
    data_dir: Annotated[Path | None, typer.Option(help="The studio's data folder; default: var.")] = None,
    database_url: Annotated[str, typer.Option(help="The studio's database; default: SQLite in the data folder.")] = "",
    artifacts: Annotated[Path | None, typer.Option(help="Where datasets are kept; default: artifacts in the data folder.")] = None,
    gpus: Annotated[int, typer.Option(min=0, help="Plan for so many GPUs; 0: those of this machine.")] = 0,
    gpu_memory: Annotated[float, typer.Option(min=0, help="Plan for GPUs of so many GB; 0: those of this machine.")] = 0.0,
    disk: Annotated[float, typer.Option(min=0, help="Plan for so many GB of disk; 0: what is free here.")] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line instead of text.")] = False,
) -> None:
    """Look for what would stop a training: memory, disk, tokenizer, template, rows over the limits, one batch."""
    import json
    from dataclasses import asdict

    from app.ranking.errors import RankingError

    from .cli.preflight import Request, as_text, checks

    given = Request(
        recipe=recipe, dataset=dataset, base=base, data_dir=data_dir, database_url=database_url, artifacts=artifacts, gpus=gpus,
        gpu_memory=gpu_memory, disk=disk,
    )  # fmt: skip
    failed = False
    try:
        for check in checks(given):
            failed |= not check.passed
            typer.echo(json.dumps(asdict(check), ensure_ascii=False) if as_json else as_text(check))
    except RankingError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    raise typer.Exit(1 if failed else 0)


if __name__ == "__main__":
    app()
