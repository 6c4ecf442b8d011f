"""The layout of ReasonRank's released training data, so that versions can be put beside it and trained on by its code.

Field names and meaning: `training_data_all.jsonl` of github.com/8421BCD/ReasonRank (arXiv 2508.07050), see `app.exports.reasonrank`.
Texts are apart in `id_query/NAME.json` and `id_doc/NAME.json`, one JSON object of id: text each. NAME is the domain.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.exports.reasonrank import COLUMNS
from app.exports.records import query_id
from app.exports.sorting import Sorter
from app.ranking.values import Passage

from .version import Texts, Version

ROWS, QUERIES, DOCUMENTS = "training_data_all.jsonl", "id_query", "id_doc"


def write_released(version: Version, folder: Path) -> None:
    """Write all examples of both stages into an empty folder.

    Ids of passages are made of their texts, for ids of other lists may be the same; a title is the first line of its text. A query that
    comes again in its domain gets a number behind its id. Grades of 1 and more are relevant.
    """
    with Sorter(folder.parent) as kept, Texts(version.folder) as texts, (folder / ROWS).open("w", encoding="utf-8", newline="\n") as file:
        domains: dict[str, None] = {}
        for example in version.examples():
            name = file_name(example["domain"])
            domains[name] = None
            row = _row(example, texts.passages(example), name, kept)
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        for name in sorted(domains):
            for part in (QUERIES, DOCUMENTS):
                _object(kept, part, name, folder)


def file_name(domain: str) -> str:
    """A domain as the name of a file: letters, digits, dots, dashes and underscores, told apart by a hash where others had to go."""
    plain = re.sub(r"[^\w.-]+", "_", domain, flags=re.ASCII).strip("._")[:60]
    if plain and plain == domain:
        return plain
    return f"{plain or 'domain'}_{hashlib.sha256(domain.encode('utf-8', 'replace')).hexdigest()[:6]}"


def _row(example: Mapping[str, Any], window: Sequence[Passage], name: str, kept: Sorter) -> dict[str, Any]:
    names: dict[str, str] = {}
    for passage in window:
        names[passage.id] = _document(passage, name, kept, set(names.values()))
    grades = example["grades"]
    shown, order = ([names[one] for one in ids] for ids in ([passage.id for passage in window], example["order"]))
    relevant = [names[passage.id] for passage in window if grades.get(passage.id, 0) >= 1]
    values = (name, _query(example["query"], name, kept), shown, order, example["trace"], relevant)
    return dict(zip((column.name for column in COLUMNS), values, strict=True))


def _document(passage: Passage, name: str, kept: Sorter, taken: Container[str]) -> str:
    """The id of a passage; one list may hold one text twice, under two ids."""
    text = (f"{passage.title}\n{passage.text}" if passage.title else passage.text).encode("utf-8", "replace")
    id_ = "d" + hashlib.sha256(text).hexdigest()[:16]
    named = next(one for copy in itertools.count(1) if (one := id_ if copy == 1 else f"{id_}-{copy}") not in taken)
    kept.put(f"{DOCUMENTS}/{name}", named, text)
    return named


def _query(query: str, name: str, kept: Sorter) -> str:
    id_ = query_id(query)
    copy, named = 1, id_
    while not kept.put(f"{QUERIES}/{name}", named, query.encode("utf-8", "replace")):
        copy += 1
        named = f"{id_}-{copy}"
    return named


def _object(kept: Sorter, part: str, name: str, folder: Path) -> None:
    path = folder / part / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_pairs(kept.sorted(f"{part}/{name}")))


def _pairs(found: Iterator[tuple[str, bytes]]) -> Iterator[str]:
    before = "{\n"
    for id_, text in found:
        yield f"{before}{json.dumps(id_)}: {json.dumps(text.decode(), ensure_ascii=False)}"
        before = ",\n"
    yield "{}\n" if before == "{\n" else "\n}\n"
