"""Opening the database for training: the same file or server as the studio's."""

from __future__ import annotations

from app.settings import Settings
from db.session import Database


def open_database(settings: Settings, *, is_new: bool = False) -> Database:
    """The database at the newest revision; it is migrated under the lock, after a backup, where it is older. Raises StoreError.

    `is_new` says that somebody has just seen to that, which saves a third of the time that a worker takes to start.
    """
    database = Database(settings.url, settings.synchronous, settings.data_dir / "backups")
    if not is_new:
        database.migrate()
    return database
