"""What people said becomes items: who counts, whose labels, whose order, and when a model's trace may come along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.ranking.errors import SettingsError
from app.ranking.values import Call, Completion, Message, Parsed, Prompt, Window
from db.models_accounts import Actor
from db.models_people import Judgement
from db.models_projects import Adjudication, Project, Task
from db.session import Database
from db.store import actors, judgements, lists, log, runs, withdrawals
from db.store.lists import Candidates
from tests.conftest import passages
from training.synthesis.sources import SOURCES, Where, read
from training.synthesis.values import SourceItem

ANN, BOB, EVE = (f"00000000-0000-7000-8000-0000000000{letter * 2}" for letter in "abe")
SECRET = "a note that stays here"


@pytest.fixture
def people(database: Database) -> Database:
    with database.write() as session:
        for actor, name in ((ANN, "Ann Secretname"), (BOB, "Bob Secretname"), (EVE, "Eve Secretname")):
            actors.ensure(session, actor, name, {"annotator"})
    return database


def candidates(query: str = "why?", holdout: bool = False) -> Candidates:
    return Candidates(query=query, passages=tuple(passages(3)), retriever="t", signals_version="1", holdout=holdout)


def judge(database: Database, actor: str, found: Candidates | None = None, trust: float | None = None, **changes: Any) -> str:
    values: dict[str, Any] = {
        "base_version": 0, "state": "submitted", "order": [["p2"], ["p1", "p3"]], "shown_order": ["p1", "p2", "p3"], "grades": {"p2": 3},
        "licence": "CC0-1.0", "note": SECRET, "consent_version": "c1", **changes,
    }  # fmt: skip
    with database.write() as session:
        list_id = lists.put(session, found or candidates())
        key = f"{actor[-2:]}{list_id[:8]}{values['base_version']}{values.get('task_id', '')}"[:64]
        row, _ = judgements.save(session, judgements.NewJudgement(actor_id=actor, list_id=list_id, idempotency_key=key, **values))
        row.trust = trust
        log.append(session, actor, "judgement.saved", row.id)
        return row.id


def ranked(database: Database, order: tuple[int, ...], outcome: Any = "clean") -> str:
    """A finished run of one call that was shown p3, p1, p2."""
    shown = tuple(passages(3)[place] for place in (2, 0, 1))
    call = Call(
        window=Window(id="w", passages=shown), depth=1, prompt=Prompt(messages=(Message(role="user", content="q"),), template="reasonrank"),
        completion=Completion(answer="[1] > [2] > [3]", reasoning="because"), parsed=Parsed(order=order, outcome=outcome),
    )  # fmt: skip
    with database.write() as session:
        list_id = lists.put(session, candidates())
        new = runs.NewRun(
            token=f"t{order}{outcome}", actor_id=ANN, list_id=list_id, model="m", backend="b", strategy="s", depth=1, template="x"
        )
        run_id = runs.create(session, new)
        ids = tuple(passage.id for passage in shown)
        runs.write_open_call(session, run_id, runs.OpenCall(number=1, window="w", depth=1, passages=ids, prompt="P"))
        runs.write_call(session, run_id, 1, "P", call)
        runs.end(session, run_id, runs.RunEnd(state="finished", outcome=outcome, order=["p1", "p2", "p3"], seconds=1.0))
        return run_id


def task(database: Database, kind: str = "plain") -> tuple[str, str]:
    """A project of its own with one task over the usual list: task, project."""
    rules = {"overlap": 1, "depth": 3, "view": "blind", "shown": "random", "gold_share": 0.0, "audit_share": 0.0, "lease_minutes": 5}
    with database.write() as session:
        project = Project(name=kind, grades=["no", "yes"], actor_id=ANN, **rules)
        session.add(project)
        session.flush()
        made = Task(list_id=lists.put(session, candidates()), project_id=project.id, kind=kind)
        session.add(made)
        session.flush()
        return made.id, project.id


def found(database: Database, **options: Any) -> list[SourceItem]:
    return list(read("judgements", options, Where(folder=Path(), database=database, domain="people", licence="")))


def test_a_judged_list_becomes_an_item(people: Database) -> None:
    judge(people, ANN, not_relevant=["p3"], order=[["p2"], ["p1"]])
    (item,) = found(people)
    assert (item.query, item.domain, item.licence, item.notes) == ("why?", "people", "CC0-1.0", ("consent c1",))
    assert item.passages == tuple(passages(3)) and item.labels == {"p2": 3, "p3": 0}
    (opinion,) = item.opinions
    assert (opinion.order, opinion.not_relevant, opinion.grades, opinion.trust) == ((("p2",), ("p1",)), ("p3",), {"p2": 3}, 1.0)
    assert item.ready is not None and item.ready.order == ("p2", "p1", "p3") and item.ready.rater == opinion.person
    written = json.dumps([item.notes, opinion.person, item.id, item.ready.rater])
    assert SECRET not in written and "Secretname" not in written and ANN not in written


def test_only_what_counts_is_read(people: Database) -> None:
    judge(people, ANN, state="draft")
    judge(people, ANN, candidates("held?", holdout=True))
    tutorial, _ = task(people, "tutorial")
    judge(people, BOB, task_id=tutorial)
    with people.write() as session:
        session.get_one(Actor, EVE).kind = "model"
    judge(people, EVE)
    assert found(people) == []
    judge(people, ANN, base_version=1)
    judge(people, ANN, base_version=2, state="draft", grades={"p1": 2})
    (item,) = found(people)
    assert len(item.opinions) == 1 and item.labels == {"p2": 3}


def test_the_newest_version_counts_and_a_withdrawn_one_never(people: Database) -> None:
    judge(people, ANN)
    newest = judge(people, ANN, base_version=1, grades={"p1": 1})
    assert found(people)[0].labels == {"p1": 1}
    with people.write() as session:
        withdrawals.withdraw(session, [newest], "asked")
    assert found(people)[0].labels == {"p2": 3}
    with people.write() as session:
        withdrawals.withdraw(session, withdrawals.ids_of_actor(session, ANN), "asked")
    assert found(people) == []


def test_labels_are_the_lower_median_and_a_decision_goes_first(people: Database) -> None:
    decided, project = task(people)
    judge(people, ANN, grades={"p1": 0, "p2": 3}, task_id=decided)
    judge(people, BOB, grades={"p1": 1, "p2": 1}, task_id=decided)
    judge(people, EVE, grades={}, order=[["p3"]], not_relevant=["p1"])  # without grades: ranked 1, set aside 0
    (item,) = found(people)
    assert item.labels == {"p1": 0, "p2": 1, "p3": 1} and len(item.opinions) == 3
    with people.write() as session:
        values = {"actor_id": EVE, "seen": [], "reason": SECRET, "version": 1, "idempotency_key": "k"}
        session.add(Adjudication(task_id=decided, order=[["p3"], ["p1"]], not_relevant=["p2"], grades={"p1": 2}, **values))
    (item,) = found(people, project=project)
    assert item.labels == {"p1": 2, "p2": 0} and len(item.opinions) == 2
    assert item.ready is not None and (item.ready.order, item.ready.rater) == (("p3", "p1", "p2"), "adjudicated")
    assert found(people, project="another") == []


def test_a_trace_comes_along_only_where_the_person_agreed(people: Database) -> None:
    run = ranked(people, (1, 2, 0))  # p1, p2, p3
    judge(people, ANN, run_id=run, order=[["p1"], ["p2", "p3"]])
    (item,) = found(people)
    ready = item.ready
    assert ready is not None and (ready.shown, ready.order) == (("p3", "p1", "p2"), ("p1", "p2", "p3"))
    assert (ready.reasoning, ready.template) == ("because", "x")
    judge(people, ANN, run_id=run, base_version=1, order=[["p2"]])
    (item,) = found(people)
    assert item.ready is not None and (item.ready.order, item.ready.reasoning) == (("p2", "p1", "p3"), "")
    judge(people, ANN, run_id=ranked(people, (1, 2, 0), "repaired"), base_version=2, order=[["p1"], ["p2", "p3"]])
    (item,) = found(people)
    assert item.ready is not None and (item.ready.shown, item.ready.reasoning) == (("p1", "p2", "p3"), "")


def test_the_most_trusted_person_is_followed_then_the_most_recent(people: Database) -> None:
    judge(people, ANN, order=[["p1"], ["p2"], ["p3"]], trust=0.9)
    judge(people, BOB, order=[["p3"], ["p2"], ["p1"]], trust=0.2)
    (item,) = found(people)
    assert item.ready is not None and item.ready.order[0] == "p1" and item.trust == 0.9
    judge(people, EVE, order=[["p2"], ["p1"], ["p3"]], trust=0.9)
    (item,) = found(people)
    assert item.ready is not None and item.ready.order[0] == "p2"
    (item,) = found(people, min_trust=0.5)
    assert [opinion.trust for opinion in item.opinions] == [0.9, 0.9]


def test_lists_come_in_the_order_in_which_they_were_judged(people: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    queries = [f"question {number}" for number in range(7)]
    for query in queries:
        judge(people, ANN, candidates(query))
    monkeypatch.setattr("db.store.labelled.PAGE", 3)
    assert [item.query for item in found(people)] == queries
    judge(people, BOB, candidates(queries[0]))
    assert [item.query for item in found(people)] == queries


def test_a_place_in_the_log_holds_what_came_later_off(people: Database) -> None:
    first, second = judge(people, ANN), judge(people, BOB, grades={"p1": 3})
    with people.write() as session:
        session.get_one(Judgement, first).seq, session.get_one(Judgement, second).seq = 1, 2
    (item,) = found(people, until=1)
    assert item.labels == {"p2": 3}
    assert len(found(people)[0].opinions) == 2


def test_without_a_database_it_is_refused() -> None:
    with pytest.raises(SettingsError, match="database"):
        read("judgements", {}, Where(folder=Path(), database=None, domain="", licence=""))
    with pytest.raises(SettingsError, match="no option 'projekt'"):
        read("judgements", {"projekt": "x"}, Where(folder=Path(), database=None, domain="", licence=""))
    with pytest.raises(SettingsError, match=", ".join(SOURCES)):
        read("nothing", {}, Where(folder=Path(), database=None, domain="", licence=""))
