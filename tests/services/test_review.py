"""Review: what a reviewer sees of a project and a task, and decisions on it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from sqlalchemy import select

from app.ranking.errors import Conflict, Forbidden, InputError, NotFound
from app.services.actors import LOCAL, VISITOR, Actor
from app.services.review import Review, StaleAdjudication
from db.models_log import Event
from db.models_projects import Task
from db.session import Database
from tests.services.panel_world import World


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def decision(**changes: Any) -> dict[str, Any]:
    return {"idempotency_key": "d1", "base_version": 0, "order": [["b"], ["a"]], "not_relevant": ["c"], "reason": "b answers it."} | changes


def test_tasks_come_with_most_disagreement_first(world: World) -> None:
    ann, bob, cy = (world.person(name) for name in ("Ann", "Bob", "Cy"))
    for query in ("same", "opposite", "alone", "flagged"):
        world.task(query)
    world.task("teaches", kind="tutorial")
    world.judge(ann, "same", "a b c d")
    world.judge(bob, "same", "a b c d")
    world.judge(ann, "opposite", "a b c d")
    world.judge(bob, "opposite", "d c b a")
    world.judge(cy, "opposite", "a b c d")
    world.judge(ann, "alone", "a b c d")
    world.judge(bob, "flagged", "", state="flagged")
    world.judge(ann, "teaches", "a b c d")
    told = asyncio.run(Review(world.database).tasks(LOCAL, world.project))
    rows = {row["query"]: row for row in told["tasks"]}
    # Of three pairs one is the same (0) and two are opposite (1).
    assert [(row["query"], row["disagreement"]) for row in told["tasks"]] == [
        ("opposite", pytest.approx(2 / 3)), ("same", 0.0), ("flagged", None), ("alone", None),
    ]  # fmt: skip
    assert rows["opposite"]["judgements"] == 3 and rows["flagged"]["flagged"] == 1 and rows["flagged"]["judgements"] == 0


def test_a_task_shows_people_by_pseudonym_and_models_beside_them(world: World) -> None:
    ann, bob = world.person("Ann Secret"), world.person("Bob Secret")
    task = world.task("why", "abc")
    token = world.run("why", "bca")
    world.run("why", "abc", outcome="no_answer")  # says nothing of the model
    world.judge(ann, "why", "ab | c", grades={"a": 3}, note="Clear.")
    world.judge(bob, "why", "c", state="draft")
    told = asyncio.run(Review(world.database).task(bob, task))
    assert "Secret" not in str(told) and ann.id not in str(told)
    person, model = told["judgements"]
    assert (person["kind"], person["note"], person["mine"]) == ("person", "Clear.", False) and person["who"].startswith("p")
    assert (model["kind"], model["label"], model["run"], model["order"]) == ("model", "nano 11111111", token, [["b"], ["c"], ["a"]])
    # a and b tied on ranks 1 and 2, c not relevant and so last.
    assert told["positions"] == {"a": [1.5, 3.0], "b": [1.5, 1.0], "c": [3.0, 2.0]}
    assert [one["first_rank"] for one in told["passages"]] == [1, 2, 3] and told["guidelines"]["version"] == 1
    assert told["adjudication"] is None and told["may"] == {"adjudicate": True, "why": ""}
    assert asyncio.run(Review(world.database).task(ann, task))["judgements"][0]["label"] == "Ann Secret"


def test_the_newest_submitted_version_counts(world: World) -> None:
    ann = world.person("Ann")
    task = world.task("why")
    world.judge(ann, "why", "a b c d")
    second = world.judge(ann, "why", "d c b a", base=1)
    world.judge(ann, "why", "b a", base=2, state="draft")
    told = asyncio.run(Review(world.database).task(LOCAL, task))
    assert [(one["id"], one["version"]) for one in told["judgements"]] == [(second, 2)]


def test_a_decision_is_kept_once_in_versions_and_logged(world: World) -> None:
    ann, bob, cy = (world.person(name) for name in ("Ann", "Bob", "Cy"))
    task = world.task("why")
    picked = world.judge(ann, "why", "b a | c")
    other = world.judge(bob, "why", "a b | c")
    review = Review(world.database)

    async def work() -> None:
        first = await review.adjudicate(cy, task, decision(picked_id=picked))
        again = await review.adjudicate(cy, task, decision(picked_id=picked))
        assert first.created and not again.created and first.adjudication["id"] == again.adjudication["id"]
        assert first.adjudication["seen"] == [picked, other] and first.adjudication["version"] == 1
        with pytest.raises(Conflict, match="idempotency key"):
            await review.adjudicate(cy, task, decision(picked_id=picked, reason="Another one."))
        with pytest.raises(StaleAdjudication) as stale:
            await review.adjudicate(bob, task, decision(idempotency_key="d2", reason="No, a."))
        assert stale.value.yours["reason"] == "No, a." and stale.value.newest is not None
        assert stale.value.newest["reason"] == "b answers it." and stale.value.newest["who"].startswith("p")
        second = await review.adjudicate(bob, task, decision(idempotency_key="d2", base_version=1, picked_id=picked, order=[["a"], ["b"]]))
        assert second.adjudication["version"] == 2
        told = await review.task(cy, task)
        assert [one["version"] for one in told["adjudications"]] == [2, 1] and told["base_version"] == 2
        assert [one["edited"] for one in told["adjudications"]] == [True, False] and told["adjudication"]["mine"] is False
        assert (await review.tasks(cy, world.project))["tasks"][0]["adjudicated"] is True

    asyncio.run(work())
    with world.database.read() as session:
        logged = session.execute(select(Event.actor_id, Event.subject).where(Event.action == "adjudication.saved").order_by(Event.id))
        assert [tuple(row) for row in logged] == [(cy.id, task), (bob.id, task)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": [["a"], ["a"]]}, "two places"),
        ({"order": [["zz"]]}, "'zz' is not in the list"),
        ({"unranked": ["zz"]}, "'zz' is not in the list"),
        ({"grades": {"a": 4}}, "has 0 to 3"),
        ({"reason": "  "}, "reason is empty"),
        ({"picked_id": "0198c7a2-0000-7000-8000-000000000000"}, "names no judgement"),
    ],
)
def test_a_decision_that_cannot_be_is_refused(world: World, changes: dict[str, Any], message: str) -> None:
    task = world.task("why")
    world.judge(world.person("Ann"), "why", "a b c d")
    with pytest.raises(InputError, match=message):
        asyncio.run(Review(world.database).adjudicate(LOCAL, task, decision(**changes)))
    assert asyncio.run(Review(world.database).task(LOCAL, task))["adjudications"] == []


def test_a_picked_judgement_that_changed_meanwhile_is_stale(world: World) -> None:
    ann = world.person("Ann")
    task = world.task("why")
    old = world.judge(ann, "why", "a b c d")
    world.judge(ann, "why", "d a b c", base=1)
    with pytest.raises(StaleAdjudication, match="changed meanwhile"):
        asyncio.run(Review(world.database).adjudicate(LOCAL, task, decision(picked_id=old)))
    assert asyncio.run(Review(world.database).task(LOCAL, task))["adjudications"] == []


def test_nobody_decides_alone_on_their_own_judgement_except_on_the_local_studio(world: World) -> None:
    ann, bob = world.person("Ann"), world.person("Bob")
    task, local = world.task("why"), world.task("mine")
    review = Review(world.database)
    with pytest.raises(InputError, match="nobody has submitted"):
        asyncio.run(review.adjudicate(ann, task, decision()))
    world.judge(ann, "why", "a b c d")
    with pytest.raises(Forbidden, match="only judge"):
        asyncio.run(review.adjudicate(ann, task, decision()))
    assert asyncio.run(review.task(ann, task))["may"]["adjudicate"] is False
    world.judge(bob, "why", "a b c d")
    assert asyncio.run(review.adjudicate(ann, task, decision())).created
    world.judge(LOCAL, "mine", "a b c d")
    assert asyncio.run(review.adjudicate(LOCAL, local, decision())).created


def test_a_decision_becomes_gold_when_asked_and_a_newer_one_takes_its_place(world: World) -> None:
    task = world.task("why")
    world.judge(world.person("Ann"), "why", "a b c d")
    review = Review(world.database)

    def gold() -> tuple[str, Any]:
        with world.database.read() as session:
            row = session.get_one(Task, task)
            return row.kind, row.gold and row.gold["order"]

    asyncio.run(review.adjudicate(LOCAL, task, decision()))
    assert gold() == ("plain", None)
    asyncio.run(review.adjudicate(LOCAL, task, decision(idempotency_key="d2", base_version=1, gold=True)))
    assert gold() == ("gold", [["b"], ["a"]])
    asyncio.run(review.adjudicate(LOCAL, task, decision(idempotency_key="d3", base_version=2, order=[["a"]])))
    assert gold() == ("gold", [["a"]])


def test_of_two_decisions_at_once_one_is_stale(world: World) -> None:
    task = world.task("why")
    world.judge(world.person("Ann"), "why", "a b c d")
    people = [world.person(f"R{number}") for number in range(6)]
    done: list[str] = []

    def decide(who: Actor) -> None:
        try:
            asyncio.run(Review(world.database).adjudicate(who, task, decision()))
            done.append("saved")
        except StaleAdjudication:
            done.append("stale")

    threads = [threading.Thread(target=decide, args=(who,)) for who in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["saved", *["stale"] * 5]


def test_only_reviewers_review(world: World) -> None:
    for call in (Review(world.database).tasks(VISITOR, "x"), Review(world.database).task(VISITOR, "x")):
        with pytest.raises(Forbidden):
            asyncio.run(call)
    for call in (Review(world.database).tasks(LOCAL, "x"), Review(world.database).task(LOCAL, "x")):
        with pytest.raises(NotFound):
            asyncio.run(call)
