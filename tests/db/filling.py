"""Rows for any table at any revision, made from what the database says of itself, with text, JSON and times that are easily spoilt."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from db.session import Database

HOSTILE = "'; DROP TABLE runs;--\t\n\r\u2028\u202e ünï 🪢 \\u0000 \"<script>"
# Numbers and nulls that JSON and SQL understand differently.
JSONS: tuple[Any, ...] = ({"text": HOSTILE, "list": [1, 1.5, True, None, {}], "small": 1e-7, "big": 2**60}, [], {"": {"a": []}})
WHEN = datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)
Rows = dict[str, list[dict[str, Any]]]


@contextmanager
def changing(database: Database) -> Iterator[tuple[Connection, Any]]:
    """A connection on which rows and tables are changed, and Alembic's configuration for it."""
    with database.migrating() as config:
        yield config.attributes["connection"], config


def fill(connection: Connection, rows: int = 2) -> None:
    """Add rows to every table, each pointing at rows with the same number (the first at nothing, where it may)."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    inspector = sa.inspect(connection)
    made: dict[str, list[dict[str, Any]]] = {}
    for table in metadata.sorted_tables:
        if table.name == "alembic_version":
            continue
        words = {check["name"]: re.findall(r"'([^']*)'", check["sqltext"]) for check in inspector.get_check_constraints(table.name)}
        made[table.name] = []
        for number in range(rows):
            row = {column.name: _value(column, number, words, made) for column in table.columns}
            connection.execute(sa.insert(table).values(**row))
            made[table.name].append(row)


def everything(connection: Connection) -> Rows:
    """All rows of all tables, in order of their keys; times in UTC, whatever the database's own zone."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    found: Rows = {}
    for table in metadata.sorted_tables:
        if table.name != "alembic_version":
            key = [sa.cast(column, sa.Text).collate(_binary(connection)) for column in table.primary_key]
            found[table.name] = [
                {name: _comparable(value) for name, value in row._mapping.items()}
                for row in connection.execute(sa.select(table).order_by(*key))
            ]
    return found


def everything_in(database: Database) -> Rows:
    with database.snapshot() as connection:
        return everything(connection)


def _binary(connection: Connection) -> str:
    return "BINARY" if connection.dialect.name == "sqlite" else "C"


def _comparable(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value


def _value(column: sa.Column[Any], number: int, words: dict[Any, list[str]], made: dict[str, list[dict[str, Any]]]) -> Any:
    for key in column.foreign_keys:
        there = made[key.column.table.name]
        if column.nullable and number == 0 or not there:
            return sa.null()
        return there[min(number, len(there) - 1)][key.column.name]
    allowed = words.get(f"ck_{column.table.name}_{column.name}")
    if allowed:
        return allowed[0]
    if column.nullable and number == 0 and not column.primary_key:
        return sa.null()
    return _plain(column, number)


def _plain(column: sa.Column[Any], number: int) -> Any:
    kind = column.type
    if isinstance(kind, sa.JSON):
        return JSONS[number % len(JSONS)]
    if isinstance(kind, sa.DateTime):
        return (WHEN if column.type.timezone else WHEN.replace(tzinfo=None)) + timedelta(hours=number)  # type: ignore[attr-defined]
    if isinstance(kind, sa.Boolean):
        return bool(number % 2)
    if isinstance(kind, sa.Integer):
        return number + 1
    if isinstance(kind, sa.Float):
        return 0.1 + number
    length = getattr(kind, "length", None)
    own = hashlib.sha256(f"{column}{number}".encode()).hexdigest()
    return own[: min(length, 64)] if length else f"{number} {HOSTILE}"
