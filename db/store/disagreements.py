"""Objections of visitors to runs: untrusted until a reviewer accepts them, and never among the judgements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.ranking.errors import Conflict, NotFound
from db.models import CandidateItem, CandidateList, Run, TextRow, new_id, now
from db.models_accounts import Actor
from db.models_projects import Disagreement
from db.store import texts

PER_PERSON = 5  # objections of one person to one run: each change of mind is kept, the newest counts
PER_RUN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDisagreement:
    """An objection. `order` is a weak order or a part of one, None where the person only says that they disagree."""

    actor_id: str
    run_id: str
    list_id: str
    idempotency_key: str
    order: Sequence[Sequence[str]] | None
    not_relevant: Sequence[str]
    note: str
    consent_version: str
    licence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """A kept objection with what it is about. `newer`: the same person objected to the same run again later, which counts instead."""

    row: Disagreement
    run: Run
    query: str
    holdout: bool
    who: str
    newer: bool


_CONTENT = ("run_id", "order", "not_relevant", "note", "consent_version")


def save(session: Session, new: NewDisagreement) -> tuple[Disagreement, bool]:
    """The kept objection, and whether it is new. The same key again gives the row of the first time.

    Raises Conflict where a key comes back with another objection, or where too many came.
    """
    values = {name: getattr(new, name) for name in NewDisagreement.__dataclass_fields__}
    values["note"] = texts.storable(new.note)
    values["order"] = None if new.order is None else [list(group) for group in new.order]
    values["not_relevant"] = list(new.not_relevant)
    # Two sends of one person wait for each other, so that a key sent twice at once is kept once.
    session.execute(select(Actor.id).where(Actor.id == new.actor_id).with_for_update())
    mine = (Disagreement.actor_id == new.actor_id, Disagreement.idempotency_key == new.idempotency_key)
    same = session.scalar(select(Disagreement).where(*mine))
    if same is not None:
        if any(getattr(same, name) != values[name] for name in _CONTENT):
            raise Conflict("this idempotency key was used for another objection: make a new key for each")
        return same, False
    own = session.scalar(select(func.count()).where(Disagreement.run_id == new.run_id, Disagreement.actor_id == new.actor_id)) or 0
    if own >= PER_PERSON:
        raise Conflict(f"you objected to this ranking {own} times already: the last one counts")
    if (session.scalar(select(func.count()).where(Disagreement.run_id == new.run_id)) or 0) >= PER_RUN:
        raise Conflict(f"{PER_RUN} objections to this ranking are kept already: reviewers have enough to look at")
    row = Disagreement(id=new_id(), created=now(), state="new", trust=0.0, **values)
    session.add(row)
    session.flush()
    return row, True


def listed(session: Session, *, state: str | None = None, before: str | None = None, limit: int = 100, one: str = "") -> list[Objection]:
    """Objections, newest first, those before an id; or one by id."""
    last = (
        select(Disagreement.run_id, Disagreement.actor_id, func.max(Disagreement.id).label("newest"))
        .group_by(Disagreement.run_id, Disagreement.actor_id)
        .subquery()
    )
    query = (
        select(Disagreement, Run, TextRow.text, CandidateList.holdout, Actor.pseudonym, last.c.newest)
        .join(Run, Run.id == Disagreement.run_id)
        .join(CandidateList, CandidateList.id == Disagreement.list_id)
        .join(TextRow, TextRow.hash == CandidateList.query_hash)
        .join(Actor, Actor.id == Disagreement.actor_id)
        .join(last, (last.c.run_id == Disagreement.run_id) & (last.c.actor_id == Disagreement.actor_id))
        .order_by(Disagreement.id.desc())
        .limit(limit)
    )
    conditions = [
        *([Disagreement.state == state] if state else []),
        *([Disagreement.id < before] if before else []),
        *([Disagreement.id == one] if one else []),
    ]
    return [
        Objection(row=row, run=run, query=text, holdout=holdout, who=who or "", newer=newest != row.id)
        for row, run, text, holdout, who, newest in session.execute(query.where(*conditions))
    ]


def by_id(session: Session, disagreement_id: str) -> Disagreement:
    """An objection, locked until this transaction ends. Raises NotFound."""
    row = session.scalar(select(Disagreement).where(Disagreement.id == disagreement_id).with_for_update())
    if row is None:
        raise NotFound("no such objection: it may have been withdrawn")
    return row


def counts(session: Session) -> dict[str, int]:
    """How many objections are in each state."""
    rows = session.execute(select(Disagreement.state, func.count()).group_by(Disagreement.state))
    return {"new": 0, "accepted": 0, "rejected": 0} | {state: n for state, n in rows}


def passages(session: Session, list_id: str) -> dict[str, str]:
    """Titles of a list's passages by id, in first-stage order."""
    query = select(CandidateItem.passage_id, CandidateItem.title).where(CandidateItem.list_id == list_id).order_by(CandidateItem.position)
    return {passage: title for passage, title in session.execute(query)}


def titles(session: Session, list_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Titles by list and passage, the beginning of the text where there is no title."""
    query = select(CandidateItem.list_id, CandidateItem.passage_id, CandidateItem.title, func.substr(TextRow.text, 1, 80))
    found: dict[str, dict[str, str]] = {}
    rows = query.join(TextRow, TextRow.hash == CandidateItem.text_hash).where(CandidateItem.list_id.in_(list_ids))
    for list_id, passage, title, text in session.execute(rows):
        found.setdefault(list_id, {})[passage] = title or text
    return found
