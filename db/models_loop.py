"""Tables of the learning loop: jobs and who works on them, synthesized items and what the teacher was asked, datasets; see `db.models`.

Everything a job does is idempotent: a job may be taken again after its lease, an item is written once per (synthesis, number), and a call
of the teacher is named by what it asks, so that an answer that has arrived is never asked for again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from .models import Base, Hash, Id, Name, Word, new_id, now, one_of


class Job(Base):
    """Work for the worker process; steps are idempotent by content hash, so a job may be taken again after its lease."""

    __tablename__ = "jobs"
    __table_args__ = (one_of("state", "queued", "running", "finished", "failed", "cancelled"), UniqueConstraint("kind", "idempotency_key"))
    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(Name)
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict)
    idempotency_key: Mapped[str] = mapped_column(String(128))
    state: Mapped[str] = mapped_column(Word, default="queued", index=True)
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    worker: Mapped[str] = mapped_column(Name, default="")
    heartbeat: Mapped[datetime | None]
    progress: Mapped[float] = mapped_column(default=0.0)
    doing: Mapped[str] = mapped_column(default="", server_default="")
    cancel: Mapped[bool] = mapped_column(default=False, server_default=false())
    schedule_id: Mapped[str | None] = mapped_column(ForeignKey("schedules.id"))
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str] = mapped_column(default="")
    actor_id: Mapped[str | None] = mapped_column(ForeignKey("actors.id"))
    created: Mapped[datetime] = mapped_column(default=now)
    started: Mapped[datetime | None]
    ended: Mapped[datetime | None]


class JobEvent(Base):
    """Something a job said, numbered from 1."""

    __tablename__ = "job_events"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Word)
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created: Mapped[datetime] = mapped_column(default=now)


class Worker(Base):
    """A process that takes jobs. `offers` is what it can do, for pages that import nothing of it: kinds and recipes."""

    __tablename__ = "workers"
    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(Name)
    offers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"))
    started: Mapped[datetime] = mapped_column(default=now)
    heartbeat: Mapped[datetime] = mapped_column(default=now, index=True)
    ended: Mapped[datetime | None]


class Schedule(Base):
    """A job that is put into the queue again and again: by a cron expression in a time zone, or each time that so many judgements are new.

    `judgements` is how many trusted judgements have to come; such a schedule has no cron expression. `counted` is how many there were when
    it last acted.
    """

    __tablename__ = "schedules"
    __table_args__ = (UniqueConstraint("name"),)
    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(Name)
    cron: Mapped[str] = mapped_column(Name)
    zone: Mapped[str] = mapped_column(Name, default="UTC")
    kind: Mapped[str] = mapped_column(Name)
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict)
    enabled: Mapped[bool] = mapped_column(default=True)
    next_at: Mapped[datetime | None] = mapped_column(index=True)
    judgements: Mapped[int | None]
    counted: Mapped[int] = mapped_column(default=0, server_default="0")
    actor_id: Mapped[str | None] = mapped_column(ForeignKey("actors.id"))
    created: Mapped[datetime] = mapped_column(default=now)


class Synthesis(Base):
    """One recipe with one teacher: the account of what it has cost, and the totals that are held back for calls in flight.

    `id` is the hash of the resolved recipe and the teacher's revision. Costs are in the currency of the teacher's entry.
    `filters` is how the page can judge its items (names, directions, thresholds), `report` what was found in the end.
    """

    __tablename__ = "syntheses"
    id: Mapped[str] = mapped_column(Hash, primary_key=True)
    name: Mapped[str] = mapped_column(Name)
    recipe: Mapped[str]
    teacher: Mapped[str] = mapped_column(Name)
    revision: Mapped[str] = mapped_column(Name, default="")
    embedded: Mapped[bool] = mapped_column(default=False)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"), index=True)
    calls: Mapped[int] = mapped_column(default=0)
    repeats: Mapped[int] = mapped_column(default=0)
    tokens_in: Mapped[int] = mapped_column(default=0)
    tokens_out: Mapped[int] = mapped_column(default=0)
    cost: Mapped[float] = mapped_column(default=0.0)
    held_tokens: Mapped[int] = mapped_column(default=0)
    held_cost: Mapped[float] = mapped_column(default=0.0)
    filters: Mapped[list[Any]] = mapped_column(default=list)
    report: Mapped[dict[str, Any] | None]
    created: Mapped[datetime] = mapped_column(default=now)


class SynthesisItem(Base):
    """What became of one query of a source: a list with labels and rankings, or the reason why there is none."""

    __tablename__ = "synthesis_items"
    __table_args__ = (one_of("state", "made", "empty", "failed"), Index("ix_synthesis_items_synthesis_id_domain", "synthesis_id", "domain"))
    synthesis_id: Mapped[str] = mapped_column(ForeignKey("syntheses.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[str]
    domain: Mapped[str] = mapped_column(Name)
    list_id: Mapped[str | None] = mapped_column(ForeignKey("candidate_lists.id"))
    state: Mapped[str] = mapped_column(Word)
    item: Mapped[dict[str, Any]]
    scores: Mapped[dict[str, Any]] = mapped_column(default=dict)
    reasons: Mapped[dict[str, Any]] = mapped_column(default=dict)
    calls: Mapped[int] = mapped_column(default=0)
    tokens: Mapped[int] = mapped_column(default=0)
    cost: Mapped[float] = mapped_column(default=0.0)
    error: Mapped[str] = mapped_column(default="")
    created: Mapped[datetime] = mapped_column(default=now)


class TeacherCall(Base):
    """One question to a teacher, named by all that can change its answer. Without a completion it is in flight, or its asker died.

    `asked` counts how often it was sent; `session` is who sent it last; `held_*` is what its synthesis holds back for it.
    """

    __tablename__ = "teacher_calls"
    key: Mapped[str] = mapped_column(Hash, primary_key=True)
    synthesis_id: Mapped[str] = mapped_column(ForeignKey("syntheses.id"), index=True)
    step: Mapped[str] = mapped_column(Word)
    model: Mapped[str] = mapped_column(Name)
    prompt_hash: Mapped[str] = mapped_column(Hash)
    session: Mapped[str] = mapped_column(Id)
    asked: Mapped[int] = mapped_column(default=1)
    completion: Mapped[dict[str, Any] | None]
    outcome: Mapped[str] = mapped_column(Word, default="")
    tokens_in: Mapped[int] = mapped_column(default=0)
    tokens_out: Mapped[int] = mapped_column(default=0)
    cost: Mapped[float] = mapped_column(default=0.0)
    seconds: Mapped[float] = mapped_column(default=0.0)
    held_tokens: Mapped[int] = mapped_column(default=0)
    held_cost: Mapped[float] = mapped_column(default=0.0)
    created: Mapped[datetime] = mapped_column(default=now)
    answered: Mapped[datetime | None]


class Artifact(Base):
    """An immutable file or folder of the artifact store, named by content hash; no row holds a path."""

    __tablename__ = "artifacts"
    hash: Mapped[str] = mapped_column(Hash, primary_key=True)
    kind: Mapped[str] = mapped_column(Word)
    size: Mapped[int]
    created: Mapped[datetime] = mapped_column(default=now)


class DatasetVersion(Base):
    """A training set frozen in the artifact store; the id is the hash of its content. `manifest` is a copy of the folder's own."""

    __tablename__ = "dataset_versions"
    id: Mapped[str] = mapped_column(Hash, primary_key=True)
    name: Mapped[str] = mapped_column(Name)
    artifact_hash: Mapped[str] = mapped_column(ForeignKey("artifacts.hash"))
    synthesis_id: Mapped[str | None] = mapped_column(ForeignKey("syntheses.id"), index=True)
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    manifest: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    created: Mapped[datetime] = mapped_column(default=now)


class Update(Base):
    """One round of the learning loop; the id is that of its job. `text` is the recipe as it was, `decision` what the gate said.

    `base_id` is the version that it starts from, `candidate_id` the one that it made.
    """

    __tablename__ = "updates"
    id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    recipe: Mapped[str] = mapped_column(Name)
    text: Mapped[str]
    model: Mapped[str] = mapped_column(Name)
    family: Mapped[str] = mapped_column(Word)
    base_id: Mapped[str | None] = mapped_column(ForeignKey("model_versions.id"))
    from_scratch: Mapped[bool] = mapped_column(default=False)
    seed: Mapped[int]
    synthesis_id: Mapped[str | None] = mapped_column(ForeignKey("syntheses.id"))
    dataset_id: Mapped[str | None] = mapped_column(ForeignKey("dataset_versions.id"))
    candidate_id: Mapped[str | None] = mapped_column(ForeignKey("model_versions.id"))
    decision: Mapped[dict[str, Any] | None]
    created: Mapped[datetime] = mapped_column(default=now)
    ended: Mapped[datetime | None]


class UpdateStep(Base):
    """A finished step of an update: `key` names all that it depends on, the artifact what it made."""

    __tablename__ = "update_steps"
    update_id: Mapped[str] = mapped_column(ForeignKey("updates.id"), primary_key=True)
    name: Mapped[str] = mapped_column(Word, primary_key=True)
    key: Mapped[str] = mapped_column(Hash)
    artifact_hash: Mapped[str | None] = mapped_column(ForeignKey("artifacts.hash"))
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    seconds: Mapped[float] = mapped_column(default=0.0)
    created: Mapped[datetime] = mapped_column(default=now)


class Promotion(Base):
    """A version that was chosen to serve, and the one before it; never changed. `forced`: under margins other than its recipe's.

    Without a version the model serves as its entry of the models file names it, or with the weights that ship.
    """

    __tablename__ = "promotions"
    __table_args__ = (one_of("kind", "promoted", "forced", "rolled_back"),)
    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    model: Mapped[str] = mapped_column(Name, index=True)
    version_id: Mapped[str | None] = mapped_column(ForeignKey("model_versions.id"))
    previous_id: Mapped[str | None] = mapped_column(ForeignKey("model_versions.id"))
    kind: Mapped[str] = mapped_column(Word)
    margins: Mapped[dict[str, Any]] = mapped_column(default=dict)
    decision: Mapped[dict[str, Any] | None]
    note: Mapped[str] = mapped_column(default="")
    actor_id: Mapped[str | None] = mapped_column(ForeignKey("actors.id"))
    created: Mapped[datetime] = mapped_column(default=now)


class Evaluation(Base):
    """A bundle of the artifact store: what was measured of one way to rank, with all that explains it; the id is the bundle's own.

    `summary` is its manifest and the figures of `app.ranking.evaluation.board`, so that a list of many opens no folder. `version_id` is
    null for models without versions here, `job_id` for bundles that a command made.
    """

    __tablename__ = "evaluations"
    id: Mapped[str] = mapped_column(Hash, primary_key=True)
    name: Mapped[str] = mapped_column(Name)
    suite: Mapped[str] = mapped_column(Name, index=True)
    model: Mapped[str] = mapped_column(Name)
    version_id: Mapped[str | None] = mapped_column(ForeignKey("model_versions.id"))
    strategy: Mapped[str] = mapped_column(Word)
    thinking: Mapped[str] = mapped_column(Word)
    artifact_hash: Mapped[str] = mapped_column(ForeignKey("artifacts.hash"))
    summary: Mapped[dict[str, Any]] = mapped_column(default=dict)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"))
    actor_id: Mapped[str | None] = mapped_column(ForeignKey("actors.id"))
    created: Mapped[datetime] = mapped_column(default=now)


class Spend(Base):
    """Money spent on a paid model in one UTC day, for its cap."""

    __tablename__ = "spend"
    model: Mapped[str] = mapped_column(Name, primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    tokens_in: Mapped[int] = mapped_column(default=0)
    tokens_out: Mapped[int] = mapped_column(default=0)
    cost: Mapped[float] = mapped_column(default=0.0)
