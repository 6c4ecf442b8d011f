"""Who asks, for every route: a dependency that none can forget, and the check of a run's token."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request

from app.ranking.errors import NotFound
from app.services.actors import Actor, Role, require

from .logs import run_id, short
from .ports import Studio

_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,64}")
_NO_RUN = "no run has this link: it may be mistyped, or made on another machine"


class Asked:
    """Who asks, and the studio that answers. Made for every request of a route, so that no route can forget the check."""

    def __init__(self, request: Request) -> None:
        self.studio: Studio = request.app.state.studio
        self.actor: Actor = self.studio.local_actor()
        require(self.actor, "visitor")


def _needs(role: Role) -> Callable[[Request], Awaitable[Asked]]:
    async def asked(request: Request) -> Asked:
        made = Asked(request)
        require(made.actor, role)
        return made

    return asked


async def known_token(token: str) -> str:
    """A token of the right form, noted for the log. Raises NotFound for any other."""
    if not _TOKEN.fullmatch(token):
        raise NotFound(_NO_RUN)
    run_id.set(short(token))
    return token


Asking = Annotated[Asked, Depends(_needs("visitor"))]
Annotating = Annotated[Asked, Depends(_needs("annotator"))]
Reviewing = Annotated[Asked, Depends(_needs("reviewer"))]
Researching = Annotated[Asked, Depends(_needs("researcher"))]
Administering = Annotated[Asked, Depends(_needs("admin"))]
RunToken = Annotated[str, Depends(known_token)]
