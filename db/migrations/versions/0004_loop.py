"""Workers and schedules beside jobs, syntheses with their items and the teacher's calls, and what a dataset version came from."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import conv

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)
ID, HASH, NAME, WORD, TEXT = sa.String(36), sa.String(64), sa.String(200), sa.String(32), sa.Text()


def upgrade() -> None:
    """To this revision."""
    for table in NEW:
        op.create_table(table, *NEW[table]())
    for name, table, columns in INDEXES:
        op.create_index(conv(name), table, columns)
    with op.batch_alter_table("jobs") as batch:
        batch.add_column(sa.Column("doing", TEXT, nullable=False, server_default=""))
        batch.add_column(sa.Column("cancel", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.add_column(sa.Column("schedule_id", ID, nullable=True))
        batch.add_column(sa.Column("started", TIME, nullable=True))
        batch.create_foreign_key(conv("fk_jobs_schedule_id_schedules"), "schedules", ["schedule_id"], ["id"])
    with op.batch_alter_table("dataset_versions") as batch:
        batch.add_column(sa.Column("synthesis_id", HASH, nullable=True))
        batch.add_column(sa.Column("manifest", JSON, nullable=False, server_default="{}"))
        batch.create_foreign_key(conv("fk_dataset_versions_synthesis_id_syntheses"), "syntheses", ["synthesis_id"], ["id"])
        batch.create_index(conv("ix_dataset_versions_synthesis_id"), ["synthesis_id"])


def downgrade() -> None:
    """Back to the one before."""
    with op.batch_alter_table("dataset_versions") as batch:
        batch.drop_index(conv("ix_dataset_versions_synthesis_id"))
        batch.drop_constraint(conv("fk_dataset_versions_synthesis_id_syntheses"), type_="foreignkey")
        batch.drop_column("manifest")
        batch.drop_column("synthesis_id")
    with op.batch_alter_table("jobs") as batch:
        batch.drop_constraint(conv("fk_jobs_schedule_id_schedules"), type_="foreignkey")
        for column in ("started", "schedule_id", "cancel", "doing"):
            batch.drop_column(column)
    for name, table, _ in reversed(INDEXES):
        op.drop_index(conv(name), table)
    for table in reversed(NEW):
        op.drop_table(table)


def _column(name: str, kind: Any, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=conv(f"pk_{table}"))


def _points(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=conv(f"fk_{table}_{column}_{to}"))


def _whole(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Integer(), nullable=False) for name in names]


def _real(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Double(), nullable=False) for name in names]


def _schedules() -> list[sa.schema.SchemaItem]:
    return [
        _column("id", ID), _column("name", NAME), _column("cron", NAME), _column("zone", NAME), _column("kind", NAME),
        _column("arguments", JSON), _column("enabled", sa.Boolean()), _column("next_at", TIME, nullable=True),
        _column("actor_id", ID, nullable=True), _column("created", TIME), _key("schedules", "id"),
        sa.UniqueConstraint("name", name=conv("uq_schedules_name")), _points("schedules", "actor_id", "actors"),
    ]  # fmt: skip


def _workers() -> list[sa.schema.SchemaItem]:
    return [
        _column("id", ID), _column("name", NAME), _column("offers", JSON), _column("job_id", ID, nullable=True), _column("started", TIME),
        _column("heartbeat", TIME), _column("ended", TIME, nullable=True), _key("workers", "id"), _points("workers", "job_id", "jobs"),
    ]  # fmt: skip


def _syntheses() -> list[sa.schema.SchemaItem]:
    return [
        _column("id", HASH), _column("name", NAME), _column("recipe", TEXT), _column("teacher", NAME), _column("revision", NAME),
        _column("embedded", sa.Boolean()), _column("job_id", ID, nullable=True),
        *_whole("calls", "repeats", "tokens_in", "tokens_out"), *_real("cost"), *_whole("held_tokens"), *_real("held_cost"),
        _column("filters", JSON), _column("report", JSON, nullable=True), _column("created", TIME), _key("syntheses", "id"),
        _points("syntheses", "job_id", "jobs"),
    ]  # fmt: skip


def _items() -> list[sa.schema.SchemaItem]:
    return [
        _column("synthesis_id", HASH), *_whole("number"), _column("source_id", TEXT), _column("domain", NAME),
        _column("list_id", HASH, nullable=True), _column("state", WORD), _column("item", JSON), _column("scores", JSON),
        _column("reasons", JSON), *_whole("calls", "tokens"), *_real("cost"), _column("error", TEXT), _column("created", TIME),
        _key("synthesis_items", "synthesis_id", "number"),
        sa.CheckConstraint("state IN ('made', 'empty', 'failed')", name=conv("ck_synthesis_items_state")),
        _points("synthesis_items", "synthesis_id", "syntheses"), _points("synthesis_items", "list_id", "candidate_lists"),
    ]  # fmt: skip


def _calls() -> list[sa.schema.SchemaItem]:
    return [
        _column("key", HASH), _column("synthesis_id", HASH), _column("step", WORD), _column("model", NAME), _column("prompt_hash", HASH),
        _column("session", ID), *_whole("asked"), _column("completion", JSON, nullable=True), _column("outcome", WORD),
        *_whole("tokens_in", "tokens_out"), *_real("cost", "seconds"), *_whole("held_tokens"), *_real("held_cost"),
        _column("created", TIME), _column("answered", TIME, nullable=True), _key("teacher_calls", "key"),
        _points("teacher_calls", "synthesis_id", "syntheses"),
    ]  # fmt: skip


# In the order in which they can be made: later ones point at earlier ones.
NEW = {"schedules": _schedules, "workers": _workers, "syntheses": _syntheses, "synthesis_items": _items, "teacher_calls": _calls}
INDEXES = [
    ("ix_schedules_next_at", "schedules", ["next_at"]),
    ("ix_workers_heartbeat", "workers", ["heartbeat"]),
    ("ix_syntheses_job_id", "syntheses", ["job_id"]),
    ("ix_synthesis_items_synthesis_id_domain", "synthesis_items", ["synthesis_id", "domain"]),
    ("ix_teacher_calls_synthesis_id", "teacher_calls", ["synthesis_id"]),
]
