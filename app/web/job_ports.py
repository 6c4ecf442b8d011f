"""What the routes of jobs and schedules ask of the services; see `app.web.ports`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from app.services.actors import Actor
from app.services.jobs import NewJob, NewSchedule
from app.services.runs_live import ServerEvent

Json = dict[str, Any]


class Started(Protocol):
    """A job that was put into the queue; `created` is False where the same idempotency key came again."""

    @property
    def job(self) -> Json:
        """J."""
        ...

    @property
    def created(self) -> bool:
        """Whether this call put it there."""
        ...


class Jobs(Protocol):
    """The queue, who works on it, and what comes into it by the clock."""

    async def list(self, actor: Actor) -> Json:
        """Workers and the newest jobs."""
        ...

    async def start(self, actor: Actor, new: NewJob) -> Started:
        """Put one into the queue."""
        ...

    async def get(self, actor: Actor, job_id: str) -> Json:
        """J with its log."""
        ...

    async def cancel(self, actor: Actor, job_id: str) -> Json:
        """End one."""
        ...

    def events(self, actor: Actor, job_id: str, after: int) -> AsyncIterator[ServerEvent]:
        """Events above a number, until the job ends."""
        ...

    async def schedules(self, actor: Actor) -> Sequence[Json]:
        """All schedules."""
        ...

    async def add_schedule(self, actor: Actor, new: NewSchedule) -> Json:
        """A new one."""
        ...

    async def change_schedule(self, actor: Actor, schedule_id: str, changes: Mapping[str, Any]) -> Json:
        """One, changed."""
        ...

    async def delete_schedule(self, actor: Actor, schedule_id: str) -> None:
        """Remove one."""
        ...


class Queued(Protocol):
    """The part of a studio that these routes use."""

    @property
    def jobs(self) -> Jobs:
        """See Jobs."""
        ...
