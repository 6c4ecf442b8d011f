"""All services behind one object: what the page, the routes and the command line are handed."""

from __future__ import annotations

import asyncio
import logging

from app.artifacts import ArtifactStore
from app.ranking.errors import RankingError, SettingsError
from app.services import consent
from app.services.accounts import Accounts
from app.services.actors import LOCAL, VISITOR
from app.services.dashboard import Dashboard
from app.services.datasets import Datasets
from app.services.disagreements import Disagreements
from app.services.exports import Exports
from app.services.jobs import Jobs
from app.services.judgements import Judgements
from app.services.library import Library
from app.services.log import Log
from app.services.model_versions import ModelVersions
from app.services.models import Models
from app.services.people import People
from app.services.projects import Projects
from app.services.quality import Quality
from app.services.queue import Queue
from app.services.result_texts import SuiteTexts
from app.services.results import Results
from app.services.review import Review
from app.services.runs import Runs
from app.services.secret import read_or_make
from app.services.serving import Serving
from app.services.stats import Stats
from app.services.storage import open_database
from app.services.synthesis import Syntheses
from app.services.task_imports import TaskImports
from app.services.updates import Updates
from app.services.visitors import Visitors
from app.services.withdrawals import Withdrawals
from app.settings import Settings, load_models
from db.session import Database
from db.store import actors, runs

log = logging.getLogger(__name__)

_LOOK_EVERY_SECONDS = 20.0


class Studio:
    """Opens everything that is cheap at once; `warm` loads what is heavy, in the background, while the page is up already."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self._database = database
        store = ArtifactStore(settings.artifacts_dir)
        self.models = Models(load_models(settings.models))
        self.serving = Serving(database, self.models, store)
        self.collections = Library(settings, database)
        self.runs = Runs(database, self.models, self.collections, settings.max_active_runs)
        self.judgements = Judgements(database)
        self.projects = Projects(database, consent.WORK_VERSIONS[-1].version)
        self.queue = Queue(database)
        self.task_imports = TaskImports(database, self.collections, self.runs, settings.max_upload_mb * 1_000_000)
        self.exports = Exports(database)
        self.withdrawals = Withdrawals(database, settings.retention_days, judgements=settings.retention_judgements)
        self.stats = Stats(database)
        self.review, self.quality = Review(database), Quality(database)
        self.disagreements, self.dashboard = Disagreements(database), Dashboard(database)
        self.log = Log(database)
        self.jobs = Jobs(database)
        self.syntheses, self.datasets = Syntheses(database), Datasets(database, store.path)
        self.model_versions, self.updates = ModelVersions(database, self.serving, store.path), Updates(database, store.path)
        self.results = Results(database, store.path, SuiteTexts(settings.suites))
        self.accounts = Accounts(settings, database, Visitors(read_or_make(settings.secret_path)))
        self.people = People(database, self.accounts)
        self._waiting = {"the search indexes", "the embedded model"}
        self._failure = ""
        self._looking: asyncio.Task[None] | None = None
        self._sealing: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, settings: Settings) -> Studio:
        """Migrate the database and enter what must be there. Raises SettingsError or StoreError with one clear sentence."""
        database = open_database(settings)
        with database.write() as session:
            for actor in (LOCAL, VISITOR):
                actors.ensure(session, actor.id, actor.name, actor.roles)
            runs.fail_orphans(session, "the server was stopped while this run was at work; what it had written is kept")
        studio = cls(settings, database)
        if not settings.is_local and not settings.visitors_only and not studio.accounts.count("admin"):
            raise SettingsError(
                f"host {settings.host!r} can be reached from other machines and there is no admin account: make one with "
                "python -m app account add, or let everybody only explore with --visitors-only, or listen on 127.0.0.1"
            )
        return studio

    def readiness(self) -> tuple[str, ...]:
        """What is still waited for, in plain words; empty means ready."""
        return (self._failure,) if self._failure else tuple(sorted(self._waiting))

    def counters(self) -> dict[str, float]:
        """For /metrics: those of the runs, and model_version.MODEL.ID for each version that answers."""
        return {**self.runs.counters(), **{f"model_version.{model}.{version}": 1.0 for model, version in self.serving.versions().items()}}

    async def warm(self) -> None:
        """Load indexes and weights. A failure is kept and told by `readiness`; it never ends the server."""
        self._sealing = asyncio.create_task(self.log.run_sealer(), name="sealing the log")
        self._keeping = asyncio.create_task(self.withdrawals.run_daily(), name="retention")
        try:
            await self.serving.settle()
            self._following = asyncio.create_task(self.serving.follow(), name="following versions of models")
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

    async def aclose(self) -> None:
        """Stop runs, free models, close the database."""
        for task in (self._looking, self._sealing, self._keeping, self._following):
            if task is not None:
                task.cancel()
        await self.runs.aclose()
        await self.models.aclose()
        await asyncio.to_thread(self._database.close)
