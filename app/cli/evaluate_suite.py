"""`evaluate --suite`: the first stage and what reranking can win on it, then models, as bundles and beside the published rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import typer

from app.cli.evaluate_bundles import Plan, bundles_of, dry_run
from app.cli.evaluate_request import Evaluate
from app.cli.evaluate_show import Found, Measured, as_json, as_text, first_stage_text, paper_text
from app.cli.rank_report import visible
from app.cli.stores import settings_of
from app.ranking.errors import InputError, SettingsError
from app.ranking.evaluation.headroom import DEPTHS, headroom
from app.ranking.evaluation.scores import score
from app.ranking.evaluation.suites.declared import suite_or_folder
from app.ranking.evaluation.suites.load import load
from app.ranking.evaluation.suites.values import Suite, TestCollection
from app.ranking.evaluation.tables import rows_of
from app.settings import Settings

NOT_RANKED = 1
# Models of the demo where none is named: all that need nothing but a fresh clone.
_DEMO = ("first_stage", "signals", "nano")


def evaluate_suite(asked: Evaluate) -> int:
    """Everything that was asked; the exit status is 1 where a topic was not ranked.

    Raises RankingError or OSError where nothing could be done.
    """
    suite = _with_measures(suite_or_folder(asked.suite), asked.measures)
    if asked.paper:
        _paper(suite, asked)
        return 0
    # Before anything is asked, so that a studio that is not there costs nothing.
    studio = settings_of(asked.data_dir, "") if asked.keep else None
    if asked.download:
        _download(suite, asked)
    found = dataclasses.replace(_found(suite, load(suite, asked.place)), per_topic=asked.per_topic)
    models = (asked.ranking.model,) if asked.ranking.model else _DEMO if suite.name == "demo" else ()
    if not asked.ranking.json:
        typer.echo(first_stage_text(found), nl=False)
    if not models and asked.out is not None:
        models = ("first_stage",)
    if not models:
        typer.echo(as_json(found) if asked.ranking.json else as_text(found), nl=False)
        return 0
    plan = Plan(asked=asked, suite=suite, collections=_with_texts(suite, found, models), models=models)
    if asked.ranking.dry_run:
        dry_run(plan)
        return 0
    found = dataclasses.replace(found, bundles=bundles_of(plan))
    if suite.name == "demo" and not asked.ranking.model:
        found = dataclasses.replace(found, report=_reported(found))
    if studio is not None:
        _keep(found, studio)
    typer.echo(as_json(found) if asked.ranking.json else as_text(found), nl=False)
    return NOT_RANKED if any(row.error for bundle in found.bundles for row in bundle.topics) else 0


def _with_measures(suite: Suite, measures: Sequence[str]) -> Suite:
    """The suite with measures that were named, its primary one among them."""
    if not measures:
        return suite
    return dataclasses.replace(suite, measures=tuple(dict.fromkeys((suite.primary, *measures))))


def _paper(suite: Suite, asked: Evaluate) -> None:
    if not rows_of(suite):
        raise SettingsError(f"nothing was published about suite {suite.name!r} that this project knows: use bright, r2med or beir")
    typer.echo(paper_text(suite, as_json=asked.ranking.json), nl=False)


def _download(suite: Suite, asked: Evaluate) -> None:
    from app.ranking.evaluation.suites.hub import fetch

    if asked.data is None:
        raise SettingsError("--download needs a folder to put the files into: name it with --data")
    for line in fetch(suite, asked.data):
        typer.echo(line, err=True)


def _found(suite: Suite, collections: Sequence[TestCollection]) -> Found:
    """The first stage of every set, measured."""
    sets = []
    for one in collections:
        longest = max((len(order) for order in one.run.values()), default=1)
        depths = [depth for depth in DEPTHS if depth < longest] + [longest]
        sets.append(Measured(collection=one, scores=score(one.scores, one.qrels, suite.measures), headroom=headroom(one, depths)))
    return Found(suite=suite, sets=tuple(sets))


def _with_texts(suite: Suite, found: Found, models: Sequence[str]) -> tuple[TestCollection, ...]:
    """Sets that the models can be asked about. Raises InputError where there is none, naming what is missing."""
    collections = tuple(one.collection for one in found.sets)
    if set(models) == {"first_stage"}:
        return collections
    ready = tuple(one for one in collections if one.has_texts)
    silent = [one for one in collections if not one.has_texts]
    if not ready:
        what = sorted({what for one in silent for what in _missing(one)})
        names = ", ".join(one.name for one in silent)
        raise InputError(
            f"{models[-1]} can't be asked: there are no {' and no '.join(what)} of {names} (the first stage is measured above); "
            f"get {suite.download}"
        )
    if silent:
        typer.echo(f"note: {', '.join(one.name for one in silent)}: not ranked, no {' or '.join(_missing(silent[0]))}", err=True)
    return ready


def _missing(one: TestCollection) -> list[str]:
    passages = one.passages is None and one.corpus is None
    topics = not any(question.text for question in one.topics.values())
    return ["texts of topics"] * topics + ["texts of passages"] * passages


def _reported(found: Found) -> Path:
    """The report of all bundles, beside them."""
    from app.reporting import report

    last = found.bundles[-1].folder
    target = last.with_name(last.name + ".html")
    report(found.bundles, target)
    return target


def _keep(found: Found, studio: Settings) -> None:
    """Into the studio's artifact store and database."""
    from app.artifacts import ArtifactStore
    from app.services.results import keep
    from db.session import Database

    database = Database(studio.url)
    try:
        for bundle in found.bundles:
            kept = keep(database, ArtifactStore(studio.artifacts_dir), bundle.folder)
            typer.echo(f"kept {visible(bundle.name)} as {kept[:12]}", err=True)
    finally:
        database.close()
