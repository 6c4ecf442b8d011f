"""Which weights answer: what the database calls active is loaded beside what answers now, then takes its place, without a restart.

A run holds the weights that it began with until its end (`app.services.backends`). A version that can't be loaded changes nothing: what
answered before goes on, and `view` says so. The embedded model's versions are folders of the artifact store, or the weights that ship with
the program; a model of the models file has its versions under names of their own at its server, which may come to list them later.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from app.artifacts import ArtifactStore
from app.ranking.backends.nano import WEIGHTS, NanoBackend
from app.ranking.errors import BackendUnavailable, RankingError
from app.ranking.protocols import Backend
from app.services.models import Models, Warmable
from db.session import Database
from db.store import versions
from db.store.versions import Serves

log = logging.getLogger(__name__)

EMBEDDED = "nano"
RECIPE = "training/recipes/nano.toml"
_LOOK_SECONDS = 1.0
_ASK_SECONDS = 2.0  # between two questions to servers whether they have a version
_AGAIN_SECONDS = 30.0  # before a version that could not be loaded is tried again


@runtime_checkable
class Listing(Protocol):
    """A backend whose server says which models it has."""

    async def listed(self) -> bool:
        """Whether it has this one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What there is to say of a model besides that it serves: loading, failed or waiting; since when (monotonic), and of which version."""

    state: str
    version: str
    text: str
    at: float


class Serving:
    """Keeps what answers in step with the database. `look` does it once, `follow` again and again; both on the event loop's thread."""

    def __init__(self, database: Database, models: Models, store: ArtifactStore, shipped: Path = WEIGHTS) -> None:
        self._database, self._models, self._store, self.shipped = database, models, store, shipped
        self._shipped: str | None = None
        self._known: tuple[Serves, ...] = ()
        self._said: dict[str, _Said] = {}
        self._turn = asyncio.Lock()
        self._begun = False
        self._trouble = ""
        models.settle = self.settle

    async def settle(self) -> None:
        """Before the first run: what the database calls active answers. A run never has to wait for a later look."""
        if not self._begun:
            await self.look()

    async def look(self) -> None:
        """Ask the database once, and load what has become active. Failures are told by `view` and by the log, never raised."""
        async with self._turn:
            try:
                self._known = tuple(await asyncio.to_thread(self._read))
                self._trouble = ""
            except RankingError as error:
                if not self._trouble:
                    log.error("what is active can't be read: %s", error)
                self._trouble = str(error)
                return
            self._begun = True
            active = {row.name: row for row in self._known if row.state == "active"}
            for name in self._names():
                await self._follow(name, active.get(name))

    async def follow(self) -> None:
        """Look for ever, and ask servers for the versions that wait for them."""
        await asyncio.gather(self._looking(), self._asking())

    def view(self) -> Sequence[dict[str, Any]]:
        """S of the HTTP interface, by model: what answers, and what is in the way of what should."""
        waiting = {row.name: row for row in self._known if row.state == "waiting"}
        return [self._view_of(name, waiting.get(name)) for name in dict.fromkeys([*self._names(), *waiting])]

    def versions(self) -> dict[str, str]:
        """Ids of the versions that answer now, by model."""
        found = {name: self._models.backends.version(name) for name in self._names()}
        return {name: version for name, version in found.items() if version}

    # From here on: one model.

    def _names(self) -> list[str]:
        """The embedded model and the models of the file that have, or had, a version."""
        named = {row.name for row in self._known if self._models.entry(row.name) is not None}
        named |= {name for name in self._models.names() if self._models.backends.version(name)}
        return [EMBEDDED, *sorted(named - {EMBEDDED})]

    def _read(self) -> list[Serves]:
        """Rows of what is active or waits; the first time the weights that ship are entered before."""
        if not self._begun:
            weights = self.shipped / "model.safetensors"
            if weights.is_file():
                self._shipped = hashlib.sha256(weights.read_bytes()).hexdigest()
                with self._database.write() as session:
                    versions.ensure_first(session, self._shipped, EMBEDDED, RECIPE)
        with self._database.read() as session:
            return versions.serving(session)

    async def _follow(self, name: str, row: Serves | None) -> None:
        """Let a model's active version answer, where it doesn't yet."""
        backends = self._models.backends
        target = row.id if row is not None and (name != EMBEDDED or row.artifact_hash) else self._shipped if name == EMBEDDED else None
        if name == EMBEDDED and backends.version(name) is None:
            backends.name_version(name, self._shipped)  # what it begins with
        said = self._said.get(name)
        if target == backends.version(name):
            self._said.pop(name, None)
            return
        if said is not None and (said.state, said.version) == ("failed", target) and time.monotonic() - said.at < _AGAIN_SECONDS:
            return
        self._say(name, "loading", target, f"{_short(target)} is being loaded; {_short(backends.version(name))} answers meanwhile")
        try:
            backend = await self._load(name, row if target != self._shipped else None)
        except Exception as error:  # a damaged folder fails in many ways, and none of them may end the serving
            self._failed(name, target, error, known=said)
        else:
            backends.put(name, backend, target)
            self._said.pop(name, None)
            log.info("model %s: %s answers from now on", name, _short(target))

    async def _load(self, name: str, row: Serves | None) -> Backend:
        """The backend of a version, ready to answer."""
        if name != EMBEDDED:
            if row is not None and not row.served_as:
                raise BackendUnavailable("its report does not say under which name the model's server has it: run the update again")
            return self._models.make(name, row.served_as if row is not None else "")
        if row is None:
            backend: Backend = self._models.make(name)
        else:
            assert row.artifact_hash is not None  # the embedded model's versions are folders
            await asyncio.to_thread(self._store.verify, row.artifact_hash)
            backend = NanoBackend(self._store.path(row.artifact_hash))
            if not row.id.startswith(await asyncio.to_thread(lambda: backend.revision) or "-"):
                raise BackendUnavailable("its weights are not those that its id names: run the update again")
        if isinstance(backend, Warmable):
            await backend.warm()
        return backend

    def _failed(self, name: str, version: str | None, error: Exception, known: _Said | None) -> None:
        is_ours = isinstance(error, RankingError)
        why = str(error) if is_ours else f"its folder can't be read ({type(error).__name__})"
        if known is None or (known.state, known.version) != ("failed", version):
            log.error("model %s: %s can't be loaded: %s", name, _short(version), why, exc_info=None if is_ours else error)
        answers = _short(self._models.backends.version(name))
        self._say(name, "failed", version, f"{_short(version)} can't be loaded: {why}. {answers} goes on answering")

    def _say(self, name: str, state: str, version: str | None, text: str) -> None:
        self._said[name] = _Said(state=state, version=version or "", text=text, at=time.monotonic())

    # Versions that wait for their server.

    async def arrivals(self) -> None:
        """Ask once for each version that waits whether its server has it by now; those that it has become active."""
        waiting = [row for row in self._known if row.state == "waiting"]
        there = await asyncio.gather(*(self._has(row) for row in waiting))
        for row, is_there in zip(waiting, there, strict=True):
            if is_there and await asyncio.to_thread(self._arrived, row.id):
                log.info("model %s: its server has %s", row.name, _short(row.id))
        if any(there):
            await self.look()

    async def _has(self, row: Serves) -> bool:
        if self._models.entry(row.name) is None or not row.served_as:
            return False
        backend = self._models.make(row.name, row.served_as)
        return isinstance(backend, Listing) and await backend.listed()

    def _arrived(self, version_id: str) -> bool:
        with self._database.write() as session:
            return versions.arrived(session, version_id)

    async def _looking(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _asking(self) -> None:
        while True:
            try:
                await self.arrivals()
            except RankingError as error:
                log.error("a version that its server has could not be made active: %s", error)
            await asyncio.sleep(_ASK_SECONDS)

    # What is said of it.

    def _view_of(self, name: str, waiting: Serves | None) -> dict[str, Any]:
        version = self._models.backends.version(name)
        said = self._said.get(name)
        state, text = (said.state, said.text) if said is not None else ("serving", "")
        if said is None and waiting is not None:
            state, text = "waiting", self._waits(waiting)
        if self._trouble:
            text = f"{text} {self._trouble}".strip()
        return {"model": name, "version": version, "state": state, "text": text}

    def _waits(self, row: Serves) -> str:
        entry = self._models.entry(row.name)
        if entry is None:
            return f"{_short(row.id)} waits: the models file has no entry {row.name!r}; add one with its server's address"
        if not row.served_as:
            return f"{_short(row.id)} waits, and its report does not say under which name a server would have it: run the update again"
        if entry.backend != "openai":
            return f"{_short(row.id)} waits: the models file has {row.name!r} run in this process; serve it as {row.served_as!r} instead"
        return f"{_short(row.id)} waits until its server lists {row.served_as!r}"


def _short(version: str | None) -> str:
    return f"version {version[:8]}" if version else "the model as it began"
