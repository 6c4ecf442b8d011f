"""Opening the database as the settings say; every program that works on a studio's data does it here."""

from __future__ import annotations

from app.settings import Settings
from db.session import Database


def open_database(settings: Settings) -> Database:
    """The database at the newest revision; it is backed up to the data folder's backups/ before it is changed. Raises StoreError."""
    database = Database(settings.url, settings.synchronous, settings.data_dir / "backups")
    database.migrate()
    return database
