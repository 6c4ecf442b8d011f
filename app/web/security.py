"""The outer wall, as plain ASGI so that no stream is ever held back: who may ask, how much they may send, what every answer says.

Order of checks: Host, then the path, then origin (and, for writes, mark), then size. Refusals are JSON with one sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import failure
from .page import new_nonce, with_nonce
from .policy import (
    SAFE_METHODS,
    Policy,
    cache_control,
    data_csp,
    host_is_ours,
    host_name,
    page_csp,
    refusal_of_read,
    refusal_of_write,
    response_headers,
)

CSP = "Content-Security-Policy"
_FORWARDED_HOST = b"x-forwarded-host"


class Guard:
    """Middleware that keeps the policy. `known` says whether a path is served at all: the rest of Gradio's routes do not exist here."""

    def __init__(self, app: ASGIApp, policy: Policy, known: Callable[[str], bool]) -> None:
        self.app = app
        self.policy = policy
        self.known = known
        self.common = response_headers(policy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with headers, limits and (on the page) a nonce."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        answer = _Answer(self, send, scope)
        body = _Body(receive, self.policy.max_body(scope["path"]))
        refused = self._refusal(scope)
        if refused is not None:
            await refused(scope, body.receive, answer.send)
            return
        _clean_request(scope, self.policy, plain=answer.is_page)
        try:
            await self.app(scope, body.receive, answer.send)
        except HTTPException as error:
            if answer.started or not body.too_large:
                raise
            await failure(413, "too_large", str(error.detail))(scope, body.receive, answer.send)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        if not host_is_ours(self.policy, headers.getlist("host")):
            return failure(
                400,
                "unknown_host",
                "this server does not answer to that host name; an operator can add it with --allowed-hosts",
            )
        path = scope["path"]
        if not self.known(path):
            return failure(404, "not_found", "there is nothing at this address")
        refusal = refusal_of_read if scope["method"] in SAFE_METHODS else refusal_of_write
        sentence = refusal(headers, path)
        return self._oversized(headers, path) if sentence is None else failure(403, "not_from_here", sentence)

    def _oversized(self, headers: Headers, path: str) -> ASGIApp | None:
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            return failure(400, "bad_request", "the Content-Length is not a number")
        limit = self.policy.max_body(path)
        return failure(413, "too_large", too_large(limit)) if int(length[:20]) > limit else None


def too_large(limit: int) -> str:
    """The sentence for a body over `limit` bytes."""
    return f"the request is larger than the {limit / 1024 / 1024:.0f} MB that are accepted here: send less, or in parts"


def _clean_request(scope: Scope, policy: Policy, *, plain: bool) -> None:
    """Drop headers that would let the client steer Gradio: a foreign X-Forwarded-Host, and compression of the page we rewrite."""
    headers = [(name, value) for name, value in scope["headers"] if not (plain and name == b"accept-encoding")]
    scope["headers"] = [
        (name, value)
        for name, value in headers
        if name != _FORWARDED_HOST or host_name(value.decode("latin-1").split(",")[0].strip()) in policy.host_names
    ]


class _Body:
    """Counts what comes in; a chunked body has no length to check beforehand."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._seen = 0

    @property
    def too_large(self) -> bool:
        return self._seen > self._limit

    async def receive(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self.too_large:
            raise HTTPException(413, too_large(self._limit))
        return message


class _Answer:
    """Adds headers to the response; holds back the body only of the HTML page, which needs its nonces."""

    def __init__(self, guard: Guard, send: Send, scope: Scope) -> None:
        self._guard = guard
        self._send = send
        self._path: str = scope["path"]
        self.is_page = self._path == "/" and scope["method"] in ("GET", "HEAD")
        self.started = False
        self._held: Message | None = None
        self._parts: list[bytes] = []

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            self._finish_headers(headers, message["status"])
            html = headers.get("content-type", "").startswith("text/html") and message["status"] == 200
            if self.is_page and html and "content-encoding" not in headers:
                self._held = message
                return
        elif self._held is not None and message["type"] == "http.response.body":
            self._parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._send_page()
            return
        await self._send(message)

    def _finish_headers(self, headers: MutableHeaders, status: int) -> None:
        for name in [name for name in headers if name.startswith("access-control-")]:
            del headers[name]
        for name, value in self._guard.common.items():
            headers[name] = value
        headers.setdefault(CSP, data_csp(self._guard.policy))
        headers.setdefault("Cache-Control", cache_control(self._path) if status < 400 else "no-store")

    async def _send_page(self) -> None:
        start: dict[str, Any] = dict(self._held or {})
        nonce = new_nonce()
        body = with_nonce(b"".join(self._parts), nonce)
        headers = MutableHeaders(scope=start)
        headers[CSP] = page_csp(self._guard.policy, nonce)
        if self._parts != [b""]:  # the answer to HEAD has no body but the length of the page
            headers["Content-Length"] = str(len(body))
        self._held = None
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})
