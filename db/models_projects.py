"""Tables of annotation: projects, their tasks, who is at work on which, and what was decided. See `db.models` for the common rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .models import Base, Hash, Id, Name, Word, new_id, now, one_of


class Project(Base):
    """Lists that people judge under one set of rules.

    `grades` are labels of 0, 1, ... ; `overlap` how many people judge each task; `depth` the most candidates of a task; `view` whether the
    model's reasoning is shown; `shown` in which order passages are; `gold_share` and `audit_share` are probabilities, 0-1.
    """

    __tablename__ = "projects"
    __table_args__ = (
        one_of("view", "blind", "model"),
        one_of("shown", "random", "model", "first_stage"),
        one_of("state", "open", "closed"),
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(Name, unique=True)
    about: Mapped[str] = mapped_column(default="")
    collection_id: Mapped[str | None] = mapped_column(ForeignKey("collections.id"))
    grades: Mapped[list[Any]]
    overlap: Mapped[int]
    depth: Mapped[int]
    view: Mapped[str] = mapped_column(Word)
    shown: Mapped[str] = mapped_column(Word)
    gold_share: Mapped[float]
    audit_share: Mapped[float]
    tutorial: Mapped[bool] = mapped_column(default=True)
    lease_minutes: Mapped[int]
    licence: Mapped[str] = mapped_column(Name, default="")
    consent_version: Mapped[str] = mapped_column(Name, default="")
    state: Mapped[str] = mapped_column(Word, default="open")
    actor_id: Mapped[str] = mapped_column(ForeignKey("actors.id"))
    created: Mapped[datetime] = mapped_column(default=now)


class Guideline(Base):
    """A version of the instructions annotators see; never edited, only followed by a newer one. `name` is the project's id."""

    __tablename__ = "guidelines"
    __table_args__ = (UniqueConstraint("name", "version"),)
    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(Name)
    version: Mapped[int]
    text: Mapped[str]
    created: Mapped[datetime] = mapped_column(default=now)


class Task(Base):
    """A candidate list that people are asked to judge.

    `gold` is a known answer {order, not_relevant, grades, why}; `kind` tutorial comes first and teaches, gold is mixed in unannounced.
    `priority` is how much is hoped to be learnt from it, higher first, and `reason` why; `signals` are its parts.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        one_of("state", "open", "done", "closed"),
        one_of("kind", "plain", "gold", "tutorial"),
        UniqueConstraint("project_id", "list_id", "kind"),
        Index("ix_tasks_project_id_state_priority", "project_id", "state", "priority"),
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    list_id: Mapped[str] = mapped_column(ForeignKey("candidate_lists.id"), index=True)
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id"))
    project_id: Mapped[str | None] = mapped_column(ForeignKey("projects.id"))
    kind: Mapped[str] = mapped_column(Word, default="plain")
    number: Mapped[int] = mapped_column(default=0)
    topic: Mapped[str] = mapped_column(Name, default="")
    gold: Mapped[dict[str, Any] | None]
    wanted: Mapped[int] = mapped_column(default=1)
    priority: Mapped[float] = mapped_column(default=0.0)
    reason: Mapped[str] = mapped_column(default="")
    signals: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    state: Mapped[str] = mapped_column(Word, default="open")
    created: Mapped[datetime] = mapped_column(default=now)


class Assignment(Base):
    """A task in one person's hands: never two for the same task and person. A lease that ran out makes room for somebody else.

    `probability` is the chance with which this task was drawn from the `pool` tasks that could have been, for unbiased estimates.
    """

    __tablename__ = "assignments"
    __table_args__ = (
        one_of("state", "leased", "later", "submitted", "flagged", "skipped", "cannot_judge", "expired"),
        one_of("reason", "priority", "audit", "gold", "tutorial"),
        UniqueConstraint("task_id", "actor_id"),
        Index("ix_assignments_actor_id_state", "actor_id", "state"),
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    task_id: Mapped[str] = mapped_column(ForeignKey("tasks.id"))
    actor_id: Mapped[str] = mapped_column(ForeignKey("actors.id"))
    state: Mapped[str] = mapped_column(Word, default="leased")
    reason: Mapped[str] = mapped_column(Word)
    probability: Mapped[float]
    pool: Mapped[int]
    shown_order: Mapped[list[Any]]
    guideline_id: Mapped[str | None] = mapped_column(ForeignKey("guidelines.id"))
    lease_until: Mapped[datetime]
    created: Mapped[datetime] = mapped_column(default=now)
    ended: Mapped[datetime | None]


class Adjudication(Base):
    """What a reviewer decided for a task after people had judged it. Append-only: the newest version counts."""

    __tablename__ = "adjudications"
    __table_args__ = (UniqueConstraint("task_id", "version"), UniqueConstraint("actor_id", "idempotency_key"))
    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    task_id: Mapped[str] = mapped_column(ForeignKey("tasks.id"))
    version: Mapped[int]
    idempotency_key: Mapped[str] = mapped_column(String(64))
    actor_id: Mapped[str] = mapped_column(ForeignKey("actors.id"))
    picked_id: Mapped[str | None] = mapped_column(Id)
    seen: Mapped[list[Any]]
    order: Mapped[list[Any]] = mapped_column("weak_order")
    not_relevant: Mapped[list[Any]] = mapped_column(default=list)
    unranked: Mapped[list[Any]] = mapped_column(default=list)
    grades: Mapped[dict[str, Any]] = mapped_column(default=dict)
    reason: Mapped[str]
    created: Mapped[datetime] = mapped_column(default=now)


class Disagreement(Base):
    """A visitor's objection to a run, with a correction or without. Untrusted, apart from judgements, until a reviewer accepts it."""

    __tablename__ = "disagreements"
    __table_args__ = (one_of("state", "new", "accepted", "rejected"), UniqueConstraint("actor_id", "idempotency_key"))
    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    actor_id: Mapped[str] = mapped_column(ForeignKey("actors.id"))
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), index=True)
    list_id: Mapped[str] = mapped_column(ForeignKey("candidate_lists.id"), index=True)
    idempotency_key: Mapped[str] = mapped_column(String(64))
    order: Mapped[list[Any] | None] = mapped_column("weak_order")
    not_relevant: Mapped[list[Any]] = mapped_column(default=list)
    note: Mapped[str] = mapped_column(default="")
    consent_version: Mapped[str] = mapped_column(Name)
    licence: Mapped[str] = mapped_column(Name)
    trust: Mapped[float] = mapped_column(default=0.0)
    state: Mapped[str] = mapped_column(Word, default="new", index=True)
    reviewer_id: Mapped[str | None] = mapped_column(ForeignKey("actors.id"))
    reviewed: Mapped[datetime | None]
    created: Mapped[datetime] = mapped_column(default=now)


class Withdrawal(Base):
    """A judgement that is gone because its author, or the retention setting, took it away. Nothing of its content is kept."""

    __tablename__ = "withdrawals"
    __table_args__ = (one_of("reason", "asked", "retention"),)
    judgement_id: Mapped[str] = mapped_column(Id, primary_key=True)
    seq: Mapped[int | None]
    project_id: Mapped[str | None] = mapped_column(Id, index=True)
    reason: Mapped[str] = mapped_column(Word)
    created: Mapped[datetime] = mapped_column(default=now)


class ExportVersion(Base):
    """What an export held: enough to write the same bytes again. `until` is the place in the log up to which judgements were read."""

    __tablename__ = "export_versions"
    id: Mapped[str] = mapped_column(Hash, primary_key=True)
    format: Mapped[str] = mapped_column(Word)
    schema_version: Mapped[str] = mapped_column(Word)
    query: Mapped[dict[str, Any]]
    until: Mapped[int]
    content_hash: Mapped[str] = mapped_column(Hash)
    rows: Mapped[int]
    judgements: Mapped[int]
    actor_id: Mapped[str | None] = mapped_column(ForeignKey("actors.id"))
    created: Mapped[datetime] = mapped_column(default=now)
