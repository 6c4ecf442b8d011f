"""Accounts: sign in and out, who a request comes from, invites, and a person's own password.

A wrong password and an unknown address are answered alike, and take the same time. After ten wrong passwords in a row an account is locked
for a while that doubles with each further one.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from app.ranking.errors import Forbidden, InputError
from app.services import passwords
from app.services.actors import LOCAL, ROLES, Actor, require
from app.services.visitors import Visitors
from app.settings import Settings
from db.models import now
from db.models_accounts import Actor as Row
from db.session import Database
from db.store import accounts, actors, log
from db.store.accounts import NewAccount

FAILURES = 10
_LOCK, _LONGEST_LOCK = timedelta(minutes=1), timedelta(hours=1)
# A session is looked up in the database at most this often, so an account disabled by another process may act this long.
_REMEMBER_SECONDS = 20.0
# On one machine without accounts, the first account that is made must be noticed soon.
_COUNT_SECONDS = 5.0
_REMEMBERED = 10_000
_T = TypeVar("_T")
_WRONG = "the e-mail address or the password is wrong"


class SignInRefused(Forbidden):
    """Wrong address or password, or a locked account; `seconds` to wait where waiting helps."""

    def __init__(self, message: str, seconds: int = 0) -> None:
        super().__init__(message)
        self.seconds = seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a request says of who sends it. `here` is true where it came to a loopback name of this machine and through no proxy."""

    session: str = ""
    visitor: str = ""
    here: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Somebody whom an outside sign-in (OpenID Connect) vouches for; `email` only where it says that it is verified."""

    issuer: str
    subject: str
    email: str
    name: str

    @property
    def key(self) -> str:
        """sha256 of issuer and subject, which name a person for good (OpenID Connect Core 1.0, section 2)."""
        return hashed(f"{self.issuer}\n{self.subject}")


class Accounts:
    """Who may come in, and who is who."""

    def __init__(self, settings: Settings, database: Database, visitors: Visitors) -> None:
        self._settings, self._database, self.visitors = settings, database, visitors
        self._seen: dict[str, tuple[float, Actor | None]] = {}
        self._counted: tuple[float, int] = (float("-inf"), 0)

    async def who(self, credentials: Credentials) -> Actor:
        """Who asks: an account, the local person where there are no accounts, or a visitor."""
        if self._settings.visitors_only:
            return self.visitors.actor(credentials.visitor)
        if credentials.session and (actor := await self._signed_in(hashed(credentials.session))):
            return actor
        if credentials.here and self._settings.is_local and not await self._any():
            return LOCAL
        return self.visitors.actor(credentials.visitor)

    async def _signed_in(self, token_hash: str) -> Actor | None:
        until, actor = self._seen.get(token_hash, (0.0, None))
        if until > time.monotonic():
            return actor
        actor = await asyncio.to_thread(self._of_session, token_hash)
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen[token_hash] = (time.monotonic() + _REMEMBER_SECONDS, actor)
        return actor

    def _of_session(self, token_hash: str) -> Actor | None:
        with self._database.read() as session:
            row = accounts.of_session(session, token_hash, now())
            return None if row is None else Actor(id=row.id, name=row.name, roles=actors.roles(session, row.id))

    async def _any(self) -> bool:
        at, count = self._counted
        if count == 0 and time.monotonic() - at > _COUNT_SECONDS:
            count = await asyncio.to_thread(self.count)
            self._counted = (time.monotonic(), count)
        return count > 0

    def forget(self) -> None:
        """Look everybody up anew: roles, states or sessions have changed."""
        self._seen.clear()
        self._counted = (float("-inf"), 0)

    def count(self, role: str | None = None) -> int:
        """How many accounts there are, of all or with a role (blocking)."""
        with self._database.read() as session:
            return accounts.count(session, role)

    async def me(self, actor: Actor) -> dict[str, Any]:
        """What the page has to know of who uses it."""

        def read() -> Row | None:
            with self._database.read() as session:
                return session.get(Row, actor.id)

        row = await asyncio.to_thread(read)
        signed_in = row is not None and (row.password_hash or row.oidc) is not None
        oidc = self._settings.oidc_label if self._settings.oidc_issuer and not self._settings.visitors_only else None
        can = not self._settings.visitors_only and actor is not LOCAL
        return {
            "name": actor.name, "pseudonym": row.pseudonym if row else None, "roles": sorted(actor.roles), "signed_in": signed_in,
            "local": actor is LOCAL, "can_sign_in": can, "has_password": bool(row and row.password_hash), "oidc": oidc,
            "visitors_only": self._settings.visitors_only,
        }  # fmt: skip

    async def sign_in(self, email: str, password: str) -> str:
        """A new session's token. Raises SignInRefused."""
        return await self._change(lambda: self._sign_in(email, password))

    def _sign_in(self, email: str, password: str) -> str:
        at = now()
        with self._database.read() as session:
            row = accounts.by_email(session, address(email))
        # Checked outside any transaction: it takes a tenth of a second of work.
        good = passwords.fits(password, row.password_hash if row else None)
        if row is None or row.state != "active":
            raise SignInRefused(_WRONG)
        if row.locked_until is not None and row.locked_until > at:
            seconds = int((row.locked_until - at).total_seconds()) + 1
            raise SignInRefused(f"too many wrong passwords: wait {seconds} seconds, or ask an admin for a new one", seconds)
        if not good:
            self._failed(row.id, at)
            raise SignInRefused(_WRONG)
        fresh = passwords.hashed(password) if passwords.is_outdated(row.password_hash or "") else row.password_hash
        with self._database.write() as session:
            person = accounts.get(session, row.id)
            person.failures, person.locked_until, person.password_hash = 0, None, fresh
            return self._open(session, row.id, at)

    def _failed(self, actor_id: str, at: datetime) -> None:
        with self._database.write() as session:
            row = accounts.get(session, actor_id)
            row.failures += 1
            if row.failures >= FAILURES:
                row.locked_until = at + min(_LONGEST_LOCK, _LOCK * 2 ** min(row.failures - FAILURES, 10))
                log.append(session, actor_id, "account.locked", actor_id, {"failures": row.failures})

    def _open(self, session: Any, actor_id: str, at: datetime) -> str:
        token = secrets.token_urlsafe(32)
        accounts.forget_expired(session, at)
        accounts.open_session(session, actor_id, hashed(token), at + timedelta(days=self._settings.session_days))
        log.append(session, actor_id, "session.opened", actor_id)
        return token

    async def sign_out(self, token: str) -> None:
        """End a session."""

        def end() -> None:
            with self._database.write() as session:
                accounts.close_sessions(session, token_hash=hashed(token))

        await self._change(end)

    async def accept(self, invite: str, name: str, email: str, password: str) -> str:
        """Make the account that an invite allows, and sign in. Raises NotFound, Conflict, InputError."""
        return await self._change(lambda: self._accept(invite, NewAccount(name=name, email=address(email), roles=()), password))

    def _accept(self, token: str, new: NewAccount, password: str) -> str:
        with self._database.read() as session:
            accounts.invite(session, hashed(token), now())
        stored = passwords.hashed(password)
        return self._admit(token, NewAccount(name=new.name, email=new.email, roles=(), password_hash=stored))

    def _admit(self, token: str, new: NewAccount) -> str:
        at = now()
        with self._database.write() as session:
            invite = accounts.invite(session, hashed(token), at)
            row = accounts.create(
                session,
                NewAccount(name=new.name, email=new.email, roles=invite.roles, password_hash=new.password_hash, oidc=new.oidc),
            )
            accounts.use_invite(session, invite.id, row.id, at)
            log.append(session, row.id, "account.created", row.id, {"roles": invite.roles, "invite": invite.id})
            return self._open(session, row.id, at)

    async def sign_in_outside(self, person: Outside, invite: str = "") -> str:
        """A session for somebody an outside sign-in vouches for: known, with a known verified address, invited, or a welcome newcomer.

        Raises Forbidden where none of these is so.
        """
        return await self._change(lambda: self._outside(person, invite))

    def _outside(self, person: Outside, invite: str) -> str:
        at = now()
        with self._database.write() as session:
            row = accounts.by_oidc(session, person.key)
            if row is None and person.email and (row := accounts.by_email(session, address(person.email))) is not None:
                row.oidc = person.key
            if row is not None:
                if row.state != "active":
                    raise Forbidden("this account is disabled: ask an admin")
                return self._open(session, row.id, at)
        new = NewAccount(name=person.name, email=address(person.email), roles=(), oidc=person.key)
        if invite:
            return self._admit(invite, new)
        roles = self._settings.newcomers
        if not roles:
            raise Forbidden("nobody here knows this account: ask an admin for an invite, and follow it before you sign in")
        with self._database.write() as session:
            row = accounts.create(session, NewAccount(name=new.name, email=new.email, roles=roles, oidc=new.oidc))
            log.append(session, row.id, "account.created", row.id, {"roles": sorted(roles)})
            return self._open(session, row.id, at)

    async def change_password(self, actor: Actor, old: str, new: str, session_token: str) -> None:
        """Change one's own password; other browsers are signed out. Raises SignInRefused, InputError."""
        require(actor, "visitor")

        def change() -> None:
            with self._database.read() as session:
                stored = accounts.get(session, actor.id).password_hash
            if not passwords.fits(old, stored):
                raise SignInRefused("the present password is wrong")
            fresh = passwords.hashed(new)
            with self._database.write() as session:
                accounts.get(session, actor.id).password_hash = fresh
                accounts.close_sessions(session, actor_id=actor.id, keep=hashed(session_token))
                log.append(session, actor.id, "password.changed", actor.id)

        await self._change(change)

    async def _change(self, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.to_thread(work)
        finally:
            self.forget()


def hashed(token: str) -> str:
    """sha256 of a token of 256 random bits, which needs no salt; hex."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def address(email: str) -> str:
    """An address as it is stored and compared. Raises InputError for what can't be one."""
    plain = unicodedata.normalize("NFC", email).strip().lower()
    name, at, host = plain.rpartition("@")
    if not (name and at and host) or len(plain) > 320 or any(c.isspace() or ord(c) < 32 for c in plain):
        raise InputError("the e-mail address is not one: it looks like name@example.org")
    return plain


def known_roles(roles: object) -> list[str]:
    """Roles in order of power. Raises InputError naming the first that is none."""
    given = list(roles) if isinstance(roles, list | tuple | set | frozenset) else [roles]
    for role in given:
        if role not in ROLES:
            raise InputError(f"{role!r} is no role: use {', '.join(ROLES)}")
    return [role for role in ROLES if role in given]
