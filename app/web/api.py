"""The routes under /api/v1. Each asks who acts, checks the form of what it was given, calls one service and returns its answer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse, StreamingResponse

from app.ranking.strategies.registry import choices, plan_text
from app.ranking.values import PlanCost

from . import answers
from .asking import Annotating, Asking, RunToken, known_token
from .bodies import EstimateBody, JudgementBody, RunBody
from .logs import run_id, short
from .streams import Streams, last_event_id
from .uploads import read_upload

router = APIRouter(prefix="/api/v1", responses=answers.ERRORS)

LastEventId = Annotated[str | None, Header(alias="Last-Event-ID")]


@router.get("/models", response_model=answers.ModelsAnswer)
async def models(asked: Asking) -> JSONResponse:
    """Models one can choose; one that can't be used says why."""
    return JSONResponse({"models": list(asked.studio.models.list(asked.actor))})


@router.get("/strategies", response_model=answers.StrategiesAnswer)
async def strategies(asked: Asking) -> JSONResponse:
    """Strategies one can choose, with their parameters."""
    return JSONResponse({"strategies": choices()})


@router.get("/examples", response_model=answers.ExamplesAnswer)
async def examples(asked: Asking) -> JSONResponse:
    """Questions to start with."""
    return JSONResponse({"examples": list(asked.studio.collections.examples())})


@router.get("/collections", response_model=answers.CollectionsAnswer)
async def collections(asked: Asking) -> JSONResponse:
    """Collections and how far their indexing is."""
    return JSONResponse({"collections": list(await asked.studio.collections.list(asked.actor))})


@router.post("/collections", status_code=202, response_model=answers.Collection, openapi_extra=answers.UPLOAD_BODY)
async def upload(request: Request, asked: Annotating) -> JSONResponse:
    """Take a file as a new collection (multipart: file, name, format); indexing goes on in the background."""
    async with read_upload(request) as form:
        made = await asked.studio.collections.upload(asked.actor, form.name, form.format, form.chunks)
    return JSONResponse(made, 202)


@router.post("/runs", status_code=201, response_model=answers.Started)
async def start(asked: Asking, posted: RunBody) -> JSONResponse:
    """Begin a run; it goes on whether or not anybody looks."""
    token = await asked.studio.runs.start(asked.actor, posted.request())
    return JSONResponse({"run": token}, 201)


@router.post("/estimate", response_model=answers.EstimateAnswer)
async def estimate(asked: Asking, posted: EstimateBody) -> JSONResponse:
    """What a run would cost; asks no model and stores nothing."""
    predicted = await asked.studio.runs.predict(asked.actor, posted.request())
    plan = PlanCost(**{name: tuple(predicted[name]) for name in ("calls", "depth", "passages_read")})
    return JSONResponse({**predicted, "text": plan_text(plan)})


@router.get("/runs/{token}", response_model=answers.RunAnswer)
async def run(asked: Asking, token: RunToken) -> JSONResponse:
    """A run as it stands."""
    return JSONResponse(await asked.studio.runs.get(asked.actor, token))


@router.post("/runs/{token}/stop", response_model=answers.RunAnswer)
async def stop(asked: Asking, token: RunToken) -> JSONResponse:
    """Stop a run; the run as it then stands."""
    return JSONResponse(await asked.studio.runs.stop(asked.actor, token))


@router.get("/runs/{token}/events", response_class=StreamingResponse, responses=answers.EVENTS_RESPONSES)
async def events(request: Request, asked: Asking, token: RunToken, last: LastEventId = None) -> StreamingResponse:
    """A run's numbered events, past and coming; resumes after Last-Event-ID."""
    streams: Streams = request.app.state.streams
    return await streams.answer(asked.studio.runs.events(asked.actor, token, last_event_id(last)))


@router.get("/judgements", response_model=answers.JudgementsAnswer)
async def judgements(asked: Asking, run: str | None = None, assignment: str | None = None) -> JSONResponse:
    """My judgement of a run or an assignment, or all of mine."""
    mine = asked.studio.judgements
    if run is None and assignment is None:
        return JSONResponse({"judgements": await mine.mine(asked.actor)})
    if run is not None:
        return JSONResponse({"judgement": await mine.for_run(asked.actor, await known_token(run))})
    return JSONResponse({"judgement": await mine.for_assignment(asked.actor, assignment or "")})


@router.get("/judgements/versions", response_model=answers.VersionsAnswer)
async def judgement_versions(asked: Annotating, run: str | None = None, assignment: str | None = None) -> JSONResponse:
    """All versions of my judgement of a run or an assignment, newest first. To restore one, save it as a new version."""
    token = None if run is None else await known_token(run)
    return JSONResponse({"versions": await asked.studio.judgements.versions(asked.actor, run=token, assignment=assignment)})


@router.get("/judgements/recent", response_model=answers.JudgementsAnswer)
async def recent(asked: Asking) -> JSONResponse:
    """The newest judgements of all people."""
    return JSONResponse({"judgements": await asked.studio.judgements.recent(asked.actor)})


@router.post("/judgements", status_code=201, response_model=answers.JudgementAnswer)
async def judge(asked: Annotating, posted: JudgementBody) -> JSONResponse:
    """Save a version; the same idempotency key again is answered 200 with what it saved, a stale one 409 with both."""
    if posted.run is not None:
        run_id.set(short(posted.run))
    saved = await asked.studio.judgements.save(asked.actor, posted.draft())
    return JSONResponse({"judgement": saved.judgement, "feedback": saved.feedback}, 201 if saved.created else 200)


@router.get("/stats", response_model=answers.StatsAnswer)
async def stats(asked: Asking) -> JSONResponse:
    """Counts over everything."""
    return JSONResponse(await asked.studio.stats.get(asked.actor))
