"""Tables of people: who they are, what they may do, how they sign in, and how they are let in. See `db.models` for the common rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .models import Base, Hash, Id, Name, UtcTime, Word, new_id, now, one_of


class Actor(Base):
    """A person, or a model that judges. `pseudonym` is all that ever leaves the database of who a person is.

    `failures` counts wrong passwords in a row, `oidc` is issuer and subject of an outside sign-in, `trust` weighs a person's work (0-1).
    """

    __tablename__ = "actors"
    __table_args__ = (one_of("kind", "person", "model", "system"), one_of("state", "active", "disabled", "deleted"))
    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(Word, default="person")
    name: Mapped[str] = mapped_column(Name)
    email: Mapped[str | None] = mapped_column(String(320), unique=True)
    password_hash: Mapped[str | None]
    state: Mapped[str] = mapped_column(Word, default="active")
    created: Mapped[datetime] = mapped_column(default=now)
    pseudonym: Mapped[str | None] = mapped_column(Word, unique=True)
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    locked_until: Mapped[datetime | None]
    oidc: Mapped[str | None] = mapped_column(Hash, unique=True)
    trust: Mapped[float | None]


class ActorRole(Base):
    """A role an actor has."""

    __tablename__ = "actor_roles"
    __table_args__ = (one_of("role", "visitor", "annotator", "reviewer", "researcher", "admin"),)
    actor_id: Mapped[str] = mapped_column(ForeignKey("actors.id"), primary_key=True)
    role: Mapped[str] = mapped_column(Word, primary_key=True)


class LoginSession(Base):
    """A signed-in browser; only the hash of its token is kept."""

    __tablename__ = "login_sessions"
    token_hash: Mapped[str] = mapped_column(Hash, primary_key=True)
    actor_id: Mapped[str] = mapped_column(ForeignKey("actors.id"), index=True)
    created: Mapped[datetime] = mapped_column(default=now)
    expires: Mapped[datetime]


class Invite(Base):
    """A link that makes one account with some roles, once. Only the hash of its token is kept."""

    __tablename__ = "invites"
    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    token_hash: Mapped[str] = mapped_column(Hash, unique=True)
    roles: Mapped[list[Any]]
    note: Mapped[str] = mapped_column(Name, default="")
    created_by: Mapped[str | None] = mapped_column(ForeignKey("actors.id"))
    created: Mapped[datetime] = mapped_column(default=now)
    expires: Mapped[datetime]
    used_by: Mapped[str | None] = mapped_column(ForeignKey("actors.id"))
    used: Mapped[datetime | None] = mapped_column(UtcTime)
