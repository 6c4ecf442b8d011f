"""`export`: judgements and runs of the studio as files, straight, or as versions that can be written again."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from app.cli import sentences, written_aside
from app.cli.stores import DatabaseUrl, DataDir, settings_of

if TYPE_CHECKING:
    from app.services.exports import Exports

VERBS = ("make", "rebuild", "manifest", "list")
_KNOWN = "jsonl, rows, csv-lossless, csv-spreadsheet, parquet, qrels, run, huggingface, sft, preference, grpo, steps, reasonrank"
_QUERY = "with make: NAME=VALUE, see docs/exports.md; may be given more than once, such as --query project=ID --query texts=false"


def command(
    what: Annotated[str, typer.Argument(metavar="FORMAT|make|rebuild|manifest|list", help=f"a format ({_KNOWN}), or what to do")],
    which: Annotated[str, typer.Argument(help="with make a format, with rebuild and manifest the id of a version")] = "",
    out: Annotated[str, typer.Option(help="file to write; - is standard output; a folder for formats that are one")] = "-",
    query: Annotated[list[str] | None, typer.Option(help=_QUERY)] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = "",
) -> None:
    """Write judgements and runs as files; `make` a version that can be written again byte for byte, `rebuild` it, `list` all."""
    from app.ranking.errors import SettingsError

    with sentences():
        _check(what, which)
        if query and what != "make":
            raise SettingsError("--query says what a version is to hold: use it with make")
        given = dict(_option(text) for text in query or ())
        from app.services.exports import Exports
        from app.services.storage import open_database

        database = open_database(settings_of(data_dir, database_url))
        try:
            _do(Exports(database), what, which, given, out)
        finally:
            database.close()


def _check(what: str, which: str) -> None:
    from app.exports.registry import BY_NAME
    from app.ranking.errors import SettingsError

    if what not in VERBS and what not in BY_NAME:
        raise SettingsError(f"there is no format {what!r}: use {', '.join(BY_NAME)}, or make, rebuild, manifest, list")
    if what in VERBS[:3] and not which:
        raise SettingsError(f"{what} needs {'a format' if what == 'make' else 'the id of a version'} behind it")


def _option(text: str) -> tuple[str, Any]:
    """NAME=VALUE, the value as JSON where it is some, else as text."""
    from app.ranking.errors import SettingsError

    name, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(f"--query {text!r} is no NAME=VALUE")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _do(exports: Exports, what: str, which: str, query: dict[str, Any], out: str) -> None:
    from app.services.actors import LOCAL

    if what == "list":
        import asyncio

        versions = asyncio.run(exports.list(LOCAL))
        _write([json.dumps(version, ensure_ascii=False).encode() + b"\n" for version in versions], out)
    elif what == "manifest":
        _write([_pretty(exports.manifest(LOCAL, which))], out)
    elif what == "rebuild":
        _write(exports.rebuild(LOCAL, which), out, folder=_is_folder(exports.manifest(LOCAL, which)["format"]))
    elif what == "make":
        made = _made(lambda write: exports.make_now(LOCAL, which, query, write), out, folder=_is_folder(which))
        if out != "-":
            _write([_pretty(exports.manifest(LOCAL, made["id"]))], out.rstrip("/") + ".manifest.json", quiet=True)
        typer.echo(f"version {made['id']}: to write it again, {made['command']}", err=True)
    else:
        _write(exports.write(LOCAL, what), out, folder=_is_folder(what))


def _is_folder(name: str) -> bool:
    from app.exports.registry import format_named

    return format_named(name).media_type == "application/x-tar"


def _pretty(value: object) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"


def _made(make: Callable[[Callable[[bytes], object]], dict[str, Any]], out: str, *, folder: bool) -> dict[str, Any]:
    """Run a maker that writes as it goes."""
    if out == "-":
        return make(sys.stdout.buffer.write)
    if folder and not out.endswith(".tar"):
        with tempfile.TemporaryFile() as file:
            made = make(file.write)
            _unpack(file, Path(out))
        return made
    with written_aside(Path(out)) as file:
        return make(file.write)


def _write(pieces: Iterable[bytes], out: str, *, folder: bool = False, quiet: bool = False) -> None:
    """Write pieces of bytes; a stopped export leaves no half file."""

    def make(write: Callable[[bytes], object]) -> dict[str, Any]:
        return {"bytes": sum(len(piece) for piece in pieces if write(piece) is not None)}

    made = _made(make, out, folder=folder)
    if out != "-" and not quiet:
        typer.echo(f"wrote {made['bytes']:,} bytes to {out}", err=True)


def _unpack(file: IO[bytes], target: Path) -> None:
    import tarfile

    from app.ranking.errors import SettingsError

    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SettingsError(f"{str(target)!r} is there already and not an empty folder: name a new one, or a .tar file")
    file.seek(0)
    with tarfile.open(fileobj=file) as opened:
        opened.extractall(target, filter="data")
