"""Runs and their model calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.ranking.errors import NotFound
from app.ranking.values import Call, Outcome
from db.models import Run, RunCall, now
from db.store import texts


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """What is known of a run when it starts."""

    token: str
    actor_id: str
    list_id: str
    model: str
    backend: str
    strategy: str
    depth: int
    template: str = ""
    template_hash: str = ""
    model_version_id: str | None = None
    strategy_args: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    predicted: Mapping[str, Any] = field(default_factory=dict)
    revision: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """How a run ended. `order` is None unless it finished; a provisional order is never stored. `notes` come after those of its start."""

    state: str
    outcome: Outcome | None = None
    order: Sequence[str] | None = None
    unfused: Sequence[str] | None = None
    intervals: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    seconds: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """A call that is being written: what is kept of it at most once a second before its end."""

    number: int
    window: str
    depth: int
    passages: tuple[str, ...]
    prompt: str
    reasoning: str = ""
    answer: str = ""


def create(session: Session, new: NewRun) -> str:
    """Begin a run; its id."""
    values = {name: getattr(new, name) for name in NewRun.__dataclass_fields__}
    mutable = {name: dict(values[name]) for name in ("strategy_args", "options", "predicted", "sampling")} | {"notes": list(new.notes)}
    run = Run(**{**values, **mutable}, state="running")
    session.add(run)
    session.flush()
    return run.id


def write_open_call(session: Session, run_id: str, call: OpenCall) -> None:
    """Keep what a call has written so far."""
    row = _call_row(session, run_id, call.number)
    row.window, row.depth, row.passages = call.window, call.depth, list(call.passages)
    (row.prompt_hash,) = texts.put(session, [call.prompt])
    row.reasoning, row.answer, row.done = texts.storable(call.reasoning), texts.storable(call.answer), False
    session.add(row)


def write_call(session: Session, run_id: str, number: int, prompt: str, call: Call) -> None:
    """Keep a finished call whole."""
    row, completion, parsed = _call_row(session, run_id, number), call.completion, call.parsed
    row.window, row.depth = call.window.id, call.depth
    row.passages = [passage.id for passage in call.window.passages]
    (row.prompt_hash,) = texts.put(session, [prompt])
    row.answer, row.reasoning = texts.storable(completion.answer), texts.storable(completion.reasoning)
    row.finish, row.outcome, row.problems, row.order = completion.finish, parsed.outcome, sorted(parsed.problems), list(parsed.order)
    row.tokens_in, row.tokens_out, row.counted = completion.tokens_in, completion.tokens_out, completion.counted
    row.seconds, row.error, row.done = completion.seconds, texts.storable(call.error), True
    row.requests, row.cached = completion.requests, completion.cached
    row.forced = None if completion.forced is None else asdict(completion.forced)
    session.add(row)


def _call_row(session: Session, run_id: str, number: int) -> RunCall:
    found = session.scalar(select(RunCall).where(RunCall.run_id == run_id, RunCall.number == number))
    return found or RunCall(run_id=run_id, number=number)


def end(session: Session, run_id: str, how: RunEnd) -> bool:
    """Close a running run; False where it was closed already, which then stays as it is."""
    values = {
        "state": how.state,
        "outcome": how.outcome,
        "order": None if how.order is None else list(how.order),
        "unfused": None if how.unfused is None else list(how.unfused),
        "intervals": {passage: list(ranks) for passage, ranks in how.intervals.items()},
        "seconds": how.seconds,
        "error": texts.storable(how.error),
        "ended": now(),
    }
    notes = session.scalar(select(Run.notes).where(Run.id == run_id)) if how.notes else None
    if notes is not None:
        values["notes"] = [*notes, *(texts.storable(note) for note in how.notes)]
    result = session.execute(update(Run).where(Run.id == run_id, Run.state == "running").values(values).returning(Run.id))
    return result.first() is not None


def by_token(session: Session, token: str) -> Run:
    """A run by its permalink token. Raises NotFound."""
    run = session.scalar(select(Run).where(Run.token == token))
    if run is None:
        raise NotFound("no run has this link: it may have been copied incompletely")
    return run


def by_id(session: Session, run_id: str) -> Run:
    """A run by its id. Raises NotFound."""
    run = session.get(Run, run_id)
    if run is None:
        raise NotFound(f"no run {run_id!r}")
    return run


def calls(session: Session, run_id: str) -> list[RunCall]:
    """Calls of a run in the order in which they began."""
    return list(session.scalars(select(RunCall).where(RunCall.run_id == run_id).order_by(RunCall.number)))


def finished(session: Session) -> list[Run]:
    """All finished runs, oldest first."""
    return list(session.scalars(select(Run).where(Run.state == "finished").order_by(Run.created, Run.id)))


def fail_orphans(session: Session, reason: str) -> int:
    """Close runs that a dead process left open; how many there were."""
    values = {"state": "failed", "error": reason, "ended": now()}
    return len(session.execute(update(Run).where(Run.state == "running").values(values).returning(Run.id)).all())


def counts(session: Session) -> dict[str, int]:
    """Number of runs by outcome, unfinished ones by state."""
    key = func.coalesce(Run.outcome, Run.state)
    return {name: n for name, n in session.execute(select(key, func.count()).group_by(key)).all()}
