"""Records for exports, made of pages of the database; every page is a short transaction of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy.orm import Session

from app.exports.records import Adjudicated, CallRecord, JudgementRecord, RunRecord
from app.exports.registry import Format
from app.exports.selection import STATES, Selection
from db.session import Database
from db.store import exports

_RUNS = 1_000
# Of a judgement's row, what goes into a record as it is.
_FIELDS = (
    "seq", "version", "base_version", "state", "order", "not_relevant", "unranked", "grades", "shown_order", "claims", "spans", "disagree",
    "note", "confidence", "active_seconds", "model_visible", "model_version_id", "licence", "trust", "consent_version",
    "selection_probability", "selection_reason", "selection_pool",
)  # fmt: skip

_values = attrgetter(*_FIELDS)


def wanted(selection: Selection, until: int | None) -> exports.Wanted:
    """The selection as the database takes it."""
    return exports.Wanted(
        until=until,
        project=selection.project,
        counting=not selection.all_versions,
        states=selection.states or STATES,
        holdout=selection.include_holdout,
        reviewed=selection.reviewed_only,
        tutorials=selection.tutorials,
    )


def judgements(database: Database, form: Format, selection: Selection, until: int | None) -> Iterator[JudgementRecord]:
    """Judgements of a selection as of a place in the log, in its order; without one all there are, in the order of their ids."""
    texts = form.texts == "always" or (form.texts == "option" and selection.texts)
    reader = exports.Reader(wanted=wanted(selection, until), texts=texts, calls=form.calls)
    after: Any = None
    while True:
        page = _page(database, reader, after)
        if page is None:
            return
        for row in page.rows:
            yield _record(page, row)
        after = reader.place(page)


def runs(database: Database, ended_before: datetime | None) -> Iterator[RunRecord]:
    """Finished runs, oldest first."""
    after: tuple[datetime, str] | None = None
    while True:
        with database.read() as session:
            rows = exports.finished_runs(session, ended_before, after, _RUNS)
        for row in rows:
            yield RunRecord(query=row.text, model=row.model, order=row.order or (), outcome=row.outcome or "clean")
        if len(rows) < _RUNS:
            return
        after = (rows[-1].created, rows[-1].id)


def _page(database: Database, reader: exports.Reader, after: Any) -> exports.Page | None:
    with database.read() as session:
        page = reader.page(session, after)
    if page is None or all(row.actor_id in page.people for row in page.rows):
        return page
    with database.write() as session:
        exports.ensure_pseudonyms(session)
    with database.read() as session:
        return reader.page(session, after)


def _record(page: exports.Page, row: Any) -> JudgementRecord:
    part = page.lists[row.list_id]
    project, kind = page.tasks.get(row.task_id, (None, None))
    decided = page.adjudications.get(row.task_id)
    return JudgementRecord(
        id=row.id,
        query=part.query,
        person=page.people[row.actor_id],
        created=row.created.isoformat(),
        counts=row.id in page.counting,
        holdout=part.holdout,
        fields=dict(zip(_FIELDS, _values(row), strict=True)),
        texts=part.texts,
        text_hashes=part.hashes,
        list_id=row.list_id,
        collection=part.collection_id,
        project=project,
        task=row.task_id,
        task_kind=kind,
        guideline_version=page.guidelines.get(row.guideline_id),
        adjudicated=Adjudicated(task=decided.task_id, grades=decided.grades, not_relevant=decided.not_relevant) if decided else None,
        calls=tuple(_call(*found) for found in page.calls.get(row.run_id, ())),
    )


def _call(call: Any, prompt: str, template: str) -> CallRecord:
    return CallRecord(
        number=call.number, passages=call.passages, prompt=prompt, reasoning=call.reasoning, answer=call.answer, order=call.order or (),
        outcome=call.outcome or "error", template=template,
    )  # fmt: skip


def count(session: Session, form: Format, selection: Selection, until: int) -> int:
    """How many judgements (or runs) an export would hold now."""
    if form.of == "runs":
        return exports.count_runs(session, datetime.fromisoformat(str(selection.ended_before)))
    return exports.count(session, wanted(selection, until))
