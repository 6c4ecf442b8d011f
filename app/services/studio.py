"""All services behind one object: what the page, the routes and the command line are handed."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from pathlib import Path

from app.ranking.errors import RankingError
from app.services.actors import LOCAL, VISITOR, Actor
from app.services.exports import Exports
from app.services.judgements import Judgements
from app.services.library import Library
from app.services.models import Models
from app.services.runs import Runs
from app.services.stats import Stats
from app.settings import Settings, load_models
from db.session import Database
from db.store import actors, runs, versions

log = logging.getLogger(__name__)

_LOOK_EVERY_SECONDS = 20.0


class Studio:
    """Opens everything that is cheap at once; `warm` loads what is heavy, in the background, while the page is up already."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self._database = database
        self.models = Models(load_models(settings.models))
        self.collections = Library(settings, database)
        self.runs = Runs(database, self.models, self.collections, settings.max_active_runs)
        self.judgements = Judgements(database)
        self.exports = Exports(database)
        self.stats = Stats(database)
        self._waiting = {"the search indexes", "the embedded model"}
        self._failure = ""
        self._looking: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, settings: Settings) -> Studio:
        """Migrate the database and enter what must be there. Raises SettingsError or StoreError with one clear sentence."""
        database = Database(settings.url)
        database.migrate()
        with database.write() as session:
            for actor in (LOCAL, VISITOR):
                actors.ensure(session, actor.id, actor.name, actor.roles)
            runs.fail_orphans(session, "the server was stopped while this run was at work; what it had written is kept")
        return cls(settings, database)

    def local_actor(self) -> Actor:
        """Who asks, until there are accounts."""
        return VISITOR if self.settings.visitors_only else LOCAL

    def readiness(self) -> tuple[str, ...]:
        """What is still waited for, in plain words; empty means ready."""
        return (self._failure,) if self._failure else tuple(sorted(self._waiting))

    def counters(self) -> dict[str, float]:
        """For /metrics."""
        return self.runs.counters()

    async def warm(self) -> None:
        """Load indexes and weights. A failure is kept and told by `readiness`; it never ends the server."""
        try:
            await asyncio.to_thread(self._register_weights)
            self._looking = asyncio.create_task(self._look(), name="looking at model servers")
            await asyncio.gather(self._warm_library(), self._warm_model())
        except RankingError as error:
            log.error("not ready: %s", error)
            self._failure = str(error)

    async def _look(self) -> None:
        """Ask the models' servers now and then, so that the list greys those that can't be reached."""
        while True:
            await self.models.look()
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def _warm_library(self) -> None:
        await asyncio.to_thread(self.collections.warm)
        self._waiting.discard("the search indexes")

    async def _warm_model(self) -> None:
        await self.models.warm()
        self._waiting.discard("the embedded model")

    def _register_weights(self) -> None:
        from app.ranking.backends.nano import WEIGHTS

        weights = Path(WEIGHTS) / "model.safetensors"
        if weights.exists():
            with self._database.write() as session:
                versions.ensure_first(session, hashlib.sha256(weights.read_bytes()).hexdigest(), "nano", "training/recipes/nano.toml")

    async def aclose(self) -> None:
        """Stop runs, free models, close the database."""
        if self._looking is not None:
            self._looking.cancel()
        await self.runs.aclose()
        await self.models.aclose()
        self.collections.close()
        await asyncio.to_thread(self._database.close)
