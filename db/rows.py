"""Rows of any table as JSON lines and back, the same on both databases and at every revision of the tables.

The shape of a table is read from the database, not from the models, because a backup is taken before the tables become what the models
say. Columns of JSON travel as the text they are stored as, so that SQL's NULL and JSON's null stay two things; times are UTC in ISO 8601.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import JSONB

from app.ranking.errors import StoreError

VERSION_TABLE = "alembic_version"
_AT_ONCE = 500
_TIME, _JSON, _FLAG, _PLAIN = "time", "json", "flag", "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A table: its columns with their kinds, its key, and columns that point at the same table."""

    name: str
    kinds: Mapping[str, str]
    key: tuple[str, ...]
    own: tuple[str, ...]


def shapes(connection: Connection) -> list[Shape]:
    """All tables of the database, each after those that it points at."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    return [_shape(table) for table in metadata.sorted_tables if table.name != VERSION_TABLE]


def dump(connection: Connection, shape: Shape) -> Iterator[bytes]:
    """Every row as a line: a JSON list of the columns' values, in order of the key."""
    chosen = [_read(name, kind, connection.dialect.name) for name, kind in shape.kinds.items()]
    query = sa.select(*chosen).select_from(sa.table(shape.name)).order_by(*(sa.column(name) for name in shape.key))
    kinds = tuple(shape.kinds.values())
    for row in connection.execute(query.execution_options(yield_per=_AT_ONCE)):
        values = [_out(value, kind) for value, kind in zip(row, kinds, strict=True)]
        yield json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def load(connection: Connection, shape: Shape, lines: Iterable[bytes]) -> int:
    """Insert rows; how many. Columns that point at the same table stay NULL until `join` sets them: a row may come before its base."""
    names = list(shape.kinds)
    values = {name: _bound(number, shape.kinds[name], connection.dialect.name) for number, name in enumerate(names)}
    insert = sa.insert(sa.table(shape.name, *map(sa.column, names))).values(values)
    count = 0
    for some in _batches(lines):
        rows = [{f"p{i}": None if names[i] in shape.own else v for i, v in enumerate(_in(line, shape))} for line in some]
        connection.execute(insert, rows)
        count += len(rows)
    return count


def join(connection: Connection, shape: Shape, lines: Iterable[bytes]) -> None:
    """Set the columns that point at the same table, once all of its rows are there."""
    names = list(shape.kinds)
    columns: dict[str, sa.ColumnClause[Any]] = {name: sa.column(name) for name in names}
    change = (
        sa.update(sa.table(shape.name, *columns.values()))
        .where(*(columns[name] == sa.bindparam(f"p{names.index(name)}") for name in shape.key))
        .values({columns[name]: sa.bindparam(f"p{names.index(name)}") for name in shape.own})
    )
    used = [names.index(name) for name in (*shape.key, *shape.own)]
    for some in _batches(lines):
        rows = [{f"p{i}": values[i] for i in used} for values in (_in(line, shape) for line in some)]
        rows = [row for row in rows if any(row[f"p{names.index(name)}"] is not None for name in shape.own)]
        if rows:
            connection.execute(change, rows)


def _shape(table: sa.Table) -> Shape:
    own = [key.parent.name for key in table.foreign_keys if key.column.table is table]
    kinds = {column.name: _kind(column) for column in table.columns}
    return Shape(name=table.name, kinds=kinds, key=tuple(column.name for column in table.primary_key), own=tuple(sorted(own)))


def _kind(column: sa.Column[Any]) -> str:
    if isinstance(column.type, sa.JSON):
        return _JSON
    if isinstance(column.type, sa.DateTime):
        return _TIME
    if isinstance(column.type, sa.Boolean):
        return _FLAG
    if isinstance(column.type, sa.String | sa.Integer | sa.Float):
        return _PLAIN
    raise StoreError(f"column {column} is of type {column.type}, which a backup can't hold: teach db/rows.py about it")


def _read(name: str, kind: str, dialect: str) -> sa.ColumnElement[Any]:
    if kind == _JSON:
        # SQLite keeps JSON as text already; PostgreSQL writes its own form of it out.
        return sa.column(name, sa.Text) if dialect == "sqlite" else sa.cast(sa.column(name), sa.Text)
    return sa.column(name, sa.DateTime(timezone=True)) if kind == _TIME else sa.column(name)


def _bound(number: int, kind: str, dialect: str) -> Any:
    if kind == _JSON and dialect == "postgresql":
        return sa.cast(sa.bindparam(f"p{number}", type_=sa.Text), JSONB)
    return sa.bindparam(f"p{number}", type_=sa.DateTime(timezone=True) if kind == _TIME else None)


def _out(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == _TIME:
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)).isoformat(timespec="microseconds")
    if kind == _FLAG:
        return bool(value)
    # SQLite turns JSON that is a bare number into a number.
    return json.dumps(value) if kind == _JSON and not isinstance(value, str) else value


def _in(line: bytes, shape: Shape) -> list[Any]:
    try:
        values: Sequence[Any] = json.loads(line)
        return [
            datetime.fromisoformat(value) if kind == _TIME and value is not None else value
            for value, kind in zip(values, shape.kinds.values(), strict=True)
        ]
    except (ValueError, TypeError) as error:
        raise StoreError(f"a line of table {shape.name} in the backup can't be read ({error}): take another backup") from error


def _batches(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    rest = iter(lines)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
