"""MATH problems with worked solutions: a folder of one JSON file per problem ({problem, level, type, solution}), or JSON lines of the same.

Options: `path`, `types` and `levels` (lists; all by default), `share` and `share_seed`. An id is the file's path in the folder without its
ending, or the row's `unique_id` or `id`, else its line. Problems without a solution are skipped and counted; malformed ones are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.ranking.errors import InputError
from app.ranking.formats.topics import read_bytes
from training.synthesis.sources.disk import Ids
from training.synthesis.sources.files import field, json_rows, needed
from training.synthesis.sources.options import Keep, Options
from training.synthesis.sources.where import Where
from training.synthesis.values import SourceItem

_DIGITS = re.compile(r"(\d+)")

Row = tuple[Path, int, str, Mapping[str, Any]]


def items(options: Mapping[str, Any], where: Where) -> Iterator[SourceItem]:
    """Problems, those of a folder by their paths with numbers in the order of their size."""
    given = Options("math", options, where)
    path, types, levels, keep = given.path("path"), given.names("types", ()), given.names("levels", ()), given.share()
    given.done()
    return _items(_folder(path) if path.is_dir() else _rows(path), frozenset(types), frozenset(levels), keep, where)


def _items(rows: Iterator[Row], types: frozenset[str], levels: frozenset[str], keep: Keep, where: Where) -> Iterator[SourceItem]:
    with Ids() as ids:
        for path, number, id_, row in rows:
            ids.check(id_, path, number)
            kind, level = field(row, "type", path, number), field(row, "level", path, number)
            if (types and kind not in types) or (levels and level not in levels) or not keep(id_):
                continue
            problem, solution = needed(row, "problem", path, number), field(row, "solution", path, number)
            if not solution.strip():
                where.skipped.add("no solution", f"{path.name} line {number}")
                continue
            yield SourceItem(
                id=id_, source="math", domain=where.domain or kind, query=problem.strip(), answer=solution.strip(), licence=where.licence
            )


def _folder(folder: Path) -> Iterator[Row]:
    paths = sorted(folder.rglob("*.json"), key=lambda path: _natural(path.relative_to(folder)))
    if not paths:
        raise InputError(f"{folder.name!r} holds no .json file: name the folder of MATH's train or test split")
    for path in paths:
        id_ = path.relative_to(folder).with_suffix("").as_posix()
        try:
            row = json.loads(read_bytes(path))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{id_}.json: line 1: is not JSON ({error}): repair or remove the file") from error
        if not isinstance(row, dict):
            raise InputError(f"{id_}.json: line 1: is a JSON {type(row).__name__}, not an object with problem and solution")
        yield path, 1, id_, row


def _rows(path: Path) -> Iterator[Row]:
    for number, row in json_rows(path):
        yield path, number, field(row, "unique_id", path, number) or field(row, "id", path, number) or f"line {number}", row


def _natural(path: Path) -> list[tuple[tuple[int, str], ...]]:
    """A key that puts 2.json before 10.json."""
    return [tuple((int(part), "") if part.isdigit() else (0, part) for part in _DIGITS.split(piece)) for piece in path.parts]
