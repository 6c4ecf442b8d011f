"""Jobs of the kind `influence`: {"version": id, "seeds": number, "people": number}: whose corrections moved a version, and how far.

The supervised step of the update that made the version is repeated without one person at a time: of the embedded model alone, where that
takes minutes. Killed, it goes on with the trainings that are missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.artifacts import ArtifactStore
from app.ranking.backends.nano import WEIGHTS
from app.ranking.errors import InputError, SettingsError

from .context import Context

KIND = "influence"
_MOST_SEEDS, _MOST_PEOPLE = 5, 50


def run(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Measure, and write the result into the version's report. Result: {"version", ...} and what `training.loop.influence` gives.

    Raises InputError for arguments that are none, for a version no update made, and where nobody can be left out.
    """
    from training.fitting.families import family
    from training.loop.influence import MOST, SEEDS, Inquiry, influence

    version_id = arguments.get("version")
    if not isinstance(version_id, str) or not version_id:
        raise InputError("an influence job needs the id of a model version: choose one that an update made")
    seeds = _number(arguments, "seeds", SEEDS, _MOST_SEEDS)
    most = _number(arguments, "people", MOST, _MOST_PEOPLE)
    # Folders there that are no living job's are removed by updates.
    scratch = context.settings.data_dir / "training" / (context.job_id or KIND)
    scratch.mkdir(parents=True, exist_ok=True)
    fit, people, lists = _repeated(context, version_id, scratch)
    context.doing("training again without one person at a time")
    found = influence(family(fit.recipe.family), Inquiry(fit=fit, people=people, lists=lists, seeds=seeds, most=most))
    _keep(context, version_id, found)
    shutil.rmtree(scratch, ignore_errors=True)
    context.say(found["note"])
    return {"version": version_id, **found}


def _number(arguments: Mapping[str, Any], name: str, default: int, most: int) -> int:
    value = default if arguments.get(name) is None else arguments[name]
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise InputError(f"{name} is {value!r}: it must be a whole number from 1 to {most}")
    return value


def _repeated(context: Context, version_id: str, scratch: Path) -> tuple[Any, dict[str, tuple[str, ...]], Any]:
    """(Fit, pseudonyms by example id, lists to measure on) of the update that made a version."""
    from db.store import datasets, updates, versions
    from training.config import read_recipe
    from training.datasets.version import load
    from training.fitting.values import Fit
    from training.loop.learned import people_of
    from training.synthesis.stored import every

    store = ArtifactStore(context.settings.artifacts_dir)
    with context.database.read() as session:
        row = versions.get(session, version_id)
        if row.update_id is None:
            raise InputError("these weights come from no update: choose a version that an update made")
        update = updates.get(session, row.update_id)
        cold, began = (updates.step(session, update.id, name) for name in ("cold", "inputs"))
        found = datasets.find(session, update.dataset_id) if update.dataset_id else None
        base = versions.get(session, update.base_id).artifact_hash if update.base_id else None
    recipe = read_recipe(update.text, update.recipe)
    if recipe.family != "nano":
        raise SettingsError(
            f"the influence of people on {recipe.model} would take whole trainings: ask for a version of the embedded model"
        )
    if found is None or update.synthesis_id is None or recipe.sft is None:
        raise InputError("the update of this version has no data set of its own, or no supervised step: there is nothing to repeat")
    version = load(store.path(found.artifact_hash))
    begun = cold.artifact_hash if cold is not None else base
    fit = Fit(
        recipe=recipe, version=version, base=store.path(begun) if begun else WEIGHTS, out=scratch / "out", scratch=scratch,
        seed=update.seed, watch=context.watch,
    )  # fmt: skip
    people = people_of(version, (stored.item for stored in every(context.database, update.synthesis_id)))
    return fit, people, _lists(context, fit, (began.result if began is not None else {}).get("until"))


def _lists(context: Context, fit: Any, until: int | None) -> Any:
    """People's holdout where it decides, else the gold lists, without questions that the model was trained on."""
    from training.evaluation.sets import gold_set, people_set

    people = people_set(context.database, until)
    if people.topics and people.judgements >= fit.recipe.gate.min_people:
        return people
    return gold_set().without(example["query"] for example in fit.version.examples())


def _keep(context: Context, version_id: str, found: Mapping[str, Any]) -> None:
    from db.store import versions

    with context.database.write() as session:
        context.confirm(session)
        report = versions.get(session, version_id).report or {}
        versions.set_report(session, version_id, {"learned": {**(report.get("learned") or {}), "influence": dict(found)}})
