"""What the routes of jobs and schedules answer, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal

from .answers import Answer


class WorkerAnswer(Answer):
    """A worker; `age_seconds` since it was last heard of, `job` is what it has in hand."""

    name: str
    heartbeat: str
    age_seconds: float
    alive: bool
    job: str | None


class JobAnswer(Answer):
    """A job. `about` says what it is, `doing` what it is at; `progress` goes from 0 to 1, `attempt` counts from 1 once it was begun."""

    id: str
    kind: str
    about: str
    state: Literal["queued", "running", "finished", "failed", "cancelled"]
    progress: float
    doing: str
    attempt: int
    worker: str
    heartbeat: str | None
    error: str
    result: dict[str, Any] | None
    created: str
    started: str | None
    ended: str | None
    cancel: bool


class JobsAnswer(Answer):
    """Workers, and jobs, newest first, at most 200; `waiting` counts those in the queue."""

    workers: list[WorkerAnswer]
    jobs: list[JobAnswer]
    waiting: int


class LogLine(Answer):
    """A line of a job's log; `number` is that of its event."""

    number: int
    text: str
    created: str


class JobWithLog(JobAnswer):
    """A job with the last lines of its log, oldest first."""

    log: list[LogLine]


class ScheduleAnswer(Answer):
    """A schedule; `says` is its expression in words. One that counts judgements has no expression and no next time."""

    id: str
    name: str
    cron: str
    zone: str
    judgements: int | None
    kind: str
    arguments: dict[str, Any]
    enabled: bool
    next_at: str | None
    says: str


class SchedulesAnswer(Answer):
    """Schedules, oldest first."""

    schedules: list[ScheduleAnswer]


EVENTS_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: log, progress, item, end. Each has an id to resume after.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
