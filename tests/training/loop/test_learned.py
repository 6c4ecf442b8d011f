"""What a version learned: whose corrections went in, which of them a plan explains, and what it ranks otherwise."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app.ranking.batch import Topic
from app.ranking.errors import InputError
from app.ranking.retrieval.demo import load_demo
from tests.conftest import passages
from tests.training.datasets.made import Stored, item, query, stored, version
from training.datasets.version import Version, load
from training.evaluation.measure import Answer, Measured
from training.evaluation.sets import TopicSet
from training.loop.learned import changed, corrections, judged_set, learned, people_of
from training.synthesis.values import Opinion

BEST_FIRST, WORST_FIRST = ("p1", "p2", "p3", "p4"), ("p4", "p3", "p2", "p1")


def corrected(number: int, order: Sequence[str], *people: str, **changes: Any) -> Stored:
    """An item that people ranked; its evidence falls from p1 to p4, so that only an order like that has a plan."""
    opinions = tuple(Opinion(person=person, order=tuple((one,) for one in order)) for person in people)
    return stored(number, **{"labelled_by": "people", "opinions": opinions, "grades": {}, **changes})


def built(folder: Path, *items: Stored) -> tuple[Version, dict[str, tuple[str, ...]]]:
    version(folder, items, stages={"sft": 0.5, "rl": 0.5})
    made = load(folder)
    return made, people_of(made, [one.item for one in items])


def test_corrections_are_examples_with_peoples_labels(tmp_path: Path) -> None:
    # Where p4 alone is wanted, the best plan puts it last: NDCG@10 is 1 / log2(5).
    contrary = corrected(1, WORST_FIRST, "ann", grades={"p1": 0, "p2": 0, "p3": 0, "p4": 3})
    made, people = built(tmp_path, corrected(0, BEST_FIRST, "ann", "bob"), contrary, stored(2), corrected(3, BEST_FIRST, "eve"))
    assert sorted(people.values()) == [("ann",), ("ann", "bob"), ("eve",)]
    found = corrections(made, "nano", people)
    assert (found["examples"], found["people"], found["explained"]) == (3, 3, 2)
    assert [(one["query"], one["people"], one["explained"]) for one in found["items"]] == [
        (query(0), 2, True), (query(1), 1, False), (query(3), 1, True),
    ]  # fmt: skip
    told = learned(made, "nano", people)
    assert told["influence"] is None and told["changed"] == [] and json.loads(json.dumps(told, allow_nan=False)) == told


def test_for_other_models_a_trace_explains(tmp_path: Path) -> None:
    agreed = item(0).samples[0].order
    made, people = built(tmp_path, corrected(0, agreed, "ann"), corrected(1, WORST_FIRST, "ann"))
    assert [one["explained"] for one in corrections(made, "reasonrank", people)["items"]] == [True, False]


def test_nobody_corrected_anything(tmp_path: Path) -> None:
    made, people = built(tmp_path, stored(0), stored(1))
    assert people == {} and corrections(made, "nano", people) == {"examples": 0, "people": 0, "explained": 0, "items": []}
    assert judged_set(made, people).topics == ()


def test_dropped_items_are_nobodys_correction(tmp_path: Path) -> None:
    items = [corrected(0, BEST_FIRST, "ann"), corrected(1, BEST_FIRST, "bob")]
    dropped = Stored(items[1].item, {"consistency": -1.0})
    made, people = built(tmp_path, items[0], dropped)
    assert list(people.values()) == [("ann",)]


def test_judged_training_questions_can_be_asked_again(tmp_path: Path) -> None:
    made, people = built(tmp_path, corrected(0, WORST_FIRST, "ann"), stored(1), corrected(2, BEST_FIRST, "bob"))
    found = judged_set(made, people)
    assert [topic.query for topic in found.topics] == [query(0), query(2)] and found.name == "judged"
    first = found.topics[0]
    assert found.score(first.id, WORST_FIRST) == 1.0 > found.score(first.id, BEST_FIRST)
    assert len(judged_set(made, people, most=1).topics) == 1


def test_sealed_questions_of_the_demo_are_never_shown(tmp_path: Path) -> None:
    demo = load_demo()
    from app.ranking.holdout import is_holdout

    sealed = next(one for one in demo.queries if one.id in demo.qrels["sealed"] and not is_holdout(one.text))
    made, people = built(tmp_path, corrected(0, WORST_FIRST, "ann", query=sealed.text), corrected(2, BEST_FIRST, "bob"))
    assert [topic.query for topic in judged_set(made, people).topics] == [query(2)]
    asked = TopicSet(
        name="dev", topics=(Topic(id="q", query=sealed.text.upper(), passages=tuple(passages(4))),), judges={"q": ({"p1": 1},)}
    )
    found = measured("dev", {"q": BEST_FIRST})
    with pytest.raises(InputError, match="is sealed"):
        changed(found, found, [asked])


def lists(name: str, *ids: str) -> TopicSet:
    topics = tuple(Topic(id=one, query=f"question {one}", passages=tuple(passages(4))) for one in ids)
    return TopicSet(name=name, topics=topics, judges={one: ({"p4": 2},) for one in ids}, domains={one: "d" for one in ids})


def measured(name: str, orders: dict[str, Sequence[str]], trace: str = "why") -> Measured:
    answers = {id_: Answer(order=tuple(order), trace=trace, outcome="clean") for id_, order in orders.items()}
    return Measured(revision="r", values={name: dict.fromkeys(orders, 0.0)}, answers={name: answers})


def test_what_changed_most_comes_first() -> None:
    sets = [lists("judged", "a", "b", "c", "d")]
    before = measured("judged", dict.fromkeys("abcd", BEST_FIRST))
    after = measured(
        "judged", {"a": BEST_FIRST, "b": ("p1", "p2", "p4", "p3"), "c": WORST_FIRST, "d": ("p2", "p1", "p3", "p4")}, "x" * 5000
    )
    found = changed(before, after, sets)
    assert [one["query"] for one in found] == ["question c", "question d", "question b"]  # a is ranked as before
    top = found[0]
    assert top["judged"] and top["tau"] == -1.0 and found[1]["tau"] == pytest.approx(4 / 6) and top["grades"] == {"p4": 2}
    assert top["base"]["order"] == list(BEST_FIRST) and top["candidate"]["order"] == list(WORST_FIRST)
    assert top["base"]["trace"] == "why" and len(top["candidate"]["trace"]) < 4010
    assert top["base"]["ndcg"] == pytest.approx(0.4307, abs=1e-4) and top["candidate"]["ndcg"] == 1.0
    assert top["passages"][0] == {"id": "p1", "title": "Title 1"} and top["shown"] == list(BEST_FIRST) and top["domain"] == "d"
    assert [one["query"] for one in changed(before, after, sets, most=1)] == ["question c"]
    assert not changed(before, before, sets) and json.loads(json.dumps(found, allow_nan=False)) == found
    other = changed(measured("dev", {"a": BEST_FIRST}), measured("dev", {"a": WORST_FIRST}), [lists("dev", "a")])
    assert [one["judged"] for one in other] == [False]
