"""What the dashboard reads besides judgements and orders: runs and objections by model version."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from db.models import CandidateList, Run, TextRow
from db.models_projects import Disagreement, Project, Task
from db.store.rated import ANSWERED, Scope, model_label


@dataclass(frozen=True, slots=True, kw_only=True)
class Objected:
    """How many objections in one state there are to a model version's orders of one list; of each person and run the newest only."""

    model: str
    list_id: str
    query: str
    topic: str
    state: str
    n: int


def objected(session: Session, scope: Scope) -> list[Objected]:
    """Objections by model version, list and state; of a project those to runs of its lists."""
    newest = select(func.max(Disagreement.id)).group_by(Disagreement.run_id, Disagreement.actor_id)
    topics = select(Task.list_id, func.max(Task.topic).label("topic")).group_by(Task.list_id).subquery()
    query = (
        select(
            Run.model,
            func.coalesce(Run.model_version_id, Run.revision),
            Disagreement.list_id,
            TextRow.text,
            func.coalesce(topics.c.topic, ""),
            Disagreement.state,
            func.count(),
        )
        .join(Run, Run.id == Disagreement.run_id)
        .join(CandidateList, CandidateList.id == Disagreement.list_id)
        .join(TextRow, TextRow.hash == CandidateList.query_hash)
        .outerjoin(topics, topics.c.list_id == Disagreement.list_id)
        .where(Disagreement.id.in_(newest))
        .group_by(Run.model, Run.model_version_id, Run.revision, Disagreement.list_id, TextRow.text, topics.c.topic, Disagreement.state)
    )
    if scope.project is not None:
        query = query.where(Disagreement.list_id.in_(_lists(scope)))
    return [
        Objected(model=model_label(model, version or ""), list_id=list_id, query=text, topic=topic, state=state, n=n)
        for model, version, list_id, text, topic, state, n in session.execute(query)
    ]


def _lists(scope: Scope) -> Select[str]:
    return select(Task.list_id).where(Task.project_id == scope.project, Task.kind != "tutorial")


def runs(session: Session, scope: Scope) -> dict[str, int]:
    """Finished runs in which the model answered, by model version."""
    version = func.coalesce(Run.model_version_id, Run.revision)
    query = select(Run.model, version, func.count()).where(Run.state == "finished", Run.outcome.in_(ANSWERED)).group_by(Run.model, version)
    if scope.project is not None:
        query = query.where(Run.list_id.in_(_lists(scope)))
    return {model_label(model, found or ""): n for model, found, n in session.execute(query)}


def stamp(session: Session) -> Hashable:
    """Changes whenever an objection comes, goes or is decided on."""
    query = select(func.count(), func.max(Disagreement.id), func.max(Disagreement.reviewed), func.sum(Disagreement.trust))
    return tuple(session.execute(query).one())


def projects(session: Session) -> list[tuple[str, str]]:
    """Ids and names of all projects, by name."""
    return [(row[0], row[1]) for row in session.execute(select(Project.id, Project.name).order_by(Project.name))]
