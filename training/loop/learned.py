"""What a version has learned, for people: whose corrections went in, and which questions it ranks otherwise than before.

Pure over stored values. Only questions that may be trained on are shown: the demo's development set and those of the
data set itself, never a held-out or sealed one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.ranking.batch import Topic
from app.ranking.errors import InputError
from app.ranking.evaluation.rank_agreement import tau_b
from app.ranking.evaluation.rbo import rbo
from app.ranking.evaluation.weak_orders import WeakOrder
from app.ranking.evidence import digits
from app.ranking.holdout import is_holdout, normalised
from app.ranking.models.nano.template import NanoTemplate
from app.ranking.retrieval.demo import load_demo
from app.ranking.values import Passage
from training.datasets.hindsight import explain, gains_of, true_trace
from training.datasets.rendering import EXPLAINED, positions
from training.datasets.version import Texts, Version
from training.evaluation.measure import Answer, Measured, Sets
from training.evaluation.sets import TopicSet
from training.synthesis.values import Item

PEOPLE = "people"
JUDGED = "judged"
"""Name of the set of judged training questions."""
_ITEMS = 200  # corrections that are listed one by one
_LISTS = 60  # judged training questions that both versions are asked about
_CHANGED = 12
_TRACE = 4_000  # characters of a trace


def people_of(version: Version, items: Iterable[Item]) -> dict[str, tuple[str, ...]]:
    """Example id -> pseudonyms of those whose judgement of it counts, from the items that the version was built of."""
    said = {
        item.number: tuple(sorted({opinion.person for opinion in item.opinions})) for item in items if item.labelled_by == PEOPLE
    }  # fmt: skip
    return {row["example"]: said[row["number"]] for row in version.verdicts() if row["example"] and said.get(row["number"])}


def corrections(version: Version, template: str, people: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """{"examples", "people", "explained", "items": [{"query", "people", "explained", "stage"}]}: examples with people's labels.

    `people` are pseudonyms by example id. For the embedded model an example is explained where a plan over its evidence cards leads to
    what was wanted (NDCG@10 of 0.7 or more), as for training; for other models where a trace leads to its order.
    """
    items: list[dict[str, Any]] = []
    persons: set[str] = set()
    with Texts(version.folder) as texts:
        for example in version.examples():
            if example["labelled_by"] != PEOPLE or not people.get(example["id"]):
                continue
            persons.update(people[example["id"]])
            explained = _explained(example, texts.passages(example), template)
            items.append(
                {"query": example["query"], "people": len(people[example["id"]]), "explained": explained, "stage": example["split"]}
            )
    explained_ones = sum(item["explained"] for item in items)
    return {"examples": len(items), "people": len(persons), "explained": explained_ones, "items": items[:_ITEMS]}


def judged_set(version: Version, people: Mapping[str, Sequence[str]], most: int = _LISTS) -> TopicSet:
    """Judged training questions of a version, at most so many, with what people want of each, to ask both versions about."""
    sealed = _sealed()
    topics: list[Topic] = []
    judges: dict[str, tuple[Mapping[str, int], ...]] = {}
    with Texts(version.folder) as texts:
        for example in version.examples():
            query = example["query"]
            if example["id"] in judges or not people.get(example["id"]) or is_holdout(query) or normalised(query) in sealed:
                continue
            listed = texts.passages(example)
            gains = dict(zip([passage.id for passage in listed], gains_of(example), strict=True))
            if not any(gains.values()):
                continue
            judges[example["id"]] = (gains,)
            topics.append(Topic(id=example["id"], query=query, passages=tuple(listed)))
            if len(topics) == most:
                break
    return TopicSet(name=JUDGED, topics=tuple(topics), judges=judges)


def changed(base: Measured, candidate: Measured, sets: Sets, most: int = _CHANGED) -> list[dict[str, Any]]:
    """Questions that the two rank most differently, by the overlap of their orders (RBO, p = 0.9), the least first.

    Each with both orders and traces, both NDCG@10, Kendall's tau, the passages' titles, and `grades` where the list has one judge.
    Questions that both rank alike are left out. Raises InputError for a set with a sealed question of the demo.
    """
    sealed = _sealed()
    found: list[tuple[float, dict[str, Any]]] = []
    for one in sets:
        for topic in one.topics:
            if normalised(topic.query) in sealed:
                raise InputError(f"question {topic.id!r} of the set {one.name!r} is sealed: only questions of other splits may be shown")
            before, after = base.answers[one.name][topic.id], candidate.answers[one.name][topic.id]
            if before.order != after.order:
                found.append(_difference(one, topic, before, after))
    found.sort(key=lambda pair: (pair[0], pair[1]["query"]))
    return [row for _, row in found[:most]]


def learned(version: Version, template: str, people: Mapping[str, Sequence[str]], rows: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """What is kept in a version's report: {"corrections", "changed", "influence": null}; `rows` are what `changed` gives."""
    return {"corrections": corrections(version, template, people), "changed": list(rows), "influence": None}


def _explained(example: Mapping[str, Any], listed: Sequence[Passage], template: str) -> bool:
    if template != NanoTemplate.name:
        return bool(example["trace"].strip())
    try:
        cards = [digits(passage) for passage in listed]
    except InputError:
        return False
    if example["template"] == template and true_trace(example["trace"], positions(example), cards):
        return True
    return explain(cards, gains_of(example)).agreement >= EXPLAINED


def _difference(one: TopicSet, topic: Topic, before: Answer, after: Answer) -> tuple[float, dict[str, Any]]:
    first, second = (WeakOrder.of([[id_] for id_ in answer.order]) for answer in (before, after))
    overlap, judges = rbo(first, second).value or 0.0, one.judges[topic.id]
    row = {
        "query": topic.query, "set": one.name, "judged": one.name == JUDGED, "domain": one.domains.get(topic.id, ""), "rbo": overlap,
        "tau": tau_b(first, second).value, "passages": [{"id": passage.id, "title": passage.title} for passage in topic.passages],
        "shown": [passage.id for passage in topic.passages], "grades": dict(judges[0]) if len(judges) == 1 else {},
        "base": _side(one, topic, before), "candidate": _side(one, topic, after),
    }  # fmt: skip
    return overlap, row


def _side(one: TopicSet, topic: Topic, answer: Answer) -> dict[str, Any]:
    trace = answer.trace if len(answer.trace) <= _TRACE else answer.trace[:_TRACE] + " ..."
    return {"order": list(answer.order), "trace": trace, "ndcg": one.score(topic.id, answer.order), "outcome": answer.outcome}


def _sealed() -> set[str]:
    demo = load_demo()
    return {normalised(query.text) for query in demo.queries if query.id in demo.qrels["sealed"]}
