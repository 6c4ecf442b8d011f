"""People and their roles, and the pseudonyms under which their work leaves the database."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models_accounts import Actor, ActorRole
from db.store import texts


def ensure(session: Session, actor_id: str, name: str, roles: Collection[str]) -> None:
    """Make an actor with roles where it is not there yet; roles are only added."""
    texts.insert_missing(session, Actor, [{"id": actor_id, "name": name, "kind": "person", "state": "active"}])
    texts.insert_missing(session, ActorRole, [{"actor_id": actor_id, "role": role} for role in sorted(roles)])


def roles(session: Session, actor_id: str) -> frozenset[str]:
    """Roles of an actor."""
    return frozenset(session.scalars(select(ActorRole.role).where(ActorRole.actor_id == actor_id)))


def pseudonym(session: Session, actor_id: str) -> str:
    """What an actor is called outside: "p" and ten random letters and digits, made once. Needs a write session the first time."""
    row = session.get_one(Actor, actor_id)
    if row.pseudonym is None:
        row.pseudonym = "p" + base64.b32encode(secrets.token_bytes(7)).decode("ascii").lower()[:10]
        session.flush()
    return row.pseudonym
