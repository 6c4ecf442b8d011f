"""Decisions of reviewers: append-only, versioned, saved at most once per idempotency key."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from app.ranking.errors import Conflict, NotFound
from db.models import new_id
from db.models_accounts import Actor
from db.models_people import Judgement
from db.models_projects import Adjudication, Guideline, Project, Task
from db.store import texts


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAdjudication:
    """A decision. `order` is a weak order, best group first; `seen` are the judgements and runs that the reviewer had before them."""

    task_id: str
    actor_id: str
    idempotency_key: str
    base_version: int
    seen: Sequence[str]
    order: Sequence[Sequence[str]]
    reason: str
    picked_id: str | None = None
    not_relevant: Sequence[str] = ()
    unranked: Sequence[str] = ()
    grades: Mapping[str, int] = field(default_factory=dict)


class Stale(Conflict):
    """A decision based on an old version; `newest` is the one in the database."""

    def __init__(self, newest: Adjudication) -> None:
        super().__init__(f"version {newest.version} of this decision was saved meanwhile: compare the two and decide again")
        self.newest = newest


_CONTENT = ("picked_id", "order", "not_relevant", "unranked", "grades", "reason")


def save(session: Session, new: NewAdjudication) -> tuple[Adjudication, bool]:
    """The saved decision, and whether it is new. The same key again gives the row of the first time.

    The caller holds the lock of the task. Raises Stale where `base_version` is not the newest version, and Conflict where a key comes back
    with another decision.
    """
    values = _plain(new)
    mine = (Adjudication.actor_id == new.actor_id, Adjudication.idempotency_key == new.idempotency_key)
    same = session.scalar(select(Adjudication).where(*mine))
    if same is not None:
        if same.task_id != new.task_id or any(getattr(same, name) != values[name] for name in _CONTENT):
            raise Conflict("this idempotency key was used for another decision: make a new key for each save")
        return same, False
    newest = newest_of(session, new.task_id)
    if (newest.version if newest else 0) != new.base_version:
        if newest is None:
            raise Conflict("there is no decision on this task to build on: load the task again")
        raise Stale(newest)
    row = Adjudication(id=new_id(), version=new.base_version + 1, **values)
    session.add(row)
    session.flush()
    return row, True


def _plain(new: NewAdjudication) -> dict[str, Any]:
    clean = texts.storable
    return {
        "task_id": new.task_id,
        "actor_id": new.actor_id,
        "idempotency_key": new.idempotency_key,
        "picked_id": new.picked_id,
        "seen": list(new.seen),
        "order": [[clean(one) for one in group] for group in new.order],
        "not_relevant": [clean(one) for one in new.not_relevant],
        "unranked": [clean(one) for one in new.unranked],
        "grades": {clean(one): grade for one, grade in new.grades.items()},
        "reason": clean(new.reason),
    }


def lock(session: Session, task_id: str) -> Task:
    """The task, which others who decide on it wait for. Raises NotFound."""
    task = session.scalar(select(Task).where(Task.id == task_id).with_for_update(key_share=True))
    if task is None:
        raise NotFound("no such task: it may have been removed")
    return task


def newest_of(session: Session, task_id: str) -> Adjudication | None:
    """The decision on a task that counts."""
    return session.scalar(select(Adjudication).where(Adjudication.task_id == task_id).order_by(Adjudication.version.desc()).limit(1))


def versions(session: Session, task_id: str) -> list[Adjudication]:
    """All decisions on a task, newest first."""
    return list(session.scalars(select(Adjudication).where(Adjudication.task_id == task_id).order_by(Adjudication.version.desc())))


def newest_in(session: Session, project_id: str) -> dict[str, Adjudication]:
    """The decision that counts, by task, for a whole project."""
    last = (
        select(Adjudication.task_id, func.max(Adjudication.version).label("version"))
        .join(Task, Task.id == Adjudication.task_id)
        .where(Task.project_id == project_id)
        .group_by(Adjudication.task_id)
        .subquery()
    )
    query = select(Adjudication).join(last, and_(Adjudication.task_id == last.c.task_id, Adjudication.version == last.c.version))
    return {row.task_id: row for row in session.scalars(query)}


def become_gold(session: Session, task: Task, row: Adjudication) -> Task:
    """Let a decision be the known answer of its task for those who come later, or of the gold task of the same list where there is one.

    A task keeps its id when it turns to gold, so that nobody who judged it gets it a second time.
    """
    same_list = (Task.project_id == task.project_id, Task.list_id == task.list_id, Task.kind == "gold")
    target = session.scalar(select(Task).where(*same_list)) or task
    answer = {"order": row.order, "not_relevant": row.not_relevant, "grades": row.grades, "why": row.reason, "adjudication": row.id}
    target.gold = answer
    if target is task and task.kind == "plain":
        task.kind, task.state = "gold", "open"
    session.flush()
    return target


def came_from_review(session: Session, task: Task) -> bool:
    """Whether the known answer of a task's list is an earlier decision: then a newer one takes its place."""
    same_list = (Task.project_id == task.project_id, Task.list_id == task.list_id, Task.kind == "gold")
    return any("adjudication" in (gold or {}) for gold in session.scalars(select(Task.gold).where(*same_list)))


def project(session: Session, project_id: str) -> Project:
    """A project. Raises NotFound."""
    found = session.get(Project, project_id)
    if found is None:
        raise NotFound("no such project: choose one of the list")
    return found


def guideline(session: Session, project_id: str) -> Guideline | None:
    """The newest guidelines of a project."""
    return session.scalar(select(Guideline).where(Guideline.name == project_id).order_by(Guideline.version.desc()).limit(1))


def whole(session: Session, ids: Collection[str]) -> dict[str, Judgement]:
    """Judgements by id, with all that people wrote."""
    return {row.id: row for row in session.scalars(select(Judgement).where(Judgement.id.in_(ids)))}


def thread_of(session: Session, judgement_id: str, task_id: str) -> str | None:
    """The thread of a judgement of a task, whatever its version; None where it is not of this task."""
    return session.scalar(select(Judgement.thread).where(Judgement.id == judgement_id, Judgement.task_id == task_id))


def people(session: Session, ids: Collection[str]) -> dict[str, tuple[str, float | None]]:
    """Pseudonym ("" where none) and trust of actors by id."""
    rows = session.execute(select(Actor.id, Actor.pseudonym, Actor.trust).where(Actor.id.in_(ids)))
    return {id_: (pseudonym or "", trust) for id_, pseudonym, trust in rows}
