"""Versions of training sets: rows that name a frozen folder of the artifact store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.ranking.errors import InputError, NotFound
from db.models_loop import DatasetVersion
from db.store import texts

_SHORTEST = 6  # hex digits of an id that are enough to name it
_PREFIX = re.compile(rf"[0-9a-f]{{{_SHORTEST},64}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A version as it is entered. `id` is the hash of its content; `counts` and `manifest` are copies of what its folder says."""

    id: str
    name: str
    artifact_hash: str
    synthesis_id: str | None
    counts: Mapping[str, Any]
    manifest: Mapping[str, Any]


def put(session: Session, version: NewVersion) -> None:
    """Enter a version; the same content entered before stays as it is, under the name that it got then."""
    row = {
        "id": version.id, "name": texts.storable(version.name), "artifact_hash": version.artifact_hash,
        "synthesis_id": version.synthesis_id, "counts": dict(version.counts), "manifest": dict(version.manifest),
    }  # fmt: skip
    texts.insert_missing(session, DatasetVersion, [row])


def set_artifact(session: Session, version_id: str, artifact_hash: str) -> None:
    """Say where a version's content lies now: its folder was lost and made again, perhaps with another card."""
    session.execute(update(DatasetVersion).where(DatasetVersion.id == version_id).values(artifact_hash=artifact_hash))


def find(session: Session, version_id: str) -> DatasetVersion | None:
    """A version by its whole id, None where there is none."""
    return session.get(DatasetVersion, version_id)


def get(session: Session, named: str) -> DatasetVersion:
    """A version by its id, by at least six first digits of it, or by its name (then the newest of that name).

    Raises NotFound for none, InputError where several ids begin so.
    """
    found = session.get(DatasetVersion, named)
    if found is None and _PREFIX.fullmatch(named):
        begun = session.scalars(select(DatasetVersion).where(DatasetVersion.id.startswith(named)).limit(2)).all()
        if len(begun) > 1:
            raise InputError(f"several data sets have ids that begin with {named!r}: give more digits")
        found = begun[0] if begun else None
    if found is None:
        newest = select(DatasetVersion).where(DatasetVersion.name == named)
        found = session.scalars(newest.order_by(DatasetVersion.created.desc(), DatasetVersion.id).limit(1)).first()
    if found is None:
        raise NotFound(f"there is no data set {named[:80]!r}: `python -m training dataset list` names those there are")
    return found


def every(session: Session, synthesis_id: str | None = None) -> list[DatasetVersion]:
    """All versions, newest first; those of one synthesis where it is given."""
    query = select(DatasetVersion).order_by(DatasetVersion.created.desc(), DatasetVersion.id)
    if synthesis_id is not None:
        query = query.where(DatasetVersion.synthesis_id == synthesis_id)
    return list(session.scalars(query))
