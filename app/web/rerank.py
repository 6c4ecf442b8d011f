"""POST /api/v1/rerank for clients of other rerank services: no mark is asked for, but the body must say that it is JSON (see `policy`).

An Authorization header is let pass and never read: accounts are known by their cookie.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from app.services.rerank import Rerank

from .answers import ERRORS, RERANK_RESPONSES
from .asking import Asking
from .logs import run_id, short
from .rerank_bodies import RerankBody
from .streams import Streams

OUTCOME = "X-Rerank-Outcome"
router = APIRouter(prefix="/api/v1", responses=ERRORS)
aliases = APIRouter(prefix="/api/v2", include_in_schema=False)


async def _json_only(request: Request) -> None:
    kind = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "the body must be JSON: send it with Content-Type: application/json")


Json = Annotated[None, Depends(_json_only)]


# Under v2 because that is where Cohere's newer clients look below any base address.
@aliases.post("/rerank")
@router.post("/rerank", responses=RERANK_RESPONSES)
async def rerank(request: Request, asked: Asking, _: Json, posted: RerankBody) -> Response:
    """Put documents in order and answer when it is done; with `stream` tell what happens until then. Leaving stops the run."""
    service = Rerank(asked.studio.runs, asked.studio.models)
    reranking = await service.begin(asked.actor, posted.request())
    run_id.set(short(reranking.token))
    streams: Streams = request.app.state.streams
    if posted.stream:
        return await streams.answer(reranking.events())
    answer: dict[str, Any] = await streams.wait(request, reranking.result())
    return JSONResponse(answer, headers={OUTCOME: answer["outcome"]})
