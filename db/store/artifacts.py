"""Rows of the artifact store: which immutable folders there are. The folders themselves are the business of `app.artifacts`."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.ranking.errors import NotFound
from db.models_loop import Artifact
from db.store import texts


def put(session: Session, digest: str, kind: str, size: int) -> None:
    """Name an artifact that is on the disk already; one that is named stays as it is."""
    texts.insert_missing(session, Artifact, [{"hash": digest, "kind": kind, "size": size}])


def get(session: Session, digest: str) -> Artifact:
    """An artifact's row. Raises NotFound."""
    row = session.get(Artifact, digest)
    if row is None:
        raise NotFound(f"there is no artifact {digest[:12]!r}")
    return row
