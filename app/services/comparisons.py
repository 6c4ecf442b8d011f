"""One person's order against one model's order of the same list: what every chart of the dashboard counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from app.ranking.evaluation.rbo import rbo
from app.ranking.evaluation.weak_orders import WeakOrder
from app.ranking.holdout import normalised
from app.services.panel import apart, middle_ranks, order_of
from db.store.rated import Judged, Modelled

OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A passage under both: 1-based ranks among the passages that the person made a statement on; the person's are middle ranks."""

    model: float
    people: float
    first: int  # 1-based rank in first-stage order, over the whole list

    @property
    def up(self) -> float:
        """How many places the person set it higher than the model."""
        return self.model - self.people


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A judgement and a run of the same list. `disagreement` is (1 - tau-b) / 2 and `rbo` 1 - RBO, 0 for the same order; None if undefined.

    `visible`: the person saw this model's order before judging.
    """

    judgement: str
    actor_id: str
    who: str
    task: str | None
    list_id: str
    run: str
    query: str
    topic: str
    model: str
    created: datetime
    holdout: bool
    visible: bool
    disagreement: float | None
    rbo: float | None
    top1: bool | None
    moves: Mapping[str, Move] = field(default_factory=dict)

    @property
    def day(self) -> str:
        """The day of the judgement, UTC."""
        return self.created.date().isoformat()


def topic_of(topic: str, query: str) -> str:
    """The topic of a task, that of the demo's question, or "other"."""
    return topic or _demo_topics().get(normalised(query), OTHER)


@lru_cache(maxsize=1)
def _demo_topics() -> dict[str, str]:
    from app.ranking.retrieval.demo import has_demo, load_demo

    if not has_demo():
        return {}
    return {normalised(query.text): str(query.metadata.get("topic", OTHER)) for query in load_demo().queries}


def compare(judged: Sequence[Judged], modelled: Sequence[Modelled], first: Mapping[str, Sequence[str]]) -> list[Comparison]:
    """Each judgement with the newest run of each model version over its list. `first` has passage ids in first-stage order, by list."""
    runs: dict[str, list[Modelled]] = {}
    for run in modelled:
        runs.setdefault(run.list_id, []).append(run)
    return [_one(row, run, first[row.list_id]) for row in judged for run in runs.get(row.list_id, ())]


def _one(row: Judged, run: Modelled, first: Sequence[str]) -> Comparison:
    person, given = order_of(row), {passage: rank for rank, passage in enumerate(first, start=1)}
    ranks = middle_ranks(person)
    common = [passage for passage in run.order if passage in ranks]
    model = WeakOrder.of([[passage] for passage in common])
    people = middle_ranks(_only(person, set(common)))
    overlap = rbo(person, model).value if common else None
    return Comparison(
        judgement=row.id,
        actor_id=row.actor_id,
        who=row.who or "",
        task=row.task_id,
        list_id=row.list_id,
        run=run.token,
        query=row.query,
        topic=topic_of(row.topic, row.query),
        model=run.label,
        created=row.created,
        holdout=row.holdout,
        visible=row.model_visible == run.model,
        disagreement=apart(person, model),
        rbo=None if overlap is None else 1.0 - overlap,
        top1=common[0] in person.groups[0] if common and person.groups else None,
        moves={
            passage: Move(model=float(rank), people=people[passage], first=given[passage])
            for rank, passage in enumerate(common, start=1)
            if passage in given
        },
    )


def _only(order: WeakOrder, kept: set[str]) -> WeakOrder:
    """The order among some passages."""
    groups = [[one for one in group if one in kept] for group in order.groups]
    return WeakOrder.of(groups, [one for one in order.not_relevant if one in kept])
