"""Model versions."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import ModelVersion
from db.store import texts


def ensure_first(session: Session, version_id: str, name: str, recipe: str) -> None:
    """Enter the committed weights as a version; active where no version of that name is yet."""
    state = "retired" if active(session, name) not in (None, version_id) else "active"
    row = {"id": version_id, "name": name, "recipe": recipe, "state": state, "reason": "committed weights", "code": ""}
    texts.insert_missing(session, ModelVersion, [row])


def active(session: Session, name: str) -> str | None:
    """Id of the version of a model that serves."""
    return session.scalar(
        select(ModelVersion.id).where(ModelVersion.name == name, ModelVersion.state == "active").order_by(ModelVersion.created.desc())
    )
