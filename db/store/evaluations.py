"""Evaluations: which bundles the studio knows. A bundle is named by its content, so that one that is kept twice is one row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.ranking.errors import NotFound
from db.models import ModelVersion
from db.models_loop import Evaluation, Job
from db.store import texts
from db.store.jobs import clock, plain

_NAME, _WORD = 200, 32  # characters that the columns hold


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvaluation:
    """A bundle to be entered. `id` is its own, `artifact_hash` names its folder, `summary` is what lists of many are drawn from."""

    id: str
    name: str
    suite: str
    model: str
    strategy: str
    thinking: str
    artifact_hash: str
    summary: Mapping[str, Any]
    version_id: str | None = None
    job_id: str | None = None
    actor_id: str | None = None


def add(session: Session, new: NewEvaluation) -> Evaluation:
    """Enter a bundle; one that is known keeps its row. A version that is none of this studio's is left out.

    Whose it is follows from its job where nobody is named.
    """
    job = session.get(Job, new.job_id) if new.job_id is not None else None
    known = session.get(ModelVersion, new.version_id) if new.version_id else None
    short = {name: texts.storable(getattr(new, name))[:_NAME] for name in ("name", "suite", "model")}
    words = {name: texts.storable(getattr(new, name))[:_WORD] for name in ("strategy", "thinking")}
    values = {
        **short, **words, "id": new.id, "artifact_hash": new.artifact_hash, "summary": plain(new.summary),
        "version_id": known.id if known else None, "job_id": job.id if job else None,
        "actor_id": new.actor_id or (job.actor_id if job else None), "created": clock(session),
    }  # fmt: skip
    texts.insert_missing(session, Evaluation, [values])
    return session.get_one(Evaluation, new.id, populate_existing=True)


def get(session: Session, evaluation_id: str) -> Evaluation:
    """An evaluation. Raises NotFound."""
    row = session.get(Evaluation, evaluation_id)
    if row is None:
        raise NotFound("no such evaluation: choose one of the list")
    return row


def every(session: Session, limit: int = 500) -> list[Evaluation]:
    """Evaluations, newest first."""
    return list(session.scalars(select(Evaluation).order_by(Evaluation.created.desc(), Evaluation.id).limit(limit)))
