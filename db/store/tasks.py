"""Tasks of a project: adding many at once, drawing from them, and what is known of how contested each is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, update
from sqlalchemy.orm import Session

from app.ranking.errors import NotFound
from db.models import CandidateItem, Run, new_id, now
from db.models_people import Judgement
from db.models_projects import Assignment, Task
from db.store import texts


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """A list that becomes a task. `gold` is its known answer {order, not_relevant, grades, why}."""

    list_id: str
    topic: str = ""
    gold: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Tasks of a project that a person could be given now: how many, and the one with the highest priority."""

    size: int
    top: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """Who said what of a task's list: orders of models, and of people (newest submitted ones). Ids of passages only."""

    first_stage: tuple[str, ...] = ()
    runs: tuple[Run, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    kept: Mapping[str, Any] = field(default_factory=dict)


def add(session: Session, project_id: str, new: Sequence[NewTask], *, kind: str, wanted: int) -> int:
    """Add tasks, those whose list is a task of that kind already left out; how many were new. The caller holds the project's lock."""
    last = session.scalar(select(func.max(Task.number)).where(Task.project_id == project_id, Task.kind == kind)) or 0
    before = _count(session, project_id, kind)
    common = {"project_id": project_id, "kind": kind, "wanted": wanted, "state": "open", "priority": 0.0, "reason": "", "created": now()}
    rows: list[dict[str, Any]] = [
        {**common, "id": new_id(), "list_id": one.list_id, "number": number, "topic": texts.storable(one.topic)[:200], "signals": {}}
        for number, one in enumerate(new, start=last + 1)
    ]
    # Apart, so that no answer is NULL in the database rather than the JSON null.
    texts.insert_missing(session, Task, [row for row, one in zip(rows, new, strict=True) if one.gold is None])
    known = [row | {"gold": dict(one.gold)} for row, one in zip(rows, new, strict=True) if one.gold is not None]
    texts.insert_missing(session, Task, known)
    _attach_runs(session, project_id)
    return _count(session, project_id, kind) - before


def _count(session: Session, project_id: str, kind: str) -> int:
    return session.scalar(select(func.count()).where(Task.project_id == project_id, Task.kind == kind)) or 0


def _attach_runs(session: Session, project_id: str) -> None:
    """Tasks without a run get the newest finished run of their list, where there is one."""
    newest = select(func.max(Run.id)).where(Run.list_id == Task.list_id, Run.state == "finished").scalar_subquery()
    session.execute(update(Task).where(Task.project_id == project_id, Task.run_id.is_(None)).values(run_id=newest))


def newest_run(session: Session, task: Task) -> Run | None:
    """The run whose order belongs to a task: its own, else the newest finished one of its list."""
    if task.run_id is not None:
        return session.get(Run, task.run_id)
    return session.scalar(select(Run).where(Run.list_id == task.list_id, Run.state == "finished").order_by(Run.id.desc()).limit(1))


def attach_run(session: Session, task_id: str) -> None:
    """Give a task without a run the newest finished one of its list, where there is one."""
    newest = select(func.max(Run.id)).where(Run.list_id == Task.list_id, Run.state == "finished").scalar_subquery()
    session.execute(update(Task).where(Task.id == task_id, Task.run_id.is_(None)).values(run_id=newest))


def get(session: Session, task_id: str) -> Task:
    """A task. Raises NotFound."""
    task = session.get(Task, task_id)
    if task is None:
        raise NotFound("no such task: it may have been removed")
    return task


def want(session: Session, project_id: str, wanted: int) -> None:
    """A project's plain tasks are wanted from another number of people from now on; those that have that many are done."""
    plain = and_(Task.project_id == project_id, Task.kind == "plain", Task.state != "closed")
    session.execute(update(Task).where(plain).values(wanted=wanted))
    submitted = select(func.count()).where(Assignment.task_id == Task.id, Assignment.state == "submitted").correlate(Task).scalar_subquery()
    session.execute(update(Task).where(plain).values(state=case((submitted >= Task.wanted, "done"), else_="open")))


# Drawing. All of this runs under the lock of the project, so that what was counted still holds when the task is given.


def takes_room() -> ColumnElement[bool]:
    """Assignments that take one of a task's places: at work, their lease not run out, or submitted."""
    return or_(Assignment.state == "submitted", and_(Assignment.state == "leased", Assignment.lease_until > now()))


def _eligible(project_id: str, actor_id: str) -> list[ColumnElement[bool]]:
    """Open plain tasks with room that the person never had."""
    taken = func.sum(case((takes_room(), 1), else_=0))
    own = func.sum(case((Assignment.actor_id == actor_id, 1), else_=0))
    blocked = (
        select(Assignment.task_id)
        .join(Task, Task.id == Assignment.task_id)
        .where(Task.project_id == project_id, Task.state == "open", Task.kind == "plain")
        .group_by(Assignment.task_id, Task.wanted)
        .having(or_(taken >= Task.wanted, own > 0))
    )
    return [Task.project_id == project_id, Task.state == "open", Task.kind == "plain", Task.id.not_in(blocked)]


def pool(session: Session, project_id: str, actor_id: str) -> Pool:
    """What could be given to a person now, the highest priority first, older tasks first among equals."""
    size = func.count().over()
    query = select(Task.id, size).where(*_eligible(project_id, actor_id)).order_by(Task.priority.desc(), Task.number).limit(1)
    found = session.execute(query).first()
    return Pool(size=0, top=None) if found is None else Pool(size=found[1], top=found[0])


def at(session: Session, project_id: str, actor_id: str, place: int) -> str:
    """The task at a 0-based place of the pool, by number: for a uniform draw."""
    query = select(Task.id).where(*_eligible(project_id, actor_id)).order_by(Task.number).offset(place).limit(1)
    return session.scalars(query).one()


def unseen(session: Session, project_id: str, actor_id: str, kind: str) -> list[str]:
    """Gold or tutorial tasks that the person never had, by number; anybody may have them."""
    had = select(Assignment.task_id).where(Assignment.actor_id == actor_id)
    query = select(Task.id).where(Task.project_id == project_id, Task.kind == kind, Task.state == "open", Task.id.not_in(had))
    return list(session.scalars(query.order_by(Task.number)))


def has_room(session: Session, task: Task, actor_id: str) -> bool:
    """Whether one more person fits besides the others at work on a task; those that teach or test fit everybody."""
    if task.state == "closed":
        return False
    others = select(func.count()).where(Assignment.task_id == task.id, Assignment.actor_id != actor_id, takes_room())
    return task.kind != "plain" or (session.scalar(others) or 0) < task.wanted


# What is known of a task.


def passage_ids(session: Session, list_id: str) -> list[str]:
    """Ids of a list's passages in first-stage order, without their texts."""
    query = select(CandidateItem.passage_id).where(CandidateItem.list_id == list_id).order_by(CandidateItem.position)
    return list(session.scalars(query))


def newest_submitted(task_id: str) -> Select[Judgement]:
    """Each person's newest submitted judgement of a task."""
    last = (
        select(Judgement.thread, func.max(Judgement.version).label("version"))
        .where(Judgement.task_id == task_id, Judgement.state == "submitted")
        .group_by(Judgement.thread)
        .subquery()
    )
    return select(Judgement).join(last, and_(Judgement.thread == last.c.thread, Judgement.version == last.c.version))


def views(session: Session, task: Task, *, runs: int) -> Views:
    """Orders of the first stage, of the newest finished runs (at most `runs`, newest first) and of people."""
    finished = select(Run).where(Run.list_id == task.list_id, Run.state == "finished").order_by(Run.id.desc()).limit(runs)
    return Views(
        first_stage=tuple(passage_ids(session, task.list_id)),
        runs=tuple(session.scalars(finished)),
        judgements=tuple(session.scalars(newest_submitted(task.id))),
        kept=task.signals,
    )


def settle(session: Session, task_id: str) -> Task:
    """Lock a task and say whether it is done: as many submitted as wanted. Locked, so that two last ones don't miss each other."""
    task = session.scalars(select(Task).where(Task.id == task_id).with_for_update(key_share=True)).one()
    if task.kind == "plain" and task.state != "closed":
        query = select(func.count()).where(Assignment.task_id == task_id, Assignment.state == "submitted")
        task.state = "done" if (session.scalar(query) or 0) >= task.wanted else "open"
    return task
