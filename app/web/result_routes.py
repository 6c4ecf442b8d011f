"""Routes of evaluations: the leaderboard, one with its topics and traces, two beside each other, and files to take away."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse

from app.ranking.errors import InputError
from app.services.result_topics import Page, Sort

from . import answers, result_answers
from .asking import Researching
from .export_routes import download
from .review_routes import RowId
from .version_answers import TAR_RESPONSES

router = APIRouter(prefix="/api/v1", responses=answers.ERRORS)
_MOST = 2**31 - 1
Which = Annotated[str, Query(min_length=1, max_length=64, pattern=r"^[\x20-\x7e]+$")]
Name = Annotated[str, Query(max_length=1_000)]


@router.get("/results", response_model=result_answers.ResultsAnswer)
async def results(asked: Researching) -> JSONResponse:
    """Evaluations, newest first: what each reached, against its first stage, and which may be compared."""
    return JSONResponse(await asked.studio.results.list(asked.actor))


@router.get("/results/compare", response_model=result_answers.ComparisonAnswer)
async def compare(asked: Researching, a: Which, b: Which) -> JSONResponse:
    """Two evaluations: what explains the change from a to b, the difference with its interval, wins and losses."""
    return JSONResponse(await asked.studio.results.compare(asked.actor, a, b))


@router.get("/results/{id}", response_model=result_answers.WholeResultAnswer)
async def result(asked: Researching, id: RowId) -> JSONResponse:
    """One with its manifest, its sets and its headroom."""
    return JSONResponse(await asked.studio.results.get(asked.actor, id))


@router.get("/results/{id}/topics", response_model=result_answers.TopicsAnswer)
async def topics(
    asked: Researching,
    id: RowId,
    set: Name = "",
    sort: Annotated[str, Query(max_length=16)] = "loss",
    after: Annotated[int, Query(ge=0, le=_MOST)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> JSONResponse:
    """Its topics, of one set or domain or of all: by loss, gain, first (stage), room (below the ceiling), value or name."""
    if sort not in get_args(Sort):
        raise InputError(f"topics can't be sorted by {sort!r}: use {', '.join(get_args(Sort))}")
    page = Page(within=set, sort=sort, after=after, limit=limit)
    return JSONResponse(await asked.studio.results.topics(asked.actor, id, page))


@router.get("/results/{id}/topic", response_model=result_answers.WholeTopicAnswer)
async def topic(asked: Researching, id: RowId, set: Name, topic: Name) -> JSONResponse:
    """One topic: the first stage's order and the one reached, passages where they are known, and every call with its trace."""
    return JSONResponse(await asked.studio.results.topic(asked.actor, id, (set, topic)))


@router.get("/results/{id}/stability", response_model=result_answers.StabilityAnswer)
async def stability(asked: Researching, id: RowId) -> JSONResponse:
    """How far evaluations that differ from this one in seed or shuffle alone agree with it."""
    return JSONResponse(await asked.studio.results.stability(asked.actor, id))


@router.get("/results/{id}/file", response_class=StreamingResponse, responses=TAR_RESPONSES)
async def file(request: Request, asked: Researching, id: RowId) -> StreamingResponse:
    """The bundle as a tar, with all that explains its numbers: the same bytes each time."""
    return await download(request, await asked.studio.results.file(asked.actor, id))


@router.get("/results/{id}/report", response_class=StreamingResponse, responses=result_answers.REPORT_RESPONSES)
async def report(request: Request, asked: Researching, id: RowId) -> StreamingResponse:
    """A report that can be shared: one HTML file that asks for nothing else."""
    return await download(request, await asked.studio.results.report(asked.actor, id))


@router.get("/results/{id}/topics.csv", response_class=StreamingResponse, responses=result_answers.TABLE_RESPONSES)
async def table(request: Request, asked: Researching, id: RowId) -> StreamingResponse:
    """Its topics as a table."""
    return await download(request, await asked.studio.results.table(asked.actor, id))
