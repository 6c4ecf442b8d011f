"""A studio's models over a database and an artifact store, with versions whose weights differ in one number."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.artifacts import ArtifactStore
from app.ranking.backends.nano import WEIGHTS, NanoBackend
from app.ranking.protocols import Tokenizer
from app.ranking.values import Completion, Delta, Prompt, Sampling
from app.services.actors import LOCAL
from app.services.models import Models
from app.services.runs import Found, RunRequest, Runs
from app.services.serving import Serving
from app.settings import ModelEntry
from db.session import Database
from db.store import artifacts, versions
from db.store.lists import Candidates
from db.store.versions import NewModel, Promotion
from tests.conftest import passages

SHIPPED = hashlib.sha256((WEIGHTS / "model.safetensors").read_bytes()).hexdigest()
ASKED = RunRequest(query="why?", model="nano")


class Three:
    """A finder of three passages with evidence."""

    def find(self, request: RunRequest) -> Found:
        shown = tuple(passages(3))
        return Found(candidates=Candidates(query=request.query, passages=shown, retriever="test", signals_version="1"))


class Gated:
    """The weights that ship behind a gate; `closed` says whether they were freed."""

    name, can = "nano", frozenset[str]()

    def __init__(self) -> None:
        self._inner = NanoBackend()
        self.gate, self.closed, self.begun = asyncio.Event(), False, 0

    @property
    def revision(self) -> str:
        return self._inner.revision

    @property
    def tokenizer(self) -> Tokenizer:
        return self._inner.tokenizer

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncIterator[Delta | Completion]:
        self.begun += 1
        await self.gate.wait()
        assert not self.closed, "asked after it was freed"
        async with aclosing(self._inner.stream(prompt, sampling)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                assert not self.closed, "freed while it was writing"
                yield piece

    async def aclose(self) -> None:
        self.closed = True
        await self._inner.aclose()


class World:
    """A database, an artifact store and the services over them."""

    def __init__(self, folder: Path, database: Database, *entries: ModelEntry, makers: Any = None) -> None:
        self.folder, self.database = folder, database
        self.store = ArtifactStore(folder / "artifacts")
        self.folders: dict[str, Path] = {}
        self.models = Models(entries, makers)
        self.serving = Serving(database, self.models, self.store)
        self.runs = Runs(database, self.models, Three(), 40)

    async def version(self, number: int) -> str:
        """Enter a candidate whose weights differ from the ones that ship in one number; its id."""
        from safetensors.numpy import load_file, save_file

        def make(aside: Path) -> None:
            shutil.copytree(WEIGHTS, aside, dirs_exist_ok=True)
            weights = load_file(aside / "model.safetensors")
            name = sorted(weights)[0]
            weights[name] = weights[name] + number * 1e-6
            save_file(weights, aside / "model.safetensors")

        made = await asyncio.to_thread(self.store.put, make, "model")
        folder = self.store.path(made.hash)
        version_id = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
        self.folders[version_id] = folder
        return await self.enter(NewModel(id=version_id, name="nano", artifact_hash=made.hash))

    async def enter(self, new: NewModel) -> str:
        def write(session: Session) -> str:
            artifacts.put(session, new.artifact_hash, "model", 1)
            return versions.add(session, new).id

        return await self.write(write)

    async def promote(self, version_id: str, waiting: bool = False) -> None:
        await self.write(lambda session: versions.promote(session, Promotion(version_id=version_id), waiting=waiting).id)

    async def roll_back(self, model: str = "nano") -> None:
        await self.write(lambda session: versions.roll_back(session, model, None).id)

    async def write(self, what: Callable[[Session], str]) -> str:
        def write() -> str:
            with self.database.write() as session:
                return what(session)

        return await asyncio.to_thread(write)

    async def ended(self, token: str) -> tuple[str, str | None, str | None]:
        """(state, outcome, version) of a run, once it has ended."""
        async for _ in self.runs.events(LOCAL, token):
            pass
        run = await self.runs.get(LOCAL, token)
        return run["state"], run["outcome"], run["model_version"]

    async def run(self, request: RunRequest = ASKED) -> tuple[str, str | None, str | None]:
        return await self.ended(await self.runs.start(LOCAL, request))

    def said(self, model: str = "nano") -> tuple[str | None, str]:
        """(version that answers, state)."""
        (found,) = [one for one in self.serving.view() if one["model"] == model]
        return found["version"], found["state"]


def play(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(work(), 120)

    asyncio.run(main())


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.01)
