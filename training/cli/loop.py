"""The verbs loop, versions, promote and rollback: the learning loop at a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.ranking.errors import InputError
from app.settings import Settings
from db.session import Database

_SHORT = 12  # hex digits of an id that are shown
_REASON = 70  # characters of a reason in a list


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """Which studio: empty texts and None are what the environment or the defaults say."""

    data_dir: Path | None = None
    database_url: str = ""
    artifacts: Path | None = None
    models: Path | None = None

    def settings(self) -> Settings:
        """The studio's settings, with what was typed. Raises SettingsError."""
        paths = {"--data-dir": self.data_dir, "--models": self.models, "--artifacts": self.artifacts}
        flags = [part for name, path in paths.items() if path is not None for part in (name, str(path))]
        return Settings.load([*flags, *(["--database-url", self.database_url] if self.database_url else [])])

    @contextmanager
    def opened(self) -> Iterator[tuple[Settings, Database]]:
        """Settings and database, closed in the end."""
        from ..store import open_database

        settings = self.settings()
        database = open_database(settings)
        try:
            yield settings, database
        finally:
            database.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An update as it was typed."""

    recipe: str
    seed: int | None = None
    from_scratch: bool = False
    again: bool = False
    queue: bool = False


def loop(studio: Studio, request: Request) -> None:
    """One update, here or by a worker. Raises RankingError with one clear sentence, Cancelled after Ctrl+C."""
    from ..config import load_recipe
    from ..jobs.foreground import Command, in_foreground, queue
    from ..jobs.update import KIND, run
    from .screen import say, showing

    recipe = load_recipe(request.recipe)
    arguments: dict[str, Any] = {
        "recipe": recipe.name, "text": recipe.text, "seed": request.seed, "from_scratch": request.from_scratch, "again": request.again
    }  # fmt: skip
    with studio.opened() as (settings, database):
        if request.queue:
            say(f"job {queue(database, KIND, arguments)} is in the queue: a worker takes it (python -m training worker)")
            return
        command = Command(kind=KIND, arguments=arguments, work=lambda context: run(context, arguments), resumes=True)
        with showing() as screen:
            result = in_foreground(settings, database, command, screen)
        for shown in decided(database, result):
            say(shown)


def decided(database: Database, result: Mapping[str, Any]) -> Iterator[Any]:
    """What an update came to: table, checks and reason, for a terminal."""
    from db.store import updates, versions

    with database.read() as session:
        row = updates.get(session, result["update"])
        decision = row.decision or {}
        report = versions.get(session, row.candidate_id).report or {} if row.candidate_id and decision.get("checks") else {}
    if report.get("table"):
        yield honest_table(report["table"])
    if decision.get("checks"):
        yield checks_table(decision["checks"])
    if decision.get("smallest"):
        yield f"The smallest difference that could have been seen is {decision['smallest']:.3f} NDCG@10."
    if row.candidate_id:
        yield f"version {row.candidate_id}: {'promoted' if result['promoted'] else 'not promoted'}"
    yield str(result["reason"])


def honest_table(found: Mapping[str, Any]) -> Any:
    """The first stage, the baselines, the version that served and the new one, with intervals, a line each."""
    from rich import box
    from rich.table import Table

    drawn = Table(box=box.SIMPLE, title=f"{found['measure']} with {found['level']:.0%} intervals")
    drawn.add_column("")
    names = list(dict.fromkeys(name for row in found["rows"] for name in row["sets"]))
    for name in names:
        drawn.add_column(f"{name} (n={max(row['sets'][name]['n'] for row in found['rows'] if name in row['sets'])})", justify="right")
    for row in found["rows"]:
        cells = [row["sets"].get(name) for name in names]
        drawn.add_row(row["label"], *("-" if one is None else f"{one['mean']:.3f} [{one['low']:.3f}, {one['high']:.3f}]" for one in cells))
    return drawn


def checks_table(checks: Sequence[Mapping[str, Any]]) -> Any:
    """The gate's checks with what was found, a line each."""
    from rich import box
    from rich.table import Table

    drawn = Table(box=box.SIMPLE, title="The gate")
    for name in ("check", "passed", "what was found"):
        drawn.add_column(name)
    for one in checks:
        drawn.add_row(one["name"], "yes" if one["passed"] else "no", one["text"])
    return drawn


def versions_list(studio: Studio) -> None:
    """All versions, the newest first, and which serve."""
    from rich import box
    from rich.table import Table

    from db.store import versions

    from .screen import say

    drawn = Table(box=box.SIMPLE)
    for name in ("version", "model", "state", "recipe", "base", "why"):
        drawn.add_column(name)
    with studio.opened() as (_, database), database.read() as session:
        for row in versions.every(session):
            why = textwrap.shorten(row.reason, _REASON, placeholder=" ...")
            drawn.add_row(row.id[:_SHORT], row.name, row.state, Path(row.recipe).stem, (row.base_id or "")[:_SHORT], why)
    say(drawn if drawn.row_count else "There is no version yet: start the app once, or `python -m training loop nano`.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A version that somebody wants to serve: `margins` are NAME=VALUE texts that differ from its recipe's."""

    version: str
    margins: tuple[str, ...] = ()
    note: str = ""


def promote(studio: Studio, wish: Wish) -> None:
    """Decide about a version again under these margins, and let it serve where they allow it.

    Raises NotFound for an unknown version, InputError for one without evidence, Conflict where the gate still says no.
    """
    from ..loop.promoting import chosen, promote_again
    from .screen import say

    with studio.opened() as (_, database):
        version_id = chosen(database, wish.version)
        decision, kind = promote_again(database, version_id, _margins(wish.margins), wish.note)
        say(checks_table(decision.plain["checks"]))
        say(f"version {version_id} serves now ({kind}): {decision.reason}")


def rollback(studio: Studio, model: str, note: str) -> None:
    """Let the version serve that did before. Raises Conflict where there is none."""
    from db.store import versions

    from .screen import say

    with studio.opened() as (_, database), database.write() as session:
        versions.roll_back(session, model, None, note)
        session.flush()
        serves = versions.active(session, model)
    say(f"version {serves} of {model} serves again")


def _margins(given: Sequence[str]) -> dict[str, Any]:
    """Numbers by name. Raises InputError for what is no NAME=NUMBER."""
    found: dict[str, Any] = {}
    for one in given:
        name, _, text = one.partition("=")
        try:
            found[name.strip()] = int(text) if text.strip().lstrip("-").isdigit() else float(text)
        except ValueError as error:
            raise InputError(f"the margin {one!r} can't be read: write NAME=NUMBER, as gold_drop=0.03") from error
    return found
