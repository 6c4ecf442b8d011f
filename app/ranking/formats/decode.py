"""From a file or an upload to text: limits, encodings, and errors that name the line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is accepted: bytes of a file, passages of a collection, characters of one passage's text and of an id."""

    bytes: int = 50 * _MEGABYTE
    passages: int = 100_000
    characters: int = 20_000
    id_characters: int = 200


def bad_line(number: int, reason: str) -> InputError:
    """An error about line `number`, counted from 1."""
    return InputError(f"line {number}: {reason}")


def decode(source: bytes | Path, limits: Limits) -> str:
    """UTF-8 text with or without a byte order mark, line ends as `\\n`. Raises InputError for too many bytes or another encoding."""
    data = source if isinstance(source, bytes) else _read(source, limits)
    if len(data) > limits.bytes:
        raise InputError(_too_big(len(data), limits))
    if data.startswith(_UTF16):
        raise InputError("the file is encoded as UTF-16: save it as UTF-8 and try again")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise bad_line(line, f"byte 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8 and try again") from error
    if "\0" in text:
        raise bad_line(text.count("\n", 0, text.index("\0")) + 1, "holds a zero byte: this is not a text file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def check_id(value: str, number: int, limits: Limits) -> str:
    """An id fit for every format. Raises InputError for one that is empty, too long, or has control characters or blanks at its ends."""
    if not value or value != value.strip():
        raise bad_line(number, f"id {value!r} is empty or has blanks at its ends: give each passage an id, or none at all")
    if len(value) > limits.id_characters:
        raise bad_line(number, f"the id has {len(value)} characters: at most {limits.id_characters} are accepted")
    if not value.isprintable():
        raise bad_line(number, f"id {value!r} has characters that can't be printed: remove them")
    return value


def _read(path: Path, limits: Limits) -> bytes:
    try:
        size = path.stat().st_size
        if size > limits.bytes:
            raise InputError(_too_big(size, limits))
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name!r} can't be read: {error.strerror}") from error


def _too_big(size: int, limits: Limits) -> str:
    return f"the file has {size / _MEGABYTE:.1f} MB: at most {limits.bytes / _MEGABYTE:.1f} MB are accepted"


def numbered_rows(reader: Any) -> Iterator[tuple[int, Any]]:
    """Rows of a `csv.reader` or `csv.DictReader`, each with the number of its first line. Raises InputError for one that can't be split."""
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise bad_line(number, f"can't be split into columns ({error}): check its quotation marks") from error
        if row is None:
            return
        yield number, row
