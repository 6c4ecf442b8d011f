"""The worker: takes jobs from the queue one at a time and does them on its main thread, while its pulse keeps the lease.

It may be killed at any moment: its lease runs out, and whoever is there takes the job again. Told to stop (SIGTERM, Ctrl+C), it gives the
job back. It loads nothing heavy before a job needs it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from dataclasses import dataclass
from types import FrameType

from app.ranking.cache import Cancelled
from app.ranking.errors import RankingError, StoreError
from app.settings import Settings
from db.models_loop import Job
from db.session import Database
from db.store import jobs, schedules, triggers, workers
from db.store.jobs import Ending

from .jobs import handler, usable
from .jobs.attempt import Attempt
from .jobs.offers import offers
from .store import open_database

log = logging.getLogger(__name__)

_TICK_SECONDS = 0.5
_BEAT_SECONDS = 3.0
_LOOK_SECONDS = 1.0
_NAP_SECONDS = 0.1
# A handler that is told to stop gets so long; then its job is given back without it.
_GRACE_SECONDS = 5.0
_NICE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a worker works. `lease` is how many seconds a job stays its own without a word from it; `once` ends it when nothing is left
    to take; `parent` is the process without which it ends too, 0 for none.
    """

    lease: float = 30.0
    once: bool = False
    parent: int = 0

    @property
    def beat(self) -> float:
        """Seconds between heartbeats: several fit into a lease."""
        return min(_BEAT_SECONDS, self.lease / 4)


class Worker:
    """One process that takes jobs. `run` returns when it was stopped, or, with `once`, when nothing is left."""

    def __init__(self, settings: Settings, database: Database, terms: Terms) -> None:
        self._settings, self._database, self._terms = settings, database, terms
        self._ended = threading.Event()
        self._stopped_at = 0.0
        self._attempt: Attempt | None = None
        self._kinds = usable()
        self.id = ""

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Take no further job, and give the present one back. Takes no lock, because a signal may come in the middle of anything."""
        self._stopped_at = self._stopped_at or time.monotonic()

    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopped_at > 0

    def _rest(self) -> None:
        """Wait a little, not longer than until it is told to stop."""
        end = time.monotonic() + _LOOK_SECONDS
        while not self.is_stopping() and time.monotonic() < end:
            time.sleep(_NAP_SECONDS)

    def run(self) -> None:
        """Work. Raises SettingsError for a wrong models file and StoreError where the database can't be used at all."""
        with self._database.write() as session:
            self.id = workers.register(session, f"{socket.gethostname()}-{os.getpid()}", offers(self._settings))
            schedules.enqueue_due(session)
            triggers.enqueue_due(session)
        log.info("worker %s takes jobs: %s", self.id[-6:], ", ".join(self._kinds) or "none, because no handler is installed")
        pulse = threading.Thread(target=self._pulse, name="pulse", daemon=True)
        pulse.start()
        try:
            while not self.is_stopping():
                if not self._next():
                    if self._terms.once:
                        return
                    self._rest()
        finally:
            self._ended.set()
            pulse.join()
            self._leave()

    def _next(self) -> bool:
        """Do a job, if there is one. A database that is busy or away is asked again later."""
        try:
            with self._database.read() as session:
                if not jobs.is_any(session, self._kinds):
                    return False
            with self._database.write() as session:
                taken = jobs.take(session, self.id, self._kinds, self._terms.lease)
        except StoreError as error:
            log.warning("no job could be taken, and will be in a moment: %s", error)
            self._rest()
            return True
        if taken is None:
            return False
        job, lease = taken
        self._attempt = Attempt(self._database, lease, self.is_stopping)
        try:
            self._do(job, self._attempt)
        finally:
            self._attempt = None
        return True

    def _do(self, job: Job, attempt: Attempt) -> None:
        """Run the handler; however it ends, the job's row says so, unless the lease was lost."""
        log.info("job %s (%s) begins, attempt %d", job.id[-6:], job.kind, attempt.lease.attempt)
        began = time.monotonic()
        try:
            result = handler(job.kind)(attempt.context(self._settings), job.arguments)
            ending = Ending(state="finished", result=result)
        except Cancelled:
            if attempt.is_stopped() and not attempt.is_unwanted:
                if attempt.give_back():
                    log.info("job %s is back in the queue: this worker stops", job.id[-6:])
                return
            ending = Ending(state="cancelled")
        except RankingError as error:
            ending = Ending(state="failed", error=str(error))
        except Exception as error:
            log.exception("job %s broke off", job.id[-6:])
            ending = Ending(state="failed", error=_broke_off(error))
        if attempt.close(ending):
            took = time.monotonic() - began
            log.info("job %s %s after %.1f s%s", job.id[-6:], ending.state, took, f": {ending.error}" if ending.error else "")

    # The pulse, on its own thread.

    def _pulse(self) -> None:
        """Twice a second: what the job says; every few seconds: that this worker is there, and schedules that are due."""
        beaten = 0.0
        while not self._ended.wait(_TICK_SECONDS):
            attempt = self._attempt
            if attempt is not None:
                attempt.keep(self._terms.beat)
                self._end_if_stuck(attempt)
            if self._terms.parent and os.getppid() != self._terms.parent and not self.is_stopping():
                log.info("the process that started this worker is gone: it stops")
                self.stop()
            if time.monotonic() - beaten >= self._terms.beat:
                beaten = time.monotonic()
                self._beat(attempt)

    def _beat(self, attempt: Attempt | None) -> None:
        try:
            with self._database.write() as session:
                workers.beat(session, self.id, attempt.lease.job_id if attempt else None)
            for kind in (schedules, triggers):
                with self._database.read() as session:
                    is_due = kind.is_due(session)
                if is_due:
                    with self._database.write() as session:
                        kind.enqueue_due(session)
        except StoreError as error:
            log.warning("the heartbeat could not be written, and will be in a moment: %s", error)
        except Exception:  # the pulse must not end before the worker does
            log.exception("the heartbeat broke off")

    def _end_if_stuck(self, attempt: Attempt) -> None:
        """A handler that does not listen ends with its process, once its job is back in the queue."""
        if self.is_stopping() and time.monotonic() - self._stopped_at > _GRACE_SECONDS:
            attempt.give_back()
            self._leave()
            log.warning("the job did not stop in %.0f s: it is back in the queue, and this worker ends without it", _GRACE_SECONDS)
            logging.shutdown()
            os._exit(0)

    def _leave(self) -> None:
        try:
            with self._database.write() as session:
                workers.leave(session, self.id)
        except StoreError as error:
            log.warning("the worker's end could not be written: %s", error)


def _broke_off(error: BaseException) -> str:
    return f"the job broke off with {type(error).__name__}: {error}; the worker's own output has the details"


def work(settings: Settings, terms: Terms) -> None:
    """Work as the program `python -m training worker` until a signal comes. Raises SettingsError or StoreError with one clear sentence."""
    if terms.parent:  # beside a server: whoever asks there comes first
        with contextlib.suppress(OSError):
            os.nice(_NICE)
    database = open_database(settings, is_new=bool(terms.parent))  # the server has migrated it
    worker = Worker(settings, database, terms)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, worker.stop)
    try:
        worker.run()
    finally:
        database.close()
