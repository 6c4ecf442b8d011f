"""Signing in with an outside provider (OpenID Connect, authorization code with PKCE) by a maintained library.

Nothing here exists unless the operator has named a provider. The provider is trusted to say who somebody is; what they may do is ours.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import RedirectResponse
from starlette.middleware.sessions import SessionMiddleware

from app.ranking.errors import Forbidden, RankingError, SettingsError
from app.services.accounts import Outside
from app.services.secret import read_or_make
from app.settings import Settings

from .who import is_secure, signed_in

START, BACK = "/auth/oidc/start", "/auth/oidc/back"
_STATE_SECONDS = 600


def add_oidc(app: FastAPI, settings: Settings) -> None:
    """Add the two routes and the short-lived cookie that ties them together. Raises SettingsError without the provider's secret."""
    client_secret = os.environ.get(settings.oidc_secret_env)
    if not client_secret:
        raise SettingsError(f"oidc_issuer is set, but the environment has no {settings.oidc_secret_env}: put the provider's secret there")
    app.state.oidc = _client(settings, client_secret)
    app.include_router(_router())
    app.add_middleware(
        SessionMiddleware,
        secret_key=read_or_make(settings.secret_path),
        session_cookie="rr_oidc",
        max_age=_STATE_SECONDS,
        path="/auth",
        same_site="lax",
        https_only=settings.proxies > 0,
    )


def _client(settings: Settings, client_secret: str) -> Any:
    from authlib.integrations.starlette_client import OAuth

    return OAuth().register(
        "provider",
        client_id=settings.oidc_client_id,
        client_secret=client_secret,
        server_metadata_url=settings.oidc_issuer.rstrip("/") + "/.well-known/openid-configuration",
        client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256", "timeout": 10},
    )


def _router() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get(START)
    async def start(request: Request, invite: str = "") -> Any:
        """Send the browser to the provider."""
        request.session["invite"] = invite[:64]
        return await _asked(request, request.app.state.oidc.authorize_redirect(request, _back(request)))

    @router.get(BACK)
    async def back(request: Request) -> Any:
        """The browser comes back: the answer is checked, and a session begins."""
        return await _asked(request, _finish(request))

    return router


def _back(request: Request) -> str:
    """Where the provider sends the browser back to: the name that it used, which the Host check has let through."""
    scheme = "https" if is_secure(request, request.app.state.studio.settings) else request.url.scheme
    return f"{scheme}://{request.headers['host']}{BACK}"


async def _finish(request: Request) -> Any:
    token = await request.app.state.oidc.authorize_access_token(request)
    claims = token.get("userinfo") or {}
    if not claims.get("sub"):
        raise Forbidden("the provider did not say who you are: ask an admin")
    email = str(claims.get("email") or "") if claims.get("email_verified") is True else ""
    if not email:
        raise Forbidden("the provider gives no verified e-mail address for you: verify it there, or ask an admin")
    person = Outside(issuer=str(claims["iss"]), subject=str(claims["sub"]), email=email, name=str(claims.get("name") or email)[:200])
    session = await request.app.state.studio.accounts.sign_in_outside(person, request.session.pop("invite", ""))
    request.session.clear()
    return signed_in(RedirectResponse("/", 303), request, session)


async def _asked(request: Request, work: Any) -> Any:
    """The answer, or the page with a sentence: whoever is sent here by a provider reads no JSON."""
    from authlib.common.errors import AuthlibBaseError
    from httpx import HTTPError
    from joserfc.errors import JoseError

    try:
        return await work
    except RankingError as error:
        sentence = str(error)
    except (AuthlibBaseError, JoseError, HTTPError, KeyError, ValueError) as error:
        sentence = f"signing in did not work ({type(error).__name__}): try again, or ask an admin"
    request.session.clear()
    return RedirectResponse(f"/?trouble={quote(sentence)}", 303)
