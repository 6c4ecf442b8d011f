"""ReasonRank's published training data: queries with ready listwise rankings and traces of their teacher.

Options: `path` (the folder with training_data_all.jsonl, id_query/ and id_doc/, one JSON object of id: text per data set in each), `data`
(names of data sets; all by default), `template` (the profile that reads the traces), `share` and `share_seed`. Labels are 1 for
`relevant_docids` and 0 for the rest of `initial_list`; passages are those of `initial_list`, the order in which the teacher saw them.

A malformed row is refused. Skipped and counted: rows whose query or passages have no text, and rows whose `final_list` is not an order of
their `initial_list`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import ijson  # type: ignore[import-untyped]

from app.ranking.errors import InputError
from app.ranking.formats.topics import naming
from app.ranking.values import Passage
from training.synthesis.sources.disk import Disk, Ids
from training.synthesis.sources.files import at, field, json_rows, needed, opened, whole_text
from training.synthesis.sources.options import Keep, Options
from training.synthesis.sources.where import Where
from training.synthesis.values import Ready, SourceItem

ROWS, QUERIES, PASSAGES = "training_data_all.jsonl", "id_query", "id_doc"


def items(options: Mapping[str, Any], where: Where) -> Iterator[SourceItem]:
    """Rows in the order of their file. Raises InputError where the folder lacks a part."""
    given = Options("reasonrank", options, where)
    folder, data, template = given.path("path"), frozenset(given.names("data", ())), given.text("template", "reasonrank")
    keep = given.share()
    given.done()
    if not (folder / ROWS).is_file():
        raise InputError(f"{folder.name!r} has no {ROWS}: name the folder that holds it beside {QUERIES}/ and {PASSAGES}/")
    return _items(folder, data, template, keep, where)


def _items(folder: Path, data: frozenset[str], template: str, keep: Keep, where: Where) -> Iterator[SourceItem]:
    with Disk("texts(part TEXT, id TEXT, text TEXT, PRIMARY KEY (part, id)) WITHOUT ROWID") as disk, Ids() as ids:
        path, kept = folder / ROWS, set[str]()
        for number, row in json_rows(path):
            name, query = needed(row, "dataset", path, number), needed(row, "qid", path, number)
            id_ = f"{name}/{query}"
            ids.check(id_, path, number)
            if (data and name not in data) or not keep(id_):
                continue
            if name not in kept:
                _load(disk, folder, name)
                kept.add(name)
            found = _item(disk, (path, number, row), template, where)
            if isinstance(found, str):
                where.skipped.add(found, f"{path.name} line {number}")
            else:
                yield found


def _item(disk: Disk, at_row: tuple[Path, int, Mapping[str, Any]], template: str, where: Where) -> SourceItem | str:
    """The item, or why there is none."""
    path, number, row = at_row
    name, query = needed(row, "dataset", path, number), needed(row, "qid", path, number)
    shown, order = _ids(row, "initial_list", path, number), _ids(row, "final_list", path, number)
    relevant = set(_ids(row, "relevant_docids", path, number))
    if sorted(shown) != sorted(order) or len(set(shown)) != len(shown):
        return "final_list is not an order of initial_list"
    text = disk.one("SELECT text FROM texts WHERE part = ? AND id = ?", f"{QUERIES}/{name}", query)
    texts = [disk.one("SELECT text FROM texts WHERE part = ? AND id = ?", f"{PASSAGES}/{name}", id_) for id_ in shown]
    if text is None or not shown or not all(texts):
        return "a text of the query or of a passage is missing"
    return SourceItem(
        id=f"{name}/{query}",
        source="reasonrank",
        domain=where.domain or name,
        query=text[0],
        passages=tuple(Passage(id=id_, text=found[0]) for id_, found in zip(shown, texts, strict=True) if found),
        labels={id_: int(id_ in relevant) for id_ in shown},
        ready=Ready(shown=shown, order=order, reasoning=field(row, "reasoning", path, number), template=template),
        licence=where.licence,
    )


def _ids(row: Mapping[str, Any], name: str, path: Path, number: int) -> tuple[str, ...]:
    value = row.get(name)
    if not isinstance(value, list) or not all(isinstance(id_, str | int) and not isinstance(id_, bool) for id_ in value):
        raise at(path, number, f"field {name!r} must be a list of ids")
    return tuple(whole_text(str(id_), f"field {name!r}", path, number) for id_ in value)


def _load(disk: Disk, folder: Path, name: str) -> None:
    """Put the texts of one data set on the disk, read piece by piece: its file of passages may be larger than the memory."""
    if "/" in name or "\\" in name or name.startswith("."):
        raise InputError(f"{ROWS}: {name!r} is no name of a data set: it must be the name of a file in {QUERIES}/ and {PASSAGES}/")
    for part in (QUERIES, PASSAGES):
        path = folder / part / f"{name}.json"
        disk.fill("INSERT OR REPLACE INTO texts VALUES (?, ?, ?)", ((f"{part}/{name}", id_, text) for id_, text in _texts(path)))


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    """(id, text) of a JSON object."""
    with naming(path), opened(path) as file:
        try:
            for id_, text in ijson.kvitems(file, ""):
                if not isinstance(text, str):
                    kind = "number" if isinstance(text, Decimal | int) else type(text).__name__
                    raise InputError(f"{json.dumps(id_)} is a {kind}: each id must have a text")
                yield id_, text
        except ijson.JSONError as error:
            raise InputError(f"is not a JSON object of id: text ({error}): load it again") from error
