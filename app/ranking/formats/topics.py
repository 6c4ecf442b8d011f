"""Readers of what a batch is made of: topics, and the texts of the passages that a run names.

A file is JSON lines, id<TAB>text, or parquet, gzipped or not, with the field names of BEIR, BRIGHT and R2MED; a folder is searched for
its usual file. Corpora are read once, line by line, and only the passages wanted are kept: the file may be larger than the memory.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from ..errors import InputError
from ..values import Passage
from .collections import ID_FIELDS, TEXT_FIELDS, TITLE_FIELDS
from .decode import Limits, bad_line, check_id

TOPIC_ID_FIELDS = (*ID_FIELDS, "qid", "query_id", "topic_id", "topic")
TOPIC_TEXT_FIELDS = ("text", "query", "question")
# Names of the files of a folder, without their ending, the usual one first.
TOPIC_NAMES = ("queries", "test_queries", "topics", "examples")
CORPUS_NAMES = ("corpus", "collection", "documents")
_ENDINGS = (".jsonl", ".jsonl.gz", ".tsv", ".tsv.gz", ".parquet")
_GZIP, _BOM, _UTF16 = b"\x1f\x8b", b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
_PARQUET = b"PAR1"

# Columns of a table without a header, by their number.
Columns = Mapping[int, Sequence[str]]
_TOPIC_COLUMNS: Columns = {2: ("id", "text")}
_CORPUS_COLUMNS: Columns = {2: ("id", "text"), 3: ("id", "title", "text")}
Record = tuple[int, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A topic as it stands in a file. `excluded` are passage ids that must not be candidates for it (BRIGHT's `excluded_ids`)."""

    id: str
    text: str
    excluded: frozenset[str] = frozenset()


def read_topics(path: Path) -> dict[str, Question]:
    """Topics by id, in the order of the file (or of the folder's topics file). Raises InputError naming file and line.

    A topic without text is kept with an empty one: only who needs it can say whether that is wrong.
    """
    path = find_file(path, TOPIC_NAMES)
    topics: dict[str, Question] = {}
    with naming(path):
        for number, record in _records(path, (TOPIC_ID_FIELDS, TOPIC_TEXT_FIELDS), _TOPIC_COLUMNS):
            id_ = check_id(_text(record, TOPIC_ID_FIELDS, number), number, Limits())
            if id_ in topics:
                raise bad_line(number, f"topic {id_!r} was there before: ids must differ")
            topics[id_] = Question(id=id_, text=_text(record, TOPIC_TEXT_FIELDS, number).strip(), excluded=_excluded(record, number))
        if not topics:
            raise InputError("there is no topic in it: give at least one")
    return topics


def read_texts(path: Path, wanted: Collection[str]) -> dict[str, Passage]:
    """The passages of a corpus whose ids are wanted and that have a text or a title, by id; the others are left out.

    Raises InputError naming file and line for a line that can't be read, or a wanted id that comes again with another text.
    """
    path = find_file(path, CORPUS_NAMES)
    found: dict[str, Passage] = {}
    with naming(path):
        for number, record in _records(path, (ID_FIELDS, TEXT_FIELDS), _CORPUS_COLUMNS):
            id_ = _text(record, ID_FIELDS, number)
            if id_ not in wanted:
                continue
            passage = Passage(id=id_, title=_text(record, TITLE_FIELDS, number), text=_text(record, TEXT_FIELDS, number))
            if found.setdefault(id_, passage) != passage:
                raise bad_line(number, f"passage {id_!r} was there before with another text: ids must differ")
    return {id_: passage for id_, passage in found.items() if passage.text.strip() or passage.title.strip()}


def find_file(path: Path, names: Sequence[str]) -> Path:
    """The file itself, or the first of a folder that has one of the names. Raises InputError saying which names were looked for."""
    if not path.is_dir():
        return path
    found = next((path / (name + ending) for name in names for ending in _ENDINGS if (path / (name + ending)).is_file()), None)
    if found is None:
        raise InputError(f"folder {path.name!r} has no {' or '.join(names)} ({', '.join(_ENDINGS)}): name the file itself")
    return found


def read_bytes(path: Path) -> bytes:
    """A whole file, unpacked where it is gzipped. Raises InputError where it can't be read."""
    with naming(path), opened(path) as file:
        return file.read()


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors about a file name it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from error
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise InputError(f"{str(path)!r} can't be read: {reason}") from error


def opened(path: Path) -> IO[bytes]:
    """The file's bytes; gzip is known by its first two, whatever the name."""
    file = path.open("rb")
    try:
        packed = file.read(2) == _GZIP
        file.seek(0)
    except BaseException:
        file.close()
        raise
    if not packed:
        return file
    file.close()
    return io.BufferedReader(gzip.open(path, "rb"))


def _records(path: Path, known: tuple[Sequence[str], Sequence[str]], columns: Columns) -> Iterator[Record]:
    """(line or row, fields) of a file in any of the formats, known by its first bytes."""
    with path.open("rb") as file:
        parquet = file.read(4) == _PARQUET
    if parquet:
        yield from _parquet(path)
        return
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        return
    rest = _chained(first, lines)
    yield from _json(rest, known) if first[1].lstrip().startswith("{") else _table(rest, known, columns)


def _chained(first: tuple[int, str], lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    yield first
    yield from lines


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that hold anything, numbered from 1, without their ends and a byte order mark."""
    with opened(path) as file:
        for number, raw in enumerate(file, start=1):
            if number == 1 and raw.startswith(_UTF16):
                raise InputError("the file is encoded as UTF-16: save it as UTF-8 and try again")
            try:
                line = raw.removeprefix(_BOM if number == 1 else b"").decode("utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise bad_line(number, f"byte 0x{raw[error.start]:02x} is not UTF-8: save the file as UTF-8 and try again") from error
            if "\0" in line:
                raise bad_line(number, "holds a zero byte: this is not a text file")
            if line.strip():
                yield number, line


def _json(lines: Iterator[tuple[int, str]], known: tuple[Sequence[str], Sequence[str]]) -> Iterator[Record]:
    for number, line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise bad_line(number, f"is not JSON ({error}): give one object per line") from error
        if not isinstance(record, dict):
            raise bad_line(number, f"is a JSON {type(record).__name__}, not an object: give one object per line")
        for names in known:
            if not any(name in record for name in names):
                raise bad_line(number, f"has no field of the name {' or '.join(names)}")
        yield number, record


def _table(lines: Iterator[tuple[int, str]], known: tuple[Sequence[str], Sequence[str]], columns: Columns) -> Iterator[Record]:
    """Rows between tabs, raw: a quotation mark is a character like any other. A header is known by the names in it.

    The first line says how many columns there are; further tabs belong to the last one, as texts do hold some.
    """
    names: Sequence[str] = ()
    for number, line in lines:
        row = line.split("\t", len(names) - 1)
        if not names:
            header = [cell.strip().lower() for cell in row]
            named = all(set(header) & set(fields) for fields in known)
            names = header if named else columns.get(len(row), ())
            if not names:
                shapes = " or ".join("<tab>".join(shape) for shape in columns.values())
                raise bad_line(number, f"has {len(row)} columns between tabs: expected {shapes}, or a header line with these names")
            if named:
                continue
        if len(row) != len(names):
            raise bad_line(number, f"has {len(row)} columns between tabs where {len(names)} are expected ({', '.join(names)})")
        yield number, dict(zip(names, row, strict=True))


def _parquet(path: Path) -> Iterator[Record]:
    """Rows of a parquet file, a batch at a time."""
    try:
        parquet: Any = import_module("pyarrow.parquet")
        wrong: type[Exception] = import_module("pyarrow").ArrowException
    except ImportError as error:
        raise InputError(f"a parquet file needs the package pyarrow, {error.name} is missing: install it, or give JSON lines") from error
    try:
        number = 0
        for batch in parquet.ParquetFile(path).iter_batches():
            for record in batch.to_pylist():
                number += 1
                yield number, record
    except wrong as error:
        raise InputError(f"it is no whole parquet file ({error})") from error


def _text(record: Mapping[str, Any], names: Sequence[str], number: int) -> str:
    """First of the named fields as text, empty where there is none; whole numbers are taken for ids."""
    name = next((name for name in names if record.get(name) is not None), None)
    if name is None:
        return ""
    value = record[name]
    if isinstance(value, int) and not isinstance(value, bool) and names[0] == ID_FIELDS[0]:
        return str(value)
    if not isinstance(value, str):
        raise bad_line(number, f"field {name!r} is a {type(value).__name__}: it must be text")
    return _whole(value, number)


def _whole(text: str, number: int) -> str:
    """The text, where it is one. Raises InputError for half a character, which JSON can spell and no file can hold."""
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise bad_line(number, f"half a character (\\u{ord(text[error.start]):04x}) is not text: repair the escape") from error
    return text


def _excluded(record: Mapping[str, Any], number: int) -> frozenset[str]:
    value = record.get("excluded_ids") or []
    if not isinstance(value, list) or not all(isinstance(id_, str | int) for id_ in value):
        raise bad_line(number, "field 'excluded_ids' must be a list of passage ids")
    return frozenset(str(id_) for id_ in value)
