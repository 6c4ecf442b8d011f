"""Tables. Primary keys are UUIDv7 text (time-ordered) or content hashes (sha256 hex); times are UTC; enums are strings with a CHECK.

One model set serves SQLite and PostgreSQL. Texts are content-addressed and never deleted, so that exports and training sets do not
depend on a folder that may be gone. Judgements are append-only: a correction of a correction is a new row with the next version.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid6 import uuid7

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

Json = JSON().with_variant(JSONB, "postgresql")


class UtcTime(TypeDecorator[datetime]):
    """A time with its zone on the Python side, UTC in the database; a naive time is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: UTC."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone: use datetime.now(UTC)")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database: SQLite forgets the zone, which is always UTC."""
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def new_id() -> str:
    """A time-ordered id."""
    return str(uuid7())


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


def one_of(column: str, *values: str) -> CheckConstraint:
    """A CHECK that a text column holds one of some values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


Id = String(36)
Hash = String(64)
Name = String(200)
Word = String(32)
_ACTIVE = text("state = 'active'")


class Base(DeclarativeBase):
    """Common base: one naming convention, so that every constraint can be named in a later migration."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcTime, dict[str, Any]: Json, list[Any]: Json, str: Text}


class TextRow(Base):
    """A text of a query, passage or prompt, once per content."""

    __tablename__ = "texts"
    hash: Mapped[str] = mapped_column(Hash, primary_key=True)
    text: Mapped[str]


class Collection(Base):
    """Metadata of an immutable folder of passages, named by content hash."""

    __tablename__ = "collections"
    __table_args__ = (one_of("state", "indexing", "ready", "failed"),)
    id: Mapped[str] = mapped_column(Hash, primary_key=True)
    name: Mapped[str] = mapped_column(Name)
    kind: Mapped[str] = mapped_column(Word)
    passages: Mapped[int]
    state: Mapped[str] = mapped_column(Word)
    error: Mapped[str] = mapped_column(default="")
    licence: Mapped[str] = mapped_column(Name, default="")
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("actors.id"))
    created: Mapped[datetime] = mapped_column(default=now)


class CandidateList(Base):
    """A query and its passages in first-stage order: the object that runs, tasks, teacher labels and judgements all point at."""

    __tablename__ = "candidate_lists"
    id: Mapped[str] = mapped_column(Hash, primary_key=True)
    query_hash: Mapped[str] = mapped_column(ForeignKey("texts.hash"), index=True)
    collection_id: Mapped[str | None] = mapped_column(ForeignKey("collections.id"))
    retriever: Mapped[str] = mapped_column(Name)
    signals_version: Mapped[str] = mapped_column(Name)
    holdout: Mapped[bool]
    created: Mapped[datetime] = mapped_column(default=now)


class CandidateItem(Base):
    """One passage of a candidate list; `position` is 0-based in first-stage order."""

    __tablename__ = "candidate_items"
    __table_args__ = (UniqueConstraint("list_id", "passage_id"),)
    list_id: Mapped[str] = mapped_column(ForeignKey("candidate_lists.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    passage_id: Mapped[str]
    text_hash: Mapped[str] = mapped_column(ForeignKey("texts.hash"))
    title: Mapped[str] = mapped_column(default="")
    score: Mapped[float | None]
    features: Mapped[dict[str, Any]] = mapped_column(default=dict)


class ModelVersion(Base):
    """Weights that can rank; the id is the hash of the weights. Of each name one version at most is active.

    Without an artifact these are the weights that ship with the program. `waiting`: promoted, but the model's own server does not list it
    yet. `report` is what it was measured and decided by: evidence, decision, margins, table, learned, facts, served_as.
    """

    __tablename__ = "model_versions"
    __table_args__ = (
        one_of("state", "candidate", "active", "retired", "rejected", "waiting"),
        Index("ix_model_versions_active", "name", unique=True, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE),
    )
    id: Mapped[str] = mapped_column(Hash, primary_key=True)
    name: Mapped[str] = mapped_column(Name)
    base_id: Mapped[str | None] = mapped_column(ForeignKey("model_versions.id"))
    recipe: Mapped[str] = mapped_column(default="")
    dataset_version: Mapped[str | None] = mapped_column(Hash)
    artifact_hash: Mapped[str | None] = mapped_column(ForeignKey("artifacts.hash"))
    update_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"))
    seed: Mapped[int | None]
    report: Mapped[dict[str, Any] | None]
    code: Mapped[str] = mapped_column(Name, default="")
    state: Mapped[str] = mapped_column(Word)
    reason: Mapped[str] = mapped_column(default="")
    created: Mapped[datetime] = mapped_column(default=now)


class Run(Base):
    """One ranking of one candidate list by one model."""

    __tablename__ = "runs"
    __table_args__ = (
        one_of("state", "running", "finished", "stopped", "failed"),
        one_of("outcome", "clean", "repaired", "truncated", "no_answer", "error", "refused"),
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    token: Mapped[str] = mapped_column(String(64), unique=True)
    actor_id: Mapped[str] = mapped_column(ForeignKey("actors.id"), index=True)
    list_id: Mapped[str] = mapped_column(ForeignKey("candidate_lists.id"), index=True)
    model: Mapped[str] = mapped_column(Name)
    model_version_id: Mapped[str | None] = mapped_column(ForeignKey("model_versions.id"))
    backend: Mapped[str] = mapped_column(Name, default="")
    strategy: Mapped[str] = mapped_column(Name)
    strategy_args: Mapped[dict[str, Any]] = mapped_column(default=dict)
    template: Mapped[str] = mapped_column(Name, default="")
    template_hash: Mapped[str] = mapped_column(Hash, default="")
    sampling: Mapped[dict[str, Any]] = mapped_column(default=dict)
    seed: Mapped[int | None]
    depth: Mapped[int]
    notes: Mapped[list[Any]] = mapped_column(default=list)
    state: Mapped[str] = mapped_column(Word)
    outcome: Mapped[str | None] = mapped_column(Word)
    error: Mapped[str] = mapped_column(default="")
    order: Mapped[list[Any] | None] = mapped_column("final_order")
    options: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    predicted: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    revision: Mapped[str] = mapped_column(Name, default="", server_default="")
    unfused: Mapped[list[Any] | None]
    intervals: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    seconds: Mapped[float | None]
    created: Mapped[datetime] = mapped_column(default=now, index=True)
    ended: Mapped[datetime | None]


class RunCall(Base):
    """One model call of a run; written at window end, and at most once a second before."""

    __tablename__ = "run_calls"
    __table_args__ = (UniqueConstraint("run_id", "number"),)
    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), index=True)
    number: Mapped[int]
    window: Mapped[str] = mapped_column(Word)
    depth: Mapped[int]
    passages: Mapped[list[Any]]
    prompt_hash: Mapped[str] = mapped_column(ForeignKey("texts.hash"))
    done: Mapped[bool]
    answer: Mapped[str] = mapped_column(default="")
    reasoning: Mapped[str] = mapped_column(default="")
    finish: Mapped[str | None] = mapped_column(Word)
    outcome: Mapped[str | None] = mapped_column(Word)
    problems: Mapped[list[Any]] = mapped_column(default=list)
    order: Mapped[list[Any] | None] = mapped_column("window_order")
    error: Mapped[str] = mapped_column(default="")
    tokens_in: Mapped[int] = mapped_column(default=0)
    tokens_out: Mapped[int] = mapped_column(default=0)
    counted: Mapped[bool] = mapped_column(default=False)
    seconds: Mapped[float] = mapped_column(default=0.0)
    requests: Mapped[int] = mapped_column(default=1, server_default="1")
    cached: Mapped[bool] = mapped_column(default=False, server_default=false())
    forced: Mapped[dict[str, Any] | None]
