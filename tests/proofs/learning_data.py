"""What the learning proof learns from and is measured on: the demo collection's labels as judgements, its lists as the app shows them."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean
from typing import Any

from app.ranking.backends.nano import NanoBackend
from app.ranking.batch import Topic, rank_all
from app.ranking.evaluation.metrics import ndcg
from app.ranking.evaluation.significance import bootstrap
from app.ranking.evidence import digits
from app.ranking.holdout import is_holdout
from app.ranking.models.nano.cards import faithfulness, read_plan
from app.ranking.models.nano.template import NanoTemplate
from app.ranking.ranker import Ranker
from app.ranking.retrieval import hybrid
from app.ranking.retrieval.demo import load_demo
from app.ranking.retrieval.index import SearchIndex
from app.ranking.strategies import Single
from app.ranking.values import Passage, Ranking
from benchmarks.quality import by_feature, demo_index
from training.baselines import Labelled
from training.datasets import BuildOptions, build
from training.datasets.version import Version, load
from training.synthesis.values import Item, Opinion

MEASURED = ("dev", "sealed")
_WANTED = {"phrase": 1.0, "coverage": 1.0, "words": 1.0, "lead": 0.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question of the demo with its 20 graded candidates in the order of RRF, annotated."""

    topic: Topic
    domain: str
    listed: Labelled


@dataclass(frozen=True, slots=True)
class Stored:
    """What `training.synthesis.stored.StoredItem` is, without a database."""

    item: Item
    scores: Mapping[str, float | None] = field(default_factory=dict)
    reasons: Mapping[str, Sequence[str]] = field(default_factory=dict)
    state: str = "made"


def questions(split: str, index: SearchIndex | None = None) -> list[Question]:
    """The questions of a split, in the order of the demo's file."""
    demo, index = load_demo(), index or demo_index()
    made = []
    for query in demo.queries:
        if query.id not in demo.qrels[split]:
            continue
        listed = index.signals.annotate(query.text, demo.listed(query.id))
        passages = tuple(hybrid.fuse([by_feature(listed, "bm25"), by_feature(listed, "cosine")], len(listed)))
        topic = Topic(id=query.id, query=query.text, passages=passages)
        labelled = Labelled(passages=passages, grades=demo.qrels[split][query.id])
        made.append(Question(topic=topic, domain=query.metadata["topic"], listed=labelled))
    return made


def judged(number: int, question: Question) -> Item:
    """A question as somebody would judge it: passages in groups of one grade, best first, those of grade 0 not relevant."""
    grades, passages = question.listed.grades, question.listed.passages
    by_grade = {grade: tuple(one.id for one in passages if grades.get(one.id, 0) == grade) for grade in (3, 2, 1, 0)}
    order = tuple(ids for grade, ids in by_grade.items() if grade > 0 and ids)
    opinion = Opinion(person="demo", order=order, not_relevant=by_grade[0], grades=dict(grades))
    return Item(
        number=number, source_id=question.topic.id, source="demo", domain=question.domain, query=question.topic.query, passages=passages,
        origins={one.id: "given" for one in passages}, grades={one.id: grades.get(one.id, 0) for one in passages},
        labelled_by="people", opinions=(opinion,), licence="CC0-1.0",
    )  # fmt: skip


def trainable(asked: Sequence[Question]) -> list[Question]:
    """Questions that may be learned from: those that are no holdout queries."""
    return [question for question in asked if not is_holdout(question.topic.query)]


def planted(question: Question) -> Question:
    """The list as an annotator grades it who prefers exact words: the best 3 by phrase, coverage, words and half of lead get a 3, the
    next 4 a 2, the next 5 a 1.
    """

    def score(passage: Passage) -> float:
        return sum(weight * passage.features[name] for name, weight in _WANTED.items())

    falling = sorted(question.listed.passages, key=score, reverse=True)
    grades = {passage.id: 3 if at < 3 else 2 if at < 7 else 1 if at < 12 else 0 for at, passage in enumerate(falling)}
    return replace(question, listed=Labelled(passages=question.listed.passages, grades=grades))


def judgements(train: Sequence[Question], stage: str, folder: Path) -> Version:
    """A version that holds every judged question in one stage. Holdout queries are left out, as they would be anywhere."""
    items = [Stored(judged(number, question)) for number, question in enumerate(trainable(train))]
    build(items, BuildOptions(name=f"demo-{stage}", stages={stage: 1.0}), folder)
    return load(folder)


def measured(orders: Mapping[str, Sequence[str]], asked: Sequence[Question]) -> dict[str, Any]:
    """NDCG@10 with its interval over questions, and the value of each."""
    values = {one.topic.id: ndcg(orders[one.topic.id], one.listed.grades) for one in asked}
    interval = bootstrap(list(values.values()))
    return {
        "n": interval.n,
        "ndcg10": round(interval.mean, 5),
        "low": round(interval.low, 5),
        "high": round(interval.high, 5),
        "values": {topic: round(value, 5) for topic, value in values.items()},
    }


def of_model(folder: Path, asked: Sequence[Question]) -> dict[str, Any]:
    """What a model of a folder makes of questions: NDCG@10, how true its traces are to their cards, and which plans it chose."""
    found = asyncio.run(_rankings(folder, [one.topic for one in asked]))
    told, plans = [], Counter[str]()
    for one in asked:
        ranking = found[one.topic.id]
        trace = ranking.calls[0].completion.reasoning
        position = {passage.id: at for at, passage in enumerate(one.topic.passages)}
        told.append(faithfulness(trace, [position[id_] for id_ in ranking.ids], [digits(passage) for passage in one.topic.passages]))
        plan = read_plan(trace)
        plans[f"{plan[0].first}, {plan[0].then}" if plan else "none"] += 1
    return {
        **measured({topic: ranking.ids for topic, ranking in found.items()}, asked),
        "clean": mean(ranking.outcome == "clean" for ranking in found.values()),
        "grade_error": round(mean(one.grade_error for one in told), 4),
        "reason_error": round(mean(one.reason_error for one in told), 4),
        "exact_traces": round(mean(one.complete and not one.grade_error and not one.reason_error for one in told), 4),
        "plans": dict(plans.most_common()),
    }


async def _rankings(folder: Path, topics: Sequence[Topic]) -> dict[str, Ranking]:
    backend = NanoBackend(folder)
    ranker = Ranker(backend=backend, template=NanoTemplate(), strategy=Single())
    found = {}
    try:
        async for ranked in rank_all(ranker, topics, 12):
            if ranked.ranking is None:
                raise AssertionError(f"{ranked.topic.id} could not be ranked: {ranked.error}")
            found[ranked.topic.id] = ranked.ranking
    finally:
        await backend.aclose()
    return found


def aside() -> tempfile.TemporaryDirectory[str]:
    """A folder that is gone afterwards."""
    return tempfile.TemporaryDirectory(prefix="learning-")
