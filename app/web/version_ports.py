"""What the routes of versions and updates ask of the services. See `ports`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from app.services.actors import Actor

if TYPE_CHECKING:
    from .ports import Export

Json = dict[str, Any]


class Versions(Protocol):
    """Versions of models."""

    async def list(self, actor: Actor) -> Json:
        """All, and what serves."""
        ...

    async def get(self, actor: Actor, version_id: str) -> Json:
        """One."""
        ...

    async def file(self, actor: Actor, version_id: str) -> Export:
        """Its folder."""
        ...

    async def promote(self, actor: Actor, version_id: str, margins: Mapping[str, Any] | None, note: str) -> Json:
        """Let one serve."""
        ...

    async def roll_back(self, actor: Actor, model: str, note: str) -> Json:
        """Let the one before serve."""
        ...


class Updates(Protocol):
    """Rounds of learning."""

    async def list(self, actor: Actor) -> Json:
        """All, newest first."""
        ...

    async def get(self, actor: Actor, update_id: str) -> Json:
        """One."""
        ...

    async def completions(self, actor: Actor, update_id: str, step: int | None, after: int, limit: int) -> Json:
        """What was written during it."""
        ...


class Learning(Protocol):
    """The part of a studio that these routes use."""

    @property
    def model_versions(self) -> Versions:
        """See Versions."""
        ...

    @property
    def updates(self) -> Updates:
        """See Updates."""
        ...
