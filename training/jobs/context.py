"""What a handler is given: the settings, the database, and the ways in which it is followed and stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.ranking.cache import Cancelled, Watch
from app.settings import Settings
from db.session import Database


def _unheard(_kind: str, _data: Mapping[str, Any]) -> None:
    return None


def _unseen(_text: str) -> None:
    return None


def _free(_session: Session) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One attempt at a job. `watch.tell(0..1)` reports progress and raises Cancelled where the handler should stop.

    A handler that raises a RankingError fails its job with that sentence; one that lets Cancelled through ends it as cancelled, or
    gives it back where the worker stops. Without a worker (`Context(settings=..., database=...)`) nobody listens and nobody stops it.
    """

    settings: Settings
    database: Database
    job_id: str | None = None
    attempt: int = 1
    watch: Watch = Watch()  # noqa: RUF009  frozen, and the same for all
    heard: Callable[[str, Mapping[str, Any]], None] = _unheard
    seen: Callable[[str], None] = _unseen
    held: Callable[[Session], bool] = _free

    def say(self, text: str) -> None:
        """A line of the job's log, for the page and for the worker's own output."""
        self.event("log", {"text": text})

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        """An event of the job, written within about half a second; from any thread."""
        self.heard(kind, data)

    def doing(self, text: str) -> None:
        """What the job is at, in a few words beside its progress."""
        self.seen(text)

    def confirm(self, session: Session) -> None:
        """Make sure that the job is still this worker's until the transaction ends. Raises Cancelled where another has taken it."""
        if not self.held(session):
            raise Cancelled("another worker has taken this job over: nothing was written")
