"""Files larger than the memory: their lines and rows one by one, every error naming file and line."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from app.ranking.errors import InputError
from app.ranking.formats.topics import naming

LONGEST = 64 << 20
"""Bytes of one line: far more than any row has, so that a file without line ends is refused and not read whole."""
_GZIP, _SEVEN, _BOM = b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"\xef\xbb\xbf"


def at(path: Path, number: int, reason: str) -> InputError:
    """An error about a line, counted from 1."""
    return InputError(f"{path.name}: line {number}: {reason}")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked where it is gzipped, whatever its name. Raises InputError for a 7z archive."""
    with path.open("rb") as file:
        start = file.read(6)
        file.seek(0)
        if start == _SEVEN:
            raise InputError(f"{path.name!r} is a 7z archive, which is not read: unpack it with 7z x {path.name} and name the file inside")
        if start.startswith(_GZIP):
            with gzip.open(file, "rb") as unpacked:
                yield io.BufferedReader(unpacked)
        else:
            yield file


def raw_lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """(line, offset, bytes) of lines that hold anything. Raises InputError for a file that can't be read or a line without an end."""
    with naming(path), opened(path) as file:
        number = offset = 0
        while raw := file.readline(LONGEST + 1):
            number += 1
            if len(raw) > LONGEST:
                raise at(path, number, f"has more than {LONGEST >> 20} MiB: this is no file of one row per line")
            if raw.strip():
                yield number, offset, raw
            offset += len(raw)


def text_of(path: Path, number: int, raw: bytes) -> str:
    """The text of a line without its end. Raises InputError where it is not UTF-8 or holds a zero byte."""
    try:
        line = raw.removeprefix(_BOM if number == 1 else b"").decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise at(path, number, f"byte 0x{raw[error.start]:02x} is not UTF-8: save the file as UTF-8 and try again") from error
    if "\0" in line:
        raise at(path, number, "holds a zero byte: this is not a text file")
    return line


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of lines that hold anything."""
    for number, _, raw in raw_lines(path):
        yield number, text_of(path, number, raw)


def json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, object) of a file of JSON lines."""
    for number, line in lines(path):
        yield number, json_row(path, number, line)


def json_row(path: Path, number: int, line: str) -> dict[str, Any]:
    """The object of a line. Raises InputError for anything else."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise at(path, number, f"is not JSON ({error}): give one object per line") from error
    if not isinstance(row, dict):
        raise at(path, number, f"is a JSON {type(row).__name__}, not an object: give one object per line")
    return row


def field(row: Mapping[str, Any], name: str, path: Path, number: int) -> str:
    """A field as text, whole numbers too; empty where it is missing or null. Raises InputError for another kind or half a character."""
    value = row.get(name)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise at(path, number, f"field {name!r} is a {type(value).__name__}: it must be text")
    return whole_text(value, f"field {name!r}", path, number)


def whole_text(text: str, what: str, path: Path, number: int) -> str:
    """The text, where a file and a database can hold it. Raises InputError for half a character or a zero byte, which JSON can spell."""
    if "\0" in text:
        raise at(path, number, f"{what} holds a zero byte: no database takes it, remove it")
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise at(path, number, f"{what} holds half a character (\\u{ord(text[error.start]):04x}): repair the escape") from error
    return text


def needed(row: Mapping[str, Any], name: str, path: Path, number: int) -> str:
    """A field as text that says something. Raises InputError where it is missing or blank."""
    if not (value := field(row, name, path, number)).strip():
        raise at(path, number, f"has no field {name!r}, or an empty one: every row needs it")
    return value
