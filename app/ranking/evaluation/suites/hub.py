"""What a suite lacks in a folder, from the public hub: through the package `datasets`, into BEIR's layout under the suite's name.

First-stage runs are on no hub: bring any TREC run. HF_HUB_OFFLINE=1 is honoured by the package: then only what was fetched before is found.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ...errors import InputError, RankingError
from ...formats.trec import BEIR_HEADER
from .places import find
from .reading import NONE
from .values import Kind, Place, Suite, TestSet

Rows = Iterable[Mapping[str, Any]]
_ID = ("id", "_id", "q_id", "query-id")
_TEXT = ("text", "query", "content", "contents")
_KINDS: tuple[Kind, ...] = ("qrels", "topics", "corpus")


def fetch(suite: Suite, folder: Path) -> Iterator[str]:
    """Write topics, texts and judgements of the sets that lack them; a sentence for each set.

    Raises InputError where the package is missing, or the hub or its cache has not got the data.
    """
    if not any(one.hub for one in suite.sets):
        raise InputError(f"suite {suite.name!r} is on no hub that can be read: get {suite.download or 'its files by hand'}")
    for one in suite.sets:
        if one.hub is None:
            yield f"{one.name}: not on the hub; get {suite.download}"
            continue
        missing = [kind for kind in _KINDS if not folder.is_dir() or not find(suite, one, kind, Place(data=folder))]
        if missing:
            yield _fetched(suite, one, missing, folder / suite.name / one.name)
        else:
            yield f"{one.name}: everything is there"


def _fetched(suite: Suite, one: TestSet, missing: Collection[Kind], target: Path) -> str:
    """The files of a set that are missing, each whole or not there."""
    load, hub = _loader(), one.hub
    assert hub is not None  # else nobody asks
    (target / "qrels").mkdir(parents=True, exist_ok=True)
    topics = list(_asked(load, hub.id, hub.topics))
    if "qrels" in missing:
        judged = _gold(topics, hub.gold) if hub.gold else _table(_asked(load, hub.qrels[0] or hub.id, hub.qrels[1:]))
        lines = (f"{topic}\t{id_}\t{grade}\n" for topic, id_, grade in judged)
        _write(target / "qrels" / "test.tsv", (f"{BEIR_HEADER}\n", *lines))
    if "topics" in missing:
        _write(target / "queries.jsonl", (_line(_topic(row)) for row in topics))
    if "corpus" in missing:
        _write(target / "corpus.jsonl", (_line(_passage(row)) for row in _asked(load, hub.id, hub.corpus)))
    return f"{one.name}: {len(topics)} topics of {hub.id} are in {str(target)!r}, licence {one.licence or suite.licence or 'unknown'}"


def _loader() -> Callable[..., Rows]:
    try:
        load: Callable[..., Rows] = import_module("datasets").load_dataset
    except ImportError as error:
        raise InputError(
            "the public hub is read by the package datasets, which is missing: install datasets, or get the files by hand"
        ) from error
    return load


def _asked(load: Callable[..., Rows], id_: str, part: tuple[str, ...]) -> Rows:
    """Rows of a config and split. Raises InputError with the hub's own reason; what it raises is of many kinds."""
    config, split = part
    try:
        return load(id_, config or None, split=split)
    except RankingError:
        raise
    except Exception as error:
        offline = " (HF_HUB_OFFLINE is set: only what was fetched before is found)" if os.environ.get("HF_HUB_OFFLINE") else ""
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{id_} {config} {split} can't be had from the hub{offline}: {reason}; get it by hand, or try again") from error


def _gold(topics: Rows, field: str) -> Iterator[tuple[str, str, int]]:
    """Judgements that stand with the topics: every passage named is relevant."""
    for row in topics:
        for id_ in dict.fromkeys(str(id_) for id_ in row.get(field) or ()):
            if id_ != NONE:
                yield _first(row, _ID), id_, 1


def _table(rows: Rows) -> Iterator[tuple[str, str, int]]:
    for row in rows:
        yield _first(row, ("q_id", "query-id")), _first(row, ("p_id", "corpus-id")), int(row["score"])


def _topic(row: Mapping[str, Any]) -> dict[str, Any]:
    excluded = [str(id_) for id_ in row.get("excluded_ids") or () if str(id_) != NONE]
    return {"_id": _first(row, _ID), "text": _first(row, _TEXT), **({"excluded_ids": excluded} if excluded else {})}


def _passage(row: Mapping[str, Any]) -> dict[str, str]:
    return {"_id": _first(row, _ID), "title": str(row.get("title") or ""), "text": _first(row, _TEXT)}


def _first(row: Mapping[str, Any], names: Iterable[str]) -> str:
    name = next((name for name in names if row.get(name) is not None), None)
    if name is None:
        raise InputError(f"a row of the hub has none of the fields {', '.join(names)}: it has {', '.join(row)}")
    return str(row[name])


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def _write(path: Path, lines: Iterable[str]) -> None:
    aside = path.with_name(path.name + ".part")
    try:
        with aside.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
