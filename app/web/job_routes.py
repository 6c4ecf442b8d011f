"""Routes of jobs: the queue and its workers, one job with its log and events, and schedules."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse, StreamingResponse

from . import account_answers, answers, job_answers
from .asking import Administering, Researching
from .job_bodies import JobBody, ScheduleBody, ScheduleChanges
from .review_routes import RowId
from .streams import Streams, last_event_id

router = APIRouter(prefix="/api/v1", responses=answers.ERRORS)

LastEventId = Annotated[str | None, Header(alias="Last-Event-ID")]


@router.get("/jobs", response_model=job_answers.JobsAnswer)
async def jobs(asked: Researching) -> JSONResponse:
    """Workers, and the newest jobs."""
    return JSONResponse(await asked.studio.jobs.list(asked.actor))


@router.post("/jobs", status_code=201, response_model=job_answers.JobAnswer)
async def start(asked: Administering, posted: JobBody) -> JSONResponse:
    """Put a job into the queue; the same idempotency key again is answered 200 with the job of the first time."""
    started = await asked.studio.jobs.start(asked.actor, posted.new())
    return JSONResponse(started.job, 201 if started.created else 200)


@router.get("/jobs/{id}", response_model=job_answers.JobWithLog)
async def job(asked: Researching, id: RowId) -> JSONResponse:
    """One job with the last lines of its log."""
    return JSONResponse(await asked.studio.jobs.get(asked.actor, id))


@router.post("/jobs/{id}/cancel", response_model=job_answers.JobAnswer)
async def cancel(asked: Administering, id: RowId) -> JSONResponse:
    """End a job: at once where it waits, within about a second where a worker has it in hand."""
    return JSONResponse(await asked.studio.jobs.cancel(asked.actor, id))


@router.get("/jobs/{id}/events", response_class=StreamingResponse, responses=job_answers.EVENTS_RESPONSES)
async def events(request: Request, asked: Researching, id: RowId, last: LastEventId = None) -> StreamingResponse:
    """A job's numbered events, past and coming; resumes after Last-Event-ID."""
    streams: Streams = request.app.state.streams
    return await streams.answer(asked.studio.jobs.events(asked.actor, id, last_event_id(last)))


@router.get("/schedules", response_model=job_answers.SchedulesAnswer)
async def schedules(asked: Researching) -> JSONResponse:
    """Jobs that come again and again."""
    return JSONResponse({"schedules": list(await asked.studio.jobs.schedules(asked.actor))})


@router.post("/schedules", status_code=201, response_model=job_answers.ScheduleAnswer)
async def add_schedule(asked: Administering, posted: ScheduleBody) -> JSONResponse:
    """Put a job into the queue again and again, by a cron expression in a time zone."""
    return JSONResponse(await asked.studio.jobs.add_schedule(asked.actor, posted.new()), 201)


@router.patch("/schedules/{id}", response_model=job_answers.ScheduleAnswer)
async def change_schedule(asked: Administering, id: RowId, posted: ScheduleChanges) -> JSONResponse:
    """Change a schedule; its next time is counted from now."""
    return JSONResponse(await asked.studio.jobs.change_schedule(asked.actor, id, posted.model_dump(exclude_none=True)))


@router.delete("/schedules/{id}", response_model=account_answers.Done)
async def delete_schedule(asked: Administering, id: RowId) -> JSONResponse:
    """Remove a schedule; jobs that it made stay."""
    await asked.studio.jobs.delete_schedule(asked.actor, id)
    return JSONResponse({"done": True})
