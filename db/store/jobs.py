"""The queue: jobs are put in by anybody's transaction, taken by one worker at a time under a lease, and leave numbered events.

A worker that dies leaves a lease that runs out, and its job is taken again; whoever comes back late finds that the lease is another's and
can write nothing. Times that are compared are the database's, so that the clocks of hosts need not agree.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from app.ranking.errors import Conflict, NotFound
from db.models import new_id, now
from db.models_loop import Job, JobEvent
from db.store import texts

ATTEMPTS = 5
"""How often a job is begun before it counts as one that ends its workers. A worker that was stopped in good order counts as none."""
OPEN = ("queued", "running")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """Work to be put into the queue. The same kind and key again give the job of the first time."""

    kind: str
    idempotency_key: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    actor_id: str | None = None
    schedule_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """One attempt of one worker at one job; `seconds` is how long it holds without being renewed."""

    job_id: str
    worker_id: str
    attempt: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an attempt ended: finished with a result, failed with a sentence, or cancelled."""

    state: str
    result: Mapping[str, Any] | None = None
    error: str = ""


def plain(value: Any) -> Any:
    """JSON that both databases can hold: no NUL, no lone surrogate, and null for a number that JSON has no word for."""
    if isinstance(value, Mapping):
        return {texts.storable(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return texts.storable(value) if isinstance(value, str) else value


def clock(session: Session) -> datetime:
    """The time by the database's clock: that of its server, or of this host for SQLite."""
    if session.get_bind().dialect.name != "postgresql":
        return now()
    told: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return told


def enqueue(session: Session, new: NewJob) -> tuple[Job, bool]:
    """The job and whether it is new; it is in the queue once the caller's transaction is.

    Raises Conflict where the key comes back with other arguments.
    """
    arguments = plain(new.arguments)
    job_id = new_id()
    row = {
        "id": job_id,
        "kind": new.kind,
        "arguments": arguments,
        "idempotency_key": new.idempotency_key,
        "actor_id": new.actor_id,
        "schedule_id": new.schedule_id,
        "created": clock(session),
    }
    texts.insert_missing(session, Job, [row])
    kept = session.scalars(select(Job).where(Job.kind == new.kind, Job.idempotency_key == new.idempotency_key)).one()
    if kept.arguments != arguments:
        raise Conflict("this idempotency key was used for a job with other arguments: make a new key for each job")
    return kept, kept.id == job_id


def take(session: Session, worker_id: str, kinds: Collection[str], seconds: float) -> tuple[Job, Lease] | None:
    """The oldest job that waits, or whose lease has run out, now this worker's for so many seconds; None where there is none.

    Jobs that have ended their workers too often, and those that were to be cancelled, are ended on the way.
    """
    while True:
        at = clock(session)
        oldest = select(Job).where(_free(at), Job.kind.in_(kinds)).order_by(Job.created, Job.id).limit(1)
        job = session.scalars(oldest.with_for_update(skip_locked=True)).first()
        if job is None:
            return None
        if job.cancel:
            _close(session, job, Ending(state="cancelled"), at)
        elif job.attempt >= ATTEMPTS:
            _close(session, job, Ending(state="failed", error=_WORN.format(attempts=job.attempt)), at)
        else:
            return job, _hand_out(job, worker_id, seconds, at)
        session.flush()


def is_any(session: Session, kinds: Collection[str]) -> bool:
    """Whether there is a job to take, without writing."""
    return session.scalar(select(Job.id).where(_free(clock(session)), Job.kind.in_(kinds)).limit(1)) is not None


def _free(at: datetime) -> ColumnElement[bool]:
    return or_(Job.state == "queued", and_(Job.state == "running", Job.lease_until < at))


_WORN = (
    "the worker ended in the middle of this job {attempts} times, perhaps for want of memory: look into the worker's own output, "
    "then start the job anew"
)


def _hand_out(job: Job, worker_id: str, seconds: float, at: datetime) -> Lease:
    job.state, job.worker, job.attempt = "running", worker_id, job.attempt + 1
    job.lease_until, job.heartbeat = at + timedelta(seconds=seconds), at
    job.started = job.started or at
    return Lease(job_id=job.id, worker_id=worker_id, attempt=job.attempt, seconds=seconds)


def _held(lease: Lease) -> ColumnElement[bool]:
    return and_(Job.id == lease.job_id, Job.state == "running", Job.worker == lease.worker_id, Job.attempt == lease.attempt)


def beat(session: Session, lease: Lease, progress: float, doing: str) -> bool | None:
    """Renew the lease and say how far the job is (0..1); whether it is to be cancelled. None: the lease is not this worker's any more."""
    at = clock(session)
    said = {"lease_until": at + timedelta(seconds=lease.seconds), "heartbeat": at, "progress": progress, "doing": texts.storable(doing)}
    renewed = session.execute(
        update(Job).where(_held(lease)).values(said).returning(Job.cancel).execution_options(synchronize_session=False)
    )  # fmt: skip
    return renewed.scalar_one_or_none()


def wanted(session: Session, lease: Lease) -> bool | None:
    """Whether the job is to be cancelled, without writing; None where the lease is not this worker's any more."""
    return session.scalar(select(Job.cancel).where(_held(lease)))


def hold(session: Session, lease: Lease) -> bool:
    """Whether the lease is still this worker's; if so, nobody else gets the job before this transaction ends."""
    return session.scalar(select(Job.id).where(_held(lease)).with_for_update()) is not None


def say(session: Session, lease: Lease, said: Sequence[tuple[str, Mapping[str, Any]]]) -> bool:
    """Add events (kind, data) in their order. False, and nothing is written, where the lease is not this worker's any more."""
    if not hold(session, lease):
        return False
    _append(session, lease.job_id, said, clock(session))
    return True


def end(session: Session, lease: Lease, ending: Ending) -> bool:
    """End the job. False, and nothing is written, where the lease is not this worker's any more."""
    job = session.scalar(select(Job).where(_held(lease)).with_for_update().execution_options(populate_existing=True))
    if job is None:
        return False
    _close(session, job, ending, clock(session))
    return True


def give_back(session: Session, lease: Lease) -> bool:
    """Put the job back into the queue without counting the attempt: its worker stops in good order."""
    job = session.scalar(select(Job).where(_held(lease)).with_for_update().execution_options(populate_existing=True))
    if job is None:
        return False
    job.state, job.worker, job.attempt, job.lease_until = "queued", "", job.attempt - 1, None
    return True


def cancel(session: Session, job_id: str) -> Job:
    """Ask for a job's end. One that nobody works on ends at once; one that has ended stays as it is. Raises NotFound."""
    job = session.scalar(select(Job).where(Job.id == job_id).with_for_update())
    if job is None:
        raise NotFound("no such job: choose one of the list")
    at = clock(session)
    if job.state in OPEN:
        job.cancel = True
        if job.state == "queued" or (job.lease_until is not None and job.lease_until < at):
            _close(session, job, Ending(state="cancelled"), at)
    return job


def _close(session: Session, job: Job, ending: Ending, at: datetime) -> None:
    """The state and the last event together, so that whoever follows the events sees every end."""
    result = None if ending.result is None else plain(ending.result)
    job.state, job.result, job.error = ending.state, result, texts.storable(ending.error)
    job.lease_until, job.ended, job.heartbeat, job.doing = None, at, at, ""
    job.progress = 1.0 if ending.state == "finished" else job.progress
    session.flush()
    _append(session, job.id, [("end", {"state": job.state, "result": result, "error": job.error})], at)


def _append(session: Session, job_id: str, said: Sequence[tuple[str, Mapping[str, Any]]], at: datetime) -> None:
    """Number events on from the last one. The job's row is locked by this transaction: no two writers count at once."""
    last = session.scalar(select(func.max(JobEvent.number)).where(JobEvent.job_id == job_id)) or 0
    rows = [
        {"job_id": job_id, "number": number, "kind": kind, "data": plain(data), "created": at}
        for number, (kind, data) in enumerate(said, start=last + 1)
    ]
    if rows:
        session.execute(JobEvent.__table__.insert(), rows)  # type: ignore[attr-defined]


def get(session: Session, job_id: str) -> Job:
    """A job. Raises NotFound."""
    job = session.get(Job, job_id)
    if job is None:
        raise NotFound("no such job: choose one of the list")
    return job


def newest(session: Session, limit: int = 200) -> list[Job]:
    """Jobs, newest first."""
    return list(session.scalars(select(Job).order_by(Job.created.desc(), Job.id.desc()).limit(limit)))


def waiting(session: Session, kinds: Collection[str] | None = None) -> int:
    """How many jobs are in the queue, of all kinds or of some."""
    query = select(func.count()).select_from(Job).where(Job.state == "queued")
    return session.scalar(query if kinds is None else query.where(Job.kind.in_(kinds))) or 0


def open_ones(session: Session, kinds: Collection[str]) -> int:
    """How many jobs of some kinds are in the queue or at work."""
    return session.scalar(select(func.count()).select_from(Job).where(Job.state.in_(OPEN), Job.kind.in_(kinds))) or 0


def begun_with(session: Session, kind: str, beginning: str) -> list[Job]:
    """Jobs of a kind whose key begins with a text that has no wildcards, oldest first."""
    query = select(Job).where(Job.kind == kind, Job.idempotency_key.startswith(beginning, autoescape=True))
    return list(session.scalars(query.order_by(Job.created, Job.id)))


def events(session: Session, job_id: str, after: int = 0, limit: int = 500) -> list[JobEvent]:
    """Events of a job above a number, in their order."""
    query = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.number > after)
    return list(session.scalars(query.order_by(JobEvent.number).limit(limit)))


def last_events(session: Session, job_id: str, kind: str, limit: int) -> list[JobEvent]:
    """The last events of a kind, in their order."""
    query = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.kind == kind)
    return list(session.scalars(query.order_by(JobEvent.number.desc()).limit(limit)))[::-1]
