"""What people said of lists whose queries are held out: to measure models with, never to train them.

The newest submitted judgement of each person and list counts, as in `labelled`: never one of a tutorial, of a model that judges, or of an
account that is being deleted. Withdrawn judgements are no rows any more. Nothing here says who somebody is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from db.models import CandidateList
from db.models_accounts import Actor
from db.models_people import Judgement
from db.models_projects import Task
from db.store import lists

MIN_TRUST = 0.5
"""Least trust, 0-1, of an annotator whose judgements measure; one whom nobody weighed counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """One person's newest judgement of a list. `order` is a weak order, best group first; `shown` the passages that they saw."""

    id: str
    order: Sequence[Sequence[str]]
    not_relevant: Sequence[str]
    grades: Mapping[str, int]
    shown: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """A list of a held-out query with one opinion per person, in the order in which they were given; `topic` is that of a task."""

    list_id: str
    topic: str
    candidates: lists.Candidates
    opinions: tuple[Opinion, ...]


def judged(session: Session, until: int | None = None, min_trust: float = MIN_TRUST) -> list[HeldOut]:
    """All held-out lists that somebody judged by `until`, a place in the sealed log, in the order in which they were first judged."""
    found: dict[str, dict[str, tuple[Judgement, str]]] = {}
    for judgement, topic in session.execute(_counting(select(Judgement, Task.topic), until, min_trust).order_by(Judgement.id)):
        people = found.setdefault(judgement.list_id, {})
        people.pop(judgement.actor_id, None)  # somebody who judged a list in two tasks: the newer one counts, at its own place
        people[judgement.actor_id] = (judgement, topic or "")
    return [_held_out(session, list_id, list(people.values())) for list_id, people in found.items()]


def count(session: Session, until: int | None = None, min_trust: float = MIN_TRUST) -> int:
    """How many judgements `judged` gives: one for each person and list."""
    pairs = _counting(select(Judgement.list_id, Judgement.actor_id), until, min_trust).distinct().subquery()
    return session.scalar(select(func.count()).select_from(pairs)) or 0


def _held_out(session: Session, list_id: str, said: list[tuple[Judgement, str]]) -> HeldOut:
    opinions = tuple(
        Opinion(id=one.id, order=one.order, not_relevant=one.not_relevant, grades=one.grades, shown=one.shown_order) for one, _ in said
    )
    topic = next((name for _, name in said if name), "")
    return HeldOut(list_id=list_id, topic=topic, candidates=lists.get(session, list_id), opinions=opinions)


def _counting(query: Any, until: int | None, min_trust: float) -> Any:
    """People's newest submitted version of each thread over held-out lists, as far as the log says until there."""
    newer = aliased(Judgement)
    later = and_(newer.thread == Judgement.thread, newer.version > Judgement.version, newer.state == "submitted", _by(newer, until))
    return (
        query.join(CandidateList, CandidateList.id == Judgement.list_id)
        .join(Actor, Actor.id == Judgement.actor_id)
        .outerjoin(Task, Task.id == Judgement.task_id)
        .where(Judgement.state == "submitted", ~select(literal(1)).where(later).exists(), _by(Judgement, until))
        .where(CandidateList.holdout.is_(True), Actor.kind == "person", Actor.state != "deleted")
        .where(or_(Task.id.is_(None), Task.kind != "tutorial"), func.coalesce(Judgement.trust, 1.0) >= min_trust)
    )


def _by(judgement: Any, until: int | None) -> Any:
    return literal(1) == 1 if until is None else judgement.seq <= until
