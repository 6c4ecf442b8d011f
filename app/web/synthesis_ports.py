"""What the routes of syntheses and dataset versions ask of the services. See `ports`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from app.services.actors import Actor
from app.services.synthesis import Order

from .job_ports import Started

if TYPE_CHECKING:
    from .ports import Export

Json = dict[str, Any]


class Syntheses(Protocol):
    """Syntheses of training data."""

    async def recipes(self, actor: Actor) -> Json:
        """What workers offer."""
        ...

    async def start(self, actor: Actor, order: Order) -> Started:
        """Put one into the queue."""
        ...

    async def build(self, actor: Actor, synthesis_id: str, name: str, thresholds: Mapping[str, float], key: str) -> Started:
        """Put a dataset version into the queue."""
        ...

    async def list(self, actor: Actor) -> Sequence[Json]:
        """All, newest first."""
        ...

    async def get(self, actor: Actor, synthesis_id: str) -> Json:
        """One."""
        ...

    async def scores(self, actor: Actor, synthesis_id: str) -> Json:
        """Scores of its items."""
        ...

    async def items(self, actor: Actor, synthesis_id: str, wanted: Sequence[int] | None, after: int | None, limit: int) -> Json:
        """Some of its items."""
        ...

    async def item(self, actor: Actor, synthesis_id: str, number: int) -> Json:
        """One item."""
        ...


class Datasets(Protocol):
    """Dataset versions."""

    async def list(self, actor: Actor) -> Sequence[Json]:
        """All, newest first."""
        ...

    async def get(self, actor: Actor, dataset_id: str) -> Json:
        """One with manifest and card."""
        ...

    async def diff(self, actor: Actor, dataset_id: str, other_id: str) -> Json:
        """What differs between two."""
        ...

    async def file(self, actor: Actor, dataset_id: str) -> Export:
        """Its folder as a tar."""
        ...


class Synthesized(Protocol):
    """The part of a studio that these routes use."""

    @property
    def syntheses(self) -> Syntheses:
        """See Syntheses."""
        ...

    @property
    def datasets(self) -> Datasets:
        """See Datasets."""
        ...
