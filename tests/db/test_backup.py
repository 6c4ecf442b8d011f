"""Backup and restore between both databases: nothing is changed on the way, nothing is overwritten, and half of one is never left."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from app.ranking.errors import StoreError
from db import backup, rows
from db.models import ModelVersion
from db.session import Database
from db.store import actors, lists, log
from db.store.log_check import verify
from tests.db.conftest import Fresh
from tests.db.filling import changing, everything_in, fill
from tests.db.test_store import ANN, begin, candidates


def data_of(folder: Path) -> Path:
    """A data folder as the studio has it."""
    for name, content in {
        "collections/abc/corpus.jsonl": b'{"_id": "1"}\n', "collections/abc/meta.json": b"{}",
        "artifacts/sha/weights.bin": bytes(range(256)) * 999, "artifacts/empty": b"", "artifacts/.making-1/half": b"half",
        "secret.key": b"secret", "cache/index": b"again", "uploads/x.part": b"x", "studio.db-wal": b"wal",
    }.items():  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


KEPT = {"collections/abc/corpus.jsonl", "collections/abc/meta.json", "artifacts/sha/weights.bin", "artifacts/empty"}


@pytest.mark.parametrize("name", ["studio.tar", "studio"])
def test_everything_comes_back_as_it_was(database: Database, fresh: Fresh, tmp_path: Path, name: str) -> None:
    with changing(database) as (connection, _):
        fill(connection, 3)
        json_null(connection)
    before, data, target = everything_in(database), data_of(tmp_path / "data"), tmp_path / "out" / name
    made = backup.write(database, target, data)
    assert made.files == len(KEPT) and set(made.tables.values()) == {3} and "rows of" in str(made)
    assert [path.name for path in target.parent.iterdir()] == [name]
    other = fresh()
    assert backup.restore(other, target, tmp_path / "other") == made
    assert everything_in(other) == before
    assert {name: content for name, content in files_of(tmp_path / "data").items() if name in KEPT} == files_of(tmp_path / "other")
    assert null_kinds(other) == null_kinds(database) == [None, "null", "{}"]
    other.migrate()
    with other.read() as session:
        assert verify(session).events == 3


def json_null(connection: sa.Connection) -> None:
    """SQL's NULL, JSON's null and an empty object in one column."""
    for value, version in ((None, 1), ("null", 2), ("{}", 3)):
        connection.execute(
            sa.text("UPDATE runs SET unfused = CAST(:value AS JSONB) WHERE id = (SELECT id FROM runs ORDER BY id LIMIT 1 OFFSET :skip)")
            if connection.dialect.name == "postgresql"
            else sa.text("UPDATE runs SET unfused = :value WHERE id = (SELECT id FROM runs ORDER BY id LIMIT 1 OFFSET :skip)"),
            {"value": value, "skip": version - 1},
        )


def null_kinds(database: Database) -> list[Any]:
    with database.snapshot() as connection:
        return [row[0] for row in connection.exec_driver_sql("SELECT CAST(unfused AS TEXT) FROM runs ORDER BY id")]


def test_five_thousand_rows_in_chains_of_versions(database: Database, fresh: Fresh, tmp_path: Path) -> None:
    """More rows than one batch; each version points at one that comes later in the order of keys."""
    keys = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(5000)]
    made = [
        {"id": key, "name": "n", "base_id": keys[number - 1] if number else None, "state": "candidate", "reason": f"{number} \u2028 'x' \\"}
        for number, key in enumerate(keys)
    ]
    with database.write() as session:
        session.execute(sa.insert(ModelVersion.__table__), made)  # type: ignore[arg-type]
    backup.write(database, tmp_path / "b.tar")
    other = fresh()
    assert backup.restore(other, tmp_path / "b.tar", tmp_path / "other").tables["model_versions"] == 5000
    assert everything_in(other) == everything_in(database)


def test_a_backup_taken_while_others_write_is_one_state(database: Database, fresh: Fresh, tmp_path: Path) -> None:
    """Every act writes three rows that belong together; another thread seals. The backup has all three of an act or none."""
    begin(database)
    stop, written = threading.Event(), threading.Semaphore(0)

    def act() -> None:
        number = 0
        while not stop.is_set():
            with database.write() as session:
                number += 1
                list_id = lists.put(session, candidates(3, query=f"query {number}"))
                log.append(session, ANN, "list.made", list_id, {"number": number})
                actors.ensure(session, f"actor-{number}", "x", {"annotator"})
                if number % 3 == 0:
                    log.seal(session)
            written.release()

    writer = threading.Thread(target=act)
    writer.start()
    try:
        for n in range(3):
            for _ in range(10):
                assert written.acquire(timeout=20)
            backup.write(database, tmp_path / f"{n}.tar")
    finally:
        stop.set()
        writer.join()
    for n in range(3):
        other = fresh()
        backup.restore(other, tmp_path / f"{n}.tar", tmp_path / f"data{n}")
        found = everything_in(other)
        made = {row["subject"] for row in found["events"] if row["action"] == "list.made"}
        assert len(made) >= 10 * (n + 1) and made <= {row["id"] for row in found["candidate_lists"]}
        assert len(found["candidate_lists"]) == len(made) + 1
        assert len([row for row in found["actors"] if row["name"] == "x"]) == len(made)
        with other.read() as session:
            assert verify(session).problems == ()


def test_a_backup_of_an_older_studio_is_brought_up_to_date(database: Database, fresh: Fresh, tmp_path: Path) -> None:
    for revision in ("0001", "0002"):
        with changing(database) as (connection, config):
            command.downgrade(config, "base")
            command.upgrade(config, revision)
            fill(connection)
        before = everything_in(database)
        backup.write(database, tmp_path / f"{revision}.tar")
        other = fresh()
        assert backup.restore(other, tmp_path / f"{revision}.tar", tmp_path / "other").revision == revision
        after = everything_in(other)
        assert [row["note"] for row in after["judgements"]] == [row["note"] for row in before["judgements"]]
        assert "events" in after


def test_the_secret_is_never_in_a_backup(database: Database, tmp_path: Path) -> None:
    backup.write(database, tmp_path / "b", data_of(tmp_path / "data"))
    assert {name.removeprefix("files/") for name in files_of(tmp_path / "b") if name.startswith("files/")} == KEPT
    assert not any(content == b"secret" for content in files_of(tmp_path / "b").values())


def test_nothing_is_overwritten(database: Database, tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_text("old")
    with pytest.raises(StoreError, match="never overwrites"):
        backup.write(database, tmp_path / "b.tar")
    assert (tmp_path / "b.tar").read_text() == "old"


def test_nothing_is_left_of_a_backup_that_fails(database: Database, tmp_path: Path) -> None:
    data = data_of(tmp_path / "data")
    with database.write() as session:
        session.execute(sa.text("DROP TABLE alembic_version"))
    with pytest.raises(StoreError, match="nothing to back up"):
        backup.write(database, tmp_path / "out" / "b.tar", data)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_filled_database_or_folder_is_left_alone(database: Database, fresh: Fresh, tmp_path: Path) -> None:
    data = data_of(tmp_path / "data")
    backup.write(database, tmp_path / "b.tar", data)
    with pytest.raises(StoreError, match="holds tables already: restore into an empty one"):
        backup.restore(database, tmp_path / "b.tar", tmp_path / "other")
    assert not (tmp_path / "other").exists()
    before, other = files_of(data), fresh()
    with pytest.raises(StoreError, match="is not empty: name another"):
        backup.restore(other, tmp_path / "b.tar", data)
    assert files_of(data) == before
    assert everything_in(other) == {}


def spoilt(source: Path, target: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    """A copy of a backup with one member changed."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for info in old:
            file = old.extractfile(info)
            assert file is not None
            content = change(file.read()) if info.name == name else file.read()
            info.size = len(content)
            new.addfile(info, io.BytesIO(content))
    return target


def test_a_damaged_backup_touches_nothing(database: Database, fresh: Fresh, tmp_path: Path) -> None:
    begin(database)
    whole = tmp_path / "b.tar"
    backup.write(database, whole, data_of(tmp_path / "data"))

    def manifest(**changes: Any) -> Callable[[bytes], bytes]:
        return lambda content: json.dumps({**json.loads(content), **changes}).encode()

    outside = {"../outside": {"size": 0, "sha256": hashlib.sha256(b"").hexdigest()}}
    damages: list[tuple[str, Callable[[bytes], bytes], str]] = [
        ("tables/actors.jsonl", lambda content: content.replace(b"Ann", b"Bob"), "damaged"),
        ("files/artifacts/sha/weights.bin", lambda content: content[:-1], "damaged"),
        ("manifest.json", lambda content: content[:-9], "can't be read"),
        ("manifest.json", lambda content: b"[]", "can't be read"),
        ("manifest.json", manifest(format="other-9"), "other-9"),
        ("manifest.json", manifest(revision="9999"), "newer version"),
        ("manifest.json", manifest(files=outside), "outside of its folder"),
        ("manifest.json", manifest(files={"secret.key": next(iter(outside.values()))}), "no folder of a studio's"),
    ]
    for number, (name, change, said) in enumerate(damages):
        other, bad = fresh(), spoilt(whole, tmp_path / f"bad{number}.tar", name, change)
        with pytest.raises(StoreError, match=said):
            backup.restore(other, bad, tmp_path / "other")
        assert everything_in(other) == {} and files_of(tmp_path / "other") == {}, said
        other.close()
    for keep in (1000, 20_000):
        (tmp_path / "cut.tar").write_bytes(whole.read_bytes()[:keep])
        with pytest.raises(StoreError, match="take another one"):
            backup.restore(fresh(), tmp_path / "cut.tar", tmp_path / "other")
    with pytest.raises(StoreError, match="there is no backup"):
        backup.restore(fresh(), tmp_path / "none.tar", tmp_path / "other")


def test_rows_that_can_not_be_loaded_leave_nothing(database: Database, fresh: Fresh, tmp_path: Path) -> None:
    """Hashes that fit, but a row that points at nothing: what somebody edited by hand."""
    begin(database)
    backup.write(database, tmp_path / "b", data_of(tmp_path / "data"))
    member = tmp_path / "b" / "tables" / "candidate_items.jsonl"
    member.write_bytes(member.read_bytes().replace(hashlib.sha256(b"Text of passage 2.").hexdigest().encode(), b"0" * 64))
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    for table in manifest["tables"]:
        if table["name"] == "candidate_items":
            table["sha256"] = hashlib.sha256(member.read_bytes()).hexdigest()
    (tmp_path / "b" / "manifest.json").write_text(json.dumps(manifest))
    other = fresh()
    with pytest.raises(StoreError, match="points at nothing|refused the backup"):
        backup.restore(other, tmp_path / "b", tmp_path / "other")
    assert everything_in(other) == {} and files_of(tmp_path / "other") == {}
    shutil.rmtree(tmp_path / "b")
    backup.write(database, tmp_path / "b", tmp_path / "data")
    backup.restore(other, tmp_path / "b", tmp_path / "other")  # and the same place can be used again
    assert everything_in(other) == everything_in(database)


def test_a_type_that_a_backup_can_not_hold_is_refused(database: Database, tmp_path: Path) -> None:
    with database.write() as session:
        session.execute(sa.text("CREATE TABLE strange (id INTEGER PRIMARY KEY, amount NUMERIC, raw DATE)"))
    with pytest.raises(StoreError, match="strange.*can't hold"):
        backup.write(database, tmp_path / "b.tar")
    assert rows.VERSION_TABLE == "alembic_version"
