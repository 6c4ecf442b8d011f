"""Opening the database: short read and write sessions, and migrations under a lock.

SQLite runs in WAL mode so that one writer and many readers share the file; writers take the lock at BEGIN, never half-way. A read session
can't write. Sessions refuse to be opened on the thread of a running event loop: the services go to a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
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

_BUSY_MS = 30_000
# Any number of our own: the key of PostgreSQL's advisory lock around migrations.
_MIGRATION_LOCK = 7_254_011


class Database:
    """One database by URL. Raises SettingsError for a URL that isn't one; nothing is opened before the first session."""

    def __init__(self, url: str) -> None:
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
            _prepare_sqlite(self._writer, begin="BEGIN IMMEDIATE", read_only=False)
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
    def _session(self, engine: Engine) -> Iterator[Session]:
        _refuse_event_loop()
        try:
            with Session(engine, expire_on_commit=False) as session:
                yield session
        except OperationalError as error:
            raise StoreError(f"the database {self.shown} can't be used now: {_reason(error)}") from error
        except DBAPIError as error:
            raise StoreError(f"the database {self.shown} refused: {_reason(error)}") from error

    def migrate(self) -> None:
        """Bring the tables to the newest revision; one process at a time does it, others wait. Raises StoreError."""
        from alembic import command
        from alembic.util.exc import CommandError

        try:
            with self.migrating() as config:
                command.upgrade(config, "head")
        except SQLAlchemyError as error:
            raise StoreError(f"the database {self.shown} can't be opened: {_reason(error)}. {advice(_reason(error))}") from error
        except CommandError as error:
            raise StoreError(f"the database {self.shown} was made by a newer version of the studio: {error}") from error

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
            _prepare_sqlite(engine, begin="BEGIN IMMEDIATE", read_only=False, keys="OFF")
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


def _prepare_sqlite(engine: Engine, *, begin: str, read_only: bool, keys: str = "ON") -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        # The driver must not begin transactions of its own: we say how.
        connection.isolation_level = None
        for pragma in (f"busy_timeout={_BUSY_MS}", "journal_mode=WAL", "synchronous=NORMAL", f"foreign_keys={keys}"):
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


def _reason(error: SQLAlchemyError) -> str:
    """The database's own first line, without SQL and parameters (which may hold people's texts)."""
    original = getattr(error, "orig", None) or error
    return str(original).strip().splitlines()[0]


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
