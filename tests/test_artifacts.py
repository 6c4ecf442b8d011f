"""The artifact store: one folder per content, whole or not there, whoever puts it and however often."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.artifacts import ArtifactStore, content
from app.ranking.errors import InputError, NotFound, StoreError
from app.settings import Settings
from db import backup
from db.session import Database
from db.store import artifacts
from tests.databases import migrated


def filling(**files: bytes):  # type: ignore[no-untyped-def]
    def make(folder: Path) -> None:
        for name, data in files.items():
            path = folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    return make


def test_a_folder_is_kept_under_the_hash_of_its_content(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "artifacts")
    kept = store.put(filling(b=b"2", a__c=b"1"), "test")
    wanted = hashlib.sha256()
    for name, data in ((b"a/c", b"1"), (b"b", b"2")):
        for part in (len(name).to_bytes(8, "big"), name, len(data).to_bytes(8, "big"), data):
            wanted.update(part)
    assert (kept.hash, kept.size, kept.kind) == (wanted.hexdigest(), 2, "test")
    assert (store.path(kept.hash) / "a" / "c").read_bytes() == b"1"
    assert [path.name for path in store.root.iterdir()] == [kept.hash]
    store.verify(kept.hash)
    assert store.put(filling(a__c=b"1", b=b"2"), "other").hash == kept.hash


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "ab", "a0"]), st.binary(max_size=3), min_size=1), min_size=2, max_size=2))
@settings(max_examples=50, deadline=None)
def test_different_content_has_different_hashes(tmp_path_factory: pytest.TempPathFactory, both: list[dict[str, bytes]]) -> None:
    hashes = []
    for files in both:
        folder = tmp_path_factory.mktemp("made")
        filling(**files)(folder)
        hashes.append(content(folder)[0])
    assert (hashes[0] == hashes[1]) == (both[0] == both[1])


def test_puts_at_once_end_as_one(tmp_path: Path) -> None:
    store, found, together = ArtifactStore(tmp_path), list[str](), threading.Barrier(8)

    def put() -> None:
        together.wait()
        found.append(store.put(filling(a=b"x" * 100_000, b=b"y"), "test").hash)

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1 and [path.name for path in tmp_path.iterdir()] == [found[0]]
    store.verify(found[0])


def test_what_could_not_be_made_leaves_nothing(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)

    def broken(folder: Path) -> None:
        (folder / "half").write_bytes(b"half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.put(broken, "test")
    with pytest.raises(InputError, match="without any file"):
        store.put(lambda folder: None, "test")
    with pytest.raises(InputError, match="link"):
        store.put(lambda folder: (folder / "a").symlink_to("/etc/passwd"), "test")

    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left"):
        store.put(full, "test")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_artifact_is_noticed_and_made_again(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    kept = store.put(filling(a=b"good"), "test")
    path = store.path(kept.hash) / "a"
    assert not path.stat().st_mode & 0o222  # nobody writes to it by mistake
    path.chmod(0o644)
    path.write_bytes(b"gone")
    with pytest.raises(StoreError, match="damaged"):
        store.verify(kept.hash)
    assert store.put(filling(a=b"good"), "test") == kept
    store.verify(kept.hash)
    assert [path.name for path in tmp_path.iterdir()] == [kept.hash]


@pytest.mark.parametrize("name", ["", "..", "../../etc", "A" * 64, "0" * 63, "0" * 64 + "/x"])
def test_names_that_are_no_hash_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="64 hexadecimal digits"):
        ArtifactStore(tmp_path).path(name)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not in the artifact store"):
        ArtifactStore(tmp_path).verify("0" * 64)


def test_folders_of_killed_processes_go_after_a_day(tmp_path: Path) -> None:
    for name, age in ((".making-old", 100_000), (".making-new", 10)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    ArtifactStore(tmp_path).put(filling(a=b"1"), "test")
    assert sorted(path.name[:11] for path in tmp_path.iterdir() if path.name.startswith(".")) == [".making-new"]


def test_rows_name_artifacts_once(tmp_path: Path) -> None:
    database = migrated(tmp_path / "studio.db")
    with database.write() as session:
        for kind in ("dataset", "other"):
            artifacts.put(session, "0" * 64, kind, 5)
    with database.read() as session:
        row = artifacts.get(session, "0" * 64)
        assert (row.kind, row.size) == ("dataset", 5)
        with pytest.raises(NotFound):
            artifacts.get(session, "1" * 64)
    database.close()


def test_a_backup_takes_artifacts_wherever_they_lie(tmp_path: Path) -> None:
    database = migrated(tmp_path / "data" / "studio.db")
    settings = Settings(data_dir=tmp_path / "data", artifacts=tmp_path / "elsewhere")
    kept = ArtifactStore(settings.artifacts_dir).put(filling(a=b"1", b__c=b"2"), "test")
    backup.write(database, tmp_path / "out.tar", settings.data_dir, settings.artifacts_dir)
    database.close()
    other = Database(f"sqlite:///{tmp_path / 'other' / 'studio.db'}")
    backup.restore(other, tmp_path / "out.tar", tmp_path / "other", tmp_path / "far" / "away")
    other.close()
    ArtifactStore(tmp_path / "far" / "away").verify(kept.hash)
    assert not (tmp_path / "other" / "artifacts").exists()
    third = Database(f"sqlite:///{tmp_path / 'third' / 'studio.db'}")
    with pytest.raises(StoreError, match="is not empty"):
        backup.restore(third, tmp_path / "out.tar", tmp_path / "third", tmp_path / "far" / "away")
    backup.restore(third, tmp_path / "out.tar", tmp_path / "third")
    third.close()
    ArtifactStore(tmp_path / "third" / "artifacts").verify(kept.hash)


def test_a_folder_that_goes_away_while_it_is_looked_at_is_no_error(tmp_path: Path) -> None:
    """Eight puts at once met this by chance: one lists what is being made, another one takes its own away."""
    (tmp_path / ".making-gone").symlink_to(tmp_path / "nowhere")  # listed, and not there when it is asked for its age
    assert ArtifactStore(tmp_path).put(filling(a=b"x"), "test").size == 1
