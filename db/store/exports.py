"""Judgements in bulk for exports: pages in the order of the log, with everything they refer to in a few queries per page."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from db.models import CandidateItem, CandidateList, Run, RunCall, TextRow
from db.models_accounts import Actor
from db.models_log import Event
from db.models_people import Judgement
from db.models_projects import Adjudication, ExportVersion, Guideline, Task
from db.store import actors

_CHUNK = 400
DECIDED = "adjudication.saved"
_KEPT_LISTS = 2_000
_OF_ROW = (
    "id", "seq", "thread", "version", "base_version", "state", "order", "not_relevant", "unranked", "grades", "shown_order", "claims",
    "spans", "disagree", "note", "confidence", "active_seconds", "model_visible", "model_version_id", "guideline_id", "licence", "trust",
    "consent_version", "selection_probability", "selection_reason", "selection_pool", "actor_id", "list_id", "run_id", "task_id", "created",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which judgements: those with a place in the log up to `until`, or where it is None all, in the order of their ids."""

    until: int | None
    project: str | None = None
    counting: bool = True
    states: tuple[str, ...] = ("submitted",)
    holdout: bool = True
    reviewed: bool = False
    tutorials: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPart:
    """A candidate list. By passage id, in first-stage order: `hashes` of texts, and (title, text), empty where not asked for."""

    query: str
    holdout: bool
    collection_id: str | None
    hashes: Mapping[str, str]
    texts: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Judgements and what they refer to, by id. `counting` are ids of newest submitted versions as of the place in the log."""

    rows: Sequence[Row[Any]]
    counting: frozenset[str]
    lists: Mapping[str, ListPart]
    people: Mapping[str, str]
    guidelines: Mapping[str, int]
    tasks: Mapping[str, tuple[str | None, str]]
    adjudications: Mapping[str, Adjudication]
    calls: Mapping[str, Sequence[tuple[RunCall, str, str]]]


@dataclass(slots=True, kw_only=True)
class Reader:
    """Reads page after page; keeps the lists it met last. `texts` and `calls` say whether those are read."""

    wanted: Wanted
    texts: bool
    calls: bool
    size: int = 500
    _lists: OrderedDict[str, ListPart] = field(default_factory=OrderedDict)

    def page(self, session: Session, after: Any) -> Page | None:
        """The page behind a place (seq or id, see `place`; None is the beginning); None at the end."""
        rows = session.execute(_page(self.wanted, after, self.size)).all()
        if not rows:
            return None
        tasks = _tasks(session, {row.task_id for row in rows if row.task_id})
        return Page(
            rows=rows,
            counting=_counting(session, self.wanted.until, {row.thread for row in rows}),
            lists=self._parts(session, [row.list_id for row in rows]),
            people=pseudonyms(session, {row.actor_id for row in rows}),
            guidelines=_guidelines(session, {row.guideline_id for row in rows if row.guideline_id}),
            tasks=tasks,
            adjudications=adjudications(session, tasks, self.wanted.until),
            calls=_calls(session, {row.run_id for row in rows if row.run_id}) if self.calls else {},
        )

    def place(self, page: Page) -> Any:
        """Where the next page begins."""
        return page.rows[-1].id if self.wanted.until is None else page.rows[-1].seq

    def _parts(self, session: Session, ids: Sequence[str]) -> dict[str, ListPart]:
        found = {list_id: self._lists[list_id] for list_id in dict.fromkeys(ids) if list_id in self._lists}
        found |= _list_parts(session, [list_id for list_id in dict.fromkeys(ids) if list_id not in found], with_texts=self.texts)
        for list_id, part in found.items():
            self._lists[list_id] = part
            self._lists.move_to_end(list_id)
        while len(self._lists) > _KEPT_LISTS:
            self._lists.popitem(last=False)
        return found


def count(session: Session, wanted: Wanted) -> int:
    """How many judgements there are of what is wanted."""
    return session.scalar(select(func.count()).select_from(_chosen(wanted).subquery())) or 0


def pseudonyms(session: Session, actor_ids: Collection[str]) -> dict[str, str]:
    """Pseudonyms of actors that have one."""
    return {row[0]: row[1] for row in _in(session, select(Actor.id, Actor.pseudonym), Actor.id, actor_ids) if row[1]}


def ensure_pseudonyms(session: Session) -> int:
    """Give one to everybody who has judged and has none; how many were given."""
    judged = select(Judgement.actor_id).where(Judgement.actor_id == Actor.id).exists()
    nameless = list(session.scalars(select(Actor.id).where(Actor.pseudonym.is_(None), judged)))
    for actor_id in nameless:
        actors.pseudonym(session, actor_id)
    return len(nameless)


def end_of_log(session: Session) -> int:
    """The highest place that a judgement or an event has in the sealed log; 0 where nothing is sealed."""
    places = (session.scalar(select(func.max(column))) for column in (Judgement.seq, Event.seq))
    return max((place for place in places if place is not None), default=0)


def adjudications(session: Session, tasks: Collection[str], until: int | None) -> dict[str, Adjudication]:
    """The newest decision of each task; with `until`, of those made by then.

    Decisions have no place in the log themselves. Their events have, one per version with the task as its subject, which stays when a
    reviewer's data is erased: so many events up to a place, so many versions.
    """
    found = [row[0] for row in _in(session, select(Adjudication).order_by(Adjudication.version), Adjudication.task_id, tasks)]
    if until is not None and found:
        told = select(Event.subject, func.count()).where(Event.action == DECIDED, Event.seq <= until).group_by(Event.subject)
        known = {row[0]: row[1] for row in _in(session, told, Event.subject, {one.task_id for one in found})}
        found = [one for one in found if one.version <= known.get(one.task_id, 0)]
    return {one.task_id: one for one in sorted(found, key=lambda one: one.version)}


def finished_runs(session: Session, ended_before: datetime | None, after: tuple[datetime, str] | None, limit: int) -> list[Row[Any]]:
    """(id, created, query, model, order, outcome) of finished runs, oldest first, those behind a place."""
    query = (
        select(Run.id, Run.created, TextRow.text, Run.model, Run.order, Run.outcome)
        .join(CandidateList, CandidateList.id == Run.list_id)
        .join(TextRow, TextRow.hash == CandidateList.query_hash)
        .where(Run.state == "finished")
        .order_by(Run.created, Run.id)
        .limit(limit)
    )
    if ended_before is not None:
        query = query.where(Run.ended < ended_before)
    if after is not None:
        query = query.where(or_(Run.created > after[0], and_(Run.created == after[0], Run.id > after[1])))
    return list(session.execute(query))


def count_runs(session: Session, ended_before: datetime) -> int:
    """How many finished runs had ended by then."""
    query = select(func.count()).select_from(Run).where(Run.state == "finished", Run.ended < ended_before)
    return session.scalar(query) or 0


def version(session: Session, version_id: str) -> ExportVersion | None:
    """A version of an export."""
    return session.get(ExportVersion, version_id)


def versions(session: Session, limit: int = 200) -> list[ExportVersion]:
    """Versions, newest first."""
    return list(session.scalars(select(ExportVersion).order_by(ExportVersion.created.desc(), ExportVersion.id).limit(limit)))


def _chosen(wanted: Wanted) -> Select[Any]:
    """The wanted judgements, as a select of their columns."""
    query = select(*(getattr(Judgement, name) for name in _OF_ROW))
    if wanted.until is not None:
        query = query.where(Judgement.seq <= wanted.until)
    if wanted.counting:
        newer = aliased(Judgement)
        after = and_(
            newer.thread == Judgement.thread, newer.version > Judgement.version, newer.state == "submitted", _by(newer, wanted.until)
        )
        query = query.where(Judgement.state == "submitted", ~select(literal(1)).where(after).exists())
    else:
        query = query.where(Judgement.state.in_(wanted.states))
    if wanted.project is not None or not wanted.tutorials:
        query = query.outerjoin(Task, Task.id == Judgement.task_id)
    if wanted.project is not None:
        query = query.where(Task.project_id == wanted.project)
    if not wanted.tutorials:
        query = query.where(or_(Task.id.is_(None), Task.kind != "tutorial"))
    if not wanted.holdout:
        query = query.join(CandidateList, CandidateList.id == Judgement.list_id).where(CandidateList.holdout.is_(False))
    return query.where(_reviewed(wanted.until)) if wanted.reviewed else query


def _by(judgement: Any, until: int | None) -> ColumnElement[bool]:
    return literal(1) == 1 if until is None else judgement.seq <= until


def _reviewed(until: int | None) -> ColumnElement[bool]:
    if until is None:
        return Judgement.task_id.in_(select(Adjudication.task_id))
    return Judgement.task_id.in_(select(Event.subject).where(Event.action == DECIDED, Event.seq <= until))


def _page(wanted: Wanted, after: Any, size: int) -> Select[Any]:
    key = Judgement.id if wanted.until is None else Judgement.seq
    query = _chosen(wanted).order_by(key).limit(size)
    return query if after is None else query.where(key > after)


def _counting(session: Session, until: int | None, threads: Collection[str]) -> frozenset[str]:
    """Ids of the newest submitted version of each thread, as of the place in the log."""
    query = select(Judgement.id, Judgement.thread, Judgement.version).where(Judgement.state == "submitted", _by(Judgement, until))
    newest: dict[str, tuple[int, str]] = {}
    for row in _in(session, query, Judgement.thread, threads):
        newest[row.thread] = max(newest.get(row.thread, (0, "")), (row.version, row.id))
    return frozenset(found for _, found in newest.values())


def _list_parts(session: Session, ids: Sequence[str], *, with_texts: bool) -> dict[str, ListPart]:
    head = select(CandidateList.id, TextRow.text, CandidateList.holdout, CandidateList.collection_id)
    heads = list(_in(session, head.join(TextRow, TextRow.hash == CandidateList.query_hash), CandidateList.id, ids))
    item: Any = select(CandidateItem.list_id, CandidateItem.passage_id, CandidateItem.text_hash)
    if with_texts:
        item = item.add_columns(CandidateItem.title, TextRow.text).join(TextRow, TextRow.hash == CandidateItem.text_hash)
    hashes: dict[str, dict[str, str]] = {list_id: {} for list_id in ids}
    texts: dict[str, dict[str, tuple[str, str]]] = {list_id: {} for list_id in ids}
    for list_id, passage, digest, *text in _in(
        session, item.order_by(CandidateItem.list_id, CandidateItem.position), CandidateItem.list_id, ids
    ):
        hashes[list_id][passage] = digest
        if with_texts:
            texts[list_id][passage] = (text[0], text[1])
    return {
        row.id: ListPart(query=row.text, holdout=row.holdout, collection_id=row.collection_id, hashes=hashes[row.id], texts=texts[row.id])
        for row in heads
    }


def _tasks(session: Session, ids: Collection[str]) -> dict[str, tuple[str | None, str]]:
    return {row.id: (row.project_id, row.kind) for row in _in(session, select(Task.id, Task.project_id, Task.kind), Task.id, ids)}


def _guidelines(session: Session, ids: Collection[str]) -> dict[str, int]:
    return {row.id: row.version for row in _in(session, select(Guideline.id, Guideline.version), Guideline.id, ids)}


def _calls(session: Session, runs: Collection[str]) -> dict[str, list[tuple[RunCall, str, str]]]:
    """(call, stored prompt, template) of each finished call of some runs, in order."""
    query = (
        select(RunCall, TextRow.text, Run.template)
        .join(TextRow, TextRow.hash == RunCall.prompt_hash)
        .join(Run, Run.id == RunCall.run_id)
        .where(RunCall.done.is_(True))
        .order_by(RunCall.run_id, RunCall.number)
    )
    found: dict[str, list[tuple[RunCall, str, str]]] = {}
    for call, prompt, template in _in(session, query, RunCall.run_id, runs):
        found.setdefault(call.run_id, []).append((call, prompt, template))
    return found


def _in(session: Session, query: Any, column: Any, keys: Collection[str]) -> Iterator[Any]:
    """Rows of a query where a column is one of many keys, in pieces that every database takes."""
    wanted = sorted(keys)
    for start in range(0, len(wanted), _CHUNK):
        yield from session.execute(query.where(column.in_(wanted[start : start + _CHUNK])))
