"""Lists to measure on: the demo's graded questions as the benchmarks make them, and people's judgements of held-out queries."""

from __future__ import annotations

from typing import Any

import pytest

from app.ranking.errors import InputError
from app.ranking.retrieval.demo import load_demo
from app.ranking.values import Passage
from db.models_accounts import Actor
from db.models_people import Judgement
from db.models_projects import Project, Task
from db.session import Database
from db.store import actors, holdout, judgements, lists, log, withdrawals
from db.store.holdout import Opinion
from db.store.lists import Candidates
from tests.conftest import passages
from tests.ranking.fakes import FakeEmbedder
from training.datasets.hindsight import gains_of
from training.evaluation import sets
from training.evaluation.sets import gains_of_opinion, gold_set, people_set

ANN, BOB, EVE = (f"00000000-0000-7000-8000-0000000000{letter * 2}" for letter in "abe")
SHOWN = ["p1", "p2", "p3"]


@pytest.fixture
def people(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setattr(sets, "default_embedder", FakeEmbedder)
    with database.write() as session:
        for actor, name in ((ANN, "Ann"), (BOB, "Bob"), (EVE, "Eve")):
            actors.ensure(session, actor, name, {"annotator"})
    return database


def judge(database: Database, actor: str, query: str = "why?", *, trust: float | None = None, held: bool = True, **changes: Any) -> str:
    values: dict[str, Any] = {
        "base_version": 0, "state": "submitted", "order": [["p2"], ["p1", "p3"]], "shown_order": SHOWN, "licence": "CC0-1.0", **changes,
    }  # fmt: skip
    listed = Candidates(query=query, passages=tuple(passages(4)), retriever="t", signals_version="1", holdout=held)
    with database.write() as session:
        list_id = lists.put(session, listed)
        key = f"{actor[-2:]}{list_id[:8]}{values['base_version']}{values.get('task_id', '')}"[:64]
        row, _ = judgements.save(session, judgements.NewJudgement(actor_id=actor, list_id=list_id, idempotency_key=key, **values))
        row.trust = trust
        log.append(session, actor, "judgement.saved", row.id)
        return row.id


def task(database: Database, kind: str = "plain", query: str = "why?", topic: str = "") -> str:
    rules = {"overlap": 1, "depth": 3, "view": "blind", "shown": "random", "gold_share": 0.0, "audit_share": 0.0, "lease_minutes": 5}
    listed = Candidates(query=query, passages=tuple(passages(4)), retriever="t", signals_version="1", holdout=True)
    with database.write() as session:
        project = Project(name=f"{kind}{query}{topic}", grades=["no", "yes"], actor_id=ANN, **rules)
        session.add(project)
        session.flush()
        made = Task(list_id=lists.put(session, listed), project_id=project.id, kind=kind, topic=topic)
        session.add(made)
        session.flush()
        return made.id


def counted(database: Database, **how: Any) -> tuple[int, int]:
    """(lists, judgements), the second as `count` has it too."""
    with database.read() as session:
        found, many = holdout.judged(session, **how), holdout.count(session, **how)
    assert many == sum(len(one.opinions) for one in found)
    return len(found), many


def test_several_judges_of_a_list_are_one_topic(people: Database) -> None:
    judge(people, ANN, grades={"p2": 3})
    judge(people, BOB, grades={"p3": 1})
    judge(people, ANN, "how?")
    assert counted(people) == (2, 3)
    found = people_set(people)
    assert [topic.query for topic in found.topics] == ["why?", "how?"] and found.judgements == 3 and found.left_out == 0
    why = found.topics[0]
    assert [passage.id for passage in why.passages] == SHOWN  # p4 was shown to nobody
    # Ann wants p2 alone, Bob p3 alone: the mean of 1 and of 1 / log2(4).
    assert found.score(why.id, ["p2", "p1", "p3"]) == pytest.approx((1.0 + 0.5) / 2)


def test_only_peoples_newest_submitted_judgements_of_held_out_lists_count(people: Database) -> None:
    judge(people, ANN, state="draft")
    judge(people, ANN, "trained?", held=False)
    judge(people, BOB, task_id=task(people, "tutorial"))
    with people.write() as session:
        session.get_one(Actor, EVE).kind = "model"
    judge(people, EVE)
    assert counted(people) == (0, 0) and people_set(people).topics == ()
    judge(people, ANN, base_version=1, grades={"p1": 1})
    judge(people, ANN, base_version=2, grades={"p3": 1})
    judge(people, ANN, base_version=3, state="draft", grades={"p2": 1})
    assert counted(people) == (1, 1)
    (gains,) = people_set(people).judges[people_set(people).topics[0].id]
    assert gains == {"p1": 0, "p2": 0, "p3": 1}


def test_somebody_who_judged_a_list_in_two_tasks_counts_once(people: Database) -> None:
    judge(people, ANN, task_id=task(people, topic="cooking"), grades={"p1": 1})
    judge(people, ANN, task_id=task(people, topic="cooking again"), grades={"p2": 1})
    assert counted(people) == (1, 1)
    found = people_set(people)
    (topic,) = found.topics
    assert found.judges[topic.id] == ({"p1": 0, "p2": 1, "p3": 0},) and found.domains == {topic.id: "cooking again"}


def test_trust_the_log_and_withdrawals(people: Database) -> None:
    judge(people, ANN, trust=0.4)
    judge(people, BOB, trust=0.5)
    newest = judge(people, EVE)
    assert counted(people) == (1, 2) and counted(people, min_trust=0.0) == (1, 3) and counted(people, min_trust=0.6) == (1, 1)
    assert counted(people, until=1) == (0, 0)  # nothing has its place in the log yet
    with people.write() as session:
        log.seal(session)
        place = session.get_one(Judgement, newest).seq
    assert place is not None and counted(people, until=place) == (1, 2) and counted(people, until=place - 1) == (1, 1)
    with people.write() as session:
        withdrawals.withdraw(session, [newest], "asked")
    assert counted(people) == (1, 1)


def test_judgements_that_call_nothing_relevant_measure_nothing(people: Database) -> None:
    judge(people, ANN, order=[], not_relevant=SHOWN)
    judge(people, BOB, order=[], not_relevant=SHOWN)
    assert people_set(people).topics == () and people_set(people).left_out == 2
    judge(people, EVE)
    found = people_set(people)
    assert found.judgements == 1 and found.left_out == 2


def test_lists_without_evidence_get_some(people: Database) -> None:
    bare = tuple(Passage(id=one.id, text=f"why {one.id}") for one in passages(3))
    with people.write() as session:
        list_id = lists.put(session, Candidates(query="why?", passages=bare, retriever="t", signals_version="", holdout=True))
        new = judgements.NewJudgement(
            actor_id=ANN, list_id=list_id, idempotency_key="k", base_version=0, state="submitted", order=[["p2"]], shown_order=SHOWN
        )
        judgements.save(session, new)
    (topic,) = people_set(people).topics
    assert [passage.id for passage in topic.passages] == SHOWN and all("lead" in passage.features for passage in topic.passages)


def opinion(**changes: Any) -> Opinion:
    values: dict[str, Any] = {"id": "o", "order": [], "not_relevant": [], "grades": {}, "shown": ["a", "b", "c", "d"], **changes}
    return Opinion(**values)


def test_gains_of_an_opinion() -> None:
    assert gains_of_opinion(opinion(grades={"b": 3, "c": 0, "x": -1})) == {"a": 0, "b": 3, "c": 0, "d": 0}
    assert gains_of_opinion(opinion(order=[["c"], ["a", "d"]], not_relevant=["b"])) == {"c": 4, "a": 3, "d": 3, "b": 0}
    assert gains_of_opinion(opinion(order=[["b"]], grades={"a": 0})) == {"a": 0, "b": 4, "c": 0, "d": 0}
    assert gains_of_opinion(opinion(not_relevant=["a"])) == {"a": 0, "b": 0, "c": 0, "d": 0}


def test_an_order_without_ties_has_the_gains_of_hindsight() -> None:
    ids = [f"d{at}" for at in range(14)]
    order = ids[3:] + ids[:3]
    example = {"passages": [{"id": one} for one in ids], "grades": {}, "order": order}
    assert list(gains_of_opinion(opinion(order=[[one] for one in order], shown=ids)).values()) == gains_of(example)


def test_gold_lists_are_those_of_the_quality_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import quality

    monkeypatch.setattr(sets, "default_embedder", FakeEmbedder)
    monkeypatch.setattr(quality, "default_embedder", FakeEmbedder)
    found, theirs = gold_set("dev"), quality.lists("demo-20", quality.demo_index())
    wanted = {topic.id: topic for topic in theirs.topics if topic.id in found.judges}
    assert found.name == "dev" and len(found.topics) == len(wanted) == len(load_demo().qrels["dev"]) == 24
    for topic in found.topics:
        assert topic == wanted[topic.id] and len(topic.passages) == 20
        assert found.judges[topic.id] == (theirs.grades[topic.id],)
    assert set(found.domains) == set(found.judges) and len(set(found.domains.values())) == 5
    with pytest.raises(InputError, match="no split 'second'"):
        gold_set("second")
