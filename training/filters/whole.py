"""Scores that need more than the item: duplicates, contamination by benchmarks, the holdout. Items come in the order of their numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.ranking.errors import InputError
from app.ranking.holdout import is_holdout
from training.synthesis.values import Item

from .near import Near
from .values import Score

NAMES = ("duplicate", "contamination", "holdout")
_FIELDS = ("query", "text", "question", "problem")


class Whole:
    """Goes through a set once; used as a context. What it knows of earlier items lies in a temporary file, so that its memory is flat."""

    def __init__(self, others: Iterable[tuple[str, str]]) -> None:
        """`others` are queries that no item may repeat, each with where it comes from."""
        self._from: list[str] = []
        self._earlier, self._others = Near(), Near()
        try:
            for query, where in others:
                self._others.add(len(self._from), query)
                self._from.append(where)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Remove the temporary files."""
        self._earlier.close()
        self._others.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def scores(self, item: Item) -> dict[str, Score]:
        """The three scores of the next item. It counts as an earlier one for those to come if it can be trained on at all."""
        held = is_holdout(item.query)
        likeness, number = self._earlier.closest(item.query)
        duplicate = Score(
            value=likeness, reasons=(f"its query is {likeness:.0%} like that of item {number}",) if number is not None else ()
        )
        likeness, at = self._others.closest(item.query)
        told = (f"its query is {likeness:.0%} like one of {self._from[at]}",) if at is not None else ()
        if item.samples and not item.error and not held:
            self._earlier.add(item.number, item.query)
        return {
            "duplicate": duplicate,
            "contamination": Score(value=likeness, reasons=told),
            "holdout": Score(value=float(held), reasons=("its query belongs to the fifth that is kept for evaluation",) if held else ()),
        }


def benchmark_queries(path: Path) -> Iterator[tuple[str, str]]:
    """Queries of a file, each with the file's name: .jsonl with a field of FIELDS, .tsv with such a column or the text last, or lines.

    Raises InputError naming file and line.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            read = {".jsonl": _json_lines, ".tsv": _tab_lines}.get(path.suffix.lower(), _plain_lines)
            for query in read(file, path.name):
                yield query, path.name
    except OSError as error:
        raise InputError(f"benchmark file {path.name!r} can't be read ({error.strerror}): the recipe's paths are relative to it") from error
    except UnicodeDecodeError as error:
        raise InputError(f"benchmark file {path.name!r} is not UTF-8: convert it") from error


def _plain_lines(lines: Iterable[str], _: str) -> Iterator[str]:
    return (line.strip() for line in lines if line.strip())


def _tab_lines(lines: Iterable[str], _: str) -> Iterator[str]:
    column: int | None = None
    for number, line in enumerate(lines):
        cells = line.rstrip("\r\n").split("\t")
        if number == 0 and (named := [at for at, cell in enumerate(cells) if cell.strip().lower() in _FIELDS]) and len(cells) > 1:
            column = named[0]
        elif line.strip():
            yield cells[column] if column is not None and column < len(cells) else cells[-1]


def _json_lines(lines: Iterable[str], name: str) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _field(line, f"benchmark file {name!r}, line {number}")


def _field(line: str, where: str) -> str:
    try:
        record: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: is not JSON ({error.msg}): one object a line is expected") from error
    if isinstance(record, Mapping):
        for field in _FIELDS:
            if isinstance(record.get(field), str):
                return str(record[field])
    raise InputError(f"{where}: has none of the fields {', '.join(_FIELDS)}: rename the one that holds the query")
