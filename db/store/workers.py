"""Processes that take jobs: each has a row that it renews every few seconds, and says in it what it can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.ranking.errors import NotFound
from db.models_loop import Worker
from db.store import texts
from db.store.jobs import clock, plain

ALIVE_SECONDS = 15.0
"""A worker that has not been heard of for so long counts as gone: five times the pause between its heartbeats."""
_SHOWN = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A worker as it is listed: `age` is seconds since its last heartbeat."""

    row: Worker
    age: float

    @property
    def alive(self) -> bool:
        """Whether it is at work, as far as is known."""
        return self.row.ended is None and self.age < ALIVE_SECONDS


def register(session: Session, name: str, offers: Mapping[str, Any]) -> str:
    """Enter a worker that has just started; its id."""
    at = clock(session)
    row = Worker(name=texts.storable(name)[:200], offers=plain(offers), started=at, heartbeat=at)
    session.add(row)
    session.flush()
    return row.id


def beat(session: Session, worker_id: str, job_id: str | None) -> None:
    """Say that a worker is there, and which job it has in hand."""
    session.execute(update(Worker).where(Worker.id == worker_id).values(heartbeat=clock(session), job_id=job_id))


def offer(session: Session, worker_id: str, offers: Mapping[str, Any]) -> None:
    """Say anew what a worker can do."""
    session.execute(update(Worker).where(Worker.id == worker_id).values(offers=plain(offers)))


def leave(session: Session, worker_id: str) -> None:
    """A worker has ended in good order."""
    at = clock(session)
    session.execute(update(Worker).where(Worker.id == worker_id).values(heartbeat=at, job_id=None, ended=at))


def get(session: Session, worker_id: str) -> Worker:
    """A worker's row. Raises NotFound."""
    row = session.get(Worker, worker_id)
    if row is None:
        raise NotFound("no such worker: it may be of another database")
    return row


def listed(session: Session) -> list[Seen]:
    """Workers that are there, and those that went without a word in the last day, newest first."""
    at = clock(session)
    query = select(Worker).where(Worker.ended.is_(None), Worker.heartbeat > at - _SHOWN).order_by(Worker.started.desc(), Worker.id.desc())
    return [Seen(row=row, age=_age(row, at)) for row in session.scalars(query)]


def living(session: Session) -> list[Worker]:
    """Workers at work, newest first: what they offer can be had."""
    return [seen.row for seen in listed(session) if seen.alive]


def names(session: Session, ids: set[str]) -> dict[str, str]:
    """Names of workers by id."""
    return {row.id: row.name for row in session.execute(select(Worker.id, Worker.name).where(Worker.id.in_(ids)))} if ids else {}


def _age(row: Worker, at: datetime) -> float:
    return max(0.0, (at - row.heartbeat).total_seconds())
