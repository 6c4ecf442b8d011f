"""What people said of lists, list by list, for training: newest submitted judgements, reviewers' decisions, and the runs they are about.

Never of holdout queries, of tutorials, of models that judge, or of an account that is being deleted. Withdrawn judgements are no rows any
more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from db.models import CandidateList, Run, RunCall
from db.models_accounts import Actor
from db.models_people import Judgement
from db.models_projects import Adjudication, Task, Withdrawal
from db.store import exports, lists

PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Which judgements: of a project or of all, by people trusted at least so much, and with a place in the sealed log up to `until`."""

    project: str | None = None
    min_trust: float = 0.0
    until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A person's newest submitted judgement. `trust` is 1.0 where nobody set one; `call` is the run's only call, where it had one."""

    id: str
    person: str
    order: Sequence[Sequence[str]]
    not_relevant: Sequence[str]
    grades: Mapping[str, int]
    shown_order: Sequence[str]
    trust: float
    licence: str
    consent_version: str
    task_id: str | None
    call: Asked | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The one call of a run. `passages` are ids in the order of the prompt, `order` 0-based positions in it, best first."""

    passages: Sequence[str]
    order: Sequence[int]
    reasoning: str
    outcome: str
    template: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledList:
    """A list with all that counts of it: `told` has one judgement per person, the newest first; `decided` the newest decision."""

    list_id: str
    candidates: lists.Candidates
    told: tuple[Told, ...] = field(default=())
    decided: Adjudication | None = None


def page(session: Session, wanted: Labelled, after: str, limit: int) -> list[tuple[str, str]]:
    """(place, list id) of lists behind a place, in the order in which they were first judged; "" is the beginning."""
    first = func.min(Judgement.id).label("first")
    query = _counting(wanted, select(first, Judgement.list_id)).group_by(Judgement.list_id).having(first > after)
    return [(row[0], row[1]) for row in session.execute(query.order_by(first).limit(limit))]


def withdrawn(session: Session) -> int:
    """How many judgements were ever withdrawn: with the place in the log, what names a state of what can be read here."""
    return session.scalar(select(func.count()).select_from(Withdrawal)) or 0


def count(session: Session, wanted: Labelled) -> int:
    """How many judgements count, each person's newest of each thread."""
    return session.scalar(_counting(wanted, select(func.count(Judgement.id)))) or 0


def nameless(session: Session, wanted: Labelled) -> bool:
    """Whether somebody whose judgement is wanted has no pseudonym yet: see `exports.ensure_pseudonyms`."""
    return session.scalar(_counting(wanted, select(Judgement.id)).where(Actor.pseudonym.is_(None)).limit(1)) is not None


def one(session: Session, wanted: Labelled, list_id: str) -> LabelledList:
    """A list with what people said of it. Raises NotFound."""
    query = _counting(wanted, select(Judgement, Actor.pseudonym)).where(Judgement.list_id == list_id).order_by(Judgement.id.desc())
    newest: dict[str, tuple[Judgement, str]] = {}
    for judgement, pseudonym in session.execute(query).all():
        if pseudonym is not None:  # whoever has none judged after the caller made sure that all have one
            newest.setdefault(judgement.actor_id, (judgement, pseudonym))
    calls = _calls(session, {judgement.run_id for judgement, _ in newest.values() if judgement.run_id})
    tasks = {judgement.task_id for judgement, _ in newest.values() if judgement.task_id}
    decisions = exports.adjudications(session, tasks, wanted.until).values()
    return LabelledList(
        list_id=list_id,
        candidates=lists.get(session, list_id),
        told=tuple(_told(judgement, name, calls.get(judgement.run_id or "")) for judgement, name in newest.values()),
        decided=max(decisions, key=lambda found: found.id, default=None),
    )


def _counting(wanted: Labelled, query: Any) -> Any:
    """The wanted judgements of a select of judgements: people's newest submitted version of each thread."""
    newer = aliased(Judgement)
    later = and_(newer.thread == Judgement.thread, newer.version > Judgement.version, newer.state == "submitted", _by(newer, wanted.until))
    query = (
        query.join(CandidateList, CandidateList.id == Judgement.list_id)
        .join(Actor, Actor.id == Judgement.actor_id)
        .outerjoin(Task, Task.id == Judgement.task_id)
        .where(Judgement.state == "submitted", ~select(literal(1)).where(later).exists(), _by(Judgement, wanted.until))
        .where(CandidateList.holdout.is_(False), Actor.kind == "person", Actor.state != "deleted")
        .where(or_(Task.id.is_(None), Task.kind != "tutorial"), func.coalesce(Judgement.trust, 1.0) >= wanted.min_trust)
    )
    return query if wanted.project is None else query.where(Task.project_id == wanted.project)


def _by(judgement: Any, until: int | None) -> Any:
    return literal(1) == 1 if until is None else judgement.seq <= until


def _calls(session: Session, runs: set[str]) -> dict[str, Asked]:
    """The calls of those runs that had one call, by run."""
    query = (
        select(Run.template, RunCall)
        .join(Run, Run.id == RunCall.run_id)
        .where(RunCall.run_id.in_(runs), RunCall.done.is_(True), Run.state == "finished")
    )
    found: dict[str, list[Asked]] = {}
    for template, call in session.execute(query):
        asked = Asked(
            passages=tuple(call.passages), order=tuple(call.order or ()), reasoning=call.reasoning, outcome=call.outcome or "error",
            template=template,
        )  # fmt: skip
        found.setdefault(call.run_id, []).append(asked)
    return {run: asked[0] for run, asked in found.items() if len(asked) == 1}


def _told(judgement: Judgement, person: str, call: Asked | None) -> Told:
    return Told(
        id=judgement.id,
        person=person,
        order=judgement.order,
        not_relevant=judgement.not_relevant,
        grades=judgement.grades,
        shown_order=judgement.shown_order,
        trust=1.0 if judgement.trust is None else judgement.trust,
        licence=judgement.licence,
        consent_version=judgement.consent_version or "",
        task_id=judgement.task_id,
        call=call,
    )
