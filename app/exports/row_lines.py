"""Rows as JSON lines and as the two kinds of CSV: one that keeps every character, one that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

from app.exports.records import JudgementRecord
from app.exports.rows import OF_JUDGEMENT, OF_PASSAGE, TEXTS, blocks, names
from app.exports.selection import Selection, Tally

_BLOCKS = 200  # judgements per piece: some megabytes with texts
# What a spreadsheet may take for the beginning of a formula, also behind blanks, quotes and characters without width, and in the wide
# forms of East Asian keyboards. OWASP's list of CSV injection, and those.
_DANGER = re.compile(
    "[\\s'\"\u200b\u200c\u200d\u2060\ufeff]*[=+\\-@\uff1d\uff0b\uff0d\uff20]|[\\s'\"\u200b\u200c\u200d\u2060\ufeff]*[\t\r\n]"
)
# A cell of a spreadsheet holds no more; what is longer would run over into the next row.
MOST_CELL = 32_767
Values = tuple[Any, ...]


def rows_jsonl(records: Iterable[JudgementRecord], selection: Selection, tally: Tally) -> Iterator[bytes]:
    """One object a line; a judgement's part is written once and repeated. null is "no value"."""
    head_names = [column.name for column in OF_JUDGEMENT]
    tail_names = [column.name for column in (*OF_PASSAGE, *(TEXTS if selection.texts else ()))]
    dumps = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode
    pieces: list[str] = []
    for number, block in enumerate(blocks(records, texts=selection.texts), start=1):
        head = dumps(dict(zip(head_names, block.head, strict=True)))[:-1] + ", "
        pieces += [head + dumps(dict(zip(tail_names, row, strict=True)))[1:] + "\n" for row in block.rows]
        tally.rows += len(block.rows)
        if number % _BLOCKS == 0:
            yield "".join(pieces).encode()
            pieces.clear()
    yield "".join(pieces).encode()


def rows_csv(records: Iterable[JudgementRecord], selection: Selection, tally: Tally) -> Iterator[bytes]:
    """RFC 4180: UTF-8, comma, CRLF, quotes where needed, a header. Texts are exact; an empty cell is no value, or an empty text."""
    return _csv(records, selection, tally, cell=_plain, quoting=csv.QUOTE_MINIMAL)


def spreadsheet_csv(records: Iterable[JudgementRecord], selection: Selection, tally: Tally) -> Iterator[bytes]:
    """The same for spreadsheets: with a byte order mark, every cell quoted, guarded and cut by `guarded`. Not reversible."""
    yield b"\xef\xbb\xbf"
    yield from _csv(records, selection, tally, cell=_guarded_cell, quoting=csv.QUOTE_ALL)


def guarded(text: str) -> str:
    """The text with an apostrophe in front where a spreadsheet could take it for a formula, cut to what a cell holds."""
    safe = "'" + text if not text[:1].isalnum() and _DANGER.match(text) else text
    return safe if len(safe) <= MOST_CELL else safe[: MOST_CELL - 1] + "\u2026"


def _csv(
    records: Iterable[JudgementRecord], selection: Selection, tally: Tally, *, cell: Callable[[Any], Any], quoting: Any
) -> Iterator[bytes]:
    """A judgement's cells are written once and put before each of its rows: the writer gives one text per row."""
    lines: list[str] = []
    writer = csv.writer(SimpleNamespace(write=lines.append), lineterminator="\r\n", quoting=quoting)
    writer.writerow(names(texts=selection.texts))
    pieces = [lines.pop()]
    for number, block in enumerate(blocks(records, texts=selection.texts), start=1):
        writer.writerow([cell(value) for value in block.head])
        head = lines.pop().removesuffix("\r\n") + ","
        writer.writerows([[cell(value) for value in row] for row in block.rows] if cell is _guarded_cell else block.rows)
        pieces += [head + line for line in lines]
        lines.clear()
        tally.rows += len(block.rows)
        if number % _BLOCKS == 0:
            yield "".join(pieces).encode()
            pieces.clear()
    yield "".join(pieces).encode()


def _plain(value: Any) -> Any:
    """A bool as the other formats write it; None becomes an empty cell by itself. Values of passages have no bools."""
    return ("false", "true")[value] if value is True or value is False else value


def _guarded_cell(value: Any) -> Any:
    return guarded(value) if type(value) is str else _plain(value)
