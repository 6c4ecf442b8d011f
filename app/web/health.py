"""For machines that watch the process: is it alive, can it answer, what has it done."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from .metrics import CONTENT_TYPE, Metrics
from .ports import Studio

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> PlainTextResponse:
    """The process lives and its event loop turns."""
    return PlainTextResponse("ok")


@router.get("/readyz")
async def readyz(request: Request) -> JSONResponse:
    """200 once a question can be answered; 503 with what is still waited for."""
    studio: Studio = request.app.state.studio
    waiting = list(studio.readiness())
    return JSONResponse({"ready": not waiting, "waiting_for": waiting}, 503 if waiting else 200)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus' text format."""
    meters: Metrics = request.app.state.metrics
    return Response(meters.text(), media_type=CONTENT_TYPE)
