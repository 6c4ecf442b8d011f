"""What may be posted about accounts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.services.actors import Role

from .bodies import Body, Clean, Name, Probability

Password = Annotated[str, StringConstraints(min_length=1, max_length=200), Clean]
Email = Annotated[str, StringConstraints(min_length=3, max_length=320, strip_whitespace=True), Clean]
InviteToken = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{20,64}$")]
Roles = Annotated[list[Role], Field(max_length=5)]


class SignInBody(Body):
    """POST /api/v1/session."""

    email: Email
    password: Password


class AcceptBody(Body):
    """POST /api/v1/invites/accept: the token of the invite's link, and the account to be made."""

    token: InviteToken
    name: Name
    email: Email
    password: Password


class InviteBody(Body):
    """POST /api/v1/invites."""

    roles: Roles
    note: Annotated[str, StringConstraints(max_length=200), Clean] = ""
    days: Annotated[int, Field(ge=1, le=90, strict=True)] = 14


class AccountBody(Body):
    """PATCH /api/v1/accounts/{id}; what is not given stays as it is. `trust` weighs a person's work, 0-1."""

    roles: Roles | None = None
    state: Literal["active", "disabled"] | None = None
    trust: Probability | None = None
    name: Name | None = None
    password: Password | None = None


class PasswordBody(Body):
    """POST /api/v1/me/password."""

    old: Password
    new: Password
