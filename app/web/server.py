"""The whole server as one ASGI app: our routes first, then our files, then Gradio's page, and the wall around all of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.routing import Mount

from app.ui.files import STATIC

from . import (
    account_routes,
    api,
    dataset_routes,
    export_routes,
    health,
    job_routes,
    oidc,
    project_routes,
    rerank,
    result_routes,
    review_routes,
    synthesis_routes,
    version_routes,
)
from .errors import LastResort, add_handlers
from .limits import Limits
from .metrics import Metrics
from .observe import Observe
from .policy import MIB, Policy
from .ports import Studio
from .security import Guard
from .static import Static
from .streams import Streams
from .who import GiveVisitors

if TYPE_CHECKING:
    import gradio as gr

log = logging.getLogger("studio.web")

_ABOUT = (
    "Rank passages with a reasoning language model, follow how it comes to its order, and correct it. A POST needs the header "
    "`X-Requested-With: reasonrank`, except `/api/v1/rerank`, which needs `Content-Type: application/json`. "
    "Outcomes other than clean mean that an order is partly or wholly the one that came in."
)
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_OURS = ("/api/", "/static/")
_OUR_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
# There only where the operator has named a provider.
_OIDC_PATHS = frozenset({oidc.START, oidc.BACK})
# All that Gradio's page was seen to ask for. The rest of its routes (upload, file, proxy, login, info ...) does not exist here.
_GRADIO_PATHS = frozenset({"/", "/theme.css", "/favicon.ico", "/manifest.json"})
_GRADIO_FILES = ("/assets/",)
# Needed, and reachable, only where the page has Gradio events.
_EVENT_PATHS = frozenset({"/gradio_api/queue/join", "/gradio_api/queue/data", "/gradio_api/cancel", "/gradio_api/reset"})
_EVENT_FILES = ("/gradio_api/heartbeat/",)


def build_app(studio: Studio, blocks: gr.Blocks | None, *, frame_ancestors: Sequence[str] = ()) -> FastAPI:
    """The app for a studio and its page, or without a page. `frame_ancestors` are origins that may embed it; none forbids embedding.

    `app.state` holds `studio`, `metrics`, `policy` and `streams`.
    """
    # No page of documentation: FastAPI's own ones need scripts from other hosts.
    app = FastAPI(
        title="ReasonRank Studio", description=_ABOUT, openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None, lifespan=_life
    )
    settings = studio.settings
    app.state.studio = studio
    app.state.metrics = Metrics(studio)
    app.state.limits = Limits()
    app.state.streams = Streams(app.state.metrics.streams)
    app.state.policy = Policy(
        host_names=settings.host_names, max_upload=settings.max_upload_mb * MIB, frame_ancestors=tuple(frame_ancestors)
    )
    add_handlers(app)
    app.include_router(health.router)
    app.include_router(api.router)
    app.include_router(export_routes.router)
    app.include_router(account_routes.router)
    app.include_router(project_routes.router)
    app.include_router(review_routes.router)
    app.include_router(job_routes.router)
    app.include_router(synthesis_routes.router)
    app.include_router(dataset_routes.router)
    app.include_router(version_routes.router)
    app.include_router(result_routes.router)
    app.include_router(rerank.router)
    app.include_router(rerank.aliases)
    app.add_api_route("/api/{rest:path}", _nothing_here, methods=_METHODS, include_in_schema=False)
    app.mount("/static", Static(STATIC), name="static")
    has_oidc = bool(settings.oidc_issuer) and not settings.visitors_only
    if has_oidc:
        oidc.add_oidc(app, settings)
    if blocks is not None:
        _mount_page(app, blocks)
    # The one added last is outermost.
    app.add_middleware(LastResort)
    app.add_middleware(GiveVisitors, studio=studio)
    app.add_middleware(Guard, policy=app.state.policy, known=known_paths(has_events=bool(blocks and blocks.fns), has_oidc=has_oidc))
    app.add_middleware(Observe, metrics=app.state.metrics)
    return app


def known_paths(*, has_events: bool, has_oidc: bool = False) -> Callable[[str], bool]:
    """Says of a path whether anything may answer there."""
    exact = _OUR_PATHS | _GRADIO_PATHS | (_EVENT_PATHS if has_events else frozenset()) | (_OIDC_PATHS if has_oidc else frozenset())
    beginnings = _OURS + _GRADIO_FILES + (_EVENT_FILES if has_events else ())
    return lambda path: path in exact or path.startswith(beginnings)


def close_streams(app: FastAPI) -> None:
    """End every stream, ours and Gradio's, so that a shutdown need not wait for open pages. On the event loop's thread only."""
    app.state.streams.close()
    for route in app.routes:
        stop = getattr(route.app, "stop_event", None) if isinstance(route, Mount) else None
        if isinstance(stop, asyncio.Event):
            stop.set()


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    """While the server runs: the studio warms up beside it, and is closed after the last answer."""
    studio: Studio = app.state.studio
    warming = asyncio.create_task(studio.warm(), name="warm")
    warming.add_done_callback(_tell_failure)
    try:
        yield
    finally:
        warming.cancel()
        await studio.aclose()


def _tell_failure(warming: asyncio.Task[None]) -> None:
    if not warming.cancelled() and (error := warming.exception()) is not None:
        log.error("warming up failed: the studio will not get ready", exc_info=error)


async def _nothing_here() -> None:
    raise HTTPException(404)


def _mount_page(app: FastAPI, blocks: gr.Blocks) -> None:
    # Seconds to import: whoever serves the routes alone does without.
    import gradio as gr

    from app.ui.page import mount_arguments

    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
        allowed_paths=[],
        show_error=False,
        max_file_size=1,
        enable_monitoring=False,
        mcp_server=False,
        **mount_arguments(),
    )
