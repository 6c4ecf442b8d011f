"""From exceptions to answers: one status, one code and one sentence each. Nothing of a traceback ever leaves the process."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.ranking.errors import (
    BackendBusy,
    BackendError,
    Conflict,
    Forbidden,
    InputError,
    NotFound,
    RankingError,
    SettingsError,
    StoreError,
    TemplateError,
)
from app.services.accounts import SignInRefused

from .limits import TooMany
from .logs import request_id

log = logging.getLogger("studio.web")

RETRY_SECONDS = 5
# The first class that fits wins, so a subclass comes before its base.
_ANSWERS: tuple[tuple[type[RankingError], int, str], ...] = (
    (SignInRefused, 401, "unauthorized"),
    (TooMany, 429, "too_many"),
    (InputError, 400, "bad_input"),
    (SettingsError, 400, "bad_choice"),
    (TemplateError, 400, "bad_choice"),
    (Forbidden, 403, "forbidden"),
    (NotFound, 404, "not_found"),
    (Conflict, 409, "conflict"),
    (BackendBusy, 503, "busy"),
    (BackendError, 503, "model_unavailable"),
    (StoreError, 503, "store_unavailable"),
)
_HTTP_CODES = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_HTTP_SENTENCES = {404: "there is nothing at this address", 405: "this address does not take that method"}


def body(code: str, message: str, **more: Any) -> dict[str, Any]:
    """The JSON of an error answer."""
    return {"error": {"code": code, "message": message}, **more}


def failure(status: int, code: str, message: str) -> JSONResponse:
    """An error answer."""
    return JSONResponse(body(code, message), status)


def of_ranking_error(error: RankingError) -> JSONResponse:
    """The answer to one of our own errors; a kind nobody foresaw is answered like a crash, and logged like one."""
    for kind, status, code in _ANSWERS:
        if isinstance(error, kind):
            more = {"yours": getattr(error, "yours", None), "newest": getattr(error, "newest", None)} if kind is Conflict else {}
            if (decision := getattr(error, "decision", None)) is not None:
                more["decision"] = decision
            wait = getattr(error, "seconds", 0) or (RETRY_SECONDS if status == 503 else 0)
            headers = {"Retry-After": str(wait)} if wait else {}
            return JSONResponse(body(code, str(error), **more), status, headers)
    return crash(error)


def crash(error: BaseException) -> JSONResponse:
    """The answer to an error nobody expected; its traceback goes to the log, found by the id in the sentence."""
    log.error("unexpected %s", type(error).__name__, exc_info=error)
    return failure(500, "internal", f"something went wrong here; the operator finds it in the log as {request_id.get()}")


def of_validation_error(error: RequestValidationError) -> JSONResponse:
    """The answer to a malformed request: the first thing that is wrong with it, by the field's name."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return failure(400, "bad_input", "the body is not valid JSON")
    places = [str(part) for part in first["loc"][1:]]  # the first part says body, query or header
    field = ".".join(places) or "the body"
    said = str(first["msg"]).removeprefix("Value error, ")
    return failure(400, "bad_input", f"{field}: {said[:1].lower()}{said[1:]}")


def of_http_error(error: HTTPException) -> JSONResponse:
    """The answer to Starlette's own refusals (no such route, wrong method, body too large)."""
    code = _HTTP_CODES.get(error.status_code, "refused")
    sentence = _HTTP_SENTENCES.get(error.status_code, str(error.detail))
    return JSONResponse(body(code, sentence), error.status_code, error.headers)


def add_handlers(app: FastAPI) -> None:
    """Let the app answer all of the above this way."""

    async def ranking(_: Request, error: Exception) -> JSONResponse:
        return of_ranking_error(error) if isinstance(error, RankingError) else crash(error)

    async def validation(_: Request, error: Exception) -> JSONResponse:
        return of_validation_error(error) if isinstance(error, RequestValidationError) else crash(error)

    async def http(_: Request, error: Exception) -> JSONResponse:
        return of_http_error(error) if isinstance(error, HTTPException) else crash(error)

    app.add_exception_handler(RankingError, ranking)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(HTTPException, http)


class LastResort:
    """Innermost middleware: a crash becomes our sentence before Starlette's own, which would lack our headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; answer 500 for what nobody caught, or log it where the answer had begun."""
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, receive, watch)
        except HTTPException:
            raise
        except ClientDisconnect:
            log.info("the client went away before it had sent all")
        except Exception as error:  # the boundary of the process: whatever it is, the visitor gets one sentence
            answer = crash(error)
            if started:
                raise
            await answer(scope, receive, send)
