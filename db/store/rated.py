"""Who said what of which list, in bulk: people's newest submitted judgements and the newest answer of each model version.

Each function is one query, whatever the number of tasks: agreement, quality and the dashboard read hundreds of lists at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from db.models import CandidateItem, CandidateList, Run, TextRow
from db.models_accounts import Actor
from db.models_people import Judgement
from db.models_projects import Adjudication, Task

ANSWERED = ("clean", "repaired", "truncated")  # outcomes of runs whose order is the model's, wholly or in part


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is looked at: a project without its tutorial, one task, or (both None) all that people judged, runs without a task too."""

    project: str | None = None
    task: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A task with its query. `gold` is its known answer {order, not_relevant, grades, why}."""

    id: str
    list_id: str
    number: int
    kind: str
    topic: str
    state: str
    query: str
    holdout: bool
    gold: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A person's newest submitted judgement of a list; `who` is the pseudonym, None where none was given yet."""

    id: str
    task_id: str | None
    list_id: str
    actor_id: str
    who: str | None
    order: Sequence[Sequence[str]]
    not_relevant: Sequence[str]
    unranked: Sequence[str]
    grades: Mapping[str, int]
    shown_order: Sequence[str]
    active_seconds: float
    model_visible: str | None
    created: datetime
    query: str = ""
    topic: str = ""
    holdout: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Modelled:
    """The newest finished run of a model version over a list; `order` has passage ids, best first."""

    id: str
    token: str
    list_id: str
    model: str
    version: str
    order: Sequence[str]
    outcome: str
    created: datetime

    @property
    def label(self) -> str:
        """Name and the beginning of the version, for people."""
        return model_label(self.model, self.version)

    @property
    def who(self) -> str:
        """A key that fits into an address, as a pseudonym does: "m" and 10 hex digits of name and version."""
        return model_key(self.model, self.version)


def model_label(model: str, version: str) -> str:
    """See Modelled.label."""
    return f"{model} {version[:8]}" if version else model


def model_key(model: str, version: str) -> str:
    """See Modelled.who."""
    return "m" + hashlib.sha256(f"{model}\n{version}".encode()).hexdigest()[:10]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Changes whenever something is judged, ranked, decided or taken away within a scope: what a cache goes by."""

    judgements: int
    newest_judgement: str
    runs: int
    newest_run: str
    adjudications: int
    gold: int


def _in_scope(scope: Scope) -> list[ColumnElement[bool]]:
    """Conditions on judgements."""
    teaching = select(Task.id).where(Task.kind == "tutorial")
    if scope.task is not None:
        return [Judgement.task_id == scope.task]
    if scope.project is not None:
        return [Judgement.task_id.in_(select(Task.id).where(Task.project_id == scope.project, Task.kind != "tutorial"))]
    return [or_(Judgement.task_id.is_(None), Judgement.task_id.not_in(teaching))]


def _lists_in(scope: Scope) -> Select[str]:
    """Ids of the lists of a scope."""
    if scope.task is not None:
        return select(Task.list_id).where(Task.id == scope.task)
    if scope.project is not None:
        return select(Task.list_id).where(Task.project_id == scope.project, Task.kind != "tutorial")
    return select(Judgement.list_id).where(Judgement.state == "submitted", *_in_scope(scope)).distinct()


def stamp(session: Session, scope: Scope) -> Stamp:
    """The present stamp of a scope."""
    judged = session.execute(select(func.count(), func.max(Judgement.id)).where(*_in_scope(scope))).one()
    ranked = session.execute(select(func.count(), func.max(Run.id)).where(Run.state == "finished", Run.list_id.in_(_lists_in(scope)))).one()
    tasks = select(Task.id) if scope.project is None else select(Task.id).where(Task.project_id == scope.project)
    decided = session.scalar(select(func.count()).where(Adjudication.task_id.in_(tasks))) or 0
    gold = session.scalar(select(func.count()).where(Task.id.in_(tasks), Task.kind == "gold")) or 0
    return Stamp(
        judgements=judged[0], newest_judgement=judged[1] or "", runs=ranked[0], newest_run=ranked[1] or "", adjudications=decided, gold=gold
    )


def tasks(session: Session, scope: Scope) -> list[Listed]:
    """Tasks of a project without its tutorial, or one task, by number."""
    query = (
        select(Task.id, Task.list_id, Task.number, Task.kind, Task.topic, Task.state, TextRow.text, CandidateList.holdout, Task.gold)
        .join(CandidateList, CandidateList.id == Task.list_id)
        .join(TextRow, TextRow.hash == CandidateList.query_hash)
        .order_by(Task.number, Task.id)
    )
    found = query.where(Task.id == scope.task) if scope.task else query.where(Task.project_id == scope.project, Task.kind != "tutorial")
    names = ("id", "list_id", "number", "kind", "topic", "state", "query", "holdout", "gold")
    return [Listed(**dict(zip(names, row, strict=True))) for row in session.execute(found)]


_JUDGED = (
    "id", "task_id", "list_id", "actor_id", "who", "order", "not_relevant", "unranked", "grades", "shown_order", "active_seconds",
    "model_visible", "created", "query", "topic", "holdout",
)  # fmt: skip


def judged(session: Session, scope: Scope) -> list[Judged]:
    """Newest submitted judgement of each person and list (of each task), oldest first."""
    last = (
        select(Judgement.thread, func.max(Judgement.version).label("version"))
        .where(Judgement.state == "submitted", *_in_scope(scope))
        .group_by(Judgement.thread)
        .subquery()
    )
    columns = [getattr(Judgement, name) for name in _JUDGED if name not in ("who", "query", "topic", "holdout")]
    columns.insert(_JUDGED.index("who"), Actor.pseudonym)
    query = (
        select(*columns, TextRow.text, func.coalesce(Task.topic, ""), CandidateList.holdout)
        .join(last, and_(Judgement.thread == last.c.thread, Judgement.version == last.c.version))
        .join(Actor, Actor.id == Judgement.actor_id)
        .join(CandidateList, CandidateList.id == Judgement.list_id)
        .join(TextRow, TextRow.hash == CandidateList.query_hash)
        .outerjoin(Task, Task.id == Judgement.task_id)
        .order_by(Judgement.created, Judgement.id)
    )
    return [Judged(**dict(zip(_JUDGED, row, strict=True))) for row in session.execute(query)]


def modelled(session: Session, scope: Scope) -> list[Modelled]:
    """Newest answered run of each model version and list, oldest first; runs in which the model gave no answer say nothing of it."""
    query = (
        select(Run.id, Run.token, Run.list_id, Run.model, Run.model_version_id, Run.revision, Run.order, Run.outcome, Run.created)
        .where(Run.state == "finished", Run.outcome.in_(ANSWERED), Run.list_id.in_(_lists_in(scope)))
        .order_by(Run.created, Run.id)
    )
    newest: dict[tuple[str, str, str], Modelled] = {}
    for id_, token, list_id, model, version, revision, order, outcome, created in session.execute(query):
        if order:
            one = Modelled(
                id=id_,
                token=token,
                list_id=list_id,
                model=model,
                version=version or revision,
                order=order,
                outcome=outcome,
                created=created,
            )
            newest[list_id, model, one.version] = one
    return sorted(newest.values(), key=lambda one: (one.created, one.id))


def unnamed(session: Session, scope: Scope) -> list[str]:
    """Ids of people with judgements in a scope who have no pseudonym yet."""
    query = select(Judgement.actor_id).join(Actor, Actor.id == Judgement.actor_id)
    return list(session.scalars(query.where(Actor.pseudonym.is_(None), *_in_scope(scope)).distinct()))


def first_stage(session: Session, scope: Scope) -> dict[str, tuple[str, ...]]:
    """Passage ids of each list of a scope in first-stage order."""
    query = select(CandidateItem.list_id, CandidateItem.passage_id).where(CandidateItem.list_id.in_(_lists_in(scope)))
    found: dict[str, list[str]] = {}
    for list_id, passage in session.execute(query.order_by(CandidateItem.list_id, CandidateItem.position)):
        found.setdefault(list_id, []).append(passage)
    return {list_id: tuple(ids) for list_id, ids in found.items()}


def titles(session: Session, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Titles of passages by (list, passage), for a few dozen of them; the beginning of the text where there is no title."""
    pairs = sorted(set(wanted))
    if not pairs:
        return {}
    one_of = or_(*(and_(CandidateItem.list_id == list_id, CandidateItem.passage_id == passage) for list_id, passage in pairs))
    query = select(CandidateItem.list_id, CandidateItem.passage_id, CandidateItem.title, func.substr(TextRow.text, 1, 80))
    rows = session.execute(query.join(TextRow, TextRow.hash == CandidateItem.text_hash).where(one_of))
    return {(list_id, passage): title or text for list_id, passage, title, text in rows}


def not_submitted(session: Session, scope: Scope) -> list[Judgement]:
    """Newest versions (drafts left out) that are flagged, skipped or not to be judged, oldest first."""
    last = (
        select(Judgement.thread, func.max(Judgement.version).label("version"))
        .where(Judgement.state != "draft", *_in_scope(scope))
        .group_by(Judgement.thread)
        .subquery()
    )
    query = select(Judgement).join(last, and_(Judgement.thread == last.c.thread, Judgement.version == last.c.version))
    return list(session.scalars(query.where(Judgement.state.in_(("flagged", "skipped", "cannot_judge"))).order_by(Judgement.created)))
