"""Bundles that a studio keeps: into its artifact store and its database, once, whoever made them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from app.artifacts import ArtifactStore
from app.ranking.evaluation.board import figures
from app.ranking.evaluation.bundles.read import Bundle
from db.session import Database
from db.store import artifacts, evaluations
from db.store.evaluations import NewEvaluation

KIND = "bundle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a bundle comes from: the job that made it or nobody's, whose it is, the version of the model that answered."""

    job_id: str | None = None
    actor_id: str | None = None
    version_id: str | None = None


def _free(_session: Session) -> None:
    return None


def keep(
    database: Database, store: ArtifactStore, folder: Path, origin: Origin | None = None, confirm: Callable[[Session], None] = _free
) -> str:
    """Keep a finished bundle: its folder in the artifact store, a row that lists show it from. Its id; kept again it is the same row.

    `confirm` is called in the transaction that enters it, and may raise to keep it out. Raises InputError for a folder that is no bundle
    or was changed since it was made, and StoreError where it can't be written.
    """
    bundle = Bundle.open(folder)
    bundle.verify()
    origin = origin or Origin()
    kept = store.put(lambda aside: _copy(folder, aside), KIND)
    manifest = dict(bundle.manifest)
    new = NewEvaluation(
        id=bundle.id,
        name=bundle.name,
        suite=str(manifest.get("suite") or bundle.name),
        model=str((manifest.get("model") or {}).get("name") or bundle.name),
        strategy=str((manifest.get("strategy") or {}).get("name") or ""),
        thinking=str((manifest.get("thinking") or {}).get("mode") or ""),
        artifact_hash=kept.hash,
        summary={"manifest": manifest, "figures": figures(bundle)},
        version_id=origin.version_id,
        job_id=origin.job_id,
        actor_id=origin.actor_id,
    )
    with database.write() as session:
        confirm(session)
        artifacts.put(session, kept.hash, kept.kind, kept.size)
        return evaluations.add(session, new).id


def _copy(folder: Path, aside: Path) -> None:
    shutil.copytree(folder, aside, dirs_exist_ok=True)
