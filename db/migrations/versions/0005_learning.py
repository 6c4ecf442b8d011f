"""Versions of models with what made and measured them, updates with their steps, promotions, and schedules that count judgements."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import conv

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)
ID, HASH, NAME, WORD, TEXT = sa.String(36), sa.String(64), sa.String(200), sa.String(32), sa.Text()
STATES = "'candidate', 'active', 'retired', 'rejected'"
ACTIVE = sa.text("state = 'active'")
KINDS = "'promoted', 'forced', 'rolled_back'"


def upgrade() -> None:
    """To this revision."""
    with op.batch_alter_table("model_versions") as batch:
        batch.add_column(sa.Column("artifact_hash", HASH, nullable=True))
        batch.add_column(sa.Column("update_id", ID, nullable=True))
        batch.add_column(sa.Column("seed", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("report", JSON, nullable=True))
        batch.drop_constraint(conv("ck_model_versions_state"), type_="check")
        batch.create_check_constraint(conv("ck_model_versions_state"), f"state IN ({STATES}, 'waiting')")
        batch.create_foreign_key(conv("fk_model_versions_artifact_hash_artifacts"), "artifacts", ["artifact_hash"], ["hash"])
        batch.create_foreign_key(conv("fk_model_versions_update_id_jobs"), "jobs", ["update_id"], ["id"])
    op.create_index(
        conv("ix_model_versions_active"), "model_versions", ["name"], unique=True, sqlite_where=ACTIVE, postgresql_where=ACTIVE
    )  # fmt: skip
    with op.batch_alter_table("schedules") as batch:
        batch.add_column(sa.Column("judgements", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("counted", sa.Integer(), nullable=False, server_default="0"))
    for table in NEW:
        op.create_table(table, *NEW[table]())
    op.create_index(conv("ix_promotions_model"), "promotions", ["model"])


def downgrade() -> None:
    """Back to the one before. A version that waits becomes a candidate; a schedule without a cron expression is turned off."""
    op.drop_index(conv("ix_promotions_model"), "promotions")
    for table in reversed(NEW):
        op.drop_table(table)
    op.execute("UPDATE schedules SET cron = '0 3 * * 1', enabled = false, next_at = NULL WHERE cron = ''")
    with op.batch_alter_table("schedules") as batch:
        batch.drop_column("counted")
        batch.drop_column("judgements")
    op.drop_index(conv("ix_model_versions_active"), "model_versions")
    op.execute("UPDATE model_versions SET state = 'candidate' WHERE state = 'waiting'")
    with op.batch_alter_table("model_versions") as batch:
        batch.drop_constraint(conv("fk_model_versions_update_id_jobs"), type_="foreignkey")
        batch.drop_constraint(conv("fk_model_versions_artifact_hash_artifacts"), type_="foreignkey")
        batch.drop_constraint(conv("ck_model_versions_state"), type_="check")
        batch.create_check_constraint(conv("ck_model_versions_state"), f"state IN ({STATES})")
        for column in ("report", "seed", "update_id", "artifact_hash"):
            batch.drop_column(column)


def _column(name: str, kind: Any, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=conv(f"pk_{table}"))


def _points(table: str, column: str, to: str, key: str = "id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.{key}"], name=conv(f"fk_{table}_{column}_{to}"))


def _updates() -> list[sa.schema.SchemaItem]:
    return [
        _column("id", ID), _column("recipe", NAME), _column("text", TEXT), _column("model", NAME), _column("family", WORD),
        _column("base_id", HASH, nullable=True), _column("from_scratch", sa.Boolean()), _column("seed", sa.Integer()),
        _column("synthesis_id", HASH, nullable=True), _column("dataset_id", HASH, nullable=True),
        _column("candidate_id", HASH, nullable=True), _column("decision", JSON, nullable=True), _column("created", TIME),
        _column("ended", TIME, nullable=True), _key("updates", "id"), _points("updates", "id", "jobs"),
        _points("updates", "base_id", "model_versions"), _points("updates", "synthesis_id", "syntheses"),
        _points("updates", "dataset_id", "dataset_versions"), _points("updates", "candidate_id", "model_versions"),
    ]  # fmt: skip


def _steps() -> list[sa.schema.SchemaItem]:
    return [
        _column("update_id", ID), _column("name", WORD), _column("key", HASH), _column("artifact_hash", HASH, nullable=True),
        _column("result", JSON), _column("seconds", sa.Double()), _column("created", TIME), _key("update_steps", "update_id", "name"),
        _points("update_steps", "update_id", "updates"), _points("update_steps", "artifact_hash", "artifacts", "hash"),
    ]  # fmt: skip


def _promotions() -> list[sa.schema.SchemaItem]:
    return [
        _column("id", ID), _column("model", NAME), _column("version_id", HASH, nullable=True), _column("previous_id", HASH, nullable=True),
        _column("kind", WORD), _column("margins", JSON), _column("decision", JSON, nullable=True), _column("note", TEXT),
        _column("actor_id", ID, nullable=True), _column("created", TIME), _key("promotions", "id"),
        sa.CheckConstraint(f"kind IN ({KINDS})", name=conv("ck_promotions_kind")), _points("promotions", "version_id", "model_versions"),
        _points("promotions", "previous_id", "model_versions"), _points("promotions", "actor_id", "actors"),
    ]  # fmt: skip


# In the order in which they can be made: later ones point at earlier ones.
NEW = {"updates": _updates, "update_steps": _steps, "promotions": _promotions}
