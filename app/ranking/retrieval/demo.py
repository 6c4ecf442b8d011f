"""The demo collection that comes with the library: six topics, written for this project, CC0. See data/demo/README.md."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..formats.collections import read_collection
from ..formats.trec import read_beir_qrels
from ..values import Passage, Query
from .collection import Collection, make_collection

DEMO = Path(__file__).resolve().parent.parent / "data" / "demo"
VECTORS = DEMO / "vectors"
NAME = "Demo"
SPLITS = ("train", "dev", "sealed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """The collection with everything people wrote about it.

    `candidates` are 20 passage ids per query in their shown order; `qrels` grades 0-3 by split, query and passage; `rationales` one line by
    (query, passage); `second` another person's grades; `passages` the metadata of each passage by id.
    """

    collection: Collection
    queries: tuple[Query, ...]
    candidates: Mapping[str, tuple[str, ...]]
    qrels: Mapping[str, Mapping[str, Mapping[str, int]]]
    rationales: Mapping[tuple[str, str], str]
    second: Mapping[str, Mapping[str, int]]
    passages: Mapping[str, Mapping[str, Any]]

    @property
    def grades(self) -> dict[str, Mapping[str, int]]:
        """Grades of all splits together."""
        return {query: grades for split in self.qrels.values() for query, grades in split.items()}

    def listed(self, query_id: str) -> tuple[Passage, ...]:
        """The candidates of a query."""
        return tuple(self.collection.by_id[id_] for id_ in self.candidates[query_id])


def has_demo(folder: Path = DEMO) -> bool:
    """True where the demo collection is installed."""
    return (folder / "corpus.jsonl").exists()


def load_collection_of(folder: Path = DEMO) -> Collection:
    """Only the passages, which is what a search needs."""
    return make_collection(read_collection(folder / "corpus.jsonl", format="beir"), NAME)


@lru_cache(maxsize=4)
def load_demo(folder: Path = DEMO) -> Demo:
    """The whole demo. Raises InputError for a file that is missing or malformed."""
    if not has_demo(folder):
        raise InputError(f"there is no demo collection in {folder.name!r}: corpus.jsonl is missing")
    qrels = {split: read_beir_qrels(_text(folder / "qrels" / f"{split}.tsv")) for split in SPLITS}
    second = folder / "qrels" / "second.tsv"
    return Demo(
        collection=load_collection_of(folder),
        queries=tuple(
            Query(id=record["_id"], text=record["text"], metadata=record.get("metadata", {}))
            for record in _records(folder / "queries.jsonl")
        ),
        candidates=_candidates(folder / "candidates.tsv"),
        qrels=qrels,
        rationales={(cells[0], cells[1]): cells[2] for cells in _cells(folder / "rationales.tsv", 3)},
        second=read_beir_qrels(_text(second)) if second.exists() else {},
        passages={record["_id"]: record.get("metadata", {}) for record in _records(folder / "corpus.jsonl")},
    )


def _candidates(path: Path) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for query, passage in _cells(path, 2):
        found[query] = (*found.get(query, ()), passage)
    return found


def _cells(path: Path, columns: int) -> Iterator[list[str]]:
    """Rows of a tab-separated file, without its header where it has one."""
    for number, line in enumerate(_text(path).split("\n"), start=1):
        cells = line.rstrip("\r").split("\t", columns - 1)
        if not line.strip() or (number == 1 and cells[0] == "query-id"):
            continue
        if len(cells) != columns:
            raise InputError(f"{path.name} line {number}: has {len(cells)} columns where {columns} are expected")
        yield cells


def _records(path: Path) -> Iterator[dict[str, Any]]:
    for line in _text(path).split("\n"):
        if line.strip():
            yield json.loads(line)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path.name!r} of the demo collection can't be read: {error.strerror}") from error
