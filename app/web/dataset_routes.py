"""Routes of dataset versions: which there are, what is in one, what differs between two, and the folder as a file."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse

from . import answers, synthesis_answers
from .asking import Researching
from .export_routes import download

router = APIRouter(prefix="/api/v1", responses=answers.ERRORS)
DatasetId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


@router.get("/datasets", response_model=synthesis_answers.DatasetsAnswer)
async def datasets(asked: Researching) -> JSONResponse:
    """Dataset versions, newest first."""
    return JSONResponse({"datasets": await asked.studio.datasets.list(asked.actor)})


@router.get("/datasets/{id}", response_model=synthesis_answers.DatasetAnswer)
async def dataset(asked: Researching, id: DatasetId) -> JSONResponse:
    """One with its manifest and its card."""
    return JSONResponse(await asked.studio.datasets.get(asked.actor, id))


@router.get("/datasets/{id}/diff", response_model=synthesis_answers.DiffAnswer)
async def diff(asked: Researching, id: DatasetId, other: Annotated[str, Query(pattern=r"^[0-9a-f]{64}$")]) -> JSONResponse:
    """What was added and removed from this version to the other, and which verdicts changed."""
    return JSONResponse(await asked.studio.datasets.diff(asked.actor, id, other))


@router.get("/datasets/{id}/file", response_class=StreamingResponse, responses=synthesis_answers.TAR_RESPONSES)
async def file(request: Request, asked: Researching, id: DatasetId) -> StreamingResponse:
    """The folder of a version as a tar: the same bytes each time."""
    return await download(request, await asked.studio.datasets.file(asked.actor, id))
