"""All that the database holds of one person, for them to take away."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from db.models import Base, Run
from db.models_accounts import Actor, ActorRole
from db.models_log import Event
from db.models_loop import Evaluation, Job, Promotion, Schedule
from db.models_people import Judgement
from db.models_projects import Adjudication, Assignment, Disagreement

# Kept of a person to check who they are, and of no use to anybody else.
_NEVER = {"password_hash", "oidc", "salt", "payload_hash", "previous_hash", "hash", "content_hash"}
_KINDS: dict[str, tuple[type[Base], str]] = {
    "account": (Actor, "id"),
    "roles": (ActorRole, "actor_id"),
    "runs": (Run, "actor_id"),
    "judgements": (Judgement, "actor_id"),
    "assignments": (Assignment, "actor_id"),
    "adjudications": (Adjudication, "actor_id"),
    "disagreements": (Disagreement, "actor_id"),
    "events": (Event, "actor_id"),
    "evaluations": (Evaluation, "actor_id"),
    "jobs": (Job, "actor_id"),
    "schedules": (Schedule, "actor_id"),
    "promotions": (Promotion, "actor_id"),
}


def everything(session: Session, actor_id: str) -> dict[str, list[dict[str, Any]]]:
    """Rows of a person by kind, oldest first, without secrets and hashes. Times are as the database has them."""
    found = {}
    for kind, (model, column) in _KINDS.items():
        table = model.__table__
        assert isinstance(table, Table)
        shown = [one for one in table.columns if one.name not in _NEVER]
        rows = session.execute(select(*shown).where(table.columns[column] == actor_id).order_by(*table.primary_key.columns))
        found[kind] = [dict(row._mapping) for row in rows]
    return found
