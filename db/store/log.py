"""The event log: written in the transaction of the act it tells of, sealed into a hash chain afterwards."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from db.models_log import Event


def append(session: Session, actor_id: str | None, action: str, subject: str, data: Mapping[str, Any] | None = None) -> Event:
    """Write down that somebody did something to something. `data` is plain JSON, ids rather than texts."""
    plain, salt = dict(data or {}), secrets.token_hex(32)
    hashed = payload_hash(actor_id, plain, salt)
    event = Event(action=action, subject=subject, actor_id=actor_id, data=plain, salt=salt, payload_hash=hashed)
    session.add(event)
    return event


def payload_hash(actor_id: str | None, data: Mapping[str, Any], salt: str) -> str:
    """sha256 of who and what, salted: without the salt nobody can guess an erased payload from its hash."""
    text = json.dumps([actor_id, data, salt], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
