"""Accounts and invites, projects with tasks and assignments, reviews, visitors' objections, withdrawals, and the chained event log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import conv

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)
ID, HASH, NAME, WORD = sa.String(36), sa.String(64), sa.String(200), sa.String(32)
STATES = "'draft', 'submitted', 'skipped', 'flagged'"


def upgrade() -> None:
    """To this revision."""
    op.drop_index(conv("ix_audit_events_actor_id"), "audit_events")
    op.drop_table("audit_events")
    for table in NEW:
        op.create_table(table, *_parts(table))
    for name, table, columns in INDEXES:
        op.create_index(conv(name), table, columns)
    _actors()
    _tasks()
    _judgements()


def _actors() -> None:
    with op.batch_alter_table("actors") as batch:
        batch.add_column(_text("pseudonym", WORD, nullable=True))
        batch.add_column(sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("locked_until", TIME, nullable=True))
        batch.add_column(_text("oidc", HASH, nullable=True))
        batch.add_column(sa.Column("trust", sa.Double(), nullable=True))
        batch.drop_constraint(conv("ck_actors_state"), type_="check")
        batch.create_check_constraint(conv("ck_actors_state"), "state IN ('active', 'disabled', 'deleted')")
        batch.create_unique_constraint(conv("uq_actors_pseudonym"), ["pseudonym"])
        batch.create_unique_constraint(conv("uq_actors_oidc"), ["oidc"])


def _tasks() -> None:
    with op.batch_alter_table("tasks") as batch:
        batch.drop_column("project")
        batch.add_column(_text("project_id", ID, nullable=True))
        batch.add_column(_text("kind", WORD, server_default="plain"))
        batch.add_column(sa.Column("number", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(_text("topic", NAME, server_default=""))
        batch.add_column(sa.Column("gold", JSON, nullable=True))
        batch.add_column(sa.Column("signals", JSON, nullable=False, server_default="{}"))
        batch.create_foreign_key(conv("fk_tasks_project_id_projects"), "projects", ["project_id"], ["id"])
        batch.create_check_constraint(conv("ck_tasks_kind"), "kind IN ('plain', 'gold', 'tutorial')")
        batch.create_unique_constraint(conv("uq_tasks_project_id_list_id_kind"), ["project_id", "list_id", "kind"])
        batch.create_index(conv("ix_tasks_project_id_state_priority"), ["project_id", "state", "priority"])


def _judgements() -> None:
    with op.batch_alter_table("judgements") as batch:
        batch.add_column(_text("assignment_id", ID, nullable=True))
        batch.add_column(sa.Column("spans", JSON, nullable=False, server_default="[]"))
        batch.add_column(sa.Column("selection_pool", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("seq", sa.Integer(), nullable=True))
        batch.drop_constraint(conv("ck_judgements_state"), type_="check")
        batch.create_check_constraint(conv("ck_judgements_state"), f"state IN ({STATES}, 'cannot_judge')")
        batch.create_foreign_key(conv("fk_judgements_assignment_id_assignments"), "assignments", ["assignment_id"], ["id"])
        batch.create_unique_constraint(conv("uq_judgements_seq"), ["seq"])
        batch.create_index(conv("ix_judgements_task_id"), ["task_id"])


def downgrade() -> None:
    """Back to the one before. Work that the older tables can't hold (cannot_judge, deleted) becomes the nearest that they can."""
    op.execute("UPDATE judgements SET state = 'skipped' WHERE state = 'cannot_judge'")
    op.execute("UPDATE actors SET state = 'disabled' WHERE state = 'deleted'")
    with op.batch_alter_table("judgements") as batch:
        batch.drop_index(conv("ix_judgements_task_id"))
        batch.drop_constraint(conv("uq_judgements_seq"), type_="unique")
        batch.drop_constraint(conv("fk_judgements_assignment_id_assignments"), type_="foreignkey")
        batch.drop_constraint(conv("ck_judgements_state"), type_="check")
        batch.create_check_constraint(conv("ck_judgements_state"), f"state IN ({STATES})")
        for column in ("seq", "selection_pool", "spans", "assignment_id"):
            batch.drop_column(column)
    with op.batch_alter_table("tasks") as batch:
        batch.drop_index(conv("ix_tasks_project_id_state_priority"))
        batch.drop_constraint(conv("uq_tasks_project_id_list_id_kind"), type_="unique")
        batch.drop_constraint(conv("ck_tasks_kind"), type_="check")
        batch.drop_constraint(conv("fk_tasks_project_id_projects"), type_="foreignkey")
        for column in ("signals", "gold", "topic", "number", "kind", "project_id"):
            batch.drop_column(column)
        batch.add_column(_text("project", NAME, server_default=""))
    with op.batch_alter_table("actors") as batch:
        for constraint in ("uq_actors_oidc", "uq_actors_pseudonym"):
            batch.drop_constraint(conv(constraint), type_="unique")
        batch.drop_constraint(conv("ck_actors_state"), type_="check")
        batch.create_check_constraint(conv("ck_actors_state"), "state IN ('active', 'disabled')")
        for column in ("trust", "oidc", "locked_until", "failures", "pseudonym"):
            batch.drop_column(column)
    for name, table, _ in reversed(INDEXES):
        op.drop_index(conv(name), table)
    for table in reversed(NEW):
        op.drop_table(table)
    op.create_table("audit_events", *_audit_events())
    op.create_index(conv("ix_audit_events_actor_id"), "audit_events", ["actor_id"])


def _text(name: str, kind: sa.types.TypeEngine[str], *, nullable: bool = False, server_default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, kind, nullable=nullable, server_default=server_default)


def _key(table: str, column: str = "id") -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(column, name=conv(f"pk_{table}"))


def _points(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=conv(f"fk_{table}_{column}_{to}"))


def _once(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=conv(f"uq_{table}_{'_'.join(columns)}"))


def _one_of(table: str, column: str, *values: str) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=conv(f"ck_{table}_{column}"))


def _parts(table: str) -> list[sa.schema.SchemaItem]:
    """Columns and constraints of a new table, made anew each time because they belong to one table object."""
    return NEW[table]() + [_key(table, "judgement_id" if table == "withdrawals" else "id")]


def _audit_events() -> list[sa.schema.SchemaItem]:
    """The table of revision 0001 that the event log replaces; nothing ever wrote to it."""
    return [
        _text("id", ID), _text("actor_id", ID, nullable=True), _text("action", NAME), _text("subject", NAME),
        sa.Column("data", JSON, nullable=False), sa.Column("created", TIME, nullable=False),
        _points("audit_events", "actor_id", "actors"), _key("audit_events"),
    ]  # fmt: skip


def _invites() -> list[sa.schema.SchemaItem]:
    return [
        _text("id", ID), _text("token_hash", HASH), sa.Column("roles", JSON, nullable=False), _text("note", NAME),
        _text("created_by", ID, nullable=True), sa.Column("created", TIME, nullable=False), sa.Column("expires", TIME, nullable=False),
        _text("used_by", ID, nullable=True), sa.Column("used", TIME, nullable=True), _once("invites", "token_hash"),
        _points("invites", "created_by", "actors"), _points("invites", "used_by", "actors"),
    ]  # fmt: skip


def _projects() -> list[sa.schema.SchemaItem]:
    return [
        _text("id", ID), _text("name", NAME), sa.Column("about", sa.Text(), nullable=False), _text("collection_id", HASH, nullable=True),
        sa.Column("grades", JSON, nullable=False), sa.Column("overlap", sa.Integer(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False), _text("view", WORD), _text("shown", WORD),
        sa.Column("gold_share", sa.Double(), nullable=False), sa.Column("audit_share", sa.Double(), nullable=False),
        sa.Column("tutorial", sa.Boolean(), nullable=False), sa.Column("lease_minutes", sa.Integer(), nullable=False),
        _text("licence", NAME), _text("consent_version", NAME), _text("state", WORD), _text("actor_id", ID),
        sa.Column("created", TIME, nullable=False), _once("projects", "name"), _one_of("projects", "view", "blind", "model"),
        _one_of("projects", "shown", "random", "model", "first_stage"), _one_of("projects", "state", "open", "closed"),
        _points("projects", "collection_id", "collections"), _points("projects", "actor_id", "actors"),
    ]  # fmt: skip


def _assignments() -> list[sa.schema.SchemaItem]:
    states = ("leased", "later", "submitted", "flagged", "skipped", "cannot_judge", "expired")
    return [
        _text("id", ID), _text("task_id", ID), _text("actor_id", ID), _text("state", WORD), _text("reason", WORD),
        sa.Column("probability", sa.Double(), nullable=False), sa.Column("pool", sa.Integer(), nullable=False),
        sa.Column("shown_order", JSON, nullable=False), _text("guideline_id", ID, nullable=True),
        sa.Column("lease_until", TIME, nullable=False), sa.Column("created", TIME, nullable=False), sa.Column("ended", TIME, nullable=True),
        _one_of("assignments", "state", *states), _one_of("assignments", "reason", "priority", "audit", "gold", "tutorial"),
        _once("assignments", "task_id", "actor_id"), _points("assignments", "task_id", "tasks"),
        _points("assignments", "actor_id", "actors"), _points("assignments", "guideline_id", "guidelines"),
    ]  # fmt: skip


def _adjudications() -> list[sa.schema.SchemaItem]:
    return [
        _text("id", ID), _text("task_id", ID), sa.Column("version", sa.Integer(), nullable=False), _text("idempotency_key", HASH),
        _text("actor_id", ID), _text("picked_id", ID, nullable=True), *_json("seen", "weak_order", "not_relevant", "unranked", "grades"),
        sa.Column("reason", sa.Text(), nullable=False), sa.Column("created", TIME, nullable=False),
        _once("adjudications", "task_id", "version"), _once("adjudications", "actor_id", "idempotency_key"),
        _points("adjudications", "task_id", "tasks"), _points("adjudications", "actor_id", "actors"),
    ]  # fmt: skip


def _disagreements() -> list[sa.schema.SchemaItem]:
    return [
        _text("id", ID), _text("actor_id", ID), _text("run_id", ID), _text("list_id", HASH), _text("idempotency_key", HASH),
        sa.Column("weak_order", JSON, nullable=True), *_json("not_relevant"), sa.Column("note", sa.Text(), nullable=False),
        _text("consent_version", NAME), _text("licence", NAME), sa.Column("trust", sa.Double(), nullable=False), _text("state", WORD),
        _text("reviewer_id", ID, nullable=True), sa.Column("reviewed", TIME, nullable=True), sa.Column("created", TIME, nullable=False),
        _one_of("disagreements", "state", "new", "accepted", "rejected"), _once("disagreements", "actor_id", "idempotency_key"),
        _points("disagreements", "actor_id", "actors"), _points("disagreements", "run_id", "runs"),
        _points("disagreements", "list_id", "candidate_lists"), _points("disagreements", "reviewer_id", "actors"),
    ]  # fmt: skip


def _withdrawals() -> list[sa.schema.SchemaItem]:
    return [
        _text("judgement_id", ID), sa.Column("seq", sa.Integer(), nullable=True), _text("project_id", ID, nullable=True),
        _text("reason", WORD), sa.Column("created", TIME, nullable=False), _one_of("withdrawals", "reason", "asked", "retention"),
    ]  # fmt: skip


def _export_versions() -> list[sa.schema.SchemaItem]:
    return [
        _text("id", HASH), _text("format", WORD), _text("schema_version", WORD), *_json("query"),
        sa.Column("until", sa.Integer(), nullable=False), _text("content_hash", HASH), sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("judgements", sa.Integer(), nullable=False), _text("actor_id", ID, nullable=True),
        sa.Column("created", TIME, nullable=False), _points("export_versions", "actor_id", "actors"),
    ]  # fmt: skip


def _events() -> list[sa.schema.SchemaItem]:
    return [
        _text("id", ID), _text("action", NAME), _text("subject", NAME), _text("actor_id", ID, nullable=True),
        sa.Column("data", JSON, nullable=True), _text("salt", HASH, nullable=True), _text("payload_hash", HASH),
        sa.Column("created", TIME, nullable=False), sa.Column("seq", sa.Integer(), nullable=True),
        _text("previous_hash", HASH, nullable=True), _text("hash", HASH, nullable=True), sa.Column("erased", TIME, nullable=True),
        _once("events", "seq"),
    ]  # fmt: skip


def _json(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, JSON, nullable=False) for name in names]


NEW = {
    "invites": _invites,
    "projects": _projects,
    "assignments": _assignments,
    "adjudications": _adjudications,
    "disagreements": _disagreements,
    "withdrawals": _withdrawals,
    "export_versions": _export_versions,
    "events": _events,
}
INDEXES = [
    ("ix_assignments_actor_id_state", "assignments", ["actor_id", "state"]),
    ("ix_disagreements_run_id", "disagreements", ["run_id"]),
    ("ix_disagreements_list_id", "disagreements", ["list_id"]),
    ("ix_disagreements_state", "disagreements", ["state"]),
    ("ix_withdrawals_project_id", "withdrawals", ["project_id"]),
    ("ix_events_subject", "events", ["subject"]),
    ("ix_events_actor_id", "events", ["actor_id"]),
]
