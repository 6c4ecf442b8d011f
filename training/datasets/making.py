"""Building a version: stored items in, a folder out that is the same bytes for the same items, wherever and whenever it is made.

Everything that comes in gets a verdict, kept or not. Lines are sorted on the disk, so that memory does not grow with the data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from app.exports.sorting import Sorter, number_key
from app.ranking.errors import InputError, SettingsError
from app.ranking.holdout import is_holdout
from db.store.texts import storable, text_hash

from .card import card
from .counting import Counts
from .examples import example, has_target, line
from .values import CARD, EXAMPLES, HOLDOUT, MANIFEST, NO_ORDER, SCHEMA, STAGES, TEXTS, VERDICTS, BuildOptions, Built, Judged

_FILES = (EXAMPLES, TEXTS, VERDICTS)


def build(kept: Iterable[Judged], options: BuildOptions, folder: Path) -> Built:
    """Write a version into an empty folder (made where it is missing): see docs/architecture.md for its files.

    Raises InputError where an item comes twice, SettingsError for shares or thresholds that can't be.
    """
    from training.filters import thresholds

    used, stages = thresholds(options.thresholds), _shares(options.stages)
    folder.mkdir(parents=True, exist_ok=True)
    counts = Counts()
    with Sorter(folder.parent) as sorter:
        for judged in kept:
            _take(judged, used, stages, sorter, counts)
        for name in _FILES:
            _write(folder / name, (text for _, text in sorter.sorted(name)))
    identity = {"schema": SCHEMA, "thresholds": dict(sorted(used.items())), "stages": stages}
    manifest = _manifest(options, identity, counts, folder)
    (folder / MANIFEST).write_bytes(pretty(manifest))
    (folder / CARD).write_text(card(manifest), encoding="utf-8")
    return Built(id=manifest["id"], counts=manifest["counts"], manifest=manifest)


def version_id(identity: Mapping[str, Any], files: Mapping[str, str]) -> str:
    """sha256 of the identity (schema, thresholds, stages) and of the sha256 of the three files, by name."""
    parts = {"identity": identity, "files": {name: files[name] for name in _FILES}}
    return hashlib.sha256(line(parts)).hexdigest()


def pretty(value: Mapping[str, Any]) -> bytes:
    """JSON for people, one way of writing it."""
    return json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n"


def _take(judged: Judged, used: Mapping[str, float], stages: Mapping[str, float], sorter: Sorter, counts: Counts) -> None:
    """One item: its verdict, and its example and texts where it is kept."""
    item, dropped = judged.item, _dropped_by(judged, used)
    made = example(item, stages) if judged.state == "made" and not dropped else None
    verdict = {
        "number": item.number, "source": item.source, "source_id": item.source_id, "query": text_hash(storable(item.query)),
        "domain": item.domain, "scores": dict(sorted(judged.scores.items())),
        "reasons": {name: list(said) for name, said in sorted(judged.reasons.items()) if said},
        "dropped_by": list(dropped), "example": made["id"] if made else None, "state": judged.state,
    }  # fmt: skip
    key = number_key(item.number)
    if not sorter.put(VERDICTS, key, line(verdict)):
        raise InputError(f"item {item.number} came twice: a version holds each item of its synthesis once")
    if made is not None:
        sorter.put(EXAMPLES, key, line(made))
        shown = {one["id"] for one in made["passages"]}
        for text in (storable(passage.text) for passage in item.passages if passage.id in shown):
            sorter.put(TEXTS, text_hash(text), line({"hash": text_hash(text), "text": text}))
    counts.add(judged.state, item, dropped, made)


def _dropped_by(judged: Judged, used: Mapping[str, float]) -> tuple[str, ...]:
    """Filters that drop the item. Holdout queries are refused here whatever the scores say: they may never have been judged."""
    from training.filters import dropped_by

    found = tuple(dropped_by(judged.scores, used))
    held = HOLDOUT not in found and is_holdout(judged.item.query)
    bare = judged.state == "made" and not has_target(judged.item)
    return (*found, *((HOLDOUT,) if held else ()), *((NO_ORDER,) if bare else ()))


def _shares(stages: Mapping[str, float]) -> dict[str, float]:
    unknown = sorted(set(stages) - set(STAGES))
    if unknown or any(share < 0 for share in stages.values()) or sum(stages.values()) <= 0:
        raise SettingsError(f"shares of the stages are {dict(stages)}: give {' and '.join(STAGES)}, each 0 or more, not all of them 0")
    total = sum(stages.values())
    return {stage: stages.get(stage, 0.0) / total for stage in STAGES}


def _write(path: Path, lines: Iterator[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(lines)


def _manifest(options: BuildOptions, identity: Mapping[str, Any], counts: Counts, folder: Path) -> dict[str, Any]:
    """What the folder says of itself; no time, no machine, no path."""
    files = {name: sha256_of(folder / name) for name in _FILES}
    return {
        **identity,
        "id": version_id(identity, files),
        "name": options.name,
        "counts": counts.plain,
        "licences": counts.licences,
        "holdout_refused": counts.holdout,
        "teacher": options.teacher,
        "revision": options.revision,
        "embedded": options.embedded,
        "sources": list(options.sources),
        "recipe": {"name": options.recipe_name, "sha256": text_hash(storable(options.recipe_text)), "text": options.recipe_text},
        "prompts": dict(sorted(options.prompts.items())),
        "synthesis": options.synthesis_id,
        "code": options.code,
        "files": {name: {"sha256": digest, "bytes": (folder / name).stat().st_size} for name, digest in files.items()},
    }


def sha256_of(path: Path) -> str:
    """sha256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
