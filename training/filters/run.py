"""The end of a synthesis: every stored item is scored in the order of its number, and the report is written beside the synthesis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.ranking.cache import Watch
from app.ranking.retrieval.demo import has_demo, load_demo
from db.models import CandidateList, TextRow
from db.session import Database
from db.store import syntheses
from training.synthesis.stored import RETRIEVER, StoredItem, every

from . import described, item_scores
from .report import Report
from .values import Score
from .whole import Whole, benchmark_queries

_BATCH = 100  # items of one transaction


def finish(
    database: Database, synthesis_id: str, thresholds: Mapping[str, float], benchmarks: Sequence[Path], watch: Watch, currency: str = ""
) -> dict[str, Any]:
    """Score all items and write syntheses.filters and .report; returns the report. Doing it twice changes nothing.

    All scores are made anew, so that items of an earlier run are judged by today's filters. Raises NotFound for an unknown synthesis,
    InputError for a benchmark file that can't be read, Cancelled.
    """
    with database.read() as session:
        row = syntheses.get(session, synthesis_id)
        teacher, embedded = row.teacher, row.embedded
        total = max(1, sum(sum(states.values()) for states in syntheses.counts(session, synthesis_id).values()))
    report = Report(thresholds)
    changed: dict[int, dict[str, Score]] = {}
    with Whole(_others(database, benchmarks)) as whole:
        for done, stored in enumerate(every(database, synthesis_id), start=1):
            scores = {**item_scores(stored.item), **whole.scores(stored.item)}
            report.add(replace(stored, scores={name: score.value for name, score in scores.items()}))
            if _differ(stored, scores):
                changed[stored.item.number] = scores
            if len(changed) >= _BATCH:
                _write(database, synthesis_id, changed)
            if done % _BATCH == 0:
                watch.tell(done / total)
    watch.tell(1.0)
    _write(database, synthesis_id, changed)
    found = report.json(teacher=teacher, embedded=embedded, currency=currency or None)
    with database.write() as session:
        syntheses.conclude(session, synthesis_id, described(thresholds), found)
    return found


def _differ(stored: StoredItem, scores: Mapping[str, Score]) -> bool:
    told = {name: list(score.reasons) for name, score in scores.items() if score.reasons}
    return dict(stored.scores) != {name: score.value for name, score in scores.items()} or dict(stored.reasons) != told


def _write(database: Database, synthesis_id: str, changed: dict[int, dict[str, Score]]) -> None:
    """Write what has changed, and forget it."""
    if changed:
        made = {
            number: ({name: one.value for name, one in scores.items()}, {name: list(one.reasons) for name, one in scores.items()})
            for number, scores in changed.items()
        }
        with database.write() as session:
            syntheses.rescore(session, synthesis_id, made)
        changed.clear()


def _others(database: Database, benchmarks: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Queries that may not be trained on: the sealed questions of the gate, benchmarks of the recipe, what is held back in this studio."""
    if has_demo():
        yield from ((one.text, "the demo's sealed questions") for one in load_demo().queries if one.metadata["split"] == "sealed")
    for path in benchmarks:
        yield from benchmark_queries(path)
    yield from ((query, "this studio's holdout") for query in _held_back(database))


def _held_back(database: Database) -> Iterable[str]:
    """Queries of holdout lists, in the order of their hashes; lists that a synthesis made are no evidence of anybody's interest."""
    query = (
        select(TextRow.text)
        .join(CandidateList, CandidateList.query_hash == TextRow.hash)
        .where(CandidateList.holdout.is_(True), CandidateList.retriever != RETRIEVER)
        .group_by(TextRow.hash, TextRow.text)
        .order_by(TextRow.hash)
    )
    with database.read() as session:
        yield from session.scalars(query.execution_options(yield_per=500))
