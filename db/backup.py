"""Backup and restore while the studio runs, in one format for both databases, so that it also moves a studio from one to the other.

Rows are read in one transaction that sees one state: a WAL snapshot in SQLite, REPEATABLE READ in PostgreSQL; writers go on meanwhile, and
neither pg_dump nor SQLite's own copying, which starts anew whenever another process writes, is needed. Files come after the rows: they are
written once before any row names them and never changed, so that every row's file is there. Only folders that are named are taken, so
neither keys nor caches get in; password hashes are rows, and do.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from app.ranking.errors import StoreError
from db import archive, rows
from db.archive import Member
from db.session import Database, reason

# What of the data folder is kept: uploaded collections and the artifact store. Caches are made again.
FOLDERS = ("collections", "artifacts")
FORMAT = "reasonrank-backup-1"
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a backup holds. `tables` are rows by table."""

    revision: str
    tables: Mapping[str, int]
    files: int
    size: int

    def __str__(self) -> str:
        return f"{sum(self.tables.values()):,} rows of {len(self.tables)} tables (revision {self.revision}) and {self.files:,} files"


def stamp() -> str:
    """The present as part of a file's name, in UTC."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def write(database: Database, target: Path, data_dir: Path | None = None, artifacts: Path | None = None) -> Summary:
    """Write a backup to a file that ends in .tar or to a folder. Without a data folder it holds the database alone.

    `artifacts` is where the artifact store lies, where that isn't the data folder. Raises StoreError where there is nothing to back up,
    where the target exists, or where the disk refuses.
    """
    try:
        with archive.create(target) as writer:
            manifest = _tables(database, writer)
            manifest["files"] = _files(writer, _places(data_dir, artifacts)) if data_dir is not None else {}
            text = json.dumps(manifest, indent=1, ensure_ascii=False).encode()
            writer.add(MANIFEST, [text])
    except OSError as error:
        raise StoreError(f"the backup {str(target)!r} can't be written: {error.strerror or error}. Nothing is left of it") from error
    return _summary(manifest)


def restore(database: Database, source: Path, data_dir: Path, artifacts: Path | None = None) -> Summary:
    """Fill an empty database and data folder from a backup, then bring the tables to the newest revision: all of it or nothing.

    Raises StoreError where something is there already, where the backup is damaged or newer than this program.
    """
    with archive.reading(source) as reader:
        manifest = _manifest(reader)
        _check_hashes(reader, manifest)
        places = _places(data_dir, artifacts)
        _refuse_filled(database, places, manifest)
        try:
            with _placed(reader, manifest, places):
                _load(database, reader, manifest)
        except OSError as error:
            raise StoreError(f"the backup can't be restored: {error.strerror or error}. Nothing was changed") from error
    return _summary(manifest)


def _places(data_dir: Path, artifacts: Path | None) -> dict[str, Path]:
    """Where each folder of a backup lies; its name in the backup is the same wherever that is."""
    places = {folder: data_dir / folder for folder in FOLDERS}
    return places | ({"artifacts": artifacts} if artifacts is not None else {})


# Writing.


def _tables(database: Database, writer: archive.Writer) -> dict[str, Any]:
    """Write all tables; the manifest so far."""
    with database.snapshot() as connection:
        if not sa.inspect(connection).has_table(rows.VERSION_TABLE):
            raise StoreError(f"the database {database.shown} holds no studio yet: there is nothing to back up")
        revision = connection.exec_driver_sql(f"SELECT version_num FROM {rows.VERSION_TABLE}").scalar()
        tables = []
        for shape in rows.shapes(connection):
            counted = _Counted(rows.dump(connection, shape))
            member = writer.add(_member(shape.name), counted)
            tables.append({"name": shape.name, "columns": list(shape.kinds), "rows": counted.count, **_entry(member)})
    return {"format": FORMAT, "revision": revision, "made": datetime.now(UTC).isoformat(), "tables": tables}


class _Counted:
    """Lines, counted as they go by."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines, self.count = lines, 0

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            self.count += 1
            yield line


def _files(writer: archive.Writer, places: Mapping[str, Path]) -> dict[str, Any]:
    files = {}
    for folder, place in places.items():
        for path in sorted(place.rglob("*")):
            name = folder / path.relative_to(place)
            # What begins with a dot is being made; it gets its name when it is whole.
            if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in name.parts):
                with path.open("rb") as file:
                    files[name.as_posix()] = _entry(writer.add(f"files/{name.as_posix()}", archive.pieces(file)))
    return files


def _member(table: str) -> str:
    return f"tables/{table}.jsonl"


def _entry(member: Member) -> dict[str, Any]:
    return {"size": member.size, "sha256": member.sha256}


def _summary(manifest: Mapping[str, Any]) -> Summary:
    listed = [*manifest["tables"], *manifest["files"].values()]
    tables = {table["name"]: table["rows"] for table in manifest["tables"]}
    return Summary(
        revision=manifest["revision"], tables=tables, files=len(manifest["files"]), size=sum(item["size"] for item in listed)
    )  # fmt: skip


# Reading.


def _manifest(reader: archive.Reader) -> dict[str, Any]:
    """The manifest, with everything in it that is used later. Raises StoreError."""
    with reader.open(MANIFEST) as file:
        try:
            found: dict[str, Any] = json.load(file)
            if found["format"] != FORMAT:
                raise StoreError(f"the backup has the format {found['format']!r}, this program reads {FORMAT}: use the one that wrote it")
            _summary(found)
            for name in [*(_member(table["name"]) for table in found["tables"]), *found["files"]]:
                archive.safe(name)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"the backup's {MANIFEST} can't be read ({error!r}): take another backup") from error
    strange = sorted({name.split("/")[0] for name in found["files"]} - set(FOLDERS))
    if strange:
        raise StoreError(f"the backup holds files for {strange[0]!r}, which is no folder of a studio's: it was not made by this program")
    return found


def _check_hashes(reader: archive.Reader, manifest: Mapping[str, Any]) -> None:
    expected = {_member(table["name"]): table for table in manifest["tables"]}
    expected |= {f"files/{name}": entry for name, entry in manifest["files"].items()}
    for name, entry in expected.items():
        with reader.open(name) as file:
            if _entry(archive.hashed(archive.pieces(file))) != {"size": entry["size"], "sha256": entry["sha256"]}:
                raise StoreError(f"{name!r} in the backup is damaged: take another backup. Nothing was changed")


def _refuse_filled(database: Database, places: Mapping[str, Path], manifest: Mapping[str, Any]) -> None:
    with database.snapshot() as connection:
        tables = sa.inspect(connection).get_table_names()
    if tables:
        raise StoreError(
            f"the database {database.shown} holds tables already: restore into an empty one, with another --data-dir or --database-url, "
            "or move this one away"
        )
    for place in _used(places, manifest):
        if place.exists() and any(place.iterdir()):
            raise StoreError(f"the folder {str(place)!r} is not empty: name another --data-dir, or move the folder away")


def _used(places: Mapping[str, Path], manifest: Mapping[str, Any]) -> list[Path]:
    """Places that the files of a backup go to."""
    return [places[folder] for folder in sorted({name.split("/")[0] for name in manifest["files"]})]


@contextmanager
def _placed(reader: archive.Reader, manifest: Mapping[str, Any], places: Mapping[str, Path]) -> Iterator[None]:
    """The files in place before any row that names them is; taken away again where the rows can't be loaded."""
    placed: list[Path] = []
    try:
        for name in manifest["files"]:
            folder, _, below = name.partition("/")
            path = places[folder] / below
            path.parent.mkdir(parents=True, exist_ok=True)
            placed.append(path)
            with reader.open(f"files/{name}") as source, path.open("xb") as target:
                shutil.copyfileobj(source, target)
                target.flush()
                os.fsync(target.fileno())
        roots = {place.parent for place in _used(places, manifest)}
        for above in {above for path in placed for above in path.parents if any(above.is_relative_to(root) for root in roots)}:
            archive.sync(above)
        yield
    except BaseException:
        for place in _used(places, manifest):
            shutil.rmtree(place, ignore_errors=True)
        raise


def _load(database: Database, reader: archive.Reader, manifest: Mapping[str, Any]) -> None:
    """Tables as they were at the backup's revision, their rows, then the migrations since: in one transaction."""
    from alembic import command
    from alembic.util.exc import CommandError

    try:
        with database.migrating() as config:
            command.upgrade(config, manifest["revision"])
            _fill(config.attributes["connection"], reader, manifest)
            command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(f"the backup was made by a newer version of the studio ({error}): update this one, then restore") from error
    except SQLAlchemyError as error:
        raise StoreError(f"the database {database.shown} refused the backup: {reason(error)}. Nothing was changed") from error


def _fill(connection: sa.Connection, reader: archive.Reader, manifest: Mapping[str, Any]) -> None:
    shapes = {shape.name: shape for shape in rows.shapes(connection)}
    for table in manifest["tables"]:
        shape = shapes.get(table["name"])
        if shape is None or set(shape.kinds) != set(table["columns"]):
            raise StoreError(
                f"table {table['name']!r} of the backup is not one of a studio at revision {manifest['revision']}: "
                "keep tables of other programs out of its database"
            )
        shape = replace(shape, kinds={name: shape.kinds[name] for name in table["columns"]})
        with reader.open(_member(shape.name)) as file:
            if rows.load(connection, shape, file) != table["rows"]:
                raise StoreError(f"table {shape.name!r} of the backup has not the {table['rows']} rows that its manifest names")
        if shape.own:
            with reader.open(_member(shape.name)) as file:
                rows.join(connection, shape, file)
