"""Alembic's entry: runs on the connection that `Database.migrate` hands over, never on one of its own."""

from alembic import context

from db import tables

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=tables.METADATA,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
