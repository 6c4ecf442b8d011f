"""What the routes of accounts answer, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class Me(BaseModel):
    """Who asks. `local` is the person at this machine where there are no accounts; `oidc` what the outside sign-in is called, if any."""

    name: str
    pseudonym: str | None
    roles: list[str]
    signed_in: bool
    local: bool
    can_sign_in: bool
    has_password: bool
    oidc: str | None
    visitors_only: bool


class Done(BaseModel):
    """It is done."""

    done: bool


class OwnData(BaseModel):
    """Rows of a person by kind, as the database has them."""

    account: list[dict[str, Any]]
    roles: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    judgements: list[dict[str, Any]]
    assignments: list[dict[str, Any]]
    adjudications: list[dict[str, Any]]
    disagreements: list[dict[str, Any]]
    events: list[dict[str, Any]]


class Deleted(BaseModel):
    """How many rows went, by kind."""

    deleted: dict[str, int]


class Invite(BaseModel):
    """An invite; `state` is open, used or over."""

    id: str
    roles: list[str]
    note: str
    state: str
    created: str
    expires: str


class Invites(BaseModel):
    """GET /api/v1/invites."""

    invites: list[Invite]


class NewInvite(BaseModel):
    """A new invite and its link, which is shown this once."""

    invite: Invite
    link: str


class Account(BaseModel):
    """An account, as admins see it."""

    id: str
    name: str
    email: str | None
    pseudonym: str | None
    roles: list[str]
    state: str
    trust: float | None
    created: str
    locked: bool


class Accounts(BaseModel):
    """GET /api/v1/accounts."""

    accounts: list[Account]
