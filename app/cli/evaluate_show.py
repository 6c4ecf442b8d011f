"""What `evaluate --suite` prints: the first stage and its headroom, the table beside the paper, where bundles and report lie."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.ranking.evaluation.bundles.read import Bundle
from app.ranking.evaluation.headroom import Headroom
from app.ranking.evaluation.scores import Scores
from app.ranking.evaluation.suites.values import Suite, TestCollection
from app.ranking.evaluation.tables import Key, Ours, PaperTable, paper_table, rows_of

FIRST = "first stage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A set with its first stage measured."""

    collection: TestCollection
    scores: Scores
    headroom: Headroom

    @property
    def notes(self) -> tuple[str, ...]:
        """Of the files, and of equal scores."""
        tied = len(self.scores.tied)
        said = f"{self.collection.name}: {tied} topics have equal scores near the top, which trec_eval orders by id"
        return (*self.collection.notes, *((said,) if tied else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Everything that there is to print."""

    suite: Suite
    sets: tuple[Measured, ...]
    bundles: tuple[Bundle, ...] = ()
    report: Path | None = None
    per_topic: bool = False

    @property
    def notes(self) -> list[str]:
        """Of the suite and of all sets."""
        return [*([self.suite.note] if self.suite.note else []), *(note for one in self.sets for note in one.notes)]

    @property
    def first(self) -> dict[Key, float]:
        """The first stage's primary measure by (set, topic)."""
        values = {one.collection.name: one.scores.values[self.suite.primary] for one in self.sets}
        return {(name, topic): value for name, by_topic in values.items() for topic, value in by_topic.items()}

    @property
    def table(self) -> PaperTable:
        """The first stage and every bundle beside what was published."""
        return paper_table(
            self.suite, [Ours(label=FIRST, values=self.first), *(_ours(bundle) for bundle in self.bundles if _asked(bundle))]
        )


def first_stage_text(found: Found) -> str:
    """Numbers of the first stage by set, what a perfect reranking would reach by depth, and a sentence a set."""
    suite = found.suite
    depths = sorted({depth for one in found.sets for depth in one.headroom.depths})
    width = max(len(one.collection.name) for one in found.sets)
    measures = list(suite.measures)
    head = "  ".join(
        [f"{'':<{width}}", f"{'topics':>6}", *(f"{name:>8}" for name in measures), *(f"{f'top {depth}':>7}" for depth in depths)]
    )
    lines = [f"{suite.title}: first stage, and {suite.primary} of a perfect reranking of the top d (x 100)", head]
    for one in found.sets:
        reached = {depth: 100 * value for depth, value in one.headroom.means.items()}
        cells = [f"{len(one.scores.topics):>6}", *(f"{100 * one.scores.mean(name):>8.2f}" for name in measures)]
        cells += [f"{reached[depth]:>7.1f}" if depth in reached else f"{'-':>7}" for depth in depths]
        lines.append("  ".join([f"{one.collection.name:<{width}}", *cells]))
    lines += ["", *(f"{one.collection.name}: {one.headroom.sentence}" for one in found.sets), ""]
    lines += [f"note: {note}" for note in _grouped(found)]
    return "\n".join(lines) + "\n\n"


def as_text(found: Found) -> str:
    """The table, and where things lie."""
    lines = [found.table.text]
    lines += [f"bundle {bundle.name}: {bundle.folder}\n" for bundle in found.bundles]
    lines += [f"report: {found.report}\n"] if found.report else []
    if not rows_of(found.suite):
        return "".join(lines)
    lines += [
        f"published rows: {rows_of(found.suite)[0].source.rsplit(',', 1)[0]}; they rerank {found.suite.first_stage}, unless they say so\n"
    ]
    return "".join(lines)


def as_json(found: Found) -> str:
    """Everything, as one object on one line."""
    return json.dumps(_plain(found), ensure_ascii=True) + "\n"


def paper_text(suite: Suite, *, as_json: bool) -> str:
    """Published rows only."""
    if as_json:
        return json.dumps({"suite": suite.name, "rows": [row.plain for row in rows_of(suite)]}, ensure_ascii=True) + "\n"
    sources = sorted({row.source for row in rows_of(suite)})
    return paper_table(suite).text + "".join(f"source: {source}\n" for source in sources)


def _plain(found: Found) -> dict[str, Any]:
    return {
        "suite": found.suite.name,
        "title": found.suite.title,
        "primary": found.suite.primary,
        "sets": [_set(one, per_topic=found.per_topic) for one in found.sets],
        "table": found.table.plain,
        "notes": found.notes,
        "bundles": [{"name": bundle.name, "id": bundle.id, "folder": str(bundle.folder)} for bundle in found.bundles],
        "report": str(found.report) if found.report else None,
    }


def _set(one: Measured, *, per_topic: bool) -> Mapping[str, Any]:
    collection, values = one.collection, one.scores.values
    by_topic = {topic: {name: column[topic] for name, column in values.items()} for topic in one.scores.topics}
    return {
        "name": collection.name,
        "title": collection.title,
        "in_source": collection.in_source,
        "n": len(one.scores.topics),
        "missing": list(one.scores.missing),
        "hashes": dict(collection.hashes),
        "first": {name: one.scores.mean(name) for name in one.scores.measures},
        "headroom": one.headroom.plain,
        "sentence": one.headroom.sentence,
        **({"topics": by_topic} if per_topic else {}),
    }


def _grouped(found: Found) -> list[str]:
    """Notes, one that several sets have said once with the names of all."""
    names = {one.collection.name for one in found.sets}
    sets: dict[str, list[str]] = {}
    for note in found.notes:
        name, _, said = note.partition(": ")
        whose = sets.setdefault(said if name in names else note, [])
        whose += [name] if name in names else []
    return [f"{', '.join(whose)}: {said}" if whose else said for said, whose in sets.items()]


def _ours(bundle: Bundle) -> Ours:
    """A bundle's row, against the first stage of the same topics."""
    first = {row.key: row.first.get(bundle.primary, 0.0) for row in bundle.topics}
    return Ours(label=bundle.name, values=bundle.values(bundle.primary), first=first)


def _asked(bundle: Bundle) -> bool:
    """Whether the bundle is of more than the first stage, which has its own row."""
    return bool((bundle.manifest.get("model") or {}).get("name") != "first_stage")
