"""A studio that answers from memory, to test the web layer alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.ranking.errors import NotFound
from app.ranking.estimate import NO_COST
from app.services.accounts import Credentials, Outside
from app.services.actors import LOCAL, Actor
from app.services.runs import RunRequest
from app.services.runs_live import ServerEvent
from app.services.visitors import Visitors
from app.settings import Settings

from .fake_exports import FakeExports
from .fake_jobs import FakeJobs
from .fake_projects import FakeProjects, FakeQueue, FakeTaskImports
from .fake_results import FakeResults
from .fake_review import FakeReview
from .fake_synthesis import FakeDatasets, FakeSyntheses
from .fake_versions import FakeUpdates, FakeVersions

TOKEN = "a-run-token_0123"
HOSTILE = "</script><script>alert(1)</script>\n\nevent: end\ndata: {}\n\n\u2028"


EVENTS = ("start", "window", "trace", "standing", "done", "end")


def run_told(request: RunRequest, outcome: str) -> dict[str, dict[str, Any]]:
    """Data of each event of a run of one call that turns the given passages round."""
    given = [passage.id for passage in request.passages or ()]
    order, turned = given[::-1], list(range(len(given)))[::-1]
    call = {"window": "w1", "number": 1, "depth": 1, "passages": given}
    done = {"window": "w1", "outcome": outcome, "problems": [], "order": turned, "tokens_in": 30, "tokens_out": 12, "error": ""}
    run = {
        "token": TOKEN, "state": "finished", "model": request.model, "outcome": outcome, "error": "", "order": order,
        "tokens_in": 30, "tokens_out": 12, "calls": 1, "requests": 2, "counted": True, "notes": ["A note."], "intervals": {},
        "windows": [{**call, **done, "reasoning": HOSTILE, "answer": "[2] > [1]"}],
    }  # fmt: skip
    return {
        "start": {},
        "window": {**call, "of": 1},
        "trace": {"window": "w1", "channel": "reasoning", "text": HOSTILE, "sentences": []},
        "standing": {"ids": order, "provisional": True},
        "done": done,
        "end": {"run": run},
    }


@dataclass(frozen=True)
class FakeSaved:
    judgement: dict[str, Any]
    created: bool
    feedback: dict[str, Any] | None = None


@dataclass(frozen=True)
class FakeExport:
    filename: str
    media_type: str
    chunks: AsyncIterator[bytes]


@dataclass
class FakeStudio:
    """Every aggregate in one object; `error` is raised by each call where it is set."""

    settings: Settings = field(default_factory=lambda: Settings(data_dir=Path("unused"), max_upload_mb=1))
    actor: Actor = LOCAL
    error: Exception | None = None
    waiting: tuple[str, ...] = ()
    started: list[RunRequest] = field(default_factory=list)
    drafts: list[dict[str, Any]] = field(default_factory=list)
    uploads: list[tuple[str, str, bytes]] = field(default_factory=list)
    predicted: list[RunRequest] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    problems: tuple[str, ...] = ()
    outcome: str = "clean"
    open_ended: bool = False
    stuck: bool = False
    released: bool = False
    warmed: bool = False
    closed: bool = False

    @property
    def runs(self) -> FakeStudio:
        return self

    judgements = collections = runs

    @property
    def exports(self) -> FakeExports:
        return FakeExports(self)

    @property
    def projects(self) -> FakeProjects:
        return FakeProjects(self)

    @property
    def review(self) -> FakeReview:
        return FakeReview(self)

    quality = disagreements = dashboard = review

    @property
    def jobs(self) -> FakeJobs:
        return FakeJobs(self)

    @property
    def syntheses(self) -> FakeSyntheses:
        return FakeSyntheses(self)

    @property
    def datasets(self) -> FakeDatasets:
        return FakeDatasets(self)

    @property
    def model_versions(self) -> FakeVersions:
        return FakeVersions(self)

    @property
    def updates(self) -> FakeUpdates:
        return FakeUpdates(self)

    @property
    def results(self) -> FakeResults:
        return FakeResults(self)

    @property
    def queue(self) -> FakeQueue:
        return FakeQueue(self)

    @property
    def task_imports(self) -> FakeTaskImports:
        return FakeTaskImports(self)

    @property
    def models(self) -> FakeModels:
        return FakeModels(self)

    @property
    def stats(self) -> FakeStats:
        return FakeStats(self)

    def readiness(self) -> Sequence[str]:
        return self.waiting

    @property
    def accounts(self) -> FakeAccounts:
        return FakeAccounts(self)

    people = withdrawals = accounts

    def counters(self) -> Mapping[str, float]:
        counted = {"active_runs": 2, "model_calls": 7, "tokens_in": 10, "tokens_out": 20}
        return counted | {"runs.clean": 3, "runs.error": 1, "model_version.a.b.cd": 1}

    async def warm(self) -> None:
        self.warmed = True

    async def aclose(self) -> None:
        self.closed = True

    def fail(self) -> None:
        if self.error is not None:
            raise self.error

    async def start(self, actor: Actor, request: RunRequest) -> str:
        self.fail()
        self.started.append(request)
        return TOKEN

    async def predict(self, actor: Actor, request: RunRequest) -> dict[str, Any]:
        self.fail()
        self.predicted.append(request)
        return NO_COST.plain | {"calls": [1, 3], "depth": [1, 1], "passages_read": [20, 60]}

    async def get(self, actor: Actor, token: str) -> dict[str, Any]:
        self.fail()
        if token != TOKEN:
            raise NotFound("no run has this link")
        return {"token": token, "state": "running", "query": HOSTILE}

    async def stop(self, actor: Actor, token: str) -> dict[str, Any]:
        self.stopped.append(token)
        return {**await self.get(actor, token), "state": "stopped"}

    async def events(self, actor: Actor, token: str, after: int) -> AsyncIterator[ServerEvent]:
        view = await self.get(actor, token)
        told = run_told(self.started[-1], self.outcome) if self.started else dict.fromkeys(EVENTS, {})
        try:
            for number, name in enumerate(EVENTS, start=1):
                if self.stuck and name == "standing":
                    await asyncio.Event().wait()
                if number > after:
                    yield ServerEvent(number=number, name=name, data={"run": view} | told[name])
            if self.open_ended:
                await asyncio.Event().wait()
        finally:
            self.released = True

    async def save(self, actor: Actor, draft: dict[str, Any]) -> FakeSaved:
        self.fail()
        self.drafts.append(draft)
        created = [one["idempotency_key"] for one in self.drafts].count(draft["idempotency_key"]) == 1
        return FakeSaved({**draft, "version": 1}, created)

    async def for_run(self, actor: Actor, token: str) -> dict[str, Any] | None:
        self.fail()
        return None

    for_assignment = for_run

    async def versions(self, actor: Actor, *, run: str | None = None, assignment: str | None = None) -> list[dict[str, Any]]:
        self.fail()
        return []

    async def mine(self, actor: Actor) -> list[dict[str, Any]]:
        self.fail()
        return []

    recent = mine

    async def list(self, actor: Actor) -> Sequence[dict[str, Any]]:
        self.fail()
        return [{"id": "0" * 64, "name": HOSTILE}]

    async def upload(self, actor: Actor, name: str, format: str, chunks: AsyncIterator[bytes]) -> dict[str, Any]:
        self.fail()
        self.uploads.append((name, format, b"".join([chunk async for chunk in chunks])))
        return {"id": "1" * 64}

    def examples(self) -> Sequence[dict[str, Any]]:
        self.fail()
        return [{"id": "q1", "text": "why?", "topic": "x"}]

    def stream(self, actor: Actor, name: str) -> FakeExport:
        self.fail()
        if name != "judgements.jsonl":
            raise NotFound(f"there is no export called {name!r}")
        return FakeExport('a "b"\r\n.jsonl', "application/x-ndjson", _chunks(b'{"a":1}\n', b'{"a":2}\n'))


async def _chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@dataclass(frozen=True)
class FakeModels:
    studio: FakeStudio

    def list(self, actor: Actor) -> Sequence[dict[str, Any]]:
        self.studio.fail()
        return [{"name": "nano", "default": True}, {"name": "signals", "default": False}]

    def reads_evidence(self, name: str) -> bool:
        return name in ("nano", "signals")


@dataclass(frozen=True)
class FakeStats:
    studio: FakeStudio

    async def get(self, actor: Actor) -> dict[str, Any]:
        self.studio.fail()
        return {"runs": 0}


@dataclass(frozen=True)
class FakeAccounts:
    """Accounts and people; who asks is the studio's `actor`."""

    studio: FakeStudio
    visitors: Visitors = field(default_factory=lambda: Visitors("a secret of the tests"))

    async def who(self, credentials: Credentials) -> Actor:
        return self.studio.actor

    def forget(self) -> None:
        self.studio.fail()

    async def take_mine(self, actor: Actor) -> dict[str, Any]:
        self.studio.fail()
        return {"account": [{"name": HOSTILE}]}

    async def delete_mine(self, actor: Actor) -> dict[str, int]:
        self.studio.fail()
        return {"judgements": 1}

    async def me(self, actor: Actor) -> dict[str, Any]:
        self.studio.fail()
        return {"name": HOSTILE, "roles": sorted(actor.roles)}

    async def sign_in(self, email: str, password: str) -> str:
        self.studio.fail()
        return "a-session-token"

    async def sign_in_outside(self, person: Outside, invite: str = "") -> str:
        return await self.sign_in(person.email, invite)

    async def sign_out(self, token: str) -> None:
        self.studio.fail()

    async def accept(self, invite: str, name: str, email: str, password: str) -> str:
        return await self.sign_in(email, password)

    async def change_password(self, actor: Actor, old: str, new: str, session_token: str) -> None:
        self.studio.fail()

    async def accounts(self, actor: Actor) -> list[dict[str, Any]]:
        self.studio.fail()
        return [{"id": "1" * 36, "name": HOSTILE}]

    invites = accounts

    async def change(self, actor: Actor, account_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        self.studio.fail()
        return {"id": account_id, **changes}

    async def invite(self, actor: Actor, roles: Sequence[str], note: str, days: int) -> tuple[dict[str, Any], str]:
        self.studio.fail()
        return {"id": "1" * 36, "roles": list(roles)}, "an-invite-token"

    async def revoke(self, actor: Actor, invite_id: str) -> None:
        self.studio.fail()
