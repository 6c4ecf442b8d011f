"""Read queries of the tab Train: syntheses, their items and scores, dataset versions. Rows are written elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.ranking.errors import NotFound
from db.models_loop import Artifact, DatasetVersion, Synthesis, SynthesisItem

_CHUNK = 400
_MOST_LISTED = 200

# What a list of items shows: all but the texts.
_BRIEF = (
    SynthesisItem.number, SynthesisItem.domain, SynthesisItem.source_id, SynthesisItem.item["query"].as_string().label("query"),
    SynthesisItem.state, SynthesisItem.scores, SynthesisItem.reasons, SynthesisItem.error,
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Spent:
    """What a domain took, over all its items: `made`, `empty`, `failed` count items, `cost` is in the teacher's currency."""

    made: int = 0
    empty: int = 0
    failed: int = 0
    calls: int = 0
    tokens: int = 0
    cost: float = 0.0


@dataclass(slots=True, kw_only=True)
class Scores:
    """Scores of items that were made, as columns in the order of their numbers: all of them, or every n-th where there are many."""

    numbers: list[int] = field(default_factory=list)
    domains: list[str] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    scores: dict[str, list[float | None]] = field(default_factory=dict)
    of: int = 0
    step: int = 1


def syntheses(session: Session, limit: int = _MOST_LISTED) -> list[Synthesis]:
    """Syntheses, newest first."""
    return list(session.scalars(select(Synthesis).order_by(Synthesis.created.desc(), Synthesis.id).limit(limit)))


def synthesis(session: Session, synthesis_id: str) -> Synthesis:
    """One of them. Raises NotFound."""
    row = session.get(Synthesis, synthesis_id)
    if row is None:
        raise NotFound("no synthesis has this id: the list of syntheses has those there are")
    return row


def states(session: Session, ids: Collection[str]) -> dict[str, dict[str, int]]:
    """For each synthesis how many items it has by state."""
    query = select(SynthesisItem.synthesis_id, SynthesisItem.state, func.count()).group_by(SynthesisItem.synthesis_id, SynthesisItem.state)
    found: dict[str, dict[str, int]] = {one: {"made": 0, "empty": 0, "failed": 0} for one in ids}
    for synthesis_id, state, n in _in(session, query, SynthesisItem.synthesis_id, ids):
        found[synthesis_id][state] = n
    return found


def dataset_ids(session: Session, ids: Collection[str]) -> dict[str, list[str]]:
    """For each synthesis the dataset versions that were made of it, newest first."""
    query = select(DatasetVersion.synthesis_id, DatasetVersion.id).order_by(DatasetVersion.created.desc(), DatasetVersion.id)
    found: dict[str, list[str]] = {one: [] for one in ids}
    for synthesis_id, dataset_id in _in(session, query, DatasetVersion.synthesis_id, ids):
        found[synthesis_id].append(dataset_id)
    return found


def spent(session: Session, synthesis_id: str) -> dict[str, Spent]:
    """What each domain of a synthesis took."""
    item = SynthesisItem
    query = (
        select(item.domain, item.state, func.count(), func.sum(item.calls), func.sum(item.tokens), func.sum(item.cost))
        .where(item.synthesis_id == synthesis_id)
        .group_by(item.domain, item.state)
        .order_by(item.domain)
    )
    found: dict[str, Spent] = {}
    for domain, state, n, calls, tokens, cost in session.execute(query):
        one = found.setdefault(domain, Spent())
        setattr(one, state, n)
        one.calls, one.tokens, one.cost = one.calls + int(calls), one.tokens + int(tokens), one.cost + float(cost)
    return found


def scores(session: Session, synthesis_id: str, names: Sequence[str], most: int) -> Scores:
    """Scores by the filters named, of at most `most` items that were made, evenly over their numbers."""
    chosen = (SynthesisItem.synthesis_id == synthesis_id, SynthesisItem.state == "made")
    total = session.scalar(select(func.count()).select_from(SynthesisItem).where(*chosen)) or 0
    step = max(1, -(-total // most))
    place = func.row_number().over(order_by=SynthesisItem.number).label("place")
    columns = (SynthesisItem.number, SynthesisItem.domain, SynthesisItem.tokens, SynthesisItem.cost, SynthesisItem.scores)
    inner = select(*columns, place).where(*chosen).subquery()
    query = select(inner).where(inner.c.place % step == 1 % step).order_by(inner.c.number)
    found = Scores(of=total, step=step, scores={name: [] for name in names})
    for row in session.execute(query.execution_options(yield_per=1_000)):
        found.numbers.append(row.number)
        found.domains.append(row.domain)
        found.tokens.append(row.tokens)
        found.costs.append(row.cost)
        for name in names:
            found.scores[name].append(row.scores.get(name))
    return found


def briefs(session: Session, synthesis_id: str, numbers: Collection[int]) -> list[Any]:
    """Some items of a synthesis without their texts, by number; those that don't exist are left out."""
    query = select(*_BRIEF).where(SynthesisItem.synthesis_id == synthesis_id)
    return sorted(_in(session, query, SynthesisItem.number, numbers), key=lambda row: int(row.number))


def page(session: Session, synthesis_id: str, after: int, limit: int) -> list[Any]:
    """The items behind a number, by number, without their texts."""
    query = select(*_BRIEF).where(SynthesisItem.synthesis_id == synthesis_id, SynthesisItem.number > after)
    return list(session.execute(query.order_by(SynthesisItem.number).limit(limit)))


def newest(session: Session, synthesis_id: str, limit: int) -> list[Any]:
    """The items that came last, the newest first, without their texts."""
    query = select(*_BRIEF).where(SynthesisItem.synthesis_id == synthesis_id)
    return list(session.execute(query.order_by(SynthesisItem.created.desc(), SynthesisItem.number.desc()).limit(limit)))


def item(session: Session, synthesis_id: str, number: int) -> SynthesisItem:
    """One item. Raises NotFound."""
    row = session.get(SynthesisItem, (synthesis_id, number))
    if row is None:
        raise NotFound(f"this synthesis has no item {number}: it may not have come that far yet")
    return row


def datasets(session: Session, limit: int = _MOST_LISTED) -> list[tuple[DatasetVersion, int]]:
    """Dataset versions with the bytes of their folders, newest first."""
    query = select(DatasetVersion, Artifact.size).join(Artifact, Artifact.hash == DatasetVersion.artifact_hash)
    return [(row[0], row[1]) for row in session.execute(query.order_by(DatasetVersion.created.desc(), DatasetVersion.id).limit(limit))]


def dataset(session: Session, dataset_id: str) -> tuple[DatasetVersion, int]:
    """One of them. Raises NotFound."""
    row = session.get(DatasetVersion, dataset_id)
    artifact = None if row is None else session.get(Artifact, row.artifact_hash)
    if row is None or artifact is None:
        raise NotFound("no dataset version has this id: the list of datasets has those there are")
    return row, artifact.size


def _in(session: Session, query: Any, column: Any, keys: Collection[Any]) -> Iterator[Any]:
    """Rows of a query where a column is one of many keys, in pieces that every database takes."""
    wanted = sorted(keys)
    for start in range(0, len(wanted), _CHUNK):
        yield from session.execute(query.where(column.in_(wanted[start : start + _CHUNK])))
