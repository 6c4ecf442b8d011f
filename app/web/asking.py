"""Who asks, for every route: a dependency that none can forget, and the check of a run's token."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request

from app.ranking.errors import NotFound
from app.services.actors import LOCAL, STAFF, VISITOR, Actor, Role, require

from .limits import LIMITS, Limits
from .logs import run_id, short
from .policy import SAFE_METHODS
from .ports import Studio
from .who import address, credentials

_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,64}")
# Requests that take more than a moment of this machine.
_COSTLY = {
    "POST /api/v1/runs": "run",
    "POST /api/v1/estimate": "run",
    "POST /api/v1/rerank": "run",
    "POST /api/v2/rerank": "run",
    "POST /api/v1/collections": "upload",
    "POST /api/v1/projects/{id}/tasks": "upload",
    "POST /api/v1/exports": "export",
    "GET /api/v1/export/{name}": "export",
    "GET /api/v1/exports/{id}/file": "export",
    "GET /api/v1/datasets/{id}/diff": "export",
    "GET /api/v1/datasets/{id}/file": "export",
    "GET /api/v1/versions/{id}/file": "export",
    "GET /api/v1/results/compare": "export",
    "GET /api/v1/results/{id}/stability": "export",
    "GET /api/v1/results/{id}/file": "export",
    "GET /api/v1/results/{id}/report": "export",
}
_NO_RUN = "no run has this link: it may be mistyped, or made on another machine"


class Asked:
    """Who asks, and the studio that answers. Only `_needs` makes one, so that no route can forget the check."""

    def __init__(self, studio: Studio, actor: Actor) -> None:
        self.studio, self.actor = studio, actor


def _needs(*roles: Role) -> Callable[[Request], Awaitable[Asked]]:
    async def asked(request: Request) -> Asked:
        studio: Studio = request.app.state.studio
        actor = await studio.accounts.who(credentials(request))
        require(actor, *roles)
        _count(request, studio, actor)
        return Asked(studio, actor)

    return asked


def _count(request: Request, studio: Studio, actor: Actor) -> None:
    """Count what costs something. The local person may ask as often as they like; a visitor can drop the cookie, but not the address."""
    template = getattr(request.scope.get("route"), "path", "")
    kind = _COSTLY.get(f"{request.method} {template}", "" if request.method in SAFE_METHODS else "change")
    if actor is LOCAL or not kind:
        return
    limits: Limits = request.app.state.limits
    visiting = actor.roles <= VISITOR.roles
    if kind == "run" and visiting:
        limits.count("address_run", address(request, studio.settings))
    who = address(request, studio.settings) if actor is VISITOR else actor.id
    limits.count(f"visitor_{kind}" if visiting and f"visitor_{kind}" in LIMITS else kind, who)


async def known_token(token: str) -> str:
    """A token of the right form, noted for the log. Raises NotFound for any other."""
    if not _TOKEN.fullmatch(token):
        raise NotFound(_NO_RUN)
    run_id.set(short(token))
    return token


Asking = Annotated[Asked, Depends(_needs("visitor"))]
Annotating = Annotated[Asked, Depends(_needs("annotator"))]
Working = Annotated[Asked, Depends(_needs(*STAFF))]
Reviewing = Annotated[Asked, Depends(_needs("reviewer"))]
Researching = Annotated[Asked, Depends(_needs("researcher"))]
Administering = Annotated[Asked, Depends(_needs("admin"))]
RunToken = Annotated[str, Depends(known_token)]
