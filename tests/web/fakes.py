"""A studio that answers from memory, to test the web layer alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.ranking.errors import NotFound
from app.services.actors import LOCAL, Actor
from app.services.runs import RunRequest
from app.services.runs_live import ServerEvent
from app.settings import Settings

TOKEN = "a-run-token_0123"
HOSTILE = "</script><script>alert(1)</script>\n\nevent: end\ndata: {}\n\n\u2028"


@dataclass(frozen=True)
class FakeSaved:
    judgement: dict[str, Any]
    created: bool


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
    open_ended: bool = False
    released: bool = False
    warmed: bool = False
    closed: bool = False

    @property
    def runs(self) -> FakeStudio:
        return self

    judgements = collections = exports = runs

    @property
    def models(self) -> FakeModels:
        return FakeModels(self)

    @property
    def stats(self) -> FakeStats:
        return FakeStats(self)

    def readiness(self) -> Sequence[str]:
        return self.waiting

    def local_actor(self) -> Actor:
        return self.actor

    def counters(self) -> Mapping[str, float]:
        return {"active_runs": 2, "model_calls": 7, "tokens_in": 10, "tokens_out": 20, "runs.clean": 3, "runs.error": 1}

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

    async def get(self, actor: Actor, token: str) -> dict[str, Any]:
        self.fail()
        if token != TOKEN:
            raise NotFound("no run has this link")
        return {"token": token, "state": "running", "query": HOSTILE}

    async def stop(self, actor: Actor, token: str) -> dict[str, Any]:
        return {**await self.get(actor, token), "state": "stopped"}

    async def events(self, actor: Actor, token: str, after: int) -> AsyncIterator[ServerEvent]:
        view = await self.get(actor, token)
        names = ("start", "window", "trace", "standing", "done", "end")
        try:
            for number, name in enumerate(names, start=1):
                if number > after:
                    yield ServerEvent(number=number, name=name, data={"run": view})
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
        return [{"name": "nano"}]


@dataclass(frozen=True)
class FakeStats:
    studio: FakeStudio

    async def get(self, actor: Actor) -> dict[str, Any]:
        self.studio.fail()
        return {"runs": 0}
