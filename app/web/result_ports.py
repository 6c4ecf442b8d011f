"""What the routes of evaluations ask of the services. See `ports`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from app.services.actors import Actor
from app.services.result_topics import Page

if TYPE_CHECKING:
    from .ports import Export

Json = dict[str, Any]


class Results(Protocol):
    """Evaluations."""

    async def list(self, actor: Actor) -> Json:
        """All, and the suites that can be run here."""
        ...

    async def get(self, actor: Actor, evaluation_id: str) -> Json:
        """One."""
        ...

    async def topics(self, actor: Actor, evaluation_id: str, page: Page) -> Json:
        """Some of its topics."""
        ...

    async def topic(self, actor: Actor, evaluation_id: str, key: tuple[str, str]) -> Json:
        """One topic with its orders and traces."""
        ...

    async def compare(self, actor: Actor, one: str, other: str) -> Json:
        """What explains the difference between two."""
        ...

    async def stability(self, actor: Actor, evaluation_id: str) -> Json:
        """How far those that differ from one in their seed alone agree with it."""
        ...

    async def file(self, actor: Actor, evaluation_id: str) -> Export:
        """Its bundle."""
        ...

    async def report(self, actor: Actor, evaluation_id: str) -> Export:
        """Its report."""
        ...

    async def table(self, actor: Actor, evaluation_id: str) -> Export:
        """Its topics as a table."""
        ...


class Evaluated(Protocol):
    """The part of a studio that these routes use."""

    @property
    def results(self) -> Results:
        """See Results."""
        ...
