"""What two dataset versions differ in: examples gained and lost, with the filters that decided, and examples that changed.

Pure over two folders, each read once. Items are told apart by source, domain and id in the source, so that versions of different recipes
can be compared too; lines are kept on the disk while they are matched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.exports.sorting import Sorter
from app.ranking.errors import InputError

EXAMPLES, VERDICTS, MANIFEST = "examples.jsonl", "verdicts.jsonl", "manifest.json"
# What of an example can change, by the name under which it is told.
_PARTS = {
    "labels": ("grades", "labelled_by"),
    "order": ("order", "order_by"),
    "trace": ("trace", "template"),
    "passages": ("passages",),
    "query": ("query",),
    "stage": ("split",),
    "origin": ("licence", "trust"),
}
_SAME = 1e-9
Entry = dict[str, Any]


@dataclass(slots=True)
class Difference:
    """Entries by kind, at most `limit` of each, and how many there are of each in all."""

    limit: int
    entries: dict[str, list[Entry]] = field(default_factory=lambda: {"added": [], "removed": [], "changed": []})
    counts: dict[str, int] = field(default_factory=lambda: {"added": 0, "removed": 0, "changed": 0, "same": 0, "labels": 0, "order": 0})

    def add(self, kind: str, entry: Entry) -> None:
        """Take one in."""
        self.counts[kind] += 1
        for part in entry.get("what", ()):
            self.counts[part] = self.counts.get(part, 0) + 1
        if len(self.entries[kind]) < self.limit:
            self.entries[kind].append(entry)

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {**self.entries, "counts": dict(self.counts)}


def diff(first: Path, second: Path, *, limit: int = 1000) -> dict[str, Any]:
    """Differences from the version in `first` to that in `second`: {"added", "removed", "changed", "counts"}.

    An entry has source, source_id, domain, number (in the version that has it), query where there is an example, and `filters`: what let
    it in or out, as {"name", "from", "to"} with the scores, and `dropped` "from" and "to". Changed entries name in `what` the parts that
    differ (labels, order, trace, passages, query, stage, origin, verdict). `limit` bounds each list; counts are of all.
    Raises InputError where a folder is no version.
    """
    found = Difference(limit)
    with Sorter() as kept:
        for side, folder in (("a", first), ("b", second)):
            _keep(kept, side, folder)
        for key, line in kept.sorted("b"):
            before = kept.get("a", key)
            _compare(json.loads(before) if before is not None else None, json.loads(line), found)
        for key, line in kept.sorted("a"):
            if kept.get("b", key) is None:
                _compare(json.loads(line), None, found)
    return found.plain


def _keep(kept: Sorter, side: str, folder: Path) -> None:
    """Verdicts of a version, each with its example, by the item's key. Both files are in the order of item numbers."""
    examples = _lines(folder / EXAMPLES)
    for verdict in _lines(folder / VERDICTS):
        example = next(examples, None) if verdict["example"] is not None else None
        if verdict["example"] is not None and (example is None or example["id"] != verdict["example"]):
            raise InputError(f"{EXAMPLES} of {folder.name!r} does not fit its {VERDICTS}: take another copy of the version")
        head = json.dumps([verdict["source"], verdict["domain"], verdict["source_id"]], ensure_ascii=False)
        line = json.dumps({"verdict": verdict, "example": example}, ensure_ascii=False).encode()
        # A source that names two queries alike can't be helped; the second one is matched with the second one.
        copy = 0
        while not kept.put(side, f"{head} {copy}", line):
            copy += 1


def _compare(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, found: Difference) -> None:
    was, now = (one["example"] if one else None for one in (before, after))
    if was is None and now is None:
        if before and after and before["verdict"]["dropped_by"] != after["verdict"]["dropped_by"]:
            found.add("changed", _entry(before, after) | {"what": ["verdict"]})
        elif before and after:
            found.counts["same"] += 1
        return
    if was is None or now is None:
        found.add("added" if was is None else "removed", _entry(before, after))
        return
    what = [name for name, keys in _PARTS.items() if any(was.get(key) != now.get(key) for key in keys)]
    if what:
        found.add("changed", _entry(before, after) | {"what": what, **_orders(what, was, now)})
    else:
        found.counts["same"] += 1


def _entry(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Entry:
    newest = after or before
    assert newest is not None
    verdict, example = newest["verdict"], newest["example"] or (before or {}).get("example")
    sides = [one["verdict"] if one else None for one in (before, after)]
    return {
        "source": verdict["source"], "source_id": verdict["source_id"], "domain": verdict["domain"], "number": verdict["number"],
        "query": example["query"] if example else None,
        "dropped": {name: side["dropped_by"] if side else None for name, side in zip(("from", "to"), sides, strict=True)},
        "state": {name: side["state"] if side else None for name, side in zip(("from", "to"), sides, strict=True)},
        "filters": list(_filters(*sides)),
    }  # fmt: skip


def _filters(was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> Iterator[Entry]:
    """Filters that decided otherwise or scored otherwise, with the scores; those of one side alone where the other has no verdict."""
    old, new = (side["scores"] if side else {} for side in (was, now))
    dropped = [set(side["dropped_by"]) if side else set() for side in (was, now)]
    for name in sorted({*old, *new, *dropped[0], *dropped[1]}):
        a, b = old.get(name), new.get(name)
        moved = was is not None and now is not None and ((a is None) != (b is None) or (a is not None and abs(a - b) > _SAME))
        if moved or (name in dropped[0]) != (name in dropped[1]):
            yield {"name": name, "from": a, "to": b}


def _orders(what: list[str], was: Mapping[str, Any], now: Mapping[str, Any]) -> Entry:
    """The orders and labels on both sides, where they differ."""
    told: Entry = {}
    if "order" in what:
        told["orders"] = {"from": was["order"], "to": now["order"]}
    if "labels" in what:
        told["labels"] = {"from": was["grades"], "to": now["grades"]}
    return told


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            for line in file:
                yield json.loads(line)
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} of {path.parent.name!r} can't be read ({error}): give the folder of a dataset version") from error
