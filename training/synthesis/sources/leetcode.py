"""LeetCode problems with solutions, as in the data set greengerong/leetcode: JSON lines or CSV with a column per language.

Options: `path`, `language` (a column: python by default; java, c++ and javascript are the others of the set), `difficulty` (a list; all by
default), `share` and `share_seed`. The query is the problem's statement without its title, which often names the method; the answer is the
code of the language's column, that of its fences where it has any.

A malformed row is refused. Skipped and counted: rows without a statement or without a solution in the language, of which the set has some.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.ranking.errors import InputError
from app.ranking.formats.topics import naming
from training.synthesis.sources.disk import Ids
from training.synthesis.sources.files import at, field, json_rows, needed, opened
from training.synthesis.sources.options import Keep, Options
from training.synthesis.sources.where import Where
from training.synthesis.values import SourceItem

_FENCED = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)^[ \t]*```[ \t]*$", re.DOTALL | re.MULTILINE)
_LONGEST_CELL = 1 << 24

Row = tuple[int, Mapping[str, Any]]


def items(options: Mapping[str, Any], where: Where) -> Iterator[SourceItem]:
    """Problems in the order of their file."""
    given = Options("leetcode", options, where)
    path, language = given.path("path"), given.text("language", "python")
    levels, keep = frozenset(level.lower() for level in given.names("difficulty", ())), given.share()
    given.done()
    return _items(path, language, levels, keep, where)


def _items(path: Path, language: str, levels: frozenset[str], keep: Keep, where: Where) -> Iterator[SourceItem]:
    with Ids() as ids:
        for number, row in _csv(path) if path.name.lower().removesuffix(".gz").endswith(".csv") else json_rows(path):
            id_ = needed(row, "id", path, number)
            ids.check(id_, path, number)
            if language not in row:
                raise at(path, number, f"has no column {language!r}: choose another language")
            if (levels and field(row, "difficulty", path, number).lower() not in levels) or not keep(id_):
                continue
            statement, solution = field(row, "content", path, number).strip(), code(field(row, language, path, number))
            if not statement or not solution:
                where.skipped.add(f"no solution in {language}" if statement else "no statement", f"{path.name} line {number}")
                continue
            yield SourceItem(id=id_, source="leetcode", domain=where.domain, query=statement, answer=solution, licence=where.licence)


def code(text: str) -> str:
    """The code between the fences of a text, several pieces with a blank line between them; the whole text where it has no fences."""
    text = text.replace("\r\n", "\n")
    pieces = [found.rstrip() for found in _FENCED.findall(text) if found.strip()]
    return "\n\n".join(pieces) if pieces else text.strip()


def _csv(path: Path) -> Iterator[Row]:
    """Rows of a CSV file by its header, each with its first line; cells may span lines."""
    with naming(path), opened(path) as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        csv.field_size_limit(_LONGEST_CELL)
        reader = csv.reader(text, strict=True)
        header: list[str] = []
        while True:
            number = reader.line_num + 1
            try:
                row = next(reader, None)
            except (csv.Error, UnicodeDecodeError) as error:
                raise InputError(f"line {number}: can't be split into columns ({error}): save it as CSV in UTF-8") from error
            if row is None:
                return
            if not header:
                header = [name.strip() for name in row]
            elif row:
                if len(row) != len(header):
                    raise InputError(f"line {number}: has {len(row)} columns where {len(header)} are expected: check its quotation marks")
                yield number, dict(zip(header, row, strict=True))
