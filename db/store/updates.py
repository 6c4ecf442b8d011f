"""Updates: one round of the learning loop each, with the steps that are done, so that a killed one goes on with the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.ranking.errors import NotFound
from db.models_loop import Update, UpdateStep
from db.store import texts
from db.store.jobs import clock, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUpdate:
    """An update as it begins. `id` is that of its job, `text` the recipe, `base_id` the version that it starts from."""

    id: str
    recipe: str
    text: str
    model: str
    family: str
    seed: int
    base_id: str | None = None
    from_scratch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStep:
    """A step that is done. `key` is the hash of all that it depends on, `artifact_hash` what it made, `seconds` how long it took."""

    update_id: str
    name: str
    key: str
    artifact_hash: str | None = None
    result: Mapping[str, Any]
    seconds: float


def begin(session: Session, new: NewUpdate) -> Update:
    """The update of a job; one that had begun keeps all it has, the version that it starts from too."""
    values = {name: getattr(new, name) for name in new.__dataclass_fields__}
    texts.insert_missing(session, Update, [values | {"text": texts.storable(new.text), "created": clock(session)}])
    return session.get_one(Update, new.id, populate_existing=True)


def get(session: Session, update_id: str) -> Update:
    """An update. Raises NotFound."""
    row = session.get(Update, update_id)
    if row is None:
        raise NotFound("no such update: choose one of the list")
    return row


def every(session: Session, limit: int = 200) -> list[Update]:
    """Updates, newest first."""
    return list(session.scalars(select(Update).order_by(Update.created.desc(), Update.id.desc()).limit(limit)))


def step(session: Session, update_id: str, name: str) -> UpdateStep | None:
    """A step that is done; None where it isn't."""
    return session.get(UpdateStep, (update_id, name))


def steps(session: Session, update_id: str) -> list[UpdateStep]:
    """Steps that are done, in their order."""
    return list(session.scalars(select(UpdateStep).where(UpdateStep.update_id == update_id).order_by(UpdateStep.created, UpdateStep.name)))


def keep_step(session: Session, new: NewStep) -> UpdateStep:
    """Note that a step is done. One of another key takes the place of what was there."""
    values = {name: getattr(new, name) for name in new.__dataclass_fields__}
    row = session.merge(UpdateStep(**values | {"result": plain(new.result), "created": clock(session)}))
    session.flush()
    return row


def set_dataset(session: Session, update_id: str, dataset_id: str | None, synthesis_id: str | None = None) -> Update:
    """Name the dataset version of an update, and the synthesis that it comes from. Raises NotFound."""
    row = get(session, update_id)
    row.dataset_id, row.synthesis_id = dataset_id, synthesis_id or row.synthesis_id
    session.flush()
    return row


def finish(session: Session, update_id: str, candidate_id: str | None, decision: Mapping[str, Any] | None) -> Update:
    """End an update with what it made and what was decided. Raises NotFound."""
    row = get(session, update_id)
    row.candidate_id, row.decision, row.ended = candidate_id, plain(decision), clock(session)
    session.flush()
    return row
