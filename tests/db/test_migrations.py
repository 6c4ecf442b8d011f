"""Migrations with data in every table, on both databases: up, down and up again, named constraints, and the backup before."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.ranking.errors import SettingsError, StoreError
from db import backup
from db.session import Database
from db.tables import METADATA
from tests.db.conftest import Fresh
from tests.db.filling import Rows, changing, everything, everything_in, fill

SCRIPTS = ScriptDirectory(str(Path(__file__).parents[2] / "db" / "migrations"))
REVISIONS = [script.revision for script in reversed(list(SCRIPTS.walk_revisions()))]
HEAD = REVISIONS[-1]
STEPS = list(zip(REVISIONS, REVISIONS[1:], strict=False))


@pytest.fixture
def at(fresh: Fresh) -> Database:
    """A database with no tables at all."""
    return fresh()


def go(database: Database, revision: str) -> None:
    with changing(database) as (_, config):
        current = MigrationContext.configure(config.attributes["connection"]).get_current_revision() or ""
        (command.upgrade if revision > current else command.downgrade)(config, revision)


def common(rows: Rows, other: Rows) -> Rows:
    """Of rows what both have tables and columns for."""
    columns = {table: set(found[0]) for table, found in other.items() if found}
    return {
        table: [{name: value for name, value in row.items() if name in columns[table]} for row in found]
        for table, found in rows.items()
        if table in columns
    }


def test_there_is_one_line_of_revisions() -> None:
    assert len(SCRIPTS.get_heads()) == 1 and sorted(REVISIONS) == REVISIONS


@pytest.mark.parametrize(("old", "new"), STEPS)
def test_what_both_revisions_can_hold_survives_up_down_and_up(at: Database, old: str, new: str) -> None:
    go(at, old)
    with changing(at) as (connection, _):
        fill(connection)
        first = everything(connection)
    assert all(len(found) == 2 for found in first.values())
    go(at, new)
    second = everything_in(at)
    kept = common(first, second)
    assert kept == common(second, first) and len(kept) >= len(first) - 1
    go(at, old)
    third = everything_in(at)
    assert common(third, second) == kept
    go(at, new)
    assert common(everything_in(at), first) == kept


@pytest.mark.parametrize(("old", "new"), STEPS)
def test_the_newer_tables_go_down_with_data_in_every_one(at: Database, old: str, new: str) -> None:
    go(at, new)
    with changing(at) as (connection, _):
        fill(connection)
        first = everything(connection)
    go(at, old)
    second = everything_in(at)
    assert common(first, second) == common({table: found for table, found in second.items() if found}, first)
    go(at, new)
    assert common(everything_in(at), second) == common(first, second)


def test_all_the_way_down_and_up_with_data(at: Database) -> None:
    at.migrate()
    with changing(at) as (connection, config):
        fill(connection)
        command.downgrade(config, "base")
        assert set(sa.inspect(connection).get_table_names()) == {"alembic_version"}
        command.upgrade(config, "head")
        assert {len(found) for found in everything(connection).values()} == {0}


def test_going_down_turns_what_the_older_tables_do_not_know_into_the_nearest(at: Database) -> None:
    go(at, "0003")
    with changing(at) as (connection, _):
        fill(connection)
        connection.exec_driver_sql("UPDATE judgements SET state = 'cannot_judge'")
        connection.exec_driver_sql("UPDATE actors SET state = 'deleted'")
    go(at, "0002")
    found = everything_in(at)
    assert {row["state"] for row in found["judgements"]} == {"skipped"}
    assert {row["state"] for row in found["actors"]} == {"disabled"}


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_constraint_has_a_name_by_the_convention(at: Database, revision: str) -> None:
    go(at, revision)
    with at.snapshot() as connection:
        inspector = sa.inspect(connection)
        names = []
        for table in set(inspector.get_table_names()) - {"alembic_version"}:
            names += [("pk", table, inspector.get_pk_constraint(table)["name"])]
            names += [("fk", table, key["name"]) for key in inspector.get_foreign_keys(table)]
            names += [("uq", table, key["name"]) for key in inspector.get_unique_constraints(table)]
            names += [("ck", table, key["name"]) for key in inspector.get_check_constraints(table)]
            names += [("ix", table, key["name"]) for key in inspector.get_indexes(table) if not key.get("duplicates_constraint")]
    assert len(names) > 50
    assert [name for name in names if not str(name[2]).startswith(f"{name[0]}_{name[1]}")] == []


def test_migrations_and_models_have_the_same_constraints(database: Database) -> None:
    """What alembic's own comparison leaves out: checks and primary keys, by name."""
    with database.snapshot() as connection:
        inspector = sa.inspect(connection)
        for table in METADATA.sorted_tables:
            said = {str(item.name) for item in table.constraints if isinstance(item, sa.CheckConstraint | sa.PrimaryKeyConstraint)}
            found = {check["name"] for check in inspector.get_check_constraints(table.name)}
            assert found | {inspector.get_pk_constraint(table.name)["name"]} == said


def test_no_key_is_counted_up_by_the_database() -> None:
    """Restoring would have to tell PostgreSQL how far it was."""
    kinds = {column.type.python_type for table in METADATA.sorted_tables for column in table.primary_key if len(table.primary_key) == 1}
    assert kinds == {str}


def test_a_backup_is_taken_before_a_migration_and_only_then(at: Database, tmp_path: Path) -> None:
    url = at._writer.url.render_as_string(hide_password=False)
    kept = tmp_path / "data" / "backups"
    database = Database(url, backups=kept)
    database.migrate()  # new
    database.migrate()  # at the newest revision
    assert not kept.exists()
    go(database, REVISIONS[-2])
    with changing(database) as (connection, _):
        fill(connection)
        before = everything(connection)
    database.migrate()
    (made,) = kept.iterdir()
    assert made.name.startswith(f"before-{HEAD}-") and made.suffix == ".tar"
    database.migrate()
    assert list(kept.iterdir()) == [made]
    database.close()
    other = Database(f"sqlite:///{tmp_path / 'other.db'}")
    summary = backup.restore(other, made, tmp_path / "other")
    assert (summary.revision, summary.files) == (REVISIONS[-2], 0)
    assert everything_in(other) == everything_in(at)
    assert sum(summary.tables.values()) == sum(len(found) for found in before.values())


def test_a_failed_migration_changes_nothing_and_names_the_backup(at: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    go(at, "0002")
    with changing(at) as (connection, _):
        fill(connection)
        connection.exec_driver_sql("CREATE TABLE events (id INTEGER PRIMARY KEY)")
        before = everything(connection)
    database = Database(at._writer.url.render_as_string(hide_password=False), backups=tmp_path / "kept")
    with caplog.at_level(logging.INFO, logger="db.session"), pytest.raises(StoreError) as failed:
        database.migrate()
    (made,) = (tmp_path / "kept").iterdir()
    assert str(made) in str(failed.value) and "Nothing was changed" in str(failed.value) and str(made) in caplog.text
    assert everything_in(database) == before
    database.close()


def test_where_no_backup_can_be_written_nothing_is_migrated(at: Database, tmp_path: Path) -> None:
    go(at, "0002")
    (tmp_path / "kept").write_text("a file where the folder should be")
    database = Database(at._writer.url.render_as_string(hide_password=False), backups=tmp_path / "kept")
    with pytest.raises(StoreError, match="backup .* can't be written"):
        database.migrate()
    with database.snapshot() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "0002"
    database.close()


def test_how_surely_a_commit_is_on_the_disk_can_be_chosen(tmp_path: Path) -> None:
    for given, expected in (("NORMAL", 1), ("full", 2)):
        database = Database(f"sqlite:///{tmp_path / given}.db", given)
        with database.write() as session:
            assert session.connection().exec_driver_sql("PRAGMA synchronous").scalar() == expected
        database.close()
    with pytest.raises(SettingsError, match="use normal or full"):
        Database(f"sqlite:///{tmp_path / 'x'}.db", "OFF")
