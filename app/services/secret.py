"""The server's own secret, made at the first start: it signs visitors' cookies. Nothing works with a known default."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from app.ranking.errors import SettingsError

_BYTES = 32


def read_or_make(path: Path) -> str:
    """The secret in a file that only this user can read; made where there is none. Raises SettingsError where it can't be had."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _make(path)
        secret = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the secret in {str(path)!r} can't be read or made: {error}; choose another with --secret-file") from error
    if len(secret) < _BYTES:
        raise SettingsError(f"the secret in {str(path)!r} is shorter than {_BYTES} characters: delete the file, and a new one is made")
    return secret


def _make(path: Path) -> None:
    """Written aside and linked, so that of two processes that start at once both end with the same whole secret."""
    if path.exists():
        return
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(aside, path)
    except FileExistsError:
        pass
    finally:
        aside.unlink()
