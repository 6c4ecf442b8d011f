"""SQLite databases that are migrated already: one is made, the others are copies, because migrating takes longer than most tests."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from db.session import Database


def migrated(path: Path) -> Database:
    """A migrated, empty database in a file that is not there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_template(), path)
    return Database(f"sqlite:///{path}")


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="reasonrank-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database = Database(f"sqlite:///{folder / 'empty.db'}")
    database.migrate()
    database.close()
    return folder / "empty.db"
