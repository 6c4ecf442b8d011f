"""`python -m app backup`, `restore` and `verify`, as an operator runs them, and what a killed process leaves behind."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.ranking.errors import SettingsError
from app.services.storage import open_database
from app.settings import Settings
from db.session import Database
from db.store import log
from db.store.log_check import verify

ROOT = Path(__file__).parent.parent
# Writes events, one transaction each, and says each number once it is committed, until it is killed.
WRITER = """
import sys
from pathlib import Path
from db.session import Database
from db.store import log
database = Database("sqlite:///" + sys.argv[1])
number = 0
while True:
    number += 1
    with database.write() as session:
        log.append(session, None, "thing.done", str(number), {"number": number})
        if number % 5 == 0:
            log.seal(session)
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def studio(folder: Path, events: int = 3) -> Database:
    database = open_database(Settings(data_dir=folder))
    with database.write() as session:
        for number in range(events):
            log.append(session, None, "thing.done", str(number))
        log.seal(session)
    (folder / "collections" / "abc").mkdir(parents=True)
    (folder / "collections" / "abc" / "meta.json").write_text("{}")
    return database


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli, list(arguments))
    return done.exit_code, done.stdout, done.stderr


def test_backup_restore_and_verify(tmp_path: Path) -> None:
    studio(tmp_path / "var")
    out = tmp_path / "kept.tar"
    code, said, _ = run("backup", "--data-dir", str(tmp_path / "var"), "--out", str(out))
    assert code == 0 and "1 files to" in said and out.exists()
    code, _, said = run("backup", "--data-dir", str(tmp_path / "var"), "--out", str(out))
    assert code == 2 and "never overwrites" in said
    code, said, _ = run("restore", str(out), "--data-dir", str(tmp_path / "new"))
    assert code == 0 and "python -m app verify" in said
    assert (tmp_path / "new" / "collections" / "abc" / "meta.json").read_text() == "{}"
    code, _, said = run("restore", str(out), "--data-dir", str(tmp_path / "new"))
    assert code == 2 and "holds tables already" in said and len(said.splitlines()) == 1
    first, second = (run("verify", "--data-dir", str(tmp_path / name)) for name in ("var", "new"))
    assert first == second and first[0] == 0 and first[1].startswith("3 events, 3 sealed, 0 erased\nhead ")


def test_without_a_name_the_backup_lies_in_the_data_folder(tmp_path: Path) -> None:
    studio(tmp_path / "var")
    assert run("backup", "--data-dir", str(tmp_path / "var"))[0] == 0
    (made,) = (tmp_path / "var" / "backups").iterdir()
    assert made.name.startswith("studio-") and made.suffix == ".tar"


def test_verify_ends_with_1_where_the_log_was_changed(tmp_path: Path) -> None:
    database = studio(tmp_path / "var")
    where = ("--data-dir", str(tmp_path / "var"))
    head = run("verify", *where)[1].split()[-3]
    assert run("verify", "--head", head, *where)[0] == 0
    with sqlite3.connect(tmp_path / "var" / "studio.db") as connection:
        connection.execute("DELETE FROM events WHERE seq = 3")
    assert run("verify", *where)[0] == 0
    code, _, said = run("verify", "--head", head, *where)
    assert code == 1 and "cut off" in said
    with sqlite3.connect(tmp_path / "var" / "studio.db") as connection:
        connection.execute("UPDATE events SET subject = '9' WHERE seq = 2")
    code, _, said = run("verify", *where)
    assert code == 1 and said.startswith("seq 2 does not fit its hash")
    database.close()


@pytest.mark.parametrize("verb", ["backup", "verify"])
def test_where_there_is_no_studio_nothing_is_made(tmp_path: Path, verb: str) -> None:
    code, _, said = run(verb, "--data-dir", str(tmp_path / "none"))
    assert code == 2 and "no studio.db" in said and not (tmp_path / "none").exists()


def test_an_old_studio_is_backed_up_before_it_is_migrated(tmp_path: Path) -> None:
    from alembic import command

    database = studio(tmp_path / "var")
    with database.migrating() as config:
        command.downgrade(config, "0002")
    open_database(Settings(data_dir=tmp_path / "var"))
    (made,) = (tmp_path / "var" / "backups").iterdir()
    assert run("restore", str(made), "--data-dir", str(tmp_path / "old"))[0] == 0


def test_the_setting_of_durability_reaches_the_database(tmp_path: Path) -> None:
    with open_database(Settings(data_dir=tmp_path, synchronous="full")).write() as session:
        assert session.connection().exec_driver_sql("PRAGMA synchronous").scalar() == 2
    with pytest.raises(SettingsError, match="use normal or full"):
        Settings(synchronous="off")


@pytest.mark.process
def test_what_was_committed_survives_the_kill_of_the_process(tmp_path: Path) -> None:
    database = open_database(Settings(data_dir=tmp_path))
    arguments = [sys.executable, "-c", WRITER, str(tmp_path / "studio.db")]
    said = 0
    for kill_after in (7, 23, 41):
        with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            said += sum(1 for _, _ in zip(range(kill_after), writer.stdout, strict=False))
            os.kill(writer.pid, signal.SIGKILL)
            said += len(writer.stdout.readlines())
        with database.write() as session:
            log.seal(session)
            report = verify(session)
        # An act that was committed but not yet said is there too: at most one per kill.
        assert report.problems == () and said <= report.events <= said + 3
