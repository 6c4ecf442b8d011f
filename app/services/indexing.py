"""Indexing as jobs: a collection and its job are stored together, and how far it is comes from the job's row."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from db.models import Collection
from db.models_loop import Job
from db.store import collections, jobs, workers
from db.store.jobs import NewJob

KIND = "index"
NO_WORKER = "waiting for a worker"
_TURN = "waiting for its turn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a collection is: its state, progress 0..1, what is done with it now, and why it failed."""

    state: str
    progress: float
    doing: str = ""
    error: str = ""


def ask_for(session: Session, collection_id: str, actor_id: str | None) -> None:
    """Put a collection into the queue to be indexed, unless it is there or at work already; in the caller's transaction."""
    earlier = _jobs(session, collection_id)
    if any(job.state in jobs.OPEN for job in earlier):
        return
    collections.set_state(session, collection_id, "indexing")
    key = f"{collection_id}:{len(earlier)}"
    jobs.enqueue(session, NewJob(kind=KIND, idempotency_key=key, arguments={"collection": collection_id}, actor_id=actor_id))


def adopt(session: Session) -> None:
    """Ask for collections that are to be indexed and have no job, because an older version of the studio was to do it."""
    for row in collections.every(session):
        if row.state == "indexing" and not _jobs(session, row.id):
            ask_for(session, row.id, row.owner_id)


def standing(session: Session, row: Collection) -> Standing:
    """How far a collection is."""
    if row.state != "indexing":
        return Standing(state=row.state, progress=1.0 if row.state == "ready" else 0.0, error=row.error)
    last = next(iter(_jobs(session, row.id)[::-1]), None)
    if last is not None and last.state in ("failed", "cancelled"):
        return Standing(state="failed", progress=0.0, error=last.error or "the indexing was cancelled: upload the file again")
    if not any(KIND in worker.offers.get("kinds", ()) for worker in workers.living(session)):
        return Standing(state="indexing", progress=last.progress if last else 0.0, doing=NO_WORKER)
    if last is None or last.state == "queued":
        return Standing(state="indexing", progress=0.0, doing=_TURN)
    return Standing(state="indexing", progress=last.progress, doing=last.doing)


def _jobs(session: Session, collection_id: str) -> list[Job]:
    return jobs.begun_with(session, KIND, f"{collection_id}:")
