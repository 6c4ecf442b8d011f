"""Databases and schemas on the PostgreSQL server that the tests start. What is on it is thrown away, so nothing waits for a disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from db.tables import METADATA

_UNSAFE = ("fsync", "full_page_writes", "synchronous_commit")


def never_wait_for_the_disk(url: str) -> None:
    """Nobody reads this server's files after it ends; syncing them made its shutdown alone last a minute."""
    with _at_once(url) as connection:
        for setting in _UNSAFE:
            connection.execute(sa.text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(sa.text("SELECT pg_reload_conf()"))


def name_for(test: str) -> str:
    """A name of a database or schema that belongs to a test, the same in every process."""
    return f"t{hashlib.sha256(test.encode()).hexdigest()[:16]}"


def created(url: str, name: str, template: str = "template1") -> str:
    """URL of a new database by this name, a copy of the template, on the server of `url`."""
    with _at_once(url) as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    return sa.make_url(url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def copied(url: str, test: str, template: str) -> Iterator[str]:
    """URL of a copy of the template that belongs to a test; dropped at the end, since each is hundreds of files."""
    name = name_for(test)
    try:
        yield created(url, name, template)
    finally:
        with _at_once(url) as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


def fresh_schema(url: str, test: str) -> str:
    """URL of an empty schema for a test by name."""
    schema = name_for(test)
    with _at_once(url) as connection:
        connection.execute(sa.text(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))
        connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
    return sa.make_url(url).update_query_dict({"options": f"-csearch_path={schema}"}).render_as_string(hide_password=False)


class Emptied:
    """A migrated database without rows: the last test's, emptied, because even a copy of the template takes longer.

    A new one is made where that can't be done: the first time, and where a test left a transaction open or its tables changed.
    """

    def __init__(self, server: str, template: str) -> None:
        self._server, self._template = server, template
        self._made, self._url = 0, ""

    def url(self) -> str:
        """URL of the database, emptied now."""
        if not self._url or not _empty(self._url):
            self._made += 1
            self._url = created(self._server, f"emptied{self._made}", self._template)
        return self._url


def _empty(url: str) -> bool:
    """Delete all rows; False where that can't be done. Deleting a few rows is fifty times quicker than TRUNCATE of all tables."""
    tables = [table.name for table in METADATA.sorted_tables]
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(sa.text("SET LOCAL lock_timeout = '3s'"))
            connection.execute(sa.text("LOCK TABLE " + ", ".join(tables)))
            # Triggers that forbid deleting, and keys that point at rows, are not asked.
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            connection.execute(sa.text("; ".join(f"DELETE FROM {table}" for table in tables)))
            connection.execute(sa.text("SELECT version_num FROM alembic_version")).one()
    except (sa.exc.DBAPIError, sa.exc.NoResultFound):
        return False
    finally:
        engine.dispose()
    return True


@contextmanager
def _at_once(url: str) -> Iterator[sa.Connection]:
    """A connection without a transaction, as statements about whole databases and the server ask for."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
