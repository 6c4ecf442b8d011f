"""A synthesis as a command: what the one before it may have left when it was killed."""

from __future__ import annotations

from app.ranking.errors import RankingError
from db.models_loop import Job
from db.session import Database
from db.store import jobs, syntheses, workers
from db.store.jobs import Ending

from ..jobs.foreground import lease_of, orphan

KIND = "synthesize"


def bury(database: Database, synthesis_id: str) -> None:
    """End the job of a synthesis where its process was of this machine and is gone, so that nobody need wait for its lease."""
    with database.write() as session:
        try:
            job_id = syntheses.get(session, synthesis_id).job_id
        except RankingError:
            return
        job = session.get(Job, job_id) if job_id else None
        worker = orphan(session, job)
        if job is None or worker is None:
            return
        jobs.end(session, lease_of(job), Ending(state="failed", error="its process ended in the middle; another one goes on"))
        workers.leave(session, worker.id)
