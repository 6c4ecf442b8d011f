"""Judgements: append-only, versioned, saved at most once per idempotency key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.ranking.errors import Conflict
from db.models import CandidateList, TextRow
from db.models_accounts import Actor
from db.models_people import Judgement
from db.store import texts


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJudgement:
    """One version of what a person says of a list. `order` is a weak order: groups of tied passage ids, best group first."""

    actor_id: str
    list_id: str
    idempotency_key: str
    base_version: int
    state: str
    order: Sequence[Sequence[str]]
    shown_order: Sequence[str]
    run_id: str | None = None
    not_relevant: Sequence[str] = ()
    unranked: Sequence[str] = ()
    grades: Mapping[str, int] = field(default_factory=dict)
    claims: Sequence[Mapping[str, Any]] = ()
    disagree: bool = False
    note: str = ""
    confidence: float | None = None
    active_seconds: float = 0.0
    guideline_id: str | None = None
    model_visible: str | None = None
    model_version_id: str | None = None
    licence: str = ""
    spans: Sequence[Mapping[str, Any]] = ()
    task_id: str | None = None
    assignment_id: str | None = None
    consent_version: str | None = None
    selection_probability: float | None = None
    selection_reason: str = ""
    selection_pool: int | None = None


# What the studio adds to a save of a task on its own account: it may change between a save and its repetition.
_ADDED = (
    "task_id", "guideline_id", "model_visible", "model_version_id", "licence", "consent_version", "selection_probability",
    "selection_reason", "selection_pool",
)  # fmt: skip
_LATER = ("spans", "assignment_id", "task_id", "consent_version", "selection_probability", "selection_reason", "selection_pool")


class Stale(Conflict):
    """A save based on an old version; `newest` is the one in the database."""

    def __init__(self, newest: Judgement) -> None:
        super().__init__(f"version {newest.version} of this judgement was saved meanwhile: compare the two and choose")
        self.newest = newest


def thread_of(actor_id: str, list_id: str, task_id: str | None = None) -> str:
    """The key that ties one person's judgements of one list together, those of each task apart from those of runs."""
    parts = (actor_id, list_id) if task_id is None else (actor_id, list_id, task_id)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def save(session: Session, new: NewJudgement) -> tuple[Judgement, bool]:
    """The saved judgement, and whether it is new. The same key again gives the row of the first time.

    Raises Stale when `base_version` is not the newest version, and Conflict when a key comes back with other content.
    """
    values = _plain(new)
    content = _content_hash(values)
    trust = _lock_person(session, new.actor_id)
    same = session.scalar(select(Judgement).where(Judgement.actor_id == new.actor_id, Judgement.idempotency_key == new.idempotency_key))
    if same is not None:
        if same.content_hash != content:
            raise Conflict("this idempotency key was used for another judgement: make a new key for each save")
        return same, False
    newest = newest_of(session, new.actor_id, new.list_id, task_id=new.task_id)
    if newest is not None and newest.version != new.base_version:
        raise Stale(newest)
    thread = thread_of(new.actor_id, new.list_id, new.task_id)
    row = Judgement(**values, thread=thread, version=newest.version + 1 if newest else 1, content_hash=content, trust=trust)
    session.add(row)
    session.flush()
    return row, True


def _lock_person(session: Session, actor_id: str) -> float | None:
    """A person's trust. Two saves of one person wait for each other: SQLite has one writer anyway, PostgreSQL locks the person's row."""
    return session.scalar(select(Actor.trust).where(Actor.id == actor_id).with_for_update(key_share=True))


def _content_hash(values: Mapping[str, Any]) -> str:
    """sha256 of what a person sent. Fields that came later count only where they say something, so that older hashes hold."""
    left_out = {name for name in _LATER if not values[name]} | (set(_ADDED) if values["assignment_id"] else set())
    text = json.dumps({name: value for name, value in values.items() if name not in left_out}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(new: NewJudgement) -> dict[str, Any]:
    values = {item.name: getattr(new, item.name) for item in fields(new)}
    text = json.dumps(values, ensure_ascii=False, default=lambda value: dict(value) if isinstance(value, Mapping) else list(value))
    cleaned: dict[str, Any] = json.loads(texts.storable(text.replace("\\u0000", "\ufffd")))
    return cleaned


def newest_of(session: Session, actor_id: str, list_id: str, *, task_id: str | None = None, state: str | None = None) -> Judgement | None:
    """A person's newest version for a list (of a task, where one is named), of any state or of one.

    A draft after a submitted version does not undo that.
    """
    query = select(Judgement).where(Judgement.thread == thread_of(actor_id, list_id, task_id))
    if state is not None:
        query = query.where(Judgement.state == state)
    return session.scalar(query.order_by(Judgement.version.desc()).limit(1))


def versions(session: Session, actor_id: str, list_id: str, *, task_id: str | None = None, limit: int = 200) -> list[Judgement]:
    """All versions of a person's judgement of a list (of a task, where one is named), newest first."""
    query = select(Judgement).where(Judgement.thread == thread_of(actor_id, list_id, task_id))
    return list(session.scalars(query.order_by(Judgement.version.desc()).limit(limit)))


def newest(session: Session, *, actor_id: str | None = None, limit: int = 50) -> list[tuple[Judgement, str, str]]:
    """Newest version of each thread, newest first, each with the query's text and the person's name."""
    last = select(Judgement.thread, func.max(Judgement.version).label("version")).group_by(Judgement.thread).subquery()
    query = (
        select(Judgement, TextRow.text, Actor.name)
        .join(last, (Judgement.thread == last.c.thread) & (Judgement.version == last.c.version))
        .join(CandidateList, CandidateList.id == Judgement.list_id)
        .join(TextRow, TextRow.hash == CandidateList.query_hash)
        .join(Actor, Actor.id == Judgement.actor_id)
        .order_by(Judgement.created.desc(), Judgement.id.desc())
        .limit(limit)
    )
    if actor_id is not None:
        query = query.where(Judgement.actor_id == actor_id)
    return [(row[0], row[1], row[2]) for row in session.execute(query)]


def after(session: Session, last_id: str, limit: int) -> list[Judgement]:
    """Judgements of all versions in the order of their ids, those after `last_id`: for exports, page by page."""
    return list(session.scalars(select(Judgement).where(Judgement.id > last_id).order_by(Judgement.id).limit(limit)))


def counts(session: Session) -> dict[str, int]:
    """How many judgements (threads), people and judged queries there are, drafts left out."""
    submitted = Judgement.state == "submitted"
    row = session.execute(
        select(
            func.count(func.distinct(Judgement.thread)),
            func.count(func.distinct(Judgement.actor_id)),
            func.count(func.distinct(CandidateList.query_hash)),
        )
        .join(CandidateList, CandidateList.id == Judgement.list_id)
        .where(submitted)
    ).one()
    return {"judgements": row[0], "people": row[1], "queries": row[2]}
