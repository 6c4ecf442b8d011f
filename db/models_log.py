"""The event log: append-only, chained by hash; see `db.store.log`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from .models import Base, Hash, Id, Name, new_id, now


class Event(Base):
    """Who did what to what, written in the transaction of the act. One sealer gives it a place and chains it.

    `payload_hash` covers actor, data and salt; those three can be erased, and the chain still verifies (a tombstone).
    """

    __tablename__ = "events"
    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    action: Mapped[str] = mapped_column(Name)
    subject: Mapped[str] = mapped_column(Name, index=True)
    actor_id: Mapped[str | None] = mapped_column(Id, index=True)
    data: Mapped[dict[str, Any] | None]
    salt: Mapped[str | None] = mapped_column(Hash)
    payload_hash: Mapped[str] = mapped_column(Hash)
    created: Mapped[datetime] = mapped_column(default=now)
    seq: Mapped[int | None] = mapped_column(unique=True)
    previous_hash: Mapped[str | None] = mapped_column(Hash)
    hash: Mapped[str | None] = mapped_column(Hash)
    erased: Mapped[datetime | None]
