"""Passwords: Argon2id by a maintained library, with its recommended cost (RFC 9106, low-memory choice)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from app.ranking.errors import InputError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LEAST, MOST = 10, 200


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


def hashed(password: str) -> str:
    """The password as it is stored. Raises InputError for one that is too short to be safe, or too long to be one."""
    if not LEAST <= len(password) <= MOST:
        raise InputError(f"the password has {len(password)} characters: use {LEAST} to {MOST}, such as four words that don't go together")
    return _hasher().hash(password)


def fits(password: str, stored: str | None) -> bool:
    """Whether a password is the stored one. Without a stored one the work is done all the same, so that time tells nothing."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(stored or _nobodys(), password[: MOST + 1]) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(stored: str) -> bool:
    """Whether a stored hash was made at a lower cost than is used now."""
    return _hasher().check_needs_rehash(stored)


@cache
def _nobodys() -> str:
    return _hasher().hash("the password of nobody at all")
