"""Outermost middleware: an id for every request, its line in the log, its place in the metrics."""

from __future__ import annotations

import logging
import secrets
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .logs import request_id, run_id
from .metrics import Answered, Metrics

log = logging.getLogger("studio.access")

# Asked for every few seconds by machines: no news, whatever the answer.
_WATCHERS = ("/healthz", "/readyz", "/metrics")
# Asked for a hundred times per page: worth a line only when they fail.
_FILES = ("gradio", "static")


class Observe:
    """Middleware: numbers, times and logs each request. Ids are made here, never taken from the client."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, then tell."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seen = _Seen(send, secrets.token_hex(6))
        request_id.set(seen.id)
        run_id.set("")
        began = time.perf_counter()
        try:
            await self.app(scope, receive, seen.send)
        finally:
            self._tell(scope, seen, time.perf_counter() - began)

    def _tell(self, scope: Scope, seen: _Seen, seconds: float) -> None:
        answer = Answered(method=_method(scope), route=_route(scope), status=seen.status, seconds=seconds)
        if not seen.is_stream:
            self.metrics.answered(answer)
        quiet = answer.route in _WATCHERS or (answer.route in _FILES and answer.status < 400)
        log.log(
            logging.DEBUG if quiet else logging.INFO,
            "%s %s %d",
            answer.method,
            answer.route,
            answer.status,
            extra={"ms": round(seconds * 1000, 1), "bytes": seen.bytes},
        )


class _Seen:
    """What went out."""

    def __init__(self, send: Send, id: str) -> None:
        self._send = send
        self.id = id
        self.status = 499  # nothing was sent: the client had gone
        self.bytes = 0
        self.is_stream = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.id
            self.is_stream = headers.get("content-type", "").startswith("text/event-stream")
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
        await self._send(message)


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in ("GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH") else "OTHER"


def _route(scope: Scope) -> str:
    """The template of the route that answered; a fixed word where there is none, so that nobody can make series at will."""
    template = getattr(scope.get("route"), "path", None)
    path: str = scope["path"]
    if path.startswith("/static/"):
        return "static"
    if template is None:
        return "page" if path == "/" else "none"
    return str(template) if path.startswith(("/api/", "/healthz", "/readyz", "/metrics")) else "page" if path == "/" else "gradio"
