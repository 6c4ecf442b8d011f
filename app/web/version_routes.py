"""Routes of versions of models and of the updates that make them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse

from . import answers, version_answers
from .asking import Administering, Researching
from .export_routes import download
from .review_routes import RowId
from .version_bodies import PromotionBody, RollbackBody

router = APIRouter(prefix="/api/v1", responses=answers.ERRORS)
_MOST = 2**31 - 1


@router.get("/versions", response_model=version_answers.VersionsAnswer)
async def versions(asked: Researching) -> JSONResponse:
    """Versions of models, newest first, and which of them answer now."""
    return JSONResponse(await asked.studio.model_versions.list(asked.actor))


@router.post("/versions/rollback", response_model=version_answers.RolledBackAnswer)
async def roll_back(asked: Administering, posted: RollbackBody) -> JSONResponse:
    """Let the version serve that did before. Runs that are at work end on the weights that they began with."""
    return JSONResponse(await asked.studio.model_versions.roll_back(asked.actor, posted.model, posted.note))


@router.get("/versions/{id}", response_model=version_answers.WholeVersionAnswer)
async def version(asked: Researching, id: RowId) -> JSONResponse:
    """One with its report, its card and when it served."""
    return JSONResponse(await asked.studio.model_versions.get(asked.actor, id))


@router.get("/versions/{id}/file", response_class=StreamingResponse, responses=version_answers.TAR_RESPONSES)
async def file(request: Request, asked: Researching, id: RowId) -> StreamingResponse:
    """The folder of a version as a tar: the same bytes each time."""
    return await download(request, await asked.studio.model_versions.file(asked.actor, id))


@router.post("/versions/{id}/promote", response_model=version_answers.PromotedAnswer)
async def promote(asked: Administering, id: RowId, posted: PromotionBody) -> JSONResponse:
    """Decide again from what was measured and let the version serve. 409 with `decision` where the gate still says no."""
    margins = posted.margins.given() if posted.margins is not None else None
    return JSONResponse(await asked.studio.model_versions.promote(asked.actor, id, margins, posted.note))


@router.get("/updates", response_model=version_answers.UpdatesAnswer)
async def updates(asked: Researching) -> JSONResponse:
    """Updates, newest first."""
    return JSONResponse(await asked.studio.updates.list(asked.actor))


@router.get("/updates/{id}", response_model=version_answers.WholeUpdateAnswer)
async def update(asked: Researching, id: RowId) -> JSONResponse:
    """One with its steps, its curves and the decision."""
    return JSONResponse(await asked.studio.updates.get(asked.actor, id))


@router.get("/updates/{id}/completions", response_model=version_answers.CompletionsAnswer)
async def completions(
    asked: Researching,
    id: RowId,
    step: Annotated[int | None, Query(ge=0, le=_MOST)] = None,
    after: Annotated[int, Query(ge=0, le=_MOST)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> JSONResponse:
    """What the model wrote during reinforcement learning: of one step or of all, behind the number `after`."""
    return JSONResponse(await asked.studio.updates.completions(asked.actor, id, step, after, limit))
