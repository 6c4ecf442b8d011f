"""People, as an admin sees them: accounts, roles, invites. Nothing here is ever exported."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from app.ranking.errors import Conflict, InputError, NotFound
from app.services import passwords
from app.services.accounts import Accounts, address, hashed, known_roles
from app.services.actors import Actor, require
from db.models import now
from db.models_accounts import Actor as Row
from db.models_accounts import Invite
from db.session import Database
from db.store import accounts, log
from db.store.accounts import NewAccount

_MAX_DAYS = 90


class People:
    """Lets people in, changes what they may do, and keeps them out."""

    def __init__(self, database: Database, door: Accounts) -> None:
        self._database, self._door = database, door

    async def accounts(self, actor: Actor) -> list[dict[str, Any]]:
        """All accounts."""
        require(actor, "admin")

        def read() -> list[dict[str, Any]]:
            with self._database.read() as session:
                return [_account(row, roles) for row, roles in accounts.all_of_them(session)]

        return await asyncio.to_thread(read)

    async def change(self, actor: Actor, account_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change roles, state, trust, name or password of an account. Raises NotFound, Conflict for the last admin, InputError."""
        require(actor, "admin")
        return await asyncio.to_thread(self.change_now, actor.id, account_id, changes)

    def change_now(self, actor_id: str | None, account_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The same, blocking, for the command line."""
        given = {name: value for name, value in changes.items() if value is not None}
        fresh = passwords.hashed(given["password"]) if "password" in given else None
        with self._database.write() as session:
            row = accounts.get(session, account_id)
            if "roles" in given:
                accounts.set_roles(session, account_id, known_roles(given["roles"]))
            for name in ("state", "trust", "name"):
                if name in given:
                    setattr(row, name, given[name])
            if fresh is not None:
                row.password_hash, row.failures, row.locked_until = fresh, 0, None
            session.flush()
            if accounts.count(session, "admin") == 0:
                raise Conflict("this would leave nobody who is an admin: make somebody else one first")
            if fresh is not None or given.get("state") == "disabled":
                accounts.close_sessions(session, actor_id=account_id)
            told = {name: given[name] for name in ("roles", "state", "trust") if name in given}
            log.append(session, actor_id, "account.changed", account_id, told | ({"password": True} if fresh else {}))
            found = next(one for one in accounts.all_of_them(session) if one[0].id == account_id)
            shown = _account(*found)
        self._door.forget()
        return shown

    def add(self, new: NewAccount, password: str) -> str:
        """Make an account from the command line (blocking); its id. Raises InputError, Conflict."""
        stored = passwords.hashed(password)
        with self._database.write() as session:
            made = NewAccount(name=new.name, email=address(new.email), roles=known_roles(tuple(new.roles)), password_hash=stored)
            row = accounts.create(session, made)
            log.append(session, None, "account.created", row.id, {"roles": list(made.roles)})
        self._door.forget()
        return row.id

    async def invite(self, actor: Actor, roles: Sequence[str], note: str, days: int) -> tuple[dict[str, Any], str]:
        """Make an invite: what is kept of it, and its token, which is shown this once. Raises InputError."""
        require(actor, "admin")
        return await asyncio.to_thread(self.make_invite, actor.id, roles, note, days)

    def make_invite(self, actor_id: str | None, roles: Sequence[str], note: str, days: int) -> tuple[dict[str, Any], str]:
        """The same, blocking, for the command line."""
        if not 1 <= days <= _MAX_DAYS:
            raise InputError(f"an invite of {days} days can't be: choose 1 to {_MAX_DAYS}")
        token = secrets.token_urlsafe(32)
        with self._database.write() as session:
            if "admin" not in roles and accounts.count(session, "admin") == 0:
                raise Conflict("the first account must be an admin's: with any account everybody signs in, and nobody could let others in")
            row = Invite(
                token_hash=hashed(token),
                roles=known_roles(tuple(roles)),
                note=note,
                created_by=actor_id,
                expires=now() + timedelta(days=days),
            )
            session.add(row)
            session.flush()
            log.append(session, actor_id, "invite.made", row.id, {"roles": row.roles, "days": days})
            return _invite(row), token

    async def invites(self, actor: Actor) -> list[dict[str, Any]]:
        """All invites, newest first; never their tokens."""
        require(actor, "admin")

        def read() -> list[dict[str, Any]]:
            with self._database.read() as session:
                return [_invite(row) for row in accounts.invites(session)]

        return await asyncio.to_thread(read)

    async def revoke(self, actor: Actor, invite_id: str) -> None:
        """Let an invite run out now. Raises NotFound."""
        require(actor, "admin")

        def end() -> None:
            with self._database.write() as session:
                row = session.get(Invite, invite_id)
                if row is None:
                    raise NotFound("there is no such invite")
                row.expires = min(row.expires, now())
                log.append(session, actor.id, "invite.revoked", invite_id)

        await asyncio.to_thread(end)


def _account(row: Row, roles: frozenset[str]) -> dict[str, Any]:
    return {
        "id": row.id, "name": row.name, "email": row.email, "pseudonym": row.pseudonym, "roles": sorted(roles), "state": row.state,
        "trust": row.trust, "created": row.created.isoformat(), "locked": row.locked_until is not None and row.locked_until > now(),
    }  # fmt: skip


def _invite(row: Invite) -> dict[str, Any]:
    state = "used" if row.used is not None else "open" if row.expires > now() else "over"
    return {
        "id": row.id, "roles": row.roles, "note": row.note, "state": state, "created": row.created.isoformat(),
        "expires": row.expires.isoformat(),
    }  # fmt: skip
