"""Routes of exports: files taken straight, versions that can be written again, and what formats there are."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, StreamingResponse

from . import answers, export_answers
from .asking import Researching
from .export_bodies import ExportBody
from .policy import Policy, export_csp
from .ports import Export

router = APIRouter(prefix="/api/v1", responses=answers.ERRORS)
Version = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


@router.get("/export/{name}", response_class=StreamingResponse, responses=answers.EXPORT_RESPONSES)
async def export(request: Request, asked: Researching, name: str) -> StreamingResponse:
    """A file to take away, as things stand; never shown in the page."""
    return await download(request, asked.studio.exports.stream(asked.actor, name))


@router.get("/exports/formats", response_model=export_answers.FormatsAnswer)
async def formats(asked: Researching) -> JSONResponse:
    """Formats with their data dictionaries."""
    return JSONResponse({"formats": asked.studio.exports.formats(asked.actor)})


@router.post("/exports", status_code=201, response_model=export_answers.ExportAnswer)
async def make(asked: Researching, posted: ExportBody) -> JSONResponse:
    """Make a version: it reads everything once for its hash and counts; the file is fetched afterwards."""
    made = await asked.studio.exports.make(asked.actor, posted.format, posted.query())
    return JSONResponse({"export": made}, 201)


@router.get("/exports", response_model=export_answers.ExportsAnswer)
async def versions(asked: Researching) -> JSONResponse:
    """Versions, newest first."""
    return JSONResponse({"exports": await asked.studio.exports.list(asked.actor)})


@router.get("/exports/{id}/manifest", response_model=export_answers.Manifest)
async def manifest(asked: Researching, id: Version) -> JSONResponse:
    """A version with its licences, consents and agreement: what lies beside its file."""
    return JSONResponse(await asked.studio.exports.get(asked.actor, id))


@router.get("/exports/{id}/file", response_class=StreamingResponse, responses=answers.EXPORT_RESPONSES)
async def file(request: Request, asked: Researching, id: Version) -> StreamingResponse:
    """The bytes of a version, written again; 409 where judgements of it were withdrawn. A file that would differ breaks off."""
    return await download(request, await asked.studio.exports.file(asked.actor, id))


async def download(request: Request, made: Export) -> StreamingResponse:
    policy: Policy = request.app.state.policy
    filename = re.sub(r"[^A-Za-z0-9._-]", "_", made.filename)
    headers = {
        "Content-Disposition": f'attachment; filename="{filename}"',
        "Content-Security-Policy": export_csp(policy),
    }
    first = await anext(made.chunks, b"")  # what fails at once can still become a status
    return StreamingResponse(_with_first(first, made.chunks), media_type=made.media_type, headers=headers)


async def _with_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
