"""Projects: the rules under which lists are judged, their guidelines by version, and how far they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.ranking.errors import Conflict, NotFound
from db.models import new_id
from db.models_projects import Assignment, Guideline, Project, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a project is: plain tasks, those that as many people judged as wanted, and those that teach."""

    tasks: int = 0
    judged: int = 0
    tutorial: int = 0


def create(session: Session, actor_id: str, values: Mapping[str, Any]) -> Project:
    """A new project. Raises Conflict where the name is taken."""
    _check_name(session, values["name"], "")
    project = Project(id=new_id(), actor_id=actor_id, **values)
    session.add(project)
    session.flush()
    return project


def update(session: Session, project_id: str, values: Mapping[str, Any]) -> Project:
    """Change some values of a project. Raises NotFound, and Conflict where the new name is taken."""
    project = get(session, project_id)
    if "name" in values:
        _check_name(session, values["name"], project_id)
    for name, value in values.items():
        setattr(project, name, value)
    session.flush()
    return project


def _check_name(session: Session, name: str, own_id: str) -> None:
    taken = session.scalar(select(Project.id).where(Project.name == name))
    if taken is not None and taken != own_id:
        raise Conflict(f"a project is called {name!r} already: choose another name")


def get(session: Session, project_id: str, *, lock: bool = False) -> Project:
    """A project. `lock` makes others that lock it wait until this transaction ends. Raises NotFound."""
    query = select(Project).where(Project.id == project_id)
    # Without touching its key, so that rows that point at it can still be written.
    project = session.scalar(query.with_for_update(key_share=True) if lock else query)
    if project is None:
        raise NotFound("no such project: choose one of the list")
    return project


def every(session: Session) -> list[Project]:
    """All projects, oldest first."""
    return list(session.scalars(select(Project).order_by(Project.created, Project.id)))


def add_guideline(session: Session, project_id: str, text: str) -> Guideline:
    """The next version of a project's guidelines. The caller holds the lock of the project."""
    last = session.scalar(select(func.max(Guideline.version)).where(Guideline.name == project_id)) or 0
    row = Guideline(id=new_id(), name=project_id, version=last + 1, text=text)
    session.add(row)
    session.flush()
    return row


def guideline(session: Session, project_id: str) -> Guideline | None:
    """The newest version of a project's guidelines."""
    query = select(Guideline).where(Guideline.name == project_id).order_by(Guideline.version.desc()).limit(1)
    return session.scalar(query)


def progress(session: Session, ids: Collection[str]) -> dict[str, Progress]:
    """How far some projects are, by id."""
    query = select(Task.project_id, Task.kind, Task.state, func.count()).where(Task.project_id.in_(ids), Task.state != "closed")
    counts: Counter[tuple[str | None, str]] = Counter()
    for project_id, kind, state, n in session.execute(query.group_by(Task.project_id, Task.kind, Task.state)):
        counts[project_id, kind] += n
        counts[project_id, f"{kind} {state}"] += n
    return {one: Progress(tasks=counts[one, "plain"], judged=counts[one, "plain done"], tutorial=counts[one, "tutorial"]) for one in ids}


def mine(session: Session, actor_id: str, ids: Collection[str]) -> dict[str, Counter[str]]:
    """What one person did, by project: their tasks by state, and under `tutorial` how many of those that teach are behind them."""
    query = (
        select(Task.project_id, Task.kind, Assignment.state, func.count())
        .join(Task, Task.id == Assignment.task_id)
        .where(Assignment.actor_id == actor_id, Task.project_id.in_(ids))
        .group_by(Task.project_id, Task.kind, Assignment.state)
    )
    found: dict[str, Counter[str]] = {one: Counter() for one in ids}
    for project_id, kind, state, n in session.execute(query):
        if project_id is not None and (kind != "tutorial" or state in ENDED):
            found[project_id][state if kind != "tutorial" else "tutorial"] += n
    return found


# States of an assignment that a person brought to an end.
ENDED = ("submitted", "flagged", "skipped", "cannot_judge")
