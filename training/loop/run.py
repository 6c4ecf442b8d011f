"""One update from its inputs to its decision. It may be killed anywhere and begun again: what is finished is not done a second time."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.ranking.backends.nano import WEIGHTS
from app.ranking.errors import NotFound, SettingsError
from db.session import Database
from db.store import jobs, labelled, log, updates, versions
from db.store.updates import NewStep, NewUpdate
from training.config import EMBEDDED
from training.fitting.weights import weights_id
from training.jobs.context import Context

from .decide import Candidate, conclude
from .steps import Ledger, dataset, folder_of, trained
from .values import INPUTS, Inputs, Trained, Wanted, key_of

FOLDER = "training"
"""Folder of the data folder with what updates under way have made so far."""
_ALL = 100_000  # events that may wait for their place in the log; the server gives them one every moment


def update(context: Context, wanted: Wanted) -> dict[str, Any]:
    """Do an update as the job of the context; its result: {"update", "model", "base", "dataset", "candidate", "promoted", "reason"}.

    Raises SettingsError for a recipe that trains nothing, InputError where there is nothing to learn from, and Cancelled. What was
    finished until then is kept.
    """
    job_id = context.job_id
    if job_id is None:
        raise SettingsError("an update is a job: start it with `python -m training loop`, or put it into the queue")
    _check(wanted)
    sweep(context)
    inputs = _begin(context, job_id, wanted)
    ledger = Ledger(context, job_id, wanted)
    if (ended := _ended(context, job_id)) is None:
        _through(ledger, inputs)
        ended = _ended(context, job_id)
        assert ended is not None
    shutil.rmtree(ledger.path, ignore_errors=True)
    context.say(str(ended["reason"]))
    return ended


def _check(wanted: Wanted) -> None:
    recipe = wanted.recipe
    if wanted.from_scratch:
        _ = recipe.start  # says what is wrong
    if not wanted.from_scratch and recipe.sft is None and recipe.rl is None:
        raise SettingsError(f"recipe {recipe.name!r} trains nothing: it has neither [sft] nor [rl]; add one, or start from scratch")


def _through(ledger: Ledger, inputs: Inputs) -> None:
    """All steps; in the end the update has ended in the database."""
    made, version = dataset(ledger, inputs)
    if same := _same(ledger, inputs, version.id):
        _stop(ledger, same)
        return
    base = Trained(folder=folder_of(ledger, inputs.base_id), artifact=inputs.base_id or ledger.wanted.recipe.model, result={})
    fitted = trained(ledger, version, base)
    conclude(ledger, Candidate(inputs=inputs, version=version, dataset=made.result, fitted=tuple(fitted)))


def _begin(context: Context, job_id: str, wanted: Wanted) -> Inputs:
    """The row of the update with what it starts from, as they were when it began first."""
    with context.database.read() as session:
        row = updates.step(session, job_id, INPUTS)
        if row is not None:
            return Inputs(**row.result)
    recipe = wanted.recipe
    with context.database.write() as session:
        context.confirm(session)
        enter_committed(session, wanted.model)
        log.seal(session, _ALL)  # what was judged a moment ago counts
        inputs = Inputs(base_id=versions.active(session, wanted.model), until=log.head(session)[0], withdrawn=labelled.withdrawn(session))
        new = NewUpdate(
            id=job_id, recipe=recipe.name, text=recipe.text, model=wanted.model, family=recipe.family, base_id=inputs.base_id,
            from_scratch=wanted.from_scratch, seed=wanted.seed,
        )  # fmt: skip
        updates.begin(session, new)
        updates.keep_step(session, NewStep(update_id=job_id, name=INPUTS, key=key_of(INPUTS), result=inputs.plain, seconds=0.0))
    return inputs


def enter_committed(session: Session, model: str) -> None:
    """The weights that ship with the program as a version, where no server has entered them yet."""
    if model == EMBEDDED and versions.active(session, model) is None:
        versions.ensure_first(session, weights_id(WEIGHTS), model, "training/recipes/nano.toml")


def _same(ledger: Ledger, inputs: Inputs, dataset_id: str) -> str:
    """The id of the last update of this model where it had the same recipe, seed, base and data and came to its end; else empty."""
    wanted = ledger.wanted
    if wanted.again:
        return ""
    mine = (wanted.recipe.text, wanted.seed, wanted.from_scratch, inputs.base_id, dataset_id)
    with ledger.context.database.read() as session:
        before = [one for one in updates.every(session) if one.model == wanted.model and one.id != ledger.update_id]
        last = max((one for one in before if one.ended is not None), key=lambda one: one.created, default=None)
        if last is None:
            return ""
        return last.id if (last.text, last.seed, last.from_scratch, last.base_id, last.dataset_id) == mine else ""


def _stop(ledger: Ledger, same: str) -> None:
    reason = (
        f"nothing new to learn from: update {same} had the same data, base, recipe and seed, and the same comes out of them. "
        "Judge more lists, or say --again"
    )
    decision = {"promote": False, "primary": "gold", "reason": reason, "checks": [], "smallest": None}
    with ledger.context.database.write() as session:
        ledger.context.confirm(session)
        updates.finish(session, ledger.update_id, None, decision)


def _ended(context: Context, update_id: str) -> dict[str, Any] | None:
    """The result of an update that has ended."""
    with context.database.read() as session:
        row = updates.get(session, update_id)
        if row.ended is None:
            return None
        decision: Mapping[str, Any] = row.decision or {}
        return {
            "update": row.id, "model": row.model, "base": row.base_id, "dataset": row.dataset_id, "candidate": row.candidate_id,
            "promoted": bool(decision.get("promote")) and row.candidate_id is not None, "reason": str(decision.get("reason", "")),
        }  # fmt: skip


def sweep(context: Context) -> None:
    """Remove what updates that will not go on have left in the data folder."""
    root = context.settings.data_dir / FOLDER
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder.name != context.job_id and not _lives(context.database, folder.name):
            shutil.rmtree(folder, ignore_errors=True)


def _lives(database: Database, job_id: str) -> bool:
    with database.read() as session:
        try:
            return jobs.get(session, job_id).state in jobs.OPEN
        except NotFound:
            return False
