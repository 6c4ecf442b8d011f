"""Schedules that count judgements: one more job each time that so many trusted judgements are new."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models_loop import Job, Schedule
from db.store import jobs, labelled
from db.store.jobs import NewJob
from db.store.labelled import Labelled

MIN_TRUST = 0.5
"""Judgements of people trusted less than this start nothing; they train nothing either."""


def counted(session: Session) -> int:
    """Judgements that a model may learn from now: people's newest, trusted, and not of a holdout query."""
    return labelled.count(session, Labelled(min_trust=MIN_TRUST))


def is_due(session: Session) -> bool:
    """Whether a schedule has something to do, without writing."""
    waiting = session.scalars(select(Schedule).where(Schedule.enabled, Schedule.judgements.is_not(None))).all()
    if not waiting:
        return False
    now = counted(session)
    return any(_wants(row, now) and (now < row.counted or not _at_work(session, row)) for row in waiting)


def enqueue_due(session: Session) -> list[Job]:
    """Put an update into the queue for each schedule that has enough new judgements and none under way.

    Of two workers at once, one does it: the other finds the row locked, or counted already. Where judgements were withdrawn, counting goes
    on from what is left.
    """
    query = select(Schedule).where(Schedule.enabled, Schedule.judgements.is_not(None)).order_by(Schedule.id)
    rows = session.scalars(query.with_for_update(skip_locked=True).execution_options(populate_existing=True)).all()
    now, made = counted(session) if rows else 0, []
    for row in rows:
        if now < row.counted:
            row.counted = now
        if not _wants(row, now) or _at_work(session, row):
            continue
        row.counted = now
        key = f"schedule-{row.id}-{jobs.clock(session):%Y%m%dT%H%M%S%f}"
        new = NewJob(kind=row.kind, idempotency_key=key, arguments=row.arguments, actor_id=row.actor_id, schedule_id=row.id)
        made.append(jobs.enqueue(session, new)[0])
    return made


def _wants(row: Schedule, now: int) -> bool:
    return now < row.counted or (row.judgements is not None and now >= row.counted + row.judgements)


def _at_work(session: Session, row: Schedule) -> bool:
    """Whether a job of the schedule waits or runs."""
    found = select(func.count()).select_from(Job).where(Job.schedule_id == row.id, Job.state.in_(jobs.OPEN))
    return bool(session.scalar(found))
