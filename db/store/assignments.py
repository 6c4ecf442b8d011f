"""Who is at work on which task. A lease that ran out makes room for somebody else; what its holder saves still counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.ranking.errors import NotFound
from db.models import CandidateList, TextRow, new_id, now
from db.models_projects import Assignment, Guideline, Project, Task

_BACK = ("later", "expired")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAssignment:
    """A task given to a person. `probability` is the chance with which it was drawn from `pool` tasks."""

    id: str
    task_id: str
    actor_id: str
    reason: str
    probability: float
    pool: int
    shown_order: Sequence[str]
    guideline_id: str | None
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An assignment with its task, project, guidelines and the query's text."""

    assignment: Assignment
    task: Task
    project: Project
    query: str
    guideline: Guideline | None = None


def lease(session: Session, new: NewAssignment) -> Assignment:
    """Put a task into a person's hands."""
    row = Assignment(
        id=new.id, task_id=new.task_id, actor_id=new.actor_id, state="leased", reason=new.reason, probability=new.probability,
        pool=new.pool, shown_order=list(new.shown_order), guideline_id=new.guideline_id, lease_until=_until(new.minutes),
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def fresh_id() -> str:
    """An id for a new assignment: the seed of its shown order."""
    return new_id()


def renew(session: Session, row: Assignment, minutes: int) -> Assignment:
    """Begin a lease anew."""
    row.state, row.lease_until, row.ended = "leased", _until(minutes), None
    session.flush()
    return row


def _until(minutes: int) -> datetime:
    return now() + timedelta(minutes=minutes)


def expire(session: Session, project_id: str) -> int:
    """Mark leases of a project that ran out; how many there were."""
    tasks = select(Task.id).where(Task.project_id == project_id)
    stale = update(Assignment).where(Assignment.state == "leased", Assignment.lease_until <= now(), Assignment.task_id.in_(tasks))
    return len(session.execute(stale.values(state="expired", ended=now()).returning(Assignment.id)).all())


def unfinished(session: Session, project_id: str, actor_id: str) -> Assignment | None:
    """The task that a person has in hand in a project, the oldest first."""
    query = select(Assignment).join(Task, Task.id == Assignment.task_id)
    query = query.where(Assignment.actor_id == actor_id, Assignment.state == "leased", Task.project_id == project_id)
    return session.scalar(query.order_by(Assignment.id).limit(1))


def put_off(session: Session, project_id: str, actor_id: str) -> list[tuple[Assignment, Task]]:
    """Tasks that a person left for later or whose lease ran out, in the order in which they were given."""
    query = select(Assignment, Task).join(Task, Task.id == Assignment.task_id)
    query = query.where(Assignment.actor_id == actor_id, Assignment.state.in_(_BACK), Task.project_id == project_id)
    # Locked: what is being saved at this moment is waited for, and no longer put off then.
    locked = query.order_by(Assignment.id).with_for_update(of=Assignment, key_share=True)
    return [(row[0], row[1]) for row in session.execute(locked)]


def own(session: Session, assignment_id: str, actor_id: str, *, guideline: bool = False) -> Held:
    """A person's own assignment. Raises NotFound, also for somebody else's."""
    query = (
        select(Assignment, Task, Project, TextRow.text, Guideline)
        .join(Task, Task.id == Assignment.task_id)
        .join(Project, Project.id == Task.project_id)
        .join(CandidateList, CandidateList.id == Task.list_id)
        .join(TextRow, TextRow.hash == CandidateList.query_hash)
        .outerjoin(Guideline, Guideline.id == Assignment.guideline_id if guideline else Guideline.id.is_(None))
        .where(Assignment.id == assignment_id, Assignment.actor_id == actor_id)
    )
    found = session.execute(query).first()
    if found is None:
        raise NotFound("you have no such assignment: open the project and take the next task")
    assignment, task, project, text, instructions = found
    return Held(assignment=assignment, task=task, project=project, query=text, guideline=instructions)


def number(session: Session, held: Held) -> int:
    """The how-manieth task of this person in the project it is, from 1; those that teach are counted apart."""
    teaches = Task.kind == "tutorial" if held.task.kind == "tutorial" else Task.kind != "tutorial"
    query = select(func.count()).select_from(Assignment).join(Task, Task.id == Assignment.task_id)
    own = (Assignment.actor_id == held.assignment.actor_id, Task.project_id == held.task.project_id, Assignment.id <= held.assignment.id)
    return session.scalar(query.where(*own, teaches)) or 0


def lock(session: Session, row: Assignment) -> None:
    """Read an assignment again, and keep others from changing it until this transaction ends."""
    session.refresh(row, with_for_update={"key_share": True})


def finish(session: Session, row: Assignment, state: str) -> None:
    """A person is done with a task: submitted, flagged, skipped, cannot_judge, or puts it off (later)."""
    row.state, row.ended = state, now()
    session.flush()


def mine(session: Session, project_id: str, actor_id: str, limit: int) -> list[tuple[Assignment, Task, str]]:
    """A person's assignments of a project with the query of each, newest first."""
    query = (
        select(Assignment, Task, TextRow.text)
        .join(Task, Task.id == Assignment.task_id)
        .join(CandidateList, CandidateList.id == Task.list_id)
        .join(TextRow, TextRow.hash == CandidateList.query_hash)
        .where(Assignment.actor_id == actor_id, Task.project_id == project_id)
        .order_by(Assignment.id.desc())
        .limit(limit)
    )
    return [(row[0], row[1], row[2]) for row in session.execute(query)]
