"""Readers of collections: one function per format, all giving passages one by one and naming the line that is wrong.

Nothing is kept by a reader: a caller that stops at the first error has imported nothing.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..values import Passage
from .decode import Limits, bad_line, check_id, decode, numbered_rows

ID_FIELDS = ("_id", "id", "docid", "doc_id", "pid", "passage_id")
TEXT_FIELDS = ("text", "contents", "content", "passage", "body")
TITLE_FIELDS = ("title", "heading")
_ENDINGS = {
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "jsonl"),
    ".csv": "csv",
    **dict.fromkeys((".tsv", ".tab"), "tsv"),
    **dict.fromkeys((".txt", ".md"), "text"),
}
# Columns of a table without a header, by their number.
_BARE = {1: ("text",), 2: ("id", "text"), 3: ("id", "title", "text")}

# (line, id or "", title, text), before any check
Record = tuple[int, str, str, str]


def read_collection(source: bytes | Path, *, format: str = "auto", name: str = "", limits: Limits | None = None) -> Iterator[Passage]:
    """Passages of a file, an upload or a BEIR folder, in their order. Missing ids become p1, p2, ... by their place.

    `name` is the file's name, used by `auto`. Raises InputError naming the line for anything that can't be taken whole.
    """
    limits = limits or Limits()
    if isinstance(source, Path):
        name = name or source.name
        if source.is_dir():
            source = source / "corpus.jsonl"
    text = decode(source, limits)
    chosen = sniff(text, name) if format == "auto" else format
    if chosen not in READERS:
        raise InputError(f"format {chosen!r} is unknown: use auto, {', '.join(READERS)}")
    return _checked(READERS[chosen](text), limits)


def sniff(text: str, name: str = "") -> str:
    """Format of a text, by its first line and then by the ending of its name."""
    first = next((line for line in text.split("\n") if line.strip()), "").strip()
    ending = _ENDINGS.get(Path(name).suffix.lower(), "")
    if first.startswith("{"):
        return "jsonl"
    if ending:
        return ending
    for format_, mark in (("tsv", "\t"), ("csv", ",")):
        if mark in first and set(first.lower().split(mark)) & set(TEXT_FIELDS):
            return format_
    return "text"


def _checked(records: Iterator[Record], limits: Limits) -> Iterator[Passage]:
    """Passages of records that fit the limits, with ids of their own."""
    lines: dict[str, int] = {}
    for count, (number, given, title, text) in enumerate(records, start=1):
        if count > limits.passages:
            raise bad_line(number, f"this is passage {count}: at most {limits.passages} are accepted")
        id_ = check_id(given or f"p{count}", number, limits)
        if id_ in lines:
            raise bad_line(number, f"id {id_!r} was used before, on line {lines[id_]}: ids must differ")
        lines[id_] = number
        if not text.strip():
            raise bad_line(number, "the text is empty: remove the line or give it a text")
        size = len(text) + len(title)
        if size > limits.characters:
            raise bad_line(number, f"the passage has {size} characters: at most {limits.characters} are accepted, split it")
        if not (text + title + id_).isascii():
            _check_encodable(text + title + id_, number)
        yield Passage(id=id_, title=title, text=text)
    if not lines:
        raise InputError("there is no passage in it: give at least one")


def _check_encodable(text: str, number: int) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise bad_line(number, f"half a character (\\u{ord(text[error.start]):04x}) is not text: repair the escape") from error


def _jsonl(text: str) -> Iterator[Record]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise bad_line(number, f"is not JSON ({error}): give one object per line") from error
        if not isinstance(record, dict):
            raise bad_line(number, f"is a JSON {type(record).__name__}, not an object: give one object per line")
        if not any(name in record for name in TEXT_FIELDS):
            raise bad_line(number, f"has no field of the name {' or '.join(TEXT_FIELDS)}: name the passage's text so")
        yield number, _field(record, ID_FIELDS, number), _field(record, TITLE_FIELDS, number), _field(record, TEXT_FIELDS, number)


def _field(record: dict[str, Any], names: Sequence[str], number: int) -> str:
    """First of the named fields as text; whole numbers are accepted for ids."""
    name = next((name for name in names if record.get(name) is not None), None)
    if name is None:
        return ""
    value = record[name]
    if isinstance(value, str):
        if "\0" in value:
            raise bad_line(number, f"field {name!r} holds a zero byte: no database takes it, remove it")
        return value
    if isinstance(value, int) and not isinstance(value, bool) and names is ID_FIELDS:
        return str(value)
    raise bad_line(number, f"field {name!r} is a {type(value).__name__}: it must be text")


def _csv(text: str) -> Iterator[Record]:
    first = text.split("\n", 1)[0]
    mark = ";" if ";" in first and "," not in first else ","
    return _table(csv.reader(io.StringIO(text), delimiter=mark, strict=True))


def _tsv(text: str) -> Iterator[Record]:
    # Tab-separated collections are written raw: a quotation mark is a character like any other.
    return _table(csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


def _table(reader: Any) -> Iterator[Record]:
    """Rows by the names of the header; without one, text or id, text or id, title, text."""
    columns: list[str] | None = None
    for number, row in numbered_rows(reader):
        if not any(cell.strip() for cell in row):
            continue
        if columns is None:
            names = [cell.strip().lower() for cell in row]
            columns = names if set(names) & set(TEXT_FIELDS) else list(_BARE.get(len(row), ()))
            if not columns:
                known = " or ".join(TEXT_FIELDS)
                raise bad_line(number, f"has {len(row)} columns and no column is named {known}: add a header line naming the columns")
            if columns is names:
                continue
        if len(row) != len(columns):
            raise bad_line(number, f"has {len(row)} columns where {len(columns)} are expected ({', '.join(columns)})")
        record: dict[str, Any] = dict(zip(columns, row, strict=True))
        yield number, _field(record, ID_FIELDS, number).strip(), _field(record, TITLE_FIELDS, number), _field(record, TEXT_FIELDS, number)


def _text(text: str) -> Iterator[Record]:
    """Passages are separated by blank lines; line ends inside one are kept."""
    lines: list[str] = []
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if line.strip():
            lines.append(line.rstrip())
        elif lines:
            yield number - len(lines), "", "", "\n".join(lines)
            lines = []


READERS: dict[str, Callable[[str], Iterator[Record]]] = {"jsonl": _jsonl, "csv": _csv, "tsv": _tsv, "beir": _jsonl, "text": _text}
