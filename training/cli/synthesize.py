"""The verb `synthesize`: settings and recipe from its flags, then the queue, a dry run, or the work itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.settings import Settings

from ..synthesis.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was typed. Empty texts and None are what the recipe, the environment or the defaults say."""

    recipe: str
    teacher: str = ""
    models: Path | None = None
    data_dir: Path | None = None
    database_url: str = ""
    artifacts: Path | None = None
    limit: int = 0
    dry_run: int | None = None
    budget_tokens: int | None = None
    budget_cost: float | None = None
    queue: bool = False
    build: bool = False
    out: Path | None = None

    def settings(self) -> Settings:
        """The studio's settings, with what was typed. Raises SettingsError."""
        paths = {"--data-dir": self.data_dir, "--models": self.models, "--artifacts": self.artifacts}
        flags = [part for name, path in paths.items() if path is not None for part in (name, str(path))]
        return Settings.load([*flags, *(["--database-url", self.database_url] if self.database_url else [])])

    def read(self) -> Recipe:
        """The recipe, with teacher and budget as typed. Raises SettingsError."""
        from ..synthesis.recipe import load_synthesis_recipe
        from ..synthesis.workshop import changed

        recipe = load_synthesis_recipe(self.recipe)
        budget = recipe.budget
        if self.budget_tokens is not None:
            budget = replace(budget, tokens=self.budget_tokens)
        if self.budget_cost is not None:
            budget = replace(budget, cost=self.budget_cost)
        return changed(recipe, self.teacher, budget)


def arguments(recipe: Recipe, request: Request) -> dict[str, Any]:
    """The job's arguments: all that another process needs to do the same."""
    return {
        "recipe": recipe.name,
        "text": recipe.text,
        "folder": str(recipe.folder.absolute()),
        "teacher": request.teacher,
        "limit": request.limit,
        "tokens": recipe.budget.tokens,
        "cost": recipe.budget.cost,
        "build": request.build,
        "dry_run": request.dry_run,
    }


def synthesize(request: Request) -> None:
    """Do what was typed. Raises RankingError with one clear sentence, Cancelled after Ctrl+C."""
    from ..store import open_database

    settings, recipe = request.settings(), request.read()
    database = open_database(settings)
    try:
        if request.queue:
            from ..jobs.foreground import queue
            from ..synthesis.foreground import KIND
            from .screen import say

            say(f"job {queue(database, KIND, arguments(recipe, request))} is in the queue: a worker takes it (python -m training worker)")
        else:
            _work(settings, database, recipe, request)
    finally:
        database.close()


def _work(settings: Settings, database: Any, recipe: Recipe, request: Request) -> None:
    """Here and now, as a job of this process; it does what the same job would do at a worker's."""
    from ..jobs.foreground import Command, in_foreground
    from ..jobs.synthesize import run
    from ..synthesis.feed import settled
    from ..synthesis.foreground import KIND, bury
    from ..synthesis.run import synthesis_of
    from .screen import say, showing, table

    bury(database, synthesis_of(settings, settled(recipe, database)))
    given = arguments(recipe, request)
    command = Command(kind=KIND, arguments=given, work=lambda context: run(context, given))
    with showing() as screen:
        result = in_foreground(settings, database, command, screen)
    if "estimate" in result:
        say(result["estimate"])
        return
    say(table(database, result))
    for line in _where(settings, database, result, request.out):
        say(line)


def _where(settings: Settings, database: Any, result: Mapping[str, Any], out: Path | None) -> list[str]:
    """Sentences about where things lie, and how to go on."""
    from app.artifacts import ArtifactStore
    from db.store import datasets

    lines = []
    if result["stopped"]:
        lines.append(f"Stopped: {result['stopped']}. Start it again with a larger budget: nothing that was answered is asked again.")
    if result["dataset"]:
        with database.read() as session:
            row = datasets.find(session, result["dataset"])
        folder = ArtifactStore(settings.artifacts_dir).path(row.artifact_hash) if row is not None else Path()
        lines.append(f"Dataset {result['dataset']} lies in {folder}")
        if out is not None:
            lines.append(_copied(database, result["synthesis"], folder, out))
    return lines


def _copied(database: Any, synthesis_id: str, folder: Path, out: Path) -> str:
    """Put dataset and report where the user wants them too."""
    import shutil

    from db.store import syntheses

    from ..filters.pages import write_pages

    with database.read() as session:
        row = syntheses.get(session, synthesis_id)
    shutil.copytree(folder, out / "dataset", dirs_exist_ok=True)
    _, page = write_pages(row.report or {}, out, f"What the filters kept of {row.name}")
    return f"The report lies in {page}, a copy of the dataset in {out / 'dataset'}"
