"""Lists that models are measured on: graded questions of the demo collection, and what people said of held-out queries."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean

from app.ranking.batch import Topic
from app.ranking.cache import Cache
from app.ranking.errors import InputError
from app.ranking.evaluation.metrics import ndcg
from app.ranking.evaluation.weak_orders import WeakOrder
from app.ranking.evidence import SIGNALS
from app.ranking.holdout import normalised
from app.ranking.retrieval import hybrid
from app.ranking.retrieval.demo import SPLITS, VECTORS, load_demo
from app.ranking.retrieval.embedder import default_embedder
from app.ranking.retrieval.index import SearchIndex
from app.ranking.signals import EvidenceSignals
from app.ranking.values import Passage
from db.session import Database
from db.store import holdout
from db.store.holdout import MIN_TRUST, HeldOut, Opinion

DEPTH = 10
"""NDCG is cut here."""

Gains = Mapping[str, int]  # passage id -> gain


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSet:
    """Annotated lists in first-stage order. `judges` has by topic the gains of each who judged it, `left_out` counts judgements that
    measure nothing: they call nothing relevant, or a model was trained on their query.
    """

    name: str
    topics: tuple[Topic, ...]
    judges: Mapping[str, tuple[Gains, ...]]
    domains: Mapping[str, str] = field(default_factory=dict)
    left_out: int = 0

    @property
    def judgements(self) -> int:
        """How many judgements are behind the lists."""
        return sum(len(gains) for gains in self.judges.values())

    @property
    def hash(self) -> str:
        """16 hex digits that name lists, first-stage orders and gains."""
        parts = [
            [one.id, one.query, [passage.id for passage in one.passages], [dict(g) for g in self.judges[one.id]]] for one in self.topics
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()[:16]

    def without(self, queries: Iterable[str]) -> TopicSet:
        """The set without lists of these queries, case and punctuation apart: a model that was trained on one can't be measured on it.

        Their judgements count as left out.
        """
        trained = {normalised(query) for query in queries}
        seen = {topic.id for topic in self.topics if normalised(topic.query) in trained}
        judges = {topic: gains for topic, gains in self.judges.items() if topic not in seen}
        return replace(
            self,
            topics=tuple(topic for topic in self.topics if topic.id not in seen),
            judges=judges,
            domains={topic: domain for topic, domain in self.domains.items() if topic not in seen},
            left_out=self.left_out + self.judgements - sum(len(gains) for gains in judges.values()),
        )

    def score(self, topic: str, order: Sequence[str]) -> float:
        """NDCG@10 of an order of passage ids: the mean over the topic's judges, each by their own gains."""
        return fmean(ndcg(order, gains, DEPTH) for gains in self.judges[topic])


def gold_set(split: str = "sealed") -> TopicSet:
    """The demo's graded questions of a split, 20 candidates each in the order of RRF over words and meaning; domains are its topics.

    `sealed` is what the gate reads as the set `gold`, and nothing else may; the other splits are called by their names. Raises InputError
    for an unknown split.
    """
    if split not in SPLITS:
        raise InputError(f"the demo has no split {split!r}: use {', '.join(SPLITS)}")
    demo = load_demo()
    asked = [query for query in demo.queries if query.id in demo.qrels[split]]
    with tempfile.TemporaryDirectory() as folder:
        index = SearchIndex.open(demo.collection, Cache(Path(folder)), default_embedder(), committed=VECTORS)
        topics = tuple(
            Topic(id=query.id, query=query.text, passages=_by_rrf(index.signals.annotate(query.text, demo.listed(query.id))))
            for query in asked
        )
    return TopicSet(
        name="gold" if split == "sealed" else split,
        topics=topics,
        judges={query.id: (demo.qrels[split][query.id],) for query in asked},
        domains={query.id: query.metadata.get("topic", "") for query in asked},
    )


def people_set(database: Database, until: int | None = None, min_trust: float = MIN_TRUST) -> TopicSet:
    """What people trusted at least so much said of held-out queries by `until`, a place in the sealed log.

    A list is one topic, however many judged it. It holds the passages that anybody was shown, in first-stage order.
    """
    with database.read() as session:
        found = holdout.judged(session, until, min_trust)
    signals = EvidenceSignals(default_embedder()) if found else None
    topics: list[Topic] = []
    judges: dict[str, tuple[Gains, ...]] = {}
    for held in found:
        said = tuple(gains for gains in (gains_of_opinion(opinion) for opinion in held.opinions) if any(gains.values()))
        if said:
            judges[held.list_id] = said
            topics.append(Topic(id=held.list_id, query=held.candidates.query, passages=_annotated(held, signals)))
    domains = {held.list_id: held.topic for held in found if held.list_id in judges and held.topic}
    left_out = sum(len(held.opinions) for held in found) - sum(len(said) for said in judges.values())
    return TopicSet(name="people", topics=tuple(topics), judges=judges, domains=domains, left_out=left_out)


def gains_of_opinion(opinion: Opinion) -> dict[str, int]:
    """What one person wants of the passages they were shown: their grades where any is above 0, else gains made of their order.

    Of an order of n passages, 10 at most, the first gets n, and so on down to 1 for the tenth, as `training.datasets.hindsight.gains_of`
    has it. Ties get the gain of the best rank of their group, so that no order within a group is better than another; what was set aside
    and what nothing was said of gets 0.
    """
    if any(grade > 0 for grade in opinion.grades.values()):
        return {one: max(0, opinion.grades.get(one, 0)) for one in opinion.shown}
    gains = dict.fromkeys(opinion.shown, 0)
    first, rank = min(DEPTH, len(opinion.shown)), 0
    for group in WeakOrder.of(opinion.order).groups:
        gains.update(dict.fromkeys(group, max(0, first - rank)))
        rank += len(group)
    return gains


def _annotated(held: HeldOut, signals: EvidenceSignals | None) -> tuple[Passage, ...]:
    shown = {one for opinion in held.opinions for one in opinion.shown}
    listed = tuple(passage for passage in held.candidates.passages if passage.id in shown)
    if signals is None or all(name in passage.features for passage in listed for name in SIGNALS):
        return listed
    return tuple(signals.annotate(held.candidates.query, listed))


def _by_rrf(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """By words and by meaning, each best first and ties by id, fused."""
    by = [sorted(passages, key=lambda passage: (-passage.features[name], passage.id)) for name in ("bm25", "cosine")]
    return tuple(hybrid.fuse(by, len(passages)))
