"""Verifying the event log: every event against its hash, every hash against the one before, every erasure against its own event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session, aliased

from db.models_log import Event
from db.models_people import Judgement
from db.store.log import ERASED, GENESIS, SAVED, Link, link_hash, payload_hash

# Of a log that was rewritten as a whole every event is wrong: the first hundred say enough.
_MOST = 100
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a look at the whole log found. `head` is the hash of event `seq`, the last sealed one: keep it elsewhere to notice a cut end."""

    events: int
    sealed: int
    erased: int
    seq: int
    head: str
    problems: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class _Walk:
    """How far a look along the chain has come."""

    remembered: str | None
    events: int = 0
    sealed: int = 0
    erased: int = 0
    seq: int = 0
    head: str = GENESIS
    problems: list[str] = field(default_factory=list)
    left_out: int = 0

    def say(self, problem: str) -> None:
        """Keep a problem, or only count it where there are too many."""
        if len(self.problems) < _MOST:
            self.problems.append(problem)
        else:
            self.left_out += 1

    def look(self, row: Any) -> None:
        """Check one event; sealed ones come in the order of their places."""
        self.events += 1
        self._look_inside(row)
        if row.seq is not None:
            self._look_before(row)
        elif row.hash is not None or row.previous_hash is not None:
            self.say(f"event {row.id} has a hash but no place: its place was taken away")

    def _look_inside(self, row: Any) -> None:
        if row.erased is not None:
            self.erased += 1
            if row.actor_id is not None or row.data is not None or row.salt is not None:
                self.say(f"{_named(row)} is marked as erased, but holds an actor or data")
        elif row.salt is None or row.data is None or payload_hash(row.actor_id, row.data, row.salt) != row.payload_hash:
            self.say(f"{_named(row)} does not fit the hash of its payload: actor, data, salt or that hash was changed")

    def _look_before(self, row: Any) -> None:
        self.sealed += 1
        if row.seq != self.seq + 1:
            gone = f"{self.seq + 1}" if row.seq == self.seq + 2 else f"{self.seq + 1} to {row.seq - 1}"
            self.say(f"seq {gone} missing before seq {row.seq}: events were deleted or moved")
        if row.previous_hash != self.head:
            self.say(f"{_named(row)} does not follow the event before it: one of the two was changed, put in or moved")
        link = Link(seq=row.seq, id=row.id, action=row.action, subject=row.subject, created=row.created, payload_hash=row.payload_hash)
        if row.hash != link_hash(row.previous_hash or "", link):
            self.say(f"{_named(row)} does not fit its hash: it was changed after it was sealed")
        # On from what is stored, so that one change is told once and not for every later event.
        self.seq, self.head = row.seq, row.hash or ""
        if self.head == self.remembered:
            self.remembered = None

    def report(self) -> Report:
        """What was found."""
        if self.remembered is not None:
            self.say(f"no event has the remembered hash {self.remembered[:12]}...: the end of the log was cut off, or all of it rewritten")
        more = (f"and {self.left_out:,} more problems",) if self.left_out else ()
        return Report(
            events=self.events, sealed=self.sealed, erased=self.erased, seq=self.seq, head=self.head, problems=(*self.problems, *more)
        )  # fmt: skip


def verify(session: Session, head: str | None = None) -> Report:
    """Look at every event, in constant memory. `head` is a hash that was written down earlier: it must still be in the chain."""
    walk = _Walk(remembered=None if head in (None, GENESIS) else head)
    columns = [getattr(Event, name) for name in Event.__table__.columns.keys()]  # noqa: SIM118  of the table, not of a mapping
    rows = session.execute(select(*columns).order_by(Event.seq).execution_options(yield_per=_AT_ONCE))
    try:
        for row in rows:
            walk.look(row)
    except ValueError as error:
        # A time or JSON that is none: the databases' drivers refuse the row, and with it the rest of the rows.
        walk.say(f"an event after seq {walk.seq} can't be read ({error}): it was changed, and what comes after it was not looked at")
    finally:
        rows.close()
    for sentence in _beside_the_chain(session):
        walk.say(sentence)
    return walk.report()


def _named(row: Any) -> str:
    return f"seq {row.seq}" if row.seq is not None else f"event {row.id}, not yet sealed,"


def _beside_the_chain(session: Session) -> Iterator[str]:
    """What no hash covers: that an erasure was one, and the places of judgements."""
    erasure = aliased(Event)
    told = exists().where(erasure.action == ERASED, erasure.subject == Event.id, erasure.created == Event.erased)
    for seq in _first(session, select(Event.seq).where(Event.erased.is_not(None), ~told).order_by(Event.seq)):
        yield f"seq {seq} is marked as erased, but no event tells of that erasure: its payload was deleted"
    undone = exists().where(erasure.id == Event.subject, erasure.erased.is_(None))
    for seq in _first(session, select(Event.seq).where(Event.action == ERASED, undone).order_by(Event.seq)):
        yield f"seq {seq} tells of an erasure, but that event holds a payload again"
    saved = exists().where(Event.action == SAVED, Event.subject == Judgement.id, Event.seq == Judgement.seq)
    for seq in _first(session, select(Judgement.seq).where(Judgement.seq.is_not(None), ~saved).order_by(Judgement.seq)):
        yield f"a judgement has the place {seq}, which the log gave to something else"


def _first(session: Session, query: Select[Any]) -> list[Any]:
    return list(session.scalars(query.limit(_MOST)))
