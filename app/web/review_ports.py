"""What the routes of review, quality, objections and the dashboard ask of the services. See `ports`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from app.services.actors import Actor
from app.services.dashboard import Wanted

Json = dict[str, Any]


class Decided(Protocol):
    """A saved decision; `created` is False where the same idempotency key came again."""

    @property
    def adjudication(self) -> Json:
        """The stored decision."""
        ...

    @property
    def created(self) -> bool:
        """Whether this call wrote it."""
        ...


class Kept(Protocol):
    """A kept objection; `created` is False where the same idempotency key came again."""

    @property
    def disagreement(self) -> Json:
        """The objection as its author sees it."""
        ...

    @property
    def created(self) -> bool:
        """Whether this call wrote it."""
        ...


class Review(Protocol):
    """Tasks for review and decisions on them."""

    async def tasks(self, actor: Actor, project_id: str) -> Json:
        """Tasks of a project."""
        ...

    async def task(self, actor: Actor, task_id: str) -> Json:
        """One with all that was said of it."""
        ...

    async def adjudicate(self, actor: Actor, task_id: str, draft: Mapping[str, Any]) -> Decided:
        """Save a decision."""
        ...


class Quality(Protocol):
    """How judges of a project agree."""

    async def agreement(self, actor: Actor, project_id: str) -> Json:
        """Statistics over all."""
        ...

    async def annotators(self, actor: Actor, project_id: str) -> Json:
        """A row for each judge."""
        ...

    async def annotator(self, actor: Actor, project_id: str, who: str) -> Json:
        """One judge, task by task."""
        ...


class Disagreements(Protocol):
    """Objections of visitors."""

    async def object(self, actor: Actor, token: str, draft: Mapping[str, Any]) -> Kept:
        """Keep one."""
        ...

    async def list(self, actor: Actor, *, state: str | None = None, before: str | None = None, limit: int = 100) -> Json:
        """Those to decide on."""
        ...

    async def decide(self, actor: Actor, disagreement_id: str, state: str, trust: float | None = None) -> Json:
        """Accept or reject one."""
        ...


class Dashboard(Protocol):
    """Where people and models disagree."""

    async def get(self, actor: Actor, wanted: Wanted) -> Json:
        """Data of all charts."""
        ...

    async def items(self, actor: Actor, wanted: Wanted, limit: int) -> Json:
        """What stands behind a bar."""
        ...


class Reviewed(Protocol):
    """The part of a studio that these routes use."""

    @property
    def review(self) -> Review:
        """See Review."""
        ...

    @property
    def quality(self) -> Quality:
        """See Quality."""
        ...

    @property
    def disagreements(self) -> Disagreements:
        """See Disagreements."""
        ...

    @property
    def dashboard(self) -> Dashboard:
        """See Dashboard."""
        ...
