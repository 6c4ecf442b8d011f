"""Calls of a teacher: opened before they are sent, answered or given up after, and the account that each of these changes.

A row is in one of four states: answered (it has a completion), in flight (it has a session), failed (it has an outcome and no completion),
or lost (none of these: its asker died or was stopped). What a lost call may have cost nobody knows, so what was held back for it stays
held back, and its being asked again is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db.models import now
from db.models_loop import Synthesis, TeacherCall
from db.store import spend, syntheses

# Money is kept to a billionth, so that what is held and released adds up to nothing again.
_DIGITS = 9
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A call that is about to be sent by `session`. `tokens` and `cost` are the most that it can take."""

    key: str
    synthesis_id: str
    step: str
    model: str
    prompt_hash: str
    session: str
    tokens: int
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The most that a synthesis may take in all; 0 is no bound. `today` is what may still be begun to be spent on the model today."""

    tokens: int = 0
    cost: float = 0.0
    today: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What became of opening a call: it has an answer, it may be sent, another session is at it, or it does not fit (and `why`).

    `waiting` is how many calls of the synthesis are in flight where it does not fit: when they end, there may be room.
    """

    state: Literal["answered", "open", "elsewhere", "full"]
    completion: dict[str, Any] | None = None
    why: str = ""
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A completion that has arrived, as JSON, with what it took. `priced` puts it on the day's account of the model."""

    completion: dict[str, Any]
    outcome: str
    tokens_in: int
    tokens_out: int
    cost: float
    seconds: float
    priced: bool = False


def open_call(session: Session, ask: Ask, caps: Caps) -> Opened:
    """Enter a call, and hold back the most that it can take, unless it has an answer, is being asked elsewhere or does not fit."""
    row = session.execute(_state(ask.key)).first()
    if row is not None and row.completion is not None:
        return Opened(state="answered", completion=row.completion)
    if row is not None and row.session and (row.session == ask.session or syntheses.alive(session, row.synthesis_id)):
        return Opened(state="elsewhere")
    if caps.today is not None and spend.of_today(session, ask.model) + ask.cost > caps.today:
        return _full(session, ask, f"the model's daily_cap leaves no room for the next call, which can cost {ask.cost:,.4f}")
    if not _hold(session, ask, caps) and not _hold_alone(session, ask, caps):
        return _full(session, ask, _over(session, ask, caps))
    if not (_enter(session, ask) if row is None else _take_over(session, ask, row)):
        _release(session, ask.synthesis_id, ask.tokens, ask.cost)
        return Opened(state="elsewhere")
    return Opened(state="open")


def answer(session: Session, ask: Ask, got: Answer) -> dict[str, Any]:
    """Keep the answer of an open call and book what it took; the answer that counts, which is the first one that was kept."""
    kept = session.execute(
        update(TeacherCall).where(TeacherCall.key == ask.key, TeacherCall.completion.is_(None)).values(
            completion=got.completion, outcome=got.outcome, tokens_in=got.tokens_in, tokens_out=got.tokens_out, cost=got.cost,
            seconds=got.seconds, held_tokens=0, held_cost=0.0, answered=now(),
        )
    )  # fmt: skip
    booked = {
        "calls": Synthesis.calls + 1,
        "tokens_in": Synthesis.tokens_in + got.tokens_in,
        "tokens_out": Synthesis.tokens_out + got.tokens_out,
        "cost": Synthesis.cost + got.cost,
    }
    _release(session, ask.synthesis_id, ask.tokens, ask.cost, booked)
    if got.priced:
        spend.add(session, ask.model, spend.Spent(tokens_in=got.tokens_in, tokens_out=got.tokens_out, cost=got.cost))
    if kept.rowcount:  # type: ignore[attr-defined]
        return got.completion
    # Only where a session that was taken for dead was asked the same meanwhile.
    return session.execute(_state(ask.key)).one().completion or got.completion


def fail(session: Session, ask: Ask, outcome: str) -> None:
    """An open call ended without an answer: what was held for it is free again."""
    ended = update(TeacherCall).where(TeacherCall.key == ask.key, TeacherCall.session == ask.session)
    session.execute(ended.values(session="", outcome=outcome, held_tokens=0, held_cost=0.0))
    _release(session, ask.synthesis_id, ask.tokens, ask.cost)


def lose(session: Session, ask: Ask) -> None:
    """An open call was cut off by us: what it took is unknown, so it counts as lost."""
    session.execute(update(TeacherCall).where(TeacherCall.key == ask.key, TeacherCall.session == ask.session).values(session=""))


def lose_all(session: Session, synthesis_id: str, asker: str = "") -> int:
    """Calls of a synthesis (of one session, where one is named) whose askers are gone are in flight no more; how many there were."""
    query = select(TeacherCall.key).where(TeacherCall.synthesis_id == synthesis_id, *_IN_FLIGHT)
    keys = list(session.scalars(query.where(TeacherCall.session == asker) if asker else query))
    for key in keys:
        session.execute(update(TeacherCall).where(TeacherCall.key == key).values(session=""))
    return len(keys)


def in_flight(session: Session, synthesis_id: str) -> int:
    """How many calls of a synthesis are being asked now."""
    query = select(func.count()).select_from(TeacherCall).where(TeacherCall.synthesis_id == synthesis_id, *_IN_FLIGHT)
    return session.scalar(query) or 0


def seconds(session: Session, synthesis_id: str) -> list[float]:
    """How long each answered call of a synthesis took."""
    query = select(TeacherCall.seconds).where(TeacherCall.synthesis_id == synthesis_id, TeacherCall.completion.is_not(None))
    return list(session.scalars(query))


_IN_FLIGHT = (TeacherCall.completion.is_(None), TeacherCall.session != "")


def _state(key: str) -> Any:
    columns = (TeacherCall.completion, TeacherCall.session, TeacherCall.outcome, TeacherCall.asked, TeacherCall.synthesis_id)
    return select(*columns).where(TeacherCall.key == key)


def _hold(session: Session, ask: Ask, caps: Caps) -> bool:
    """Hold back the worst case of a call, in one statement with the test whether it fits."""
    fits = []
    if caps.tokens:
        fits.append(Synthesis.tokens_in + Synthesis.tokens_out + Synthesis.held_tokens + ask.tokens <= caps.tokens)
    if caps.cost:
        fits.append(Synthesis.cost + Synthesis.held_cost + ask.cost <= caps.cost)
    held = update(Synthesis).where(Synthesis.id == ask.synthesis_id, *fits)
    done = session.execute(held.values(held_tokens=Synthesis.held_tokens + ask.tokens, held_cost=Synthesis.held_cost + ask.cost))
    return bool(done.rowcount)  # type: ignore[attr-defined]


def _release(session: Session, synthesis_id: str, tokens: int, cost: float, booked: Mapping[str, Any] = _NOTHING) -> None:
    """Give free what was held back, and book what was taken instead."""
    rest = func.round(_numeric(session, Synthesis.held_cost - cost), _DIGITS)
    row = update(Synthesis).where(Synthesis.id == synthesis_id)
    session.execute(row.values(held_tokens=Synthesis.held_tokens - tokens, held_cost=rest, **booked))


def _numeric(session: Session, value: Any) -> Any:
    """PostgreSQL rounds only exact numbers to digits."""
    from sqlalchemy import Numeric, cast

    return cast(value, Numeric) if session.get_bind().dialect.name == "postgresql" else value


def _enter(session: Session, ask: Ask) -> bool:
    """Insert a call; False where another session was first."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    row = {name: getattr(ask, name) for name in ("key", "synthesis_id", "step", "model", "prompt_hash", "session")}
    insert = dialect.insert(TeacherCall).values(**row, held_tokens=ask.tokens, held_cost=ask.cost).on_conflict_do_nothing()
    return session.execute(insert.returning(TeacherCall.key)).first() is not None


def _take_over(session: Session, ask: Ask, row: Any) -> bool:
    """Ask again what failed or was lost; False where another session was first."""
    lost = not row.outcome
    if not _mine(session, ask, (TeacherCall.asked == row.asked) & (TeacherCall.session == row.session)):
        return False
    if lost:
        session.execute(update(Synthesis).where(Synthesis.id == ask.synthesis_id).values(repeats=Synthesis.repeats + 1))
    return True


def _mine(session: Session, ask: Ask, unchanged: Any) -> bool:
    """Make a call this session's where it is still as it was seen."""
    taken = session.execute(
        update(TeacherCall).where(TeacherCall.key == ask.key, TeacherCall.completion.is_(None), unchanged).values(
            session=ask.session, synthesis_id=ask.synthesis_id, asked=TeacherCall.asked + 1, outcome="",
            held_tokens=ask.tokens, held_cost=ask.cost,
        )
    )  # fmt: skip
    return bool(taken.rowcount)  # type: ignore[attr-defined]


def _hold_alone(session: Session, ask: Ask, caps: Caps) -> bool:
    """Try again with the synthesis' row locked, so that nothing is given free between this and the count of what is in flight.

    Else a call of another process that ends in between would be missing from that count, and its room would not have been seen here:
    the budget would be told as spent. A call that ends while the row is locked is still counted, for its end is not committed.
    """
    session.execute(select(Synthesis.id).where(Synthesis.id == ask.synthesis_id).with_for_update())
    return _hold(session, ask, caps)


def _full(session: Session, ask: Ask, why: str) -> Opened:
    return Opened(state="full", why=why, waiting=in_flight(session, ask.synthesis_id))


def _over(session: Session, ask: Ask, caps: Caps) -> str:
    """Which cap a call would break, as the beginning of a sentence."""
    columns = (Synthesis.tokens_in, Synthesis.tokens_out, Synthesis.held_tokens, Synthesis.cost)
    row = session.execute(select(*columns).where(Synthesis.id == ask.synthesis_id)).one()
    used = row.tokens_in + row.tokens_out
    if caps.tokens and used + row.held_tokens + ask.tokens > caps.tokens:
        return f"{used:,} of {caps.tokens:,} tokens are used, and the next call can take {ask.tokens:,}"
    return f"{row.cost:,.4f} of {caps.cost:,.4f} in money is spent, and the next call can cost {ask.cost:,.4f}"
