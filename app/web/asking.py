"""Who asks, for every route: a dependency that none can forget, and the check of a run's token."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Request

from app.ranking.errors import NotFound
from app.services.actors import Actor, require

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


async def _asked(request: Request) -> Asked:
    return Asked(request)


async def _annotator(request: Request) -> Asked:
    asked = Asked(request)
    require(asked.actor, "annotator")
    return asked


async def known_token(token: str) -> str:
    """A token of the right form, noted for the log. Raises NotFound for any other."""
    if not _TOKEN.fullmatch(token):
        raise NotFound(_NO_RUN)
    run_id.set(short(token))
    return token


Asking = Annotated[Asked, Depends(_asked)]
Annotating = Annotated[Asked, Depends(_annotator)]
RunToken = Annotated[str, Depends(known_token)]
