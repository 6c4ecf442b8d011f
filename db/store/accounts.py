"""Accounts: people who can sign in, their sessions, and the invites that let them in. Tokens are kept as hashes only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from app.ranking.errors import Conflict, NotFound
from db.models_accounts import Actor, ActorRole, Invite, LoginSession
from db.store import actors


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """An account to be made. `email` is lower case; at least one of `password_hash` and `oidc` is given."""

    name: str
    email: str
    roles: Collection[str]
    password_hash: str | None = None
    oidc: str | None = None


def count(session: Session, role: str | None = None) -> int:
    """How many active accounts there are, of all or of those with a role."""
    query = select(func.count(func.distinct(Actor.id))).where(Actor.state == "active", _can_sign_in())
    if role is not None:
        query = query.join(ActorRole, ActorRole.actor_id == Actor.id).where(ActorRole.role == role)
    return session.scalar(query) or 0


def _can_sign_in() -> ColumnElement[bool]:
    return or_(Actor.password_hash.is_not(None), Actor.oidc.is_not(None))


def create(session: Session, new: NewAccount) -> Actor:
    """Make an account. Raises Conflict where the address has one."""
    if by_email(session, new.email) is not None:
        raise Conflict("there is an account with this e-mail address: sign in, or ask an admin for a new password")
    row = Actor(name=new.name, email=new.email, password_hash=new.password_hash, oidc=new.oidc)
    session.add(row)
    session.flush()
    actors.pseudonym(session, row.id)
    set_roles(session, row.id, new.roles)
    return row


def get(session: Session, actor_id: str) -> Actor:
    """An account by id. Raises NotFound."""
    row = session.get(Actor, actor_id)
    if row is None or row.state == "deleted" or not (row.password_hash or row.oidc):
        raise NotFound("there is no such account")
    return row


def by_email(session: Session, email: str) -> Actor | None:
    """The account of an address in lower case."""
    return session.scalar(select(Actor).where(Actor.email == email))


def by_oidc(session: Session, oidc: str) -> Actor | None:
    """The account of an outside sign-in: sha256 of its issuer and subject."""
    return session.scalar(select(Actor).where(Actor.oidc == oidc))


def all_of_them(session: Session) -> list[tuple[Actor, frozenset[str]]]:
    """Every account with its roles, oldest first."""
    rows = session.scalars(select(Actor).where(_can_sign_in(), Actor.state != "deleted").order_by(Actor.id)).all()
    found: dict[str, set[str]] = {row.id: set() for row in rows}
    for role in session.scalars(select(ActorRole).where(ActorRole.actor_id.in_(list(found)))):
        found[role.actor_id].add(role.role)
    return [(row, frozenset(found[row.id])) for row in rows]


def set_roles(session: Session, actor_id: str, roles: Collection[str]) -> None:
    """Give exactly these roles. Being a visitor goes with every account."""
    session.execute(delete(ActorRole).where(ActorRole.actor_id == actor_id))
    session.add_all(ActorRole(actor_id=actor_id, role=role) for role in sorted({"visitor", *roles}))
    session.flush()


def open_session(session: Session, actor_id: str, token_hash: str, expires: datetime) -> None:
    """Remember a signed-in browser."""
    session.add(LoginSession(token_hash=token_hash, actor_id=actor_id, expires=expires))


def of_session(session: Session, token_hash: str, at: datetime) -> Actor | None:
    """Who signed in with this token, while the session and the account are good."""
    query = select(Actor).join(LoginSession, LoginSession.actor_id == Actor.id)
    return session.scalar(query.where(LoginSession.token_hash == token_hash, LoginSession.expires > at, Actor.state == "active"))


def close_sessions(session: Session, *, actor_id: str | None = None, token_hash: str | None = None, keep: str | None = None) -> None:
    """Forget sessions: those of an account, or one by its hash; `keep` is spared."""
    query = delete(LoginSession)
    if actor_id is not None:
        query = query.where(LoginSession.actor_id == actor_id)
    if token_hash is not None:
        query = query.where(LoginSession.token_hash == token_hash)
    session.execute(query if keep is None else query.where(LoginSession.token_hash != keep))


def forget_expired(session: Session, at: datetime) -> None:
    """Drop sessions that have run out."""
    session.execute(delete(LoginSession).where(LoginSession.expires <= at))


def invite(session: Session, token_hash: str, at: datetime) -> Invite:
    """An invite that can still be used. Raises NotFound with what to do."""
    row = session.scalar(select(Invite).where(Invite.token_hash == token_hash))
    if row is None or row.used is not None or row.expires <= at:
        raise NotFound("this invite was used, has run out, or never was: ask for a new one")
    return row


def use_invite(session: Session, invite_id: str, actor_id: str, at: datetime) -> None:
    """Use an invite up. Raises Conflict where somebody was quicker."""
    done = session.execute(update(Invite).where(Invite.id == invite_id, Invite.used.is_(None)).values(used=at, used_by=actor_id))
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict("this invite was used a moment ago: ask for a new one")


def invites(session: Session) -> list[Invite]:
    """All invites, newest first."""
    return list(session.scalars(select(Invite).order_by(Invite.id.desc())))
