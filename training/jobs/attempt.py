"""One job in hand, as two threads see it: the handler's, which says things, and the pulse's, which writes them and keeps the lease."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.ranking.cache import Watch
from app.ranking.errors import StoreError
from app.settings import Settings
from db.session import Database
from db.store import jobs
from db.store.jobs import Ending, Lease

from .context import Context

log = logging.getLogger(__name__)

# Progress is an event where it has moved so far, or after so many seconds where it has moved at all; the job's row always has it exactly.
_STEP, _STEP_SECONDS = 0.01, 5.0
_RETRY_SECONDS = 1.0


class Attempt:
    """What a handler says, kept until the pulse writes it, and whether it should stop: `stopping` is set where its worker is to end."""

    def __init__(self, database: Database, lease: Lease, stopping: Callable[[], bool]) -> None:
        self.lease = lease
        self._database, self._stopping = database, stopping
        self._said: list[tuple[str, Mapping[str, Any]]] = []
        self._now, self._written, self._told, self._told_at = (0.0, ""), (0.0, ""), (0.0, ""), 0.0
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._renewed = time.monotonic()
        self.is_lost = self.is_unwanted = self._over = False

    def context(self, settings: Settings) -> Context:
        """What the handler is given."""
        return Context(
            settings=settings,
            database=self._database,
            job_id=self.lease.job_id,
            attempt=self.lease.attempt,
            watch=Watch(progress=self._progress, cancelled=self.is_stopped),
            heard=self._hear,
            seen=self._see,
            held=self._hold,
        )

    def is_stopped(self) -> bool:
        """Whether the handler should stop: its job is cancelled or another's, or the worker ends."""
        return self.is_lost or self.is_unwanted or self._stopping()

    def _progress(self, fraction: float) -> None:
        with self._lock:
            self._now = (fraction, self._now[1])

    def _see(self, doing: str) -> None:
        with self._lock:
            self._now = (self._now[0], doing)

    def _hear(self, kind: str, data: Mapping[str, Any]) -> None:
        if kind == "log":
            log.info("job %s: %s", self.lease.job_id[-6:], data.get("text", ""))
        with self._lock:
            self._said.append((kind, data))

    def _hold(self, session: Session) -> bool:
        self.is_lost = self.is_lost or not jobs.hold(session, self.lease)
        return not self.is_lost

    # The pulse's side.

    def keep(self, every: float) -> None:
        """Write what was said, renew the lease when it is time (`every` seconds), and see whether the job is still wanted."""
        with self._writing:
            if self.is_lost or self._over:
                return
            try:
                wanted = self._write() if self._has_news() or time.monotonic() - self._renewed >= every else self._look()
            except StoreError as error:
                log.warning("job %s could not be written to now: %s", self.lease.job_id[-6:], error)
                # Somebody else may have it by now; to go on would be work for nothing.
                self.is_lost = time.monotonic() - self._renewed > self.lease.seconds
                return
            self.is_lost, self.is_unwanted = wanted is None, bool(wanted)
            if self.is_lost:
                log.warning("job %s is another worker's now: this one stops", self.lease.job_id[-6:])

    def _has_news(self) -> bool:
        with self._lock:
            return bool(self._said) or self._now != self._written

    def _look(self) -> bool | None:
        with self._database.read() as session:
            return jobs.wanted(session, self.lease)

    def _write(self) -> bool | None:
        """Renew, with everything said since the last time. What can't be written is kept for the next time."""
        with self._lock:
            now, said = self._now, list(self._said)
        told = self._is_step(now)
        events = [*said, ("progress", {"progress": round(now[0], 4), "doing": now[1]})] if told else said
        with self._database.write() as session:
            wanted = jobs.beat(session, self.lease, *now)
            if wanted is not None:
                jobs.say(session, self.lease, events)
        with self._lock:
            del self._said[: len(said)]
        self._written, self._renewed = now, time.monotonic()
        if told:
            self._told, self._told_at = now, self._renewed
        return wanted

    def _is_step(self, now: tuple[float, str]) -> bool:
        return now != self._told and (abs(now[0] - self._told[0]) >= _STEP or time.monotonic() - self._told_at >= _STEP_SECONDS)

    # The end.

    def close(self, ending: Ending) -> bool:
        """Write what is left and the end, in one transaction. False where the lease was lost: then nothing is written."""
        return self._finally(lambda session: jobs.end(session, self.lease, ending))

    def give_back(self) -> bool:
        """Put the job back into the queue, with what was said until now."""
        return self._finally(lambda session: jobs.give_back(session, self.lease))

    def _finally(self, last: Callable[[Session], bool]) -> bool:
        with self._writing:
            if self._over:
                return False
            while not self.is_lost:
                try:
                    with self._database.write() as session:
                        kept = jobs.say(session, self.lease, list(self._said)) and last(session)
                    self._over, self.is_lost = True, not kept
                    return kept
                except StoreError as error:
                    log.warning("the end of job %s could not be written now: %s", self.lease.job_id[-6:], error)
                    # After the lease somebody else does the job again: its steps are made for that.
                    self.is_lost = time.monotonic() - self._renewed > self.lease.seconds
                    time.sleep(_RETRY_SECONDS)
            return False
