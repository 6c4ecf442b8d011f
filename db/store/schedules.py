"""Jobs that come again: a cron expression in a time zone, and the moment at which the next job is put into the queue.

A schedule may count judgements instead of following the clock: see `db.store.triggers`.

Times follow the zone's clock, across changes to and from summer time too, as Debian's cron does: a job at an hour that is left out runs at
the end of the gap, one at an hour that comes twice runs once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from sqlalchemy import delete as remove
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.ranking.errors import Conflict, InputError, NotFound
from db.models_loop import Job, Schedule
from db.store import jobs
from db.store.jobs import NewJob, clock, plain

MOST_JUDGEMENTS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSchedule:
    """A schedule as somebody writes it. `cron` has five fields: minute, hour, day of month, month, day of week.

    Instead of it `judgements` says how many trusted judgements have to be new each time.
    """

    name: str
    cron: str = ""
    kind: str
    judgements: int | None = None
    zone: str = "UTC"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    enabled: bool = True
    actor_id: str | None = None


def next_time(cron: str, zone: str, after: datetime) -> datetime:
    """The first moment (UTC) after a time at which the expression is due; raises InputError for one, or a zone, that can't be read."""
    return upcoming(cron, zone, after, 1)[0].astimezone(UTC)


def upcoming(cron: str, zone: str, after: datetime, count: int = 3) -> list[datetime]:
    """The next so many moments, in the zone's time. Raises InputError for an expression or a zone that can't be used."""
    if len(cron.split()) != 5:
        raise InputError(
            f"the schedule {cron!r} has {len(cron.split())} fields: it takes five, minute hour day month weekday, as 0 3 * * 1"
        )
    try:
        times = CronSim(cron, after.astimezone(_zone(zone)))
        return [next(times) for _ in range(count)]
    except CronSimError as error:
        raise InputError(f"the schedule {cron!r} can't be read: {error}; an example is 0 3 * * 1, Mondays at three") from error
    except StopIteration:
        raise InputError(f"the schedule {cron!r} never comes: there is no such day in the next 50 years") from None


def says(cron: str) -> str:
    """The expression in words."""
    return CronSim(cron, datetime(2000, 1, 1)).explain()


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InputError(f"the time zone {name!r} is unknown: use a name like UTC or Europe/Berlin") from error


def create(session: Session, new: NewSchedule) -> Schedule:
    """Keep a schedule. Raises InputError for what can't be read, Conflict for a name that is taken."""
    at = _next(session, new.cron, new.zone, new.judgements)
    row = Schedule(
        name=new.name,
        cron=new.cron,
        zone=new.zone,
        kind=new.kind,
        arguments=plain(new.arguments),
        enabled=new.enabled,
        next_at=at,
        judgements=new.judgements,
        actor_id=new.actor_id,
    )
    session.add(row)
    return _named(session, row)


def change(session: Session, schedule_id: str, changes: Mapping[str, Any]) -> Schedule:
    """Change some of name, cron, zone, judgements, arguments, enabled; the next time is counted from now.

    A cron expression takes the place of judgements, and the other way round. Raises NotFound, InputError, Conflict.
    """
    row = session.scalar(select(Schedule).where(Schedule.id == schedule_id).with_for_update())
    if row is None:
        raise NotFound("no such schedule: choose one of the list")
    # Read before anything is set: a query would write the half-changed row.
    if changes.get("judgements") is not None:
        changes = {"cron": "", **changes}
    elif changes.get("cron"):
        changes = {**changes, "judgements": None}
    cron, zone, judgements = (changes.get(name, getattr(row, name)) for name in ("cron", "zone", "judgements"))
    row.next_at = _next(session, cron, zone, judgements)
    for name in ("name", "cron", "zone", "judgements", "arguments", "enabled"):
        if name in changes:
            setattr(row, name, plain(changes[name]))
    return _named(session, row)


def _next(session: Session, cron: str, zone: str, judgements: int | None) -> datetime | None:
    """When a schedule is due; None for one that counts judgements. Raises InputError."""
    if judgements is None:
        return next_time(cron, zone, clock(session))
    if cron:
        raise InputError("a schedule comes by the clock or by new judgements: give it a cron expression or a number, not both")
    if not 1 <= judgements <= MOST_JUDGEMENTS:
        raise InputError(f"{judgements} new judgements start nothing: choose from 1 to {MOST_JUDGEMENTS:,}")
    return None


def _named(session: Session, row: Schedule) -> Schedule:
    name = row.name
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(f"there is a schedule {name!r} already: choose another name") from error
    return row


def delete(session: Session, schedule_id: str) -> None:
    """Remove a schedule; jobs that it made stay. Raises NotFound."""
    session.execute(update(Job).where(Job.schedule_id == schedule_id).values(schedule_id=None))
    gone = session.execute(remove(Schedule).where(Schedule.id == schedule_id).returning(Schedule.id)).scalar_one_or_none()
    if gone is None:
        raise NotFound("no such schedule: choose one of the list")


def every(session: Session) -> list[Schedule]:
    """All schedules, oldest first."""
    return list(session.scalars(select(Schedule).order_by(Schedule.created, Schedule.id)))


def is_due(session: Session) -> bool:
    """Whether a schedule waits to be acted on, without writing."""
    return session.scalar(select(Schedule.id).where(Schedule.enabled, Schedule.next_at <= clock(session)).limit(1)) is not None


def enqueue_due(session: Session) -> list[Job]:
    """Put what is due into the queue, each schedule once however often it was missed, and move each on to its next time.

    Of two workers at once, one does it: the other finds the row locked, or already moved on. While a job of the schedule still waits in the
    queue no second one is put there.
    """
    at = clock(session)
    query = select(Schedule).where(Schedule.enabled, Schedule.next_at <= at).order_by(Schedule.id).with_for_update(skip_locked=True)
    made = []
    for row in session.scalars(query).all():
        assert row.next_at is not None
        waits = session.scalar(select(func.count()).select_from(Job).where(Job.schedule_id == row.id, Job.state == "queued"))
        if not waits:
            key = f"schedule-{row.id}-{row.next_at:%Y%m%dT%H%M%S}"
            new = NewJob(kind=row.kind, idempotency_key=key, arguments=row.arguments, actor_id=row.actor_id, schedule_id=row.id)
            made.append(jobs.enqueue(session, new)[0])
        try:
            row.next_at = next_time(row.cron, row.zone, at)
        except InputError:  # it has come for the last time, or its zone is no longer known: it must not hold up the others
            row.enabled, row.next_at = False, None
    return made
