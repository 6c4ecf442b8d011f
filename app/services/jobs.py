"""Jobs: what is in the queue and who works on it, starting and ending one, its events as they are written, and schedules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from app.ranking.errors import InputError
from app.services.actors import Actor, require
from app.services.runs_live import ServerEvent
from db.models import Collection
from db.models_loop import Job, Schedule
from db.session import Database
from db.store import collections, jobs, schedules, workers
from db.store.jobs import NewJob as NewJob
from db.store.schedules import MOST_JUDGEMENTS as MOST_JUDGEMENTS
from db.store.schedules import NewSchedule as NewSchedule

_T = TypeVar("_T")
_LISTED = 200
_LOG_LINES = 200
_POLL_SECONDS = 0.5
# What each kind of job needs to know, and of which type; what a worker does with it is the worker's.
_ARGUMENTS: dict[str, dict[str, type]] = {
    "index": {"collection": str},
    "synthesize": {"recipe": str, "text": str, "teacher": str, "limit": int},
    "dataset": {"synthesis": str, "name": str, "thresholds": dict},
    "update": {"recipe": str, "seed": int, "from_scratch": bool},
    "influence": {"version": str},
    "evaluate": {"suite": str, "model": str, "strategy": str, "thinking": str, "limit": int},
}
# What may be left out, or be null: then the recipe's own seed, nothing where nothing is new, the worker's own numbers hold, and a model is
# evaluated as it serves.
_OPTIONAL: dict[str, dict[str, type]] = {
    "update": {"seed": int, "again": bool},
    "influence": {"seeds": int, "people": int},
    "evaluate": {"version": str, "seed": int, "depth": int},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A job as J of the HTTP interface; `created` is False where the same idempotency key came again."""

    job: dict[str, Any]
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Names for pages: of workers and of collections, by id."""

    workers: Mapping[str, str]
    collections: Mapping[str, str]


_NONE = Names(workers={}, collections={})


def job_view(row: Job, names: Names = _NONE) -> dict[str, Any]:
    """A job as pages get it; times are ISO 8601, `progress` goes from 0 to 1."""
    return {
        "id": row.id,
        "kind": row.kind,
        "about": about(row.kind, row.arguments, names),
        "state": row.state,
        "progress": row.progress,
        "doing": row.doing,
        "attempt": row.attempt,
        "worker": names.workers.get(row.worker, ""),
        "heartbeat": _iso(row.heartbeat),
        "error": row.error,
        "result": row.result,
        "created": _iso(row.created),
        "started": _iso(row.started),
        "ended": _iso(row.ended),
        "cancel": row.cancel,
    }


def about(kind: str, arguments: Mapping[str, Any], names: Names = _NONE) -> str:
    """What a job is, in a sentence."""
    if kind == "index":
        collection = str(arguments.get("collection", ""))
        return f"Index the collection {names.collections.get(collection) or collection[:12]}"
    if kind == "synthesize":
        teacher, limit = arguments.get("teacher"), arguments.get("limit")
        by = f" with the teacher {teacher}" if teacher else ""
        return f"Synthesize training data by the recipe {arguments.get('recipe')}{by}{f', at most {limit} items' if limit else ''}"
    if kind == "dataset":
        return f"Freeze the data set {arguments.get('name')} of the synthesis {str(arguments.get('synthesis', ''))[:12]}"
    if kind == "update":
        return f"Teach a model by the recipe {arguments.get('recipe')}{', from scratch' if arguments.get('from_scratch') else ''}"
    if kind == "influence":
        return f"Measure whose corrections counted in version {str(arguments.get('version', ''))[:8]}"
    if kind == "evaluate":
        version = f" {str(arguments['version'])[:8]}" if arguments.get("version") else ""
        how = ", ".join(str(arguments[name]) for name in ("strategy", "thinking") if arguments.get(name))
        return f"Evaluate {arguments.get('model')}{version} on the suite {arguments.get('suite')}{f' ({how})' if how else ''}"
    return f"A job of kind {kind}"


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def check(kind: str, arguments: Mapping[str, Any]) -> None:
    """Raises InputError for a kind that does not exist, and for arguments that are missing, unknown or of another type."""
    needed = _ARGUMENTS.get(kind)
    if needed is None:
        raise InputError(f"there are no jobs of kind {kind!r}: use {', '.join(_ARGUMENTS)}")
    optional = _OPTIONAL.get(kind, {})
    known = {**needed, **optional}
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise InputError(f"a job of kind {kind!r} takes no {', '.join(unknown)}: it takes {', '.join(known)}")
    left_out = {name for name in optional if arguments.get(name) is None}
    wrong = [name for name, wanted in known.items() if name not in left_out and type(arguments.get(name)) is not wanted]
    if wrong:
        raise InputError(f"a job of kind {kind!r} needs {', '.join(f'{name} ({known[name].__name__})' for name in wrong)}")


class Jobs:
    """Researchers look on; admins start, end and schedule."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, actor: Actor) -> dict[str, Any]:
        """Workers and the newest jobs."""
        require(actor, "researcher")

        def read(session: Session) -> dict[str, Any]:
            rows, seen = jobs.newest(session, _LISTED), workers.listed(session)
            names = _names(session, rows)
            return {
                "workers": [_worker_view(one) for one in seen],
                "jobs": [job_view(row, names) for row in rows],
                "waiting": jobs.waiting(session),
            }

        return await self._read(read)

    async def start(self, actor: Actor, new: NewJob) -> Started:
        """Put a job into the queue, in the actor's name. Raises InputError, and Conflict for a key that was used for another job."""
        require(actor, "admin")
        check(new.kind, new.arguments)

        def write(session: Session) -> Started:
            if new.kind == "index":
                collections.get(session, new.arguments["collection"])
            row, created = jobs.enqueue(session, replace(new, actor_id=actor.id))
            return Started(job=job_view(row, _names(session, [row])), created=created)

        return await self._write(write)

    async def get(self, actor: Actor, job_id: str) -> dict[str, Any]:
        """A job with the last lines of its log. Raises NotFound."""
        require(actor, "researcher")

        def read(session: Session) -> dict[str, Any]:
            row = jobs.get(session, job_id)
            lines = jobs.last_events(session, job_id, "log", _LOG_LINES)
            log = [{"number": line.number, "text": line.data.get("text", ""), "created": _iso(line.created)} for line in lines]
            return job_view(row, _names(session, [row])) | {"log": log}

        return await self._read(read)

    async def cancel(self, actor: Actor, job_id: str) -> dict[str, Any]:
        """End a job that waits; ask the worker of one that runs. Raises NotFound."""
        require(actor, "admin")

        def write(session: Session) -> dict[str, Any]:
            row = jobs.cancel(session, job_id)
            return job_view(row, _names(session, [row]))

        return await self._write(write)

    async def events(self, actor: Actor, job_id: str, after: int) -> AsyncIterator[ServerEvent]:
        """Events above a number, those to come too, until the job has ended. Raises NotFound."""
        require(actor, "researcher")

        def read(session: Session) -> tuple[bool, Sequence[ServerEvent]]:
            # The state first: whatever ended the job wrote its last event in the same transaction.
            is_open = jobs.get(session, job_id).state in jobs.OPEN
            found = jobs.events(session, job_id, after)
            return is_open, [ServerEvent(number=event.number, name=event.kind, data=event.data) for event in found]

        while True:
            is_open, found = await self._read(read)
            for event in found:
                after = event.number
                yield event
            if not found:
                if not is_open:
                    return
                await asyncio.sleep(_POLL_SECONDS)

    # Schedules.

    async def schedules(self, actor: Actor) -> Sequence[dict[str, Any]]:
        """All schedules."""
        require(actor, "researcher")
        return await self._read(lambda session: [schedule_view(row) for row in schedules.every(session)])

    async def add_schedule(self, actor: Actor, new: NewSchedule) -> dict[str, Any]:
        """Keep a schedule. Raises InputError for an expression, zone or job that can't be, Conflict for a name that is taken."""
        require(actor, "admin")
        check(new.kind, new.arguments)
        return await self._write(lambda session: schedule_view(schedules.create(session, replace(new, actor_id=actor.id))))

    async def change_schedule(self, actor: Actor, schedule_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change a schedule. Raises NotFound, and as `add_schedule` does."""
        require(actor, "admin")

        def write(session: Session) -> dict[str, Any]:
            row = schedules.change(session, schedule_id, changes)
            check(row.kind, row.arguments)
            return schedule_view(row)

        return await self._write(write)

    async def delete_schedule(self, actor: Actor, schedule_id: str) -> None:
        """Remove a schedule; jobs that it made stay. Raises NotFound."""
        require(actor, "admin")
        await self._write(lambda session: schedules.delete(session, schedule_id))

    async def _read(self, what: Callable[[Session], _T]) -> _T:
        def read() -> _T:
            with self._database.read() as session:
                return what(session)

        return await asyncio.to_thread(read)

    async def _write(self, what: Callable[[Session], _T]) -> _T:
        def write() -> _T:
            with self._database.write() as session:
                return what(session)

        return await asyncio.to_thread(write)


def schedule_view(row: Schedule) -> dict[str, Any]:
    """A schedule as pages get it."""
    kept = {name: getattr(row, name) for name in ("id", "name", "cron", "zone", "kind", "arguments", "enabled", "judgements")}
    says = f"{schedules.says(row.cron)} ({row.zone})" if row.judgements is None else f"After every {row.judgements} new judgements"
    return kept | {"next_at": _iso(row.next_at), "says": says}


def _worker_view(seen: workers.Seen) -> dict[str, Any]:
    row = seen.row
    return {
        "name": row.name, "heartbeat": _iso(row.heartbeat), "age_seconds": round(seen.age, 1), "alive": seen.alive, "job": row.job_id,
    }  # fmt: skip


def _names(session: Session, rows: Sequence[Job]) -> Names:
    """Names of all that is mentioned in some jobs."""
    mentioned = {str(row.arguments.get("collection", "")) for row in rows if row.kind == "index"}
    found = {one: kept.name for one in sorted(mentioned) if (kept := session.get(Collection, one)) is not None}
    return Names(workers=workers.names(session, {row.worker for row in rows if row.worker}), collections=found)
