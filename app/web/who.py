"""Who a request comes from: its cookies and the way it came, and the two cookies this server sets."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.services.accounts import Credentials
from app.settings import LOOPBACK, Settings

from .policy import host_name
from .ports import Studio

SESSION, VISITOR = "rr_session", "rr_visitor"
_VISITOR_SECONDS = 400 * 24 * 3600
_FORWARDED = ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded", "x-real-ip")


def credentials(request: Request) -> Credentials:
    """What the request says. Through a proxy nobody is the local person, whatever name it asks for."""
    headers = request.headers
    loopback = host_name(headers.get("host", "")).strip("[]") in LOOPBACK
    here = loopback and not any(name in headers for name in _FORWARDED)
    return Credentials(session=request.cookies.get(SESSION, ""), visitor=request.cookies.get(VISITOR, ""), here=here)


def address(request: Request, settings: Settings) -> str:
    """The address to count requests by: the connection's, or the one that the nearest trusted proxy saw."""
    direct = request.client.host if request.client else ""
    seen = [part.strip() for part in request.headers.get("x-forwarded-for", "").split(",") if part.strip()]
    return seen[-settings.proxies] if 0 < settings.proxies <= len(seen) else direct


def is_secure(request: Request, settings: Settings) -> bool:
    """Whether the browser speaks TLS, with us or with a trusted proxy."""
    return _secure(request.url.scheme, request.headers, settings)


def _secure(scheme: str, headers: Mapping[str, str], settings: Settings) -> bool:
    return scheme == "https" or (settings.proxies > 0 and headers.get("x-forwarded-proto", "").split(",")[-1].strip() == "https")


def signed_in(response: Response, request: Request, token: str) -> Response:
    """The response with the session's cookie: no script can read it, no other site can send it with a change."""
    settings: Settings = request.app.state.studio.settings
    response.set_cookie(
        SESSION, token, max_age=settings.session_days * 86_400, httponly=True, samesite="lax", secure=is_secure(request, settings)
    )
    return response


def signed_out(response: Response) -> Response:
    """The response that takes the session's cookie away."""
    response.delete_cookie(SESSION, httponly=True, samesite="lax")
    return response


class GiveVisitors:
    """Middleware: whoever opens the page without an account gets a random signed id, so that their own runs are theirs."""

    def __init__(self, app: ASGIApp, studio: Studio) -> None:
        self.app, self._studio = app, studio

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; the page gets a cookie where it needs one."""
        if scope["type"] != "http" or scope["path"] != "/":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        visitors = scope["app"].state.studio.accounts.visitors if "app" in scope else self._studio.accounts.visitors
        known = visitors.is_known(cookie_parser(headers.get("cookie", "")).get(VISITOR, ""))
        secure = "; Secure" if _secure(scope.get("scheme", "http"), headers, self._studio.settings) else ""

        async def give(message: Message) -> None:
            if message["type"] == "http.response.start" and not known:
                cookie = f"{VISITOR}={visitors.new()}; Path=/; Max-Age={_VISITOR_SECONDS}; HttpOnly; SameSite=Lax{secure}"
                MutableHeaders(scope=message).append("Set-Cookie", cookie)
            await send(message)

        await self.app(scope, receive, give)
