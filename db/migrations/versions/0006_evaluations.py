"""Evaluations: bundles of the artifact store that the studio knows."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import conv

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
ID, HASH, NAME, WORD = sa.String(36), sa.String(64), sa.String(200), sa.String(32)
TABLE = "evaluations"


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        TABLE,
        _column("id", HASH), _column("name", NAME), _column("suite", NAME), _column("model", NAME),
        _column("version_id", HASH, nullable=True), _column("strategy", WORD), _column("thinking", WORD), _column("artifact_hash", HASH),
        _column("summary", JSON), _column("job_id", ID, nullable=True), _column("actor_id", ID, nullable=True),
        _column("created", sa.DateTime(timezone=True)), sa.PrimaryKeyConstraint("id", name=conv(f"pk_{TABLE}")),
        _points("version_id", "model_versions"), _points("artifact_hash", "artifacts", "hash"), _points("job_id", "jobs"),
        _points("actor_id", "actors"),
    )  # fmt: skip
    op.create_index(conv("ix_evaluations_suite"), TABLE, ["suite"])


def downgrade() -> None:
    """Back to the one before. The bundles stay in the artifact store, where `evaluate --keep` finds nothing to copy again."""
    op.drop_index(conv("ix_evaluations_suite"), TABLE)
    op.drop_table(TABLE)


def _column(name: str, kind: Any, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable)


def _points(column: str, to: str, key: str = "id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.{key}"], name=conv(f"fk_{TABLE}_{column}_{to}"))
