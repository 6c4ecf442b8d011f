"""What people and the retention setting take away: rows go, and only that something went is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from db.models import Run, RunCall
from db.models_accounts import Actor, ActorRole, Invite, LoginSession
from db.models_loop import Promotion, Synthesis, SynthesisItem
from db.models_people import Judgement
from db.models_projects import Adjudication, Assignment, Disagreement, Task, Withdrawal
from db.store import log, tasks, texts

PIECE = 500
DELETED = "deleted"


def between(session: Session, *, until: int, project: str | None, since: datetime) -> tuple[datetime, datetime] | None:
    """First and last time since `since` at which a judgement up to a place in the log was withdrawn; None where none was."""
    query = select(func.min(Withdrawal.created), func.max(Withdrawal.created)).where(Withdrawal.seq <= until, Withdrawal.created >= since)
    if project is not None:
        query = query.where(Withdrawal.project_id == project)
    first, last = session.execute(query).one()
    return None if first is None else (first, last)


def ids_of_actor(session: Session, actor_id: str, limit: int = PIECE) -> list[str]:
    """Some judgements of a person, all versions and states."""
    return list(session.scalars(select(Judgement.id).where(Judgement.actor_id == actor_id).order_by(Judgement.id).limit(limit)))


def old_judgements(session: Session, before: datetime, *, drafts_only: bool, limit: int = PIECE) -> list[str]:
    """Some judgements saved before a time, of every state or drafts alone."""
    query = select(Judgement.id).where(Judgement.created < before)
    if drafts_only:
        query = query.where(Judgement.state == "draft")
    return list(session.scalars(query.order_by(Judgement.id).limit(limit)))


def withdraw(session: Session, ids: Sequence[str], reason: str) -> int:
    """Delete judgements, at most PIECE at once, with what the log says of them; how many there were. `reason` is asked or retention."""
    query = select(Judgement.id, Judgement.seq, Judgement.list_id, Task.project_id).outerjoin(Task, Task.id == Judgement.task_id)
    found = session.execute(query.where(Judgement.id.in_(ids))).all()
    rows = [{"judgement_id": row.id, "seq": row.seq, "project_id": row.project_id, "reason": reason} for row in found]
    texts.insert_missing(session, Withdrawal, rows)
    session.execute(update(Adjudication).where(Adjudication.picked_id.in_(ids)).values(picked_id=None))
    session.execute(delete(Judgement).where(Judgement.id.in_(ids)).execution_options(synchronize_session=False))
    _drop_items(session, {row.list_id for row in found})
    for row in found:
        log.erase(session, subject=row.id)
    return len(found)


def _drop_items(session: Session, lists: set[str]) -> None:
    """Training items made of what people said of some lists; a later synthesis makes them of what is left."""
    of_people = select(Synthesis.id).where(Synthesis.recipe.contains("judgements", autoescape=True))
    ids = list(session.scalars(of_people)) if lists else []
    if ids:
        made = SynthesisItem.item["source"].as_string() == "judgements"
        where = (SynthesisItem.synthesis_id.in_(ids), SynthesisItem.source_id.in_(sorted(lists)), made)
        session.execute(delete(SynthesisItem).where(*where).execution_options(synchronize_session=False))


def drop_disagreements(session: Session, *, actor_id: str | None = None, before: datetime | None = None, limit: int = PIECE) -> int:
    """Delete visitors' objections of a person, or undecided ones from before a time; how many."""
    query = select(Disagreement.id)
    if actor_id is not None:
        query = query.where(Disagreement.actor_id == actor_id)
    if before is not None:
        query = query.where(Disagreement.created < before, Disagreement.state != "accepted")
    ids = list(session.scalars(query.order_by(Disagreement.id).limit(limit)))
    for one in ids:
        log.erase(session, subject=one)
    session.execute(delete(Disagreement).where(Disagreement.id.in_(ids)).execution_options(synchronize_session=False))
    return len(ids)


def drop_assignments(session: Session, actor_id: str, limit: int = PIECE) -> int:
    """Delete some assignments of a person, whose tasks then lack one; how many. Their judgements must be gone."""
    found = session.execute(select(Assignment.id, Assignment.task_id).where(Assignment.actor_id == actor_id).limit(limit)).all()
    ids = [row.id for row in found]
    session.execute(delete(Assignment).where(Assignment.id.in_(ids)).execution_options(synchronize_session=False))
    for row in sorted(found, key=lambda row: str(row.task_id)):
        tasks.settle(session, row.task_id)
    return len(found)


def empty_adjudications(session: Session, actor_id: str) -> None:
    """Decisions stay, for others build on them; what the reviewer wrote in them goes."""
    session.execute(update(Adjudication).where(Adjudication.actor_id == actor_id).values(reason=""))


def empty_promotions(session: Session, actor_id: str) -> None:
    """Take a person's words out of the changes of what serves that they made; the changes stay, as their jobs do."""
    session.execute(update(Promotion).where(Promotion.actor_id == actor_id).values(note=""))


def hand_over_runs(session: Session, actor_id: str, shared_id: str, limit: int = PIECE) -> int:
    """Let some runs of a person belong to the shared deleted person; how many."""
    ids = list(session.scalars(select(Run.id).where(Run.actor_id == actor_id).limit(limit)))
    session.execute(update(Run).where(Run.id.in_(ids)).values(actor_id=shared_id).execution_options(synchronize_session=False))
    return len(ids)


def empty_actor(session: Session, actor_id: str) -> None:
    """Take everything personal out of an account, its sign-ins and roles; the row stays, because adjudications point at it."""
    session.execute(delete(LoginSession).where(LoginSession.actor_id == actor_id).execution_options(synchronize_session=False))
    session.execute(delete(ActorRole).where(ActorRole.actor_id == actor_id).execution_options(synchronize_session=False))
    session.execute(update(Invite).where(or_(Invite.created_by == actor_id, Invite.used_by == actor_id)).values(note=""))
    values = {"name": DELETED, "email": None, "password_hash": None, "oidc": None, "state": "deleted", "pseudonym": None, "trust": None}
    session.execute(update(Actor).where(Actor.id == actor_id).values(**values, failures=0, locked_until=None))


def forget_pseudonym(session: Session, actor_id: str) -> None:
    """What comes later is not to be joined with what is gone."""
    session.execute(update(Actor).where(Actor.id == actor_id).values(pseudonym=None))


def drop_unused_runs(session: Session, before: datetime, limit: int = 50) -> int:
    """Delete some old runs of visitors that nobody judged, objected to or made a task of; how many."""
    ids = list(session.scalars(_unused_runs(select(Run.id), before).order_by(Run.id).limit(limit)))
    for table, column in ((RunCall, RunCall.run_id), (Run, Run.id)):
        session.execute(delete(table).where(column.in_(ids)).execution_options(synchronize_session=False))
    return len(ids)


def unfinished(session: Session) -> list[str]:
    """Deleted people of whom something is left, because the deletion was interrupted."""
    left = [exists().where(table.actor_id == Actor.id) for table in (Judgement, Disagreement, Assignment)]
    return list(session.scalars(select(Actor.id).where(Actor.state == "deleted", or_(*left))))


def count_old(session: Session, before: datetime, *, judgements: bool) -> dict[str, int]:
    """What a retention pass would take away."""
    saved = select(func.count()).select_from(Judgement).where(Judgement.created < before)
    objections = select(func.count()).select_from(Disagreement).where(Disagreement.created < before, Disagreement.state != "accepted")
    return {
        "judgements": session.scalar(saved if judgements else saved.where(Judgement.state == "draft")) or 0,
        "disagreements": session.scalar(objections) or 0,
        "runs": session.scalar(_unused_runs(select(func.count()).select_from(Run), before)) or 0,
    }


def _unused_runs(query: Select[Any], before: datetime) -> Select[Any]:
    """Runs of visitors: people without any other role."""
    more = exists().where(ActorRole.actor_id == Run.actor_id, ActorRole.role != "visitor")
    used = [exists().where(table.run_id == Run.id) for table in (Judgement, Disagreement, Task)]
    return query.where(Run.created < before, Run.state != "running", ~more, *(~one for one in used))
