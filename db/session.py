"""Opening the database: short read and write sessions, and migrations under a lock.

SQLite runs in WAL mode so that one writer and many readers share the file; writers take the lock at BEGIN, never half-way. A read session
can't write. Sessions refuse to be opened on the thread of a running event loop: the services go to a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.ranking.errors import SettingsError, StoreError
from db import tables  # noqa: F401  a mapped class needs the tables that it points at

log = logging.getLogger(__name__)

_BUSY_MS = 30_000
# How surely a commit is on the disk before it is answered (SQLite): NORMAL survives the end of any process, FULL the loss of power too.
SYNCHRONOUS = ("NORMAL", "FULL")
# Any number of our own: the key of PostgreSQL's advisory lock around migrations.
_MIGRATION_LOCK = 7_254_011


class Database:
    """One database by URL. Raises SettingsError for a URL that isn't one; nothing is opened before the first session.

    `synchronous` is NORMAL or FULL, for SQLite. `backups` is the folder for backups before a migration; without one none is taken.
    """

    def __init__(self, url: str, synchronous: str = "NORMAL", backups: Path | None = None) -> None:
        if synchronous.upper() not in SYNCHRONOUS:
            raise SettingsError(f"synchronous is {synchronous!r}: use normal or full")
        self._synchronous, self._backups = synchronous.upper(), backups
        try:
            parsed = make_url(url)
            self.is_sqlite = parsed.get_backend_name() == "sqlite"
            if self.is_sqlite and parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            self._writer = create_engine(parsed, **_pool(self.is_sqlite))
            self._reader = create_engine(parsed, **_pool(self.is_sqlite))
        except (ArgumentError, ModuleNotFoundError) as error:
            raise SettingsError(f"the database URL can't be used: {error}. Use sqlite:///FILE or postgresql+psycopg://...") from error
        except OSError as error:
            raise StoreError(f"the folder of the database can't be made: {error}") from error
        # SQLite lets writers poll for their turn with growing pauses; those of one process rather queue.
        self._turn = threading.Lock() if self.is_sqlite else contextlib.nullcontext()
        self.shown = parsed.render_as_string(hide_password=True)
        if self.is_sqlite:
            _prepare_sqlite(self._writer, begin="BEGIN IMMEDIATE", synchronous=self._synchronous)
            _prepare_sqlite(self._reader, begin="BEGIN", read_only=True)
        else:
            self._reader = self._reader.execution_options(postgresql_readonly=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database and can't change it."""
        with self._session(self._reader) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits at its end, or not at all. Keep it short: no model or network call inside."""
        with self._turn, self._session(self._writer) as session, session.begin():
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection that sees one state of the database for as long as it is open, whatever others write meanwhile."""
        engine = self._reader if self.is_sqlite else self._reader.execution_options(isolation_level="REPEATABLE READ")
        with self._told(), engine.connect() as connection:
            yield connection

    @contextmanager
    def _session(self, engine: Engine) -> Iterator[Session]:
        with self._told(), Session(engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the database refuses, in one sentence."""
        _refuse_event_loop()
        try:
            yield
        except OperationalError as error:
            raise StoreError(f"the database {self.shown} can't be used now: {reason(error)}") from error
        except DBAPIError as error:
            raise StoreError(f"the database {self.shown} refused: {reason(error)}") from error

    def migrate(self) -> None:
        """Bring the tables to the newest revision; after a backup. One process does it, others wait. Raises StoreError."""
        from alembic import command
        from alembic.util.exc import CommandError

        kept: Path | None = None
        try:
            with self.migrating() as config:
                kept = self._keep(config)
                command.upgrade(config, "head")
        except SQLAlchemyError as error:
            if kept is not None:
                raise StoreError(f"the database {self.shown} can't be migrated: {reason(error)}. {_unchanged(kept)}") from error
            raise StoreError(f"the database {self.shown} can't be opened: {reason(error)}. {advice(reason(error))}") from error
        except CommandError as error:
            raise StoreError(f"the database {self.shown} was made by a newer version of the studio: {error}") from error
        except StoreError as error:
            raise StoreError(f"{error}. {_unchanged(kept)}" if kept is not None else str(error)) from error

    def _keep(self, config: Any) -> Path | None:
        """A backup of the database where it has tables that are about to change. Raises CommandError for a revision that isn't known."""
        from alembic.migration import MigrationContext
        from alembic.script import ScriptDirectory

        revision = MigrationContext.configure(config.attributes["connection"]).get_current_revision()
        known = ScriptDirectory.from_config(config)
        if self._backups is None or revision is None or revision == known.get_current_head():
            return None
        known.get_revision(revision)
        from db import backup

        target = self._backups / f"before-{known.get_current_head()}-{backup.stamp()}.tar"
        made = backup.write(self, target)
        log.info("before the migration %s were kept in %s", made, target)
        return target

    @contextmanager
    def migrating(self) -> Iterator[Any]:
        """Alembic's configuration in one transaction under the lock.

        SQLite changes a table by copying it, which keys that point at it would forbid; they are checked before the end instead.
        """
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        engine = create_engine(self._writer.url, **_pool(self.is_sqlite))
        if self.is_sqlite:
            _prepare_sqlite(engine, begin="BEGIN IMMEDIATE", synchronous="FULL", keys="OFF")
        try:
            with engine.begin() as connection:
                _lock(connection)
                config.attributes["connection"] = connection
                yield config
                if self.is_sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
                    raise StoreError(f"the migration would leave a row of {broken[0]} that points at nothing: nothing was changed")
        finally:
            engine.dispose()

    def close(self) -> None:
        """Close all connections."""
        self._reader.dispose()
        self._writer.dispose()


def _pool(is_sqlite: bool) -> dict[str, Any]:
    return {"connect_args": {"check_same_thread": False}} if is_sqlite else {"pool_pre_ping": True}


def _prepare_sqlite(engine: Engine, *, begin: str, synchronous: str = "NORMAL", read_only: bool = False, keys: str = "ON") -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        # The driver must not begin transactions of its own: we say how.
        connection.isolation_level = None
        for pragma in (f"busy_timeout={_BUSY_MS}", "journal_mode=WAL", f"synchronous={synchronous}", f"foreign_keys={keys}"):
            connection.execute(f"PRAGMA {pragma}")
        if read_only:
            connection.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def _lock(connection: Connection) -> None:
    """SQLite holds the write lock since BEGIN IMMEDIATE; PostgreSQL needs a lock of its own until the end of the transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})


def reason(error: SQLAlchemyError) -> str:
    """The database's own first line, without SQL and parameters (which may hold people's texts)."""
    original = getattr(error, "orig", None) or error
    return str(original).strip().splitlines()[0]


def _unchanged(kept: Path) -> str:
    return f"Nothing was changed; what was there before is also in the backup {str(kept)!r}"


def advice(reason: str) -> str:
    """What to do about a database that can't be opened, by the database's own words."""
    if "full" in reason or "No space" in reason:
        return "Free some space, or choose a folder on another disk with --data-dir."
    if "readonly" in reason or "ermission" in reason or "unable to open" in reason:
        return "Give this user the right to write there, or choose another folder with --data-dir."
    if "onnect" in reason:
        return "Start the database server, or correct --database-url."
    return "Restore a backup, or move it away to start afresh."


def _refuse_event_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("a database session was opened on the event loop's thread: go through asyncio.to_thread")
