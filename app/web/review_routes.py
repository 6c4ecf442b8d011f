"""Routes of review, quality, visitors' objections and the dashboard."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse

from app.ranking.errors import NotFound
from app.services import consent
from app.services.dashboard import Wanted

from . import answers, review_answers
from .asking import Asking, Researching, Reviewing, RunToken
from .review_bodies import AdjudicationBody, DecisionBody, DisagreementBody

router = APIRouter(prefix="/api/v1", responses=answers.ERRORS)

_ID = re.compile(r"[\x20-\x7e]{1,64}")  # no NUL, which not every database takes


async def _known_id(id: str) -> str:
    """An id of the right form. Raises NotFound for any other."""
    if not _ID.fullmatch(id):
        raise NotFound("nothing has this id: it may have been copied incompletely")
    return id


RowId = Annotated[str, Depends(_known_id)]
Short = Annotated[str | None, Query(max_length=400)]
State = Literal["new", "accepted", "rejected"]


@router.get("/projects/{id}/review", response_model=review_answers.ReviewAnswer)
async def review(asked: Reviewing, id: RowId) -> JSONResponse:
    """Tasks of a project, those on which people disagree most first."""
    return JSONResponse(await asked.studio.review.tasks(asked.actor, id))


@router.get("/tasks/{id}/review", response_model=review_answers.TaskReview)
async def review_task(asked: Reviewing, id: RowId) -> JSONResponse:
    """One task with everybody's order, the models' too, and the decisions on it."""
    return JSONResponse(await asked.studio.review.task(asked.actor, id))


@router.post("/tasks/{id}/adjudications", status_code=201, response_model=review_answers.AdjudicationAnswer)
async def adjudicate(asked: Reviewing, id: RowId, posted: AdjudicationBody) -> JSONResponse:
    """Decide on a task; the same idempotency key again is answered 200 with what it saved, a stale one 409 with both."""
    saved = await asked.studio.review.adjudicate(asked.actor, id, posted.draft())
    return JSONResponse({"adjudication": saved.adjudication}, 201 if saved.created else 200)


@router.get("/projects/{id}/agreement", response_model=review_answers.AgreementAnswer)
async def agreement(asked: Reviewing, id: RowId) -> JSONResponse:
    """How far people agree with each other, each model with people, and each two judges."""
    return JSONResponse(await asked.studio.quality.agreement(asked.actor, id))


@router.get("/projects/{id}/annotators", response_model=review_answers.AnnotatorsAnswer)
async def annotators(asked: Reviewing, id: RowId) -> JSONResponse:
    """A row for each judge, people and models, by pseudonym."""
    return JSONResponse(await asked.studio.quality.annotators(asked.actor, id))


@router.get("/projects/{id}/annotators/{who}", response_model=review_answers.AnnotatorAnswer)
async def annotator(asked: Reviewing, id: RowId, who: str) -> JSONResponse:
    """One judge with what they did task by task."""
    return JSONResponse(await asked.studio.quality.annotator(asked.actor, id, who))


@router.get("/consent", response_model=review_answers.ConsentAnswer)
async def consent_text(asked: Asking) -> JSONResponse:
    """What is agreed to by sending an objection, in its present version."""
    now = consent.current()
    return JSONResponse({"version": now.version, "text": now.text, "licence": now.licence})


@router.post("/runs/{token}/disagreements", status_code=201, response_model=review_answers.ObjectionAnswer)
async def object_to(asked: Asking, token: RunToken, posted: DisagreementBody) -> JSONResponse:
    """Object to a ranking, with an order of one's own or without; the same idempotency key again is answered 200."""
    kept = await asked.studio.disagreements.object(asked.actor, token, posted.draft())
    return JSONResponse({"disagreement": kept.disagreement}, 201 if kept.created else 200)


@router.get("/disagreements", response_model=review_answers.ObjectionsAnswer)
async def objections(
    asked: Reviewing, state: State | None = None, before: Short = None, limit: Annotated[int, Query(ge=1, le=200)] = 100
) -> JSONResponse:
    """Objections of visitors, newest first; `before` an id gives the older ones."""
    return JSONResponse(await asked.studio.disagreements.list(asked.actor, state=state, before=before, limit=limit))


@router.post("/disagreements/{id}/decision", response_model=review_answers.DecisionAnswer)
async def decide(asked: Reviewing, id: RowId, posted: DecisionBody) -> JSONResponse:
    """Accept an objection with a trust, or reject it."""
    told = await asked.studio.disagreements.decide(asked.actor, id, posted.state, posted.trust)
    return JSONResponse({"disagreement": told})


async def _wanted(project: Short = None, model: Short = None, topic: Short = None, bucket: Short = None) -> Wanted:
    return Wanted(project=project, model=model, topic=topic, bucket=bucket)


@router.get("/dashboard", response_model=review_answers.DashboardAnswer)
async def dashboard(asked: Researching, project: Short = None, model: Short = None) -> JSONResponse:
    """Where people and models disagree: data of all charts, each bar with the way to its items."""
    return JSONResponse(await asked.studio.dashboard.get(asked.actor, Wanted(project=project, model=model)))


@router.get("/dashboard/items", response_model=review_answers.ItemsAnswer)
async def items(
    asked: Researching, wanted: Annotated[Wanted, Depends(_wanted)], limit: Annotated[int, Query(ge=1, le=1000)] = 200
) -> JSONResponse:
    """The judgements behind a bar of the dashboard, most disagreement first; `bucket` comes from the bar."""
    return JSONResponse(await asked.studio.dashboard.items(asked.actor, wanted, limit))
