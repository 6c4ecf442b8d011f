"""Metadata of collections; their passages are in folders named by the same id."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.ranking.errors import NotFound
from db.models import Collection
from db.store import texts


def put(session: Session, row: Collection) -> None:
    """Keep a collection's row; one with the same content stays as it is."""
    values = {name: getattr(row, name) for name in ("id", "name", "kind", "passages", "state", "licence", "owner_id")}
    texts.insert_missing(session, Collection, [{**values, "error": ""}])


def set_state(session: Session, collection_id: str, state: str, error: str = "") -> None:
    """Say how far a collection is: indexing, ready or failed."""
    session.execute(update(Collection).where(Collection.id == collection_id).values(state=state, error=texts.storable(error)))


def get(session: Session, collection_id: str) -> Collection:
    """A collection's row. Raises NotFound."""
    row = session.get(Collection, collection_id)
    if row is None:
        raise NotFound("no such collection: choose one of the list")
    return row


def every(session: Session) -> list[Collection]:
    """All collections, oldest first."""
    return list(session.scalars(select(Collection).order_by(Collection.created, Collection.id)))
