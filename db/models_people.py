"""The table of what people say of rankings; see `db.models` for the common rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .models import Base, Hash, Id, Name, Word, new_id, now, one_of


class Judgement(Base):
    """What one person says of one candidate list, one version of it. Append-only.

    `thread` ties the versions of one person's judgement of one list (of one task) together; the newest version counts. `spans` are the
    words of passages that decided, {passage_id, start, end} in code points; `seq` is its place in the sealed log, from which exports count.
    """

    __tablename__ = "judgements"
    __table_args__ = (
        one_of("state", "draft", "submitted", "skipped", "flagged", "cannot_judge"),
        UniqueConstraint("actor_id", "idempotency_key"),
        UniqueConstraint("thread", "version"),
        Index("ix_judgements_actor_id_created", "actor_id", "created"),
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    thread: Mapped[str] = mapped_column(Hash)
    version: Mapped[int]
    base_version: Mapped[int]
    idempotency_key: Mapped[str] = mapped_column(String(64))
    content_hash: Mapped[str] = mapped_column(Hash)
    actor_id: Mapped[str] = mapped_column(ForeignKey("actors.id"))
    list_id: Mapped[str] = mapped_column(ForeignKey("candidate_lists.id"), index=True)
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id"), index=True)
    task_id: Mapped[str | None] = mapped_column(ForeignKey("tasks.id"), index=True)
    assignment_id: Mapped[str | None] = mapped_column(ForeignKey("assignments.id"))
    state: Mapped[str] = mapped_column(Word)
    order: Mapped[list[Any]] = mapped_column("weak_order")
    not_relevant: Mapped[list[Any]] = mapped_column(default=list)
    unranked: Mapped[list[Any]] = mapped_column(default=list)
    grades: Mapped[dict[str, Any]] = mapped_column(default=dict)
    shown_order: Mapped[list[Any]]
    claims: Mapped[list[Any]] = mapped_column(default=list)
    spans: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    disagree: Mapped[bool] = mapped_column(default=False)
    note: Mapped[str] = mapped_column(default="")
    confidence: Mapped[float | None]
    active_seconds: Mapped[float] = mapped_column(default=0.0)
    guideline_id: Mapped[str | None] = mapped_column(ForeignKey("guidelines.id"))
    model_visible: Mapped[str | None] = mapped_column(Name)
    model_version_id: Mapped[str | None] = mapped_column(ForeignKey("model_versions.id"))
    trust: Mapped[float | None]
    consent_version: Mapped[str | None] = mapped_column(Name)
    licence: Mapped[str] = mapped_column(Name, default="")
    selection_probability: Mapped[float | None]
    selection_reason: Mapped[str] = mapped_column(default="")
    selection_pool: Mapped[int | None]
    seq: Mapped[int | None] = mapped_column(unique=True)
    created: Mapped[datetime] = mapped_column(default=now, index=True)
