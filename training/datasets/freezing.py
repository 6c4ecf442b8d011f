"""Freezing a folder that was built: into the artifact store first, then the rows that name it, in one transaction."""

from __future__ import annotations

import shutil
from pathlib import Path

from app.artifacts import ArtifactStore
from app.ranking.errors import StoreError
from db.session import Database
from db.store import artifacts, datasets
from db.store.datasets import NewVersion

from .values import Built

KIND = "dataset"


def publish(database: Database, store: ArtifactStore, folder: Path, built: Built, synthesis_id: str | None) -> str:
    """Keep a version; its id. A version that is there already stays as it is, under its first name: the id says that it is the same."""
    with database.read() as session:
        known = datasets.find(session, built.id)
    if known is not None and _there(store, known.artifact_hash):
        return known.id
    kept = store.put(lambda aside: _copy(folder, aside), KIND)
    version = NewVersion(
        id=built.id, name=built.name, artifact_hash=kept.hash, synthesis_id=synthesis_id, counts=built.counts, manifest=built.manifest
    )
    with database.write() as session:
        artifacts.put(session, kept.hash, kept.kind, kept.size)
        datasets.put(session, version)
        datasets.set_artifact(session, built.id, kept.hash)
    return built.id


def _there(store: ArtifactStore, digest: str) -> bool:
    try:
        store.path(digest)
    except StoreError:
        return False
    return True


def _copy(folder: Path, aside: Path) -> None:
    shutil.copytree(folder, aside, dirs_exist_ok=True)
