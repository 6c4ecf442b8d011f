"""Content-addressed texts, and the one way of inserting rows that may be there already."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db.models import Base, TextRow

# Both databases bound the number of parameters in a statement; SQLite's bound is the lower one.
_CHUNK = 400


def text_hash(text: str) -> str:
    """sha256 of the UTF-8 text, hex. Lone surrogates, which no database stores, are replaced before by `storable`."""
    return hashlib.sha256(text.encode()).hexdigest()


def storable(text: str) -> str:
    """The text without what PostgreSQL or UTF-8 can't hold: NUL becomes a replacement character, lone surrogates too."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def insert_missing(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows whose key is not there yet; leave the others as they are."""
    if rows:
        # Many sets of parameters for one small statement: compiled once, where one long statement of values is compiled each time.
        dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
        session.execute(dialect.insert(table).on_conflict_do_nothing(), [dict(row) for row in rows])


def put(session: Session, texts: Iterable[str]) -> list[str]:
    """Keep texts; their hashes in the given order."""
    kept = [storable(text) for text in texts]
    by_hash = {text_hash(text): text for text in kept}
    # In the order of the hashes, so that two writers of the same texts can't wait for each other.
    insert_missing(session, TextRow, [{"hash": key, "text": by_hash[key]} for key in sorted(by_hash)])
    return [text_hash(text) for text in kept]


def get(session: Session, hashes: Collection[str]) -> dict[str, str]:
    """Texts by hash."""
    wanted, found = list(dict.fromkeys(hashes)), dict[str, str]()
    for start in range(0, len(wanted), _CHUNK):
        rows = session.execute(select(TextRow.hash, TextRow.text).where(TextRow.hash.in_(wanted[start : start + _CHUNK])))
        found.update((row.hash, row.text) for row in rows)
    return found
