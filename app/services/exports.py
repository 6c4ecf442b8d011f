"""Files that researchers take away: straight from the database, or as versions that can be written again byte for byte."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.exports.registry import FORMATS, Format, format_named
from app.exports.selection import Selection, Tally
from app.ranking.errors import Conflict, InputError, NotFound, SettingsError
from app.services import export_records
from app.services.actors import Actor, require
from db.models import now
from db.models_projects import ExportVersion
from db.session import Database
from db.store import exports, log, withdrawals

# Taken straight, judgements come with all their versions: nothing is left out.
_EVERYTHING = Selection(all_versions=True, include_holdout=True, tutorials=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A file on its way: chunks come as they are made."""

    filename: str
    media_type: str
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that decides the bytes of an export."""

    form: Format
    selection: Selection
    until: int | None


class Withdrawn(Conflict):
    """An export can't be written again, because judgements that it held were taken away."""


class Exports:
    """Exports by format; see app.exports.registry."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def formats(self, actor: Actor) -> list[dict[str, Any]]:
        """What can be made, with the dictionary of each."""
        require(actor, "researcher")
        return [form.shown() for form in FORMATS]

    def stream(self, actor: Actor, name: str) -> Export:
        """One export as things stand, by name of file or format. Raises NotFound listing those there are."""
        require(actor, "researcher")
        form = format_named(name)
        return Export(filename=form.file, media_type=form.media_type, chunks=_in_thread(self.write(actor, name)))

    def write(self, actor: Actor, name: str) -> Iterator[bytes]:
        """The same, for callers without an event loop."""
        require(actor, "researcher")
        form = format_named(name)
        selection = _EVERYTHING if form.name == "jsonl" else Selection(include_holdout=not form.trains)
        return self._chunks(Recipe(form=form, selection=selection, until=None), Tally())

    async def make(self, actor: Actor, name: str, query: Mapping[str, Any]) -> dict[str, Any]:
        """A new version of an export: V. Raises NotFound for a format, SettingsError for an option or a holdout query in training rows."""
        return await asyncio.to_thread(self.make_now, actor, name, query, _nowhere)

    def make_now(self, actor: Actor, name: str, query: Mapping[str, Any], write: Callable[[bytes], object]) -> dict[str, Any]:
        """The same, handing the bytes on while they are hashed; for callers without an event loop."""
        require(actor, "researcher")
        form = format_named(name)
        recipe = self._recipe(form, form.allowed(Selection.of(query)))
        tally, digest = Tally(), hashlib.sha256()
        for chunk in self._chunks(recipe, tally):
            digest.update(chunk)
            write(chunk)
        return self._keep(actor, recipe, tally, digest.hexdigest())

    async def list(self, actor: Actor) -> list[dict[str, Any]]:
        """Versions, newest first."""
        require(actor, "researcher")

        def read() -> list[dict[str, Any]]:
            with self._database.read() as session:
                return [{**_view(row), "withdrawn": self._gone(session, row)} for row in exports.versions(session)]

        return await asyncio.to_thread(read)

    async def get(self, actor: Actor, version_id: str) -> dict[str, Any]:
        """The manifest of a version: V, with licences, consents, agreement and software."""
        return await asyncio.to_thread(self.manifest, actor, version_id)

    def manifest(self, actor: Actor, version_id: str) -> dict[str, Any]:
        """The same, for callers without an event loop. Raises NotFound."""
        require(actor, "researcher")
        row = self._version(version_id)
        return {**_view(row), **row.query["counted"], "software": row.query["software"]}

    async def file(self, actor: Actor, version_id: str) -> Export:
        """The bytes of a version, written again. Raises NotFound, and Withdrawn where judgements of it are gone."""
        require(actor, "researcher")
        row = await asyncio.to_thread(self._version, version_id)
        form = format_named(row.format)
        stem, _, ending = form.file.rpartition(".")
        chunks = await asyncio.to_thread(self.rebuild, actor, version_id)
        return Export(filename=f"{stem}-{row.id[:12]}.{ending}", media_type=form.media_type, chunks=_in_thread(chunks))

    def rebuild(self, actor: Actor, version_id: str) -> Iterator[bytes]:
        """The same, for callers without an event loop: checked at once, and the hash at the end (raises Conflict)."""
        require(actor, "researcher")
        row = self._version(version_id)
        recipe = _recipe_of(row)
        if recipe.form.schema != row.schema_version:
            raise Conflict(
                f"this export has the schema {row.schema_version}, and this version of the studio writes {recipe.form.schema}: write it "
                f"with the version that made it, or make a new one with {_command_of_new(row)}"
            )
        self._refuse_gone(row)
        return _checked(self._chunks(recipe, Tally()), row)

    def _refuse_gone(self, row: ExportVersion) -> None:
        recipe = _recipe_of(row)
        with self._database.read() as session:
            gone = _held(row) - export_records.count(session, recipe.form, recipe.selection, row.until)
            if not gone:
                return
            between = withdrawals.between(session, until=row.until, project=recipe.selection.project, since=row.created)
        when = f" between {between[0]:%Y-%m-%d} and {between[1]:%Y-%m-%d}, at their authors' request or by age" if between else ""
        raise Withdrawn(
            f"this export can't be written again: {gone:,} of its {_held(row):,} {recipe.form.of} went{when}. "
            f"Make a new version with: {_command_of_new(row)}"
        )

    def _gone(self, session: Session, row: ExportVersion) -> int:
        """How many judgements of a version are gone; counted only where something was withdrawn since it was made."""
        recipe = _recipe_of(row)
        if not withdrawals.between(session, until=row.until, project=recipe.selection.project, since=row.created):
            return 0
        return _held(row) - export_records.count(session, recipe.form, recipe.selection, row.until)

    def _recipe(self, form: Format, selection: Selection) -> Recipe:
        """Seals what has been saved so far, and takes the end of the log as the bound."""
        with self._database.write() as session:
            log.adopt(session)
            exports.ensure_pseudonyms(session)
        sealed = 1
        while sealed:
            with self._database.write() as session:
                sealed = log.seal(session)
        with self._database.write() as session:  # a writer's turn: what ended before is committed
            if form.of == "runs" and selection.ended_before is None:
                selection = replace(selection, ended_before=now().isoformat())
            return Recipe(form=form, selection=selection, until=exports.end_of_log(session))

    def _chunks(self, recipe: Recipe, tally: Tally) -> Iterator[bytes]:
        form, selection = recipe.form, recipe.selection
        if form.of == "runs":
            yield from form.make(self._runs(selection, tally), selection, tally)
        else:
            found = export_records.judgements(self._database, form, selection, recipe.until)
            yield from form.make(tally.watched(found), selection, tally)

    def _runs(self, selection: Selection, tally: Tally) -> Iterator[Any]:
        for record in export_records.runs(self._database, _moment(selection.ended_before)):
            tally.runs += 1
            yield record

    def _keep(self, actor: Actor, recipe: Recipe, tally: Tally, content: str) -> dict[str, Any]:
        selection, form = recipe.selection.plain, recipe.form
        named = json.dumps([form.name, form.schema, selection, recipe.until, content], sort_keys=True)
        version_id = hashlib.sha256(named.encode()).hexdigest()
        with self._database.write() as session:
            row = exports.version(session, version_id)
            if row is None:
                row = ExportVersion(
                    id=version_id, format=form.name, schema_version=form.schema, content_hash=content, actor_id=actor.id,
                    query={"selection": selection, "counted": tally.plain, "software": _software(form)},
                    until=recipe.until or 0, rows=tally.rows, judgements=tally.judgements,
                )  # fmt: skip
                session.add(row)
                log.append(session, actor.id, "export.made", version_id, {"format": form.name, "until": recipe.until or 0})
                session.flush()
            return _view(row)

    def _version(self, version_id: str) -> ExportVersion:
        with self._database.read() as session:
            row = exports.version(session, version_id)
        if row is None:
            raise NotFound(f"no version of an export is called {version_id!r}: the ids are in the list of exports")
        return row


def _recipe_of(row: ExportVersion) -> Recipe:
    return Recipe(form=format_named(row.format), selection=Selection.of(row.query["selection"]), until=row.until)


def _held(row: ExportVersion) -> int:
    """Judgements, or runs, that a version was made of."""
    return int(row.query["counted"]["runs"]) or row.judgements


def _view(row: ExportVersion) -> dict[str, Any]:
    """V of the HTTP interface."""
    return {
        "id": row.id,
        "format": row.format,
        "schema_version": row.schema_version,
        "query": row.query["selection"],
        "until": row.until,
        "content_hash": row.content_hash,
        "rows": row.rows,
        "judgements": row.judgements,
        "created": row.created.isoformat(),
        "command": f"python -m app export rebuild {row.id} --out {format_named(row.format).file}",
    }


def _command_of_new(row: ExportVersion) -> str:
    default = Selection().plain
    changed = {name: value for name, value in row.query["selection"].items() if name != "ended_before" and value != default.get(name)}
    form = format_named(row.format)
    given = "".join(f" --query {name}={json.dumps(value, separators=(',', ':'))}" for name, value in changed.items())
    return f"python -m app export make {row.format}{given} --out {form.file}"


def _checked(chunks: Iterator[bytes], row: ExportVersion) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != row.content_hash:
        made = ", ".join(f"{name} {version}" for name, version in row.query["software"].items()) or "the same packages"
        raise Conflict(f"the bytes came out otherwise than those of export {row.id[:12]}: it was made with {made}; use those versions")


def _software(form: Format) -> dict[str, str]:
    """What the bytes depend on beside the records."""
    from importlib.metadata import version

    return {"pyarrow": version("pyarrow")} if form.name in ("parquet", "huggingface") else {}


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"ended_before is {text!r}: give a time like 2026-01-31T12:00:00+00:00") from error
    if found.tzinfo is None:
        raise InputError(f"ended_before is {text!r}, a time without a zone: write +00:00 behind it for UTC")
    return found


def _nowhere(_chunk: bytes) -> None:
    """Where bytes go that only their hash is wanted of."""


async def _in_thread(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Pull a blocking iterator on another thread."""
    while True:
        chunk = await asyncio.to_thread(next, chunks, None)
        if chunk is None:
            return
        yield chunk
