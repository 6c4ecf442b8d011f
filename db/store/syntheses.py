"""Syntheses and their items: one row a recipe with its teacher, one row an item, written once and read page by page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.ranking.errors import Conflict, NotFound
from app.ranking.values import Passage
from db.models import CandidateItem, now
from db.models_loop import Job, Synthesis, SynthesisItem
from db.store import jobs, texts

# Parameters of one statement are bounded; see db.store.texts.
_CHUNK = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSynthesis:
    """What is known when a synthesis begins. `id` is the hash of the resolved recipe and the teacher's revision."""

    id: str
    name: str
    recipe: str
    teacher: str
    revision: str = ""
    embedded: bool = False
    filters: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """A row of `synthesis_items`; `list_id` is None for an item without passages. Tokens are read and written ones together."""

    number: int
    source_id: str
    domain: str
    list_id: str | None
    state: str
    item: dict[str, Any]
    scores: dict[str, Any]
    reasons: dict[str, Any]
    calls: int
    tokens: int
    cost: float
    error: str


def register(session: Session, new: NewSynthesis) -> Synthesis:
    """The row of a synthesis: a new one, or the one of the first time with today's text of its recipe and its filters."""
    texts.insert_missing(session, Synthesis, [asdict(new) | {"created": now()}])
    row = get(session, new.id)
    row.name, row.recipe, row.filters = new.name, new.recipe, new.filters
    session.flush()
    return row


def get(session: Session, synthesis_id: str) -> Synthesis:
    """A synthesis by id. Raises NotFound."""
    row = session.get(Synthesis, synthesis_id)
    if row is None:
        raise NotFound(f"no synthesis {synthesis_id!r}")
    return row


def newest(session: Session, limit: int = 200) -> list[Synthesis]:
    """Syntheses, newest first."""
    return list(session.scalars(select(Synthesis).order_by(Synthesis.created.desc(), Synthesis.id).limit(limit)))


def claim(session: Session, synthesis_id: str, job_id: str | None) -> None:
    """Make a job (None: whoever has none) the one that works on a synthesis.

    Raises Conflict where another job that lives does, NotFound where there is no such synthesis.
    """
    row = session.scalar(select(Synthesis).where(Synthesis.id == synthesis_id).with_for_update())
    if row is None:
        raise NotFound(f"no synthesis {synthesis_id!r}")
    if row.job_id is not None and row.job_id != job_id and alive(session, synthesis_id):
        raise Conflict(f"job {row.job_id} works on synthesis {row.name!r} already: follow that one, or cancel it and start again")
    row.job_id = job_id or row.job_id
    session.flush()


def alive(session: Session, synthesis_id: str) -> bool:
    """Whether a job that has its lease works on a synthesis."""
    found = session.execute(
        select(Job.state, Job.lease_until).join(Synthesis, Synthesis.job_id == Job.id).where(Synthesis.id == synthesis_id)
    ).first()
    return found is not None and found.state == "running" and found.lease_until is not None and found.lease_until > jobs.clock(session)


def numbers(session: Session, synthesis_id: str) -> set[int]:
    """Numbers of items that need no more work. Those that failed are left out: a server that was away may be back."""
    query = select(SynthesisItem.number).where(SynthesisItem.synthesis_id == synthesis_id, SynthesisItem.state != "failed")
    return set(session.scalars(query))


def put(session: Session, synthesis_id: str, items: Iterable[NewItem]) -> None:
    """Write items. One that is there stays as it is, unless it had failed: then it is replaced."""
    rows = [{"synthesis_id": synthesis_id, "created": now(), **asdict(item)} for item in items]
    if not rows:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(SynthesisItem)
    fresh = {name: statement.excluded[name] for name in rows[0] if name not in ("synthesis_id", "number")}
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["synthesis_id", "number"], set_=fresh, where=SynthesisItem.state == "failed"
        ),
        rows,
    )  # fmt: skip


def page(session: Session, synthesis_id: str, after: int, limit: int) -> list[SynthesisItem]:
    """Items with numbers above `after`, in the order of their numbers."""
    query = select(SynthesisItem).where(SynthesisItem.synthesis_id == synthesis_id, SynthesisItem.number > after)
    return list(session.scalars(query.order_by(SynthesisItem.number).limit(limit)))


def some(session: Session, synthesis_id: str, wanted: Iterable[int]) -> list[SynthesisItem]:
    """Items by number, those that are there, in the order of their numbers."""
    query = select(SynthesisItem).where(SynthesisItem.synthesis_id == synthesis_id, SynthesisItem.number.in_(list(wanted)[:_CHUNK]))
    return list(session.scalars(query.order_by(SynthesisItem.number)))


def passages(session: Session, list_ids: Iterable[str]) -> dict[str, tuple[Passage, ...]]:
    """Passages of candidate lists by the list's id, in the order of their positions; few statements for many lists."""
    wanted, rows = sorted(set(list_ids)), list[CandidateItem]()
    for start in range(0, len(wanted), _CHUNK):
        query = select(CandidateItem).where(CandidateItem.list_id.in_(wanted[start : start + _CHUNK]))
        rows.extend(session.scalars(query.order_by(CandidateItem.list_id, CandidateItem.position)))
    found = texts.get(session, [row.text_hash for row in rows])
    lists: dict[str, list[Passage]] = {list_id: [] for list_id in wanted}
    for row in rows:
        passage = Passage(id=row.passage_id, title=row.title, text=found[row.text_hash], score=row.score, features=row.features)
        lists[row.list_id].append(passage)
    return {list_id: tuple(listed) for list_id, listed in lists.items()}


def rescore(session: Session, synthesis_id: str, scores: Mapping[int, tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
    """Add scores and reasons (by filter) to items by number; those of other filters stay."""
    rows = {row.number: row for row in some(session, synthesis_id, scores)}
    for number, (values, reasons) in scores.items():
        row = rows[number]
        row.scores = {**row.scores, **values}
        kept = {name: said for name, said in row.reasons.items() if name not in values}
        row.reasons = {**kept, **{name: said for name, said in reasons.items() if said}}
    session.flush()


def conclude(session: Session, synthesis_id: str, filters: list[Any], report: dict[str, Any] | None) -> None:
    """Keep how the items can be judged, and what was found."""
    session.execute(update(Synthesis).where(Synthesis.id == synthesis_id).values(filters=filters, report=report))


def counts(session: Session, synthesis_id: str) -> dict[str, dict[str, int]]:
    """Numbers of items by domain and state."""
    query = select(SynthesisItem.domain, SynthesisItem.state, func.count()).where(SynthesisItem.synthesis_id == synthesis_id)
    found: dict[str, dict[str, int]] = {}
    for domain, state, count in session.execute(query.group_by(SynthesisItem.domain, SynthesisItem.state)):
        found.setdefault(domain, {})[state] = count
    return dict(sorted(found.items()))
