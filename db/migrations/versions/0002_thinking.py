"""What a run was asked to do beyond its strategy, what it was predicted to cost, and what each call took beyond the plan."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def _columns() -> dict[str, list[sa.Column[object]]]:
    """New ones by table; made anew each time, because a column belongs to one table object."""
    return {
        "runs": [
            sa.Column("options", JSON, nullable=False, server_default="{}"),
            sa.Column("predicted", JSON, nullable=False, server_default="{}"),
            sa.Column("revision", sa.String(length=200), nullable=False, server_default=""),
            sa.Column("unfused", JSON, nullable=True),
            sa.Column("intervals", JSON, nullable=False, server_default="{}"),
        ],
        "run_calls": [
            sa.Column("requests", sa.Integer(), nullable=False, server_default="1"),
            sa.Column("cached", sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column("forced", JSON, nullable=True),
        ],
    }


def upgrade() -> None:
    """To this revision."""
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)


def downgrade() -> None:
    """Back to the one before."""
    for table, columns in _columns().items():
        for column in reversed(columns):
            op.drop_column(table, column.name)
