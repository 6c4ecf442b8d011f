"""A job as a command: a job of its own, in the hands of the process that was started for it, so that the page shows it too.

No worker takes it while this process lives. Where the process is killed, its lease runs out and a worker, if one is there, goes on with
the job; begun again on the same machine, the command takes its dead predecessor's place at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.ranking.cache import Cancelled, Watch
from app.ranking.errors import RankingError
from app.settings import Settings
from db.models import new_id
from db.models_loop import Job, Worker
from db.session import Database
from db.store import jobs, workers
from db.store.jobs import Ending, Lease, NewJob

from .attempt import Attempt
from .context import Context

_LEASE, _BEAT, _TICK = 30.0, 3.0, 0.5  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What is to be done: a job of a kind with its arguments, and what does it.

    With `resumes` the same kind and arguments take over the job that a dead process of this machine left; without it there is a new job
    each time.
    """

    kind: str
    arguments: Mapping[str, Any]
    work: Callable[[Context], dict[str, Any]]
    resumes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """Who watches: `event` is told what the job says, `progress` and `doing` how far it is."""

    event: Callable[[str, Mapping[str, Any]], None]
    progress: Callable[[float], None]
    doing: Callable[[str], None]


def queue(database: Database, kind: str, arguments: Mapping[str, Any]) -> str:
    """Leave a job to a worker; its id."""
    with database.write() as session:
        return jobs.enqueue(session, NewJob(kind=kind, idempotency_key=new_id(), arguments=arguments))[0].id


@dataclass(slots=True)
class _Stop:
    """Whether somebody asked for the end (Ctrl+C)."""

    asked: bool = False

    def __call__(self) -> bool:
        return self.asked


def in_foreground(settings: Settings, database: Database, command: Command, screen: Screen) -> dict[str, Any]:
    """Do a command as a job of this process, to its end or until Ctrl+C (then Cancelled). Raises what it raises."""
    stop = _Stop()
    with _worker(database) as worker_id:
        attempt = Attempt(database, _begin(database, worker_id, command), stop)
        with _pulse(database, attempt, worker_id), _interrupts(stop):
            ending = Ending(state="failed", error="the command broke off")
            try:
                result = command.work(_seen_on(screen, attempt.context(settings)))
                ending = Ending(state="finished", result=result)
                return result
            except Cancelled:
                ending = Ending(state="cancelled")
                raise
            except RankingError as error:
                ending = Ending(state="failed", error=str(error))
                raise
            finally:
                attempt.close(ending)


def orphan(session: Session, job: Job | None) -> Worker | None:
    """The worker of a running job where it was a process of this machine and is gone; None otherwise."""
    worker = session.get(Worker, job.worker) if job is not None and job.state == "running" else None
    return worker if worker is not None and _gone(worker.name) else None


def lease_of(job: Job) -> Lease:
    """The lease under which a job is at work."""
    return Lease(job_id=job.id, worker_id=job.worker, attempt=job.attempt, seconds=_LEASE)


def _gone(name: str) -> bool:
    """Whether a worker's name says that it was a process of this machine, and there is none like it."""
    host, _, number = name.rpartition("-")
    if host != socket.gethostname() or not number.isdigit() or int(number) == os.getpid():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


@contextlib.contextmanager
def _worker(database: Database) -> Iterator[str]:
    """A row of its own among the workers, which offers nothing: it takes no jobs of others."""
    with database.write() as session:
        worker_id = workers.register(session, f"{socket.gethostname()}-{os.getpid()}", {})
    try:
        yield worker_id
    finally:
        with database.write() as session:
            workers.leave(session, worker_id)


def _begin(database: Database, worker_id: str, command: Command) -> Lease:
    """A job that is this process's from its first moment: a new one, or the one of a dead predecessor."""
    with database.write() as session:
        job = _left(session, command) if command.resumes else None
        if job is None:
            new = NewJob(kind=command.kind, idempotency_key=new_id(), arguments=command.arguments)
            job = jobs.enqueue(session, new)[0]
        at = jobs.clock(session)
        job.state, job.worker, job.attempt, job.heartbeat = "running", worker_id, job.attempt + 1, at
        job.started, job.lease_until = job.started or at, at + timedelta(seconds=_LEASE)
        workers.beat(session, worker_id, job.id)
        return lease_of(job)


def _left(session: Session, command: Command) -> Job | None:
    """The newest job of this kind with these arguments whose process is gone; its worker's row is closed."""
    wanted = jobs.plain(command.arguments)
    for job in jobs.newest(session):
        worker = orphan(session, job) if (job.kind, job.arguments) == (command.kind, wanted) and not job.cancel else None
        if worker is not None:
            workers.leave(session, worker.id)
            return job
    return None


@contextlib.contextmanager
def _pulse(database: Database, attempt: Attempt, worker_id: str) -> Iterator[None]:
    """Keeps the lease and writes what the job says, on a thread."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(_TICK):
            attempt.keep(_BEAT)
            with contextlib.suppress(RankingError), database.write() as session:  # the next beat says the same
                workers.beat(session, worker_id, attempt.lease.job_id)

    thread = threading.Thread(target=beat, name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextlib.contextmanager
def _interrupts(stop: _Stop) -> Iterator[None]:
    """Ctrl+C and SIGTERM ask for the end; a second one ends at once."""

    def ask(_signal: int, _frame: object) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _seen_on(screen: Screen, context: Context) -> Context:
    """The context, with a screen that is told the same."""
    heard, seen, watch = context.heard, context.seen, context.watch

    def event(kind: str, data: Mapping[str, Any]) -> None:
        heard(kind, data)
        screen.event(kind, data)

    def doing(text: str) -> None:
        seen(text)
        screen.doing(text)

    def progress(fraction: float) -> None:
        watch.progress(fraction)
        screen.progress(fraction)

    return replace(context, heard=event, seen=doing, watch=Watch(progress=progress, cancelled=watch.cancelled))
