"""The event log: written in the transaction of the act it tells of, sealed into a hash chain afterwards.

Two steps, so that writers never wait for each other: `append` only inserts; one sealer at a time gives what was committed its place and
chains it, and leaves what somebody else has in hand for the next time. `db.store.log_check` verifies.
"""

from __future__ import annotations

import hashlib
import json
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, exists, null, select, text, update
from sqlalchemy.orm import Session

from db.models import now
from db.models_log import Event
from db.models_people import Judgement
from db.store.texts import storable

# The hash "before" the first event.
GENESIS = "0" * 64
SAVED, ERASED = "judgement.saved", "event.erased"
# Any number of our own: the key of PostgreSQL's advisory lock around sealing.
_SEALING_LOCK = 7_254_012
_CHUNK = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What the chain covers of one event; who did it and with what is inside `payload_hash`."""

    seq: int
    id: str
    action: str
    subject: str
    created: datetime
    payload_hash: str


def append(session: Session, actor_id: str | None, action: str, subject: str, data: Mapping[str, Any] | None = None) -> Event:
    """Write down that somebody did something to something. `data` is plain JSON, ids rather than texts."""
    plain, salt = _plain(data or {}), secrets.token_hex(32)
    hashed = payload_hash(actor_id, plain, salt)
    event = Event(action=action, subject=subject, actor_id=actor_id, data=plain, salt=salt, payload_hash=hashed)
    session.add(event)
    return event


def payload_hash(actor_id: str | None, data: Mapping[str, Any], salt: str) -> str:
    """sha256 of who and what, salted: without the salt nobody can guess an erased payload from its hash."""
    return _sha256([actor_id, data, salt])


def link_hash(previous: str, link: Link) -> str:
    """sha256 over the hash of the event before and everything that is never erased of this one; times in UTC, in microseconds."""
    created = link.created.astimezone(UTC).isoformat(timespec="microseconds")
    return _sha256([previous, link.seq, link.id, link.action, link.subject, created, link.payload_hash])


def unsealed(session: Session) -> bool:
    """Whether an event waits for its place."""
    return session.scalar(select(Event.id).where(Event.seq.is_(None)).limit(1)) is not None


def head(session: Session) -> tuple[int, str]:
    """Place and hash of the last sealed event; 0 and the hash before the first where there is none."""
    last = session.execute(select(Event.seq, Event.hash).where(Event.seq.is_not(None)).order_by(Event.seq.desc()).limit(1)).first()
    return (0, GENESIS) if last is None else (last.seq or 0, last.hash or GENESIS)


def seal(session: Session, limit: int = 500) -> int:
    """Chain up to `limit` events that are not yet, oldest id first, and give judgements their place; how many events it were.

    Rows that another transaction has in hand (a withdrawal) are left for the next time: the sealer waits for nobody but sealers.
    """
    _one_sealer(session)
    columns = (Event.id, Event.action, Event.subject, Event.created, Event.payload_hash)
    open_ = select(*columns).where(Event.seq.is_(None)).order_by(Event.id).limit(limit)
    waiting = session.execute(open_.with_for_update(skip_locked=True)).all()
    busy = _busy(session, [row.subject for row in waiting if row.action == SAVED])
    waiting = [row for row in waiting if row.action != SAVED or row.subject not in busy]
    if not waiting:
        return 0
    seq, previous = head(session)
    sealed, saved = [], []
    for row in waiting:
        seq += 1
        link = Link(seq=seq, id=row.id, action=row.action, subject=row.subject, created=row.created, payload_hash=row.payload_hash)
        chained = link_hash(previous, link)
        sealed.append({"event": row.id, "place": seq, "before": previous, "chained": chained})
        previous = chained
        if row.action == SAVED:
            saved.append({"judgement": row.subject, "place": seq})
    _place_judgements(session, saved)
    session.connection().execute(
        update(Event.__table__)  # type: ignore[arg-type]
        .where(Event.__table__.c.id == bindparam("event"))
        .values(seq=bindparam("place"), previous_hash=bindparam("before"), hash=bindparam("chained")),
        sealed,
    )
    return len(sealed)


def _busy(session: Session, judgements: Sequence[str]) -> set[str]:
    """Of judgements those that another transaction is changing or deleting; the others stay in our hands until the end of this one."""
    there = select(Judgement.id).where(Judgement.id.in_(judgements))
    free = set(session.scalars(there.with_for_update(skip_locked=True)))
    return set(session.scalars(there)) - free


def _place_judgements(session: Session, saved: Sequence[Mapping[str, Any]]) -> None:
    """The place of the event becomes the judgement's; one that was withdrawn meanwhile isn't there any more."""
    table = Judgement.__table__
    if saved:
        change = update(table).where(table.c.id == bindparam("judgement"), table.c.seq.is_(None))  # type: ignore[arg-type]
        session.connection().execute(change.values(seq=bindparam("place")), saved)


def adopt(session: Session) -> int:
    """Write the event that tells of a judgement for those saved before there was a log, so that they get a place; how many."""
    _one_sealer(session)
    told = exists().where(Event.subject == Judgement.id, Event.action == SAVED)
    old = select(Judgement.id, Judgement.actor_id).where(Judgement.seq.is_(None), ~told).order_by(Judgement.created, Judgement.id)
    found = session.execute(old).all()
    for row in found:
        append(session, row.actor_id, SAVED, row.id, {"adopted": True})
        session.flush()  # one by one: ids are given at the flush, and are to follow the order of saving
    return len(found)


def erase(session: Session, *, subject: str | None = None, actor_id: str | None = None) -> int:
    """Take actor, data and salt out of events about `subject`, by `actor_id`, or, given both, about the one by the other; how many.

    What stays is a tombstone that still verifies. Each erasure is itself an event, so that nobody can pass off a deletion as one.
    """
    if subject is None and actor_id is None:
        raise ValueError("erase needs a subject or an actor: without either it would erase the whole log")
    session.flush()
    chosen = select(Event.id).where(Event.erased.is_(None), Event.action != ERASED)
    if subject is not None:
        chosen = chosen.where(Event.subject == subject)
    if actor_id is not None:
        chosen = chosen.where(Event.actor_id == actor_id)
    ids, at = list(session.scalars(chosen.order_by(Event.id).with_for_update())), now()
    for start in range(0, len(ids), _CHUNK):
        change = update(Event).where(Event.id.in_(ids[start : start + _CHUNK])).execution_options(synchronize_session=False)
        session.execute(change.values(actor_id=null(), data=null(), salt=null(), erased=at))
    for event_id in ids:
        append(session, None, ERASED, event_id).created = at
    session.flush()
    session.expire_all()
    return len(ids)


def _one_sealer(session: Session) -> None:
    """A SQLite writer is alone since BEGIN IMMEDIATE; in PostgreSQL one sealer waits for the other, and for nobody else."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SEALING_LOCK})


def _sha256(parts: Sequence[Any]) -> str:
    """Of JSON with sorted keys and no spaces, in UTF-8."""
    canonical = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """JSON that both databases give back as it was: PostgreSQL keeps numbers as decimals, so that 1e300 would come back a whole number."""
    if isinstance(value, Mapping):
        return {storable(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"an event can't hold the number {value}")
        return int(value) if value.is_integer() else value
    return storable(value) if isinstance(value, str) else value
