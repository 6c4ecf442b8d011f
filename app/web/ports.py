"""What the web layer asks of the services, as Protocols: the real `app.services.studio.Studio` and the tests' fake both fit.

Every dict is JSON-ready and goes out as it is. Every method raises the errors of `app.ranking.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from app.services.accounts import Credentials, Outside
from app.services.actors import Actor
from app.services.runs import RunRequest
from app.services.runs_live import ServerEvent
from app.settings import Settings

from .job_ports import Queued
from .project_ports import Projects, Queue, TaskImports
from .result_ports import Evaluated
from .review_ports import Reviewed
from .synthesis_ports import Synthesized
from .version_ports import Learning

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

    @property
    def feedback(self) -> Json | None:
        """How a submitted task of the tutorial compares with its known answer."""
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

    async def for_assignment(self, actor: Actor, assignment: str) -> Json | None:
        """The actor's newest judgement of a task of theirs."""
        ...

    async def versions(self, actor: Actor, *, run: str | None = None, assignment: str | None = None) -> list[Json]:
        """All versions of one, newest first."""
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


class Visitors(Protocol):
    """Cookies of those without an account."""

    def new(self) -> str:
        """A cookie's value for somebody new."""
        ...

    def is_known(self, cookie: str) -> bool:
        """Whether a cookie is one of ours."""
        ...


class Accounts(Protocol):
    """Who comes in, and who is who."""

    @property
    def visitors(self) -> Visitors:
        """See Visitors."""
        ...

    async def who(self, credentials: Credentials) -> Actor:
        """Who asks."""
        ...

    def forget(self) -> None:
        """Look everybody up anew."""
        ...

    async def me(self, actor: Actor) -> Json:
        """What the page has to know of who uses it."""
        ...

    async def sign_in(self, email: str, password: str) -> str:
        """A new session's token."""
        ...

    async def sign_in_outside(self, person: Outside, invite: str = "") -> str:
        """The same for somebody an outside sign-in vouches for."""
        ...

    async def sign_out(self, token: str) -> None:
        """End a session."""
        ...

    async def accept(self, invite: str, name: str, email: str, password: str) -> str:
        """Make an invited account; a session's token."""
        ...

    async def change_password(self, actor: Actor, old: str, new: str, session_token: str) -> None:
        """Change one's own password."""
        ...


class Withdrawals(Protocol):
    """A person's own data."""

    async def take_mine(self, actor: Actor) -> Json:
        """All of it."""
        ...

    async def delete_mine(self, actor: Actor) -> Mapping[str, int]:
        """Counts of what went."""
        ...


class People(Protocol):
    """People, as admins see them."""

    async def accounts(self, actor: Actor) -> Sequence[Json]:
        """All accounts."""
        ...

    async def change(self, actor: Actor, account_id: str, changes: Mapping[str, Any]) -> Json:
        """An account, changed."""
        ...

    async def invite(self, actor: Actor, roles: Sequence[str], note: str, days: int) -> tuple[Json, str]:
        """A new invite and its token."""
        ...

    async def invites(self, actor: Actor) -> Sequence[Json]:
        """All invites."""
        ...

    async def revoke(self, actor: Actor, invite_id: str) -> None:
        """End an invite."""
        ...


class Stats(Protocol):
    """Counts over everything."""

    async def get(self, actor: Actor) -> Json:
        """The counts."""
        ...


class Exports(Protocol):
    """Files to take away."""

    def stream(self, actor: Actor, name: str) -> Export:
        """One of them, as things stand."""
        ...

    def formats(self, actor: Actor) -> Sequence[Json]:
        """All formats with their dictionaries."""
        ...

    async def make(self, actor: Actor, name: str, query: Json) -> Json:
        """A new version: V."""
        ...

    async def list(self, actor: Actor) -> Sequence[Json]:
        """Versions, newest first."""
        ...

    async def get(self, actor: Actor, version_id: str) -> Json:
        """The manifest of a version."""
        ...

    async def file(self, actor: Actor, version_id: str) -> Export:
        """The bytes of a version."""
        ...


class Studio(Queued, Reviewed, Synthesized, Learning, Evaluated, Protocol):
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
    def projects(self) -> Projects:
        """See Projects."""
        ...

    @property
    def queue(self) -> Queue:
        """See Queue."""
        ...

    @property
    def task_imports(self) -> TaskImports:
        """See TaskImports."""
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

    @property
    def accounts(self) -> Accounts:
        """See Accounts."""
        ...

    @property
    def withdrawals(self) -> Withdrawals:
        """See Withdrawals."""
        ...

    @property
    def people(self) -> People:
        """See People."""
        ...

    def counters(self) -> Mapping[str, float]:
        """For /metrics: model_calls, tokens_in, tokens_out and runs.OUTCOME since the start; active_runs; model_version.MODEL.ID."""
        ...

    async def warm(self) -> None:
        """Load what is heavy, while the page is up already; failures are told by `readiness`."""
        ...

    async def aclose(self) -> None:
        """Stop runs, free models, close the database."""
        ...
