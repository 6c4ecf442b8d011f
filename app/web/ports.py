"""What the web layer asks of the services, as Protocols: the real `app.services.studio.Studio` and the tests' fake both fit.

Every dict is JSON-ready and goes out as it is. Every method raises the errors of `app.ranking.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from app.services.actors import Actor
from app.services.runs import RunRequest
from app.services.runs_live import ServerEvent
from app.settings import Settings

Json = dict[str, Any]


class Saved(Protocol):
    """Outcome of a save; `created` is False where the same idempotency key came again."""

    @property
    def judgement(self) -> Json:
        """The stored judgement."""
        ...

    @property
    def created(self) -> bool:
        """Whether this call wrote it."""
        ...


class Export(Protocol):
    """A file to be taken away."""

    @property
    def filename(self) -> str:
        """Name to save it under; made by us, never by a user."""
        ...

    @property
    def media_type(self) -> str:
        """Its type."""
        ...

    @property
    def chunks(self) -> AsyncIterator[bytes]:
        """Its content, made while it is read."""
        ...


class Runs(Protocol):
    """Rankings at work and finished ones."""

    async def start(self, actor: Actor, request: RunRequest) -> str:
        """Begin; the token of the new run."""
        ...

    async def predict(self, actor: Actor, request: RunRequest) -> Json:
        """What a run would cost, without beginning one."""
        ...

    async def get(self, actor: Actor, token: str) -> Json:
        """RUN."""
        ...

    async def stop(self, actor: Actor, token: str) -> Json:
        """RUN, stopped if it was running."""
        ...

    def events(self, actor: Actor, token: str, after: int) -> AsyncIterator[ServerEvent]:
        """Events above a number, until the run ends."""
        ...


class Judgements(Protocol):
    """What people say of rankings."""

    async def save(self, actor: Actor, draft: Json) -> Saved:
        """Store a version."""
        ...

    async def for_run(self, actor: Actor, token: str) -> Json | None:
        """The actor's newest judgement of a run."""
        ...

    async def mine(self, actor: Actor) -> list[Json]:
        """The actor's judgements, newest first."""
        ...

    async def recent(self, actor: Actor) -> list[Json]:
        """Everybody's."""
        ...


class Collections(Protocol):
    """Sets of passages to search."""

    async def list(self, actor: Actor) -> Sequence[Json]:
        """All that the actor may use."""
        ...

    async def upload(self, actor: Actor, name: str, format: str, chunks: AsyncIterator[bytes]) -> Json:
        """Take a file; indexing goes on after this returns."""
        ...

    def examples(self) -> Sequence[Json]:
        """Questions to start with."""
        ...


class Models(Protocol):
    """Models one can choose."""

    def list(self, actor: Actor) -> Sequence[Json]:
        """Names and what to say of them."""
        ...

    def reads_evidence(self, name: str) -> bool:
        """Whether a model's order depends on the evidence of its passages."""
        ...


class Stats(Protocol):
    """Counts over everything."""

    async def get(self, actor: Actor) -> Json:
        """The counts."""
        ...


class Exports(Protocol):
    """Files to take away."""

    def stream(self, actor: Actor, name: str) -> Export:
        """One of them."""
        ...


class Studio(Protocol):
    """Everything behind the routes."""

    @property
    def settings(self) -> Settings:
        """The operator's choices."""
        ...

    @property
    def runs(self) -> Runs:
        """See Runs."""
        ...

    @property
    def judgements(self) -> Judgements:
        """See Judgements."""
        ...

    @property
    def collections(self) -> Collections:
        """See Collections."""
        ...

    @property
    def models(self) -> Models:
        """See Models."""
        ...

    @property
    def exports(self) -> Exports:
        """See Exports."""
        ...

    @property
    def stats(self) -> Stats:
        """See Stats."""
        ...

    def readiness(self) -> Sequence[str]:
        """What is still waited for; empty means ready."""
        ...

    def local_actor(self) -> Actor:
        """Who asks, until there are accounts."""
        ...

    def counters(self) -> Mapping[str, float]:
        """For /metrics, since the process started: active_runs, model_calls, tokens_in, tokens_out, and runs.OUTCOME for each outcome."""
        ...

    async def warm(self) -> None:
        """Load what is heavy, while the page is up already; failures are told by `readiness`."""
        ...

    async def aclose(self) -> None:
        """Stop runs, free models, close the database."""
        ...
