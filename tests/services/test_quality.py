"""Agreement of a project and reports on its judges, models among them."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from app.ranking.errors import Forbidden, NotFound
from app.services.actors import LOCAL, VISITOR
from app.services.annotators import gold_of
from app.services.quality import Quality
from app.services.review import Review
from db.models import new_id
from db.models_people import Judgement
from tests.databases import migrated
from tests.services.panel_world import World

IDS = "abcdefghij"


@pytest.fixture
def world(tmp_path: Path) -> World:
    database = migrated(tmp_path / "studio.db")
    return World(database)


def statistic(told: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [one for one in told if one["name"] == name]
    return found


def test_statistics_are_between_people_and_each_model_is_held_against_them(world: World) -> None:
    ann, bob = world.person("Ann"), world.person("Bob")
    for query, theirs in (("q1", "a b c d"), ("q2", "a b d c")):
        world.task(query, holdout=query == "q2")
        world.judge(ann, query, "a b c d", grades={"a": 3, "b": 0})
        world.judge(bob, query, theirs, grades={"a": 3, "b": 0})
        world.run(query, "dcba")
    told = asyncio.run(Quality(world.database).agreement(ann, world.project))
    assert (told["tasks"], told["judges"], told["judgements"], told["holdout"]) == (2, 2, 4, 2)
    # q1: the same order, tau 1; q2: one of 6 pairs apart, tau 4/6.
    tau = statistic(told["statistics"], "Kendall tau-b")
    assert tau["value"] == pytest.approx((1 + 4 / 6) / 2) and tau["n"] == 2 and tau["low"] <= tau["value"] <= tau["high"]
    assert statistic(told["statistics"], "alpha ordinal")["value"] == pytest.approx(1.0)
    # The model has ann's order the other way round: -1 and -1 with her, -1 and -4/6 with him.
    (model,) = told["models"]
    against = statistic(model["statistics"], "Kendall tau-b")
    assert (against["value"], against["n"]) == (pytest.approx((-1 - (1 + 4 / 6) / 2) / 2), 2)
    assert {(pair["first"], pair["second"]) for pair in told["pairs"]} == {
        tuple(sorted(couple)) for couple in itertools.combinations((rater["who"] for rater in told["raters"]), 2)
    }
    assert [rater["kind"] for rater in told["raters"]] == ["person", "person", "model"]
    assert "Ann" in [rater["label"] for rater in told["raters"]] and "Bob" not in str(told)


def test_where_there_is_nothing_to_compare_it_says_why(world: World) -> None:
    world.task("q1")
    world.judge(world.person("Ann"), "q1", "a b c d")
    told = asyncio.run(Quality(world.database).agreement(LOCAL, world.project))
    assert len(told["statistics"]) == 9 and all(one["value"] is None and one["why"] for one in told["statistics"])
    assert told["pairs"] == [] and told["models"] == []


def test_a_model_whose_lists_nobody_has_judged_yet_stands_in_the_table_and_says_why(world: World) -> None:
    world.task("q1")
    world.run("q1", "abcd")
    quality = Quality(world.database)
    (model,) = asyncio.run(quality.annotators(LOCAL, world.project))["annotators"]
    assert (model["kind"], model["flags"], model["peers"]["value"]) == ("model", [], None) and model["peers"]["why"]
    alone = asyncio.run(quality.annotator(LOCAL, world.project, model["who"]))
    assert [(one["query"], one["peers"]) for one in alone["series"]] == [("q1", None)]


def test_the_answer_is_kept_until_something_is_judged_and_names_each_reader_only_to_themselves(world: World) -> None:
    ann, bob = world.person("Ann"), world.person("Bob")
    world.task("q1")
    world.judge(ann, "q1", "a b c d")
    quality = Quality(world.database)
    first = asyncio.run(quality.agreement(LOCAL, world.project))
    assert asyncio.run(quality.agreement(ann, world.project))["computed"] == first["computed"]
    assert asyncio.run(quality.agreement(ann, world.project))["raters"][0]["label"] == "Ann"
    assert asyncio.run(quality.agreement(bob, world.project))["raters"][0]["label"] == first["raters"][0]["who"]
    world.judge(bob, "q1", "a b c d")
    second = asyncio.run(quality.agreement(LOCAL, world.project))
    assert second["computed"] != first["computed"] and second["judges"] == 2


def campaign(world: World, tasks: int, people: int, *, seed: int = 7) -> list[str]:
    """Judges who are right but for some swaps of neighbours, and a last one who keeps the list as shown; their names."""
    dice = random.Random(seed)
    names = [world.person(f"P{number}") for number in range(people)]
    for number in range(tasks):
        ids = list(IDS)
        dice.shuffle(ids)
        query = f"question {number}"
        world.task(query, "".join(ids), gold={"order": [[one] for one in IDS], "not_relevant": []} if number % 4 == 0 else None)
        world.run(query, IDS)
        for person in names[:-1]:
            mine = list(IDS)
            for _ in range(3):
                at = dice.randrange(len(mine) - 1)
                mine[at], mine[at + 1] = mine[at + 1], mine[at]
            world.judge(person, query, " ".join(mine), active_seconds=60.0)
        world.judge(names[-1], query, " ".join(ids), active_seconds=6.0)
    return [person.name for person in names]


def test_a_judge_who_keeps_the_shown_order_is_flagged_and_models_stand_in_the_same_table(world: World) -> None:
    campaign(world, 12, 4)
    quality = Quality(world.database)
    told = asyncio.run(quality.annotators(LOCAL, world.project))
    rows = told["annotators"]
    assert [row["kind"] for row in rows] == ["person"] * 4 + ["model"] and all(row["tasks"] == 12 for row in rows)
    (biased,) = [row for row in rows if any(flag["kind"] == "position_bias" for flag in row["flags"])]
    assert biased["position_bias"]["value"] > 0.5 and biased["seconds"] == 6.0 and "fast" in [flag["kind"] for flag in biased["flags"]]
    careful = [row for row in rows if row["kind"] == "person" and row is not biased]
    assert all(row["gold"]["n"] == 3 and row["gold"]["value"] > 0.8 > biased["gold"]["value"] for row in careful)
    assert rows[-1]["gold"]["value"] == pytest.approx(1.0) and rows[-1]["seconds"] is None
    one = asyncio.run(quality.annotator(LOCAL, world.project, biased["who"]))
    assert len(one["series"]) == 12 and all(step["shown"] == pytest.approx(1.0) for step in one["series"])
    assert [step["created"] for step in one["series"]] == sorted(step["created"] for step in one["series"])
    assert len(asyncio.run(quality.annotator(LOCAL, world.project, rows[-1]["who"]))["series"]) == 12
    with pytest.raises(NotFound):
        asyncio.run(quality.annotator(LOCAL, world.project, "nobody"))


def test_a_decision_that_picked_ones_own_order_says_nothing_of_oneself(world: World) -> None:
    ann, bob = world.person("Ann"), world.person("Bob")
    task = world.task("q1")
    picked = world.judge(ann, "q1", "a b c d")
    world.judge(bob, "q1", "a b d c")
    draft = {"idempotency_key": "d", "base_version": 0, "picked_id": picked, "order": [["a"], ["b"], ["c"], ["d"]], "reason": "So."}
    asyncio.run(Review(world.database).adjudicate(LOCAL, task, draft))
    rows = {row["label"]: row for row in asyncio.run(Quality(world.database).annotators(ann, world.project))["annotators"]}
    assert rows.pop("Ann")["adjudicated"]["n"] == 0
    (other,) = rows.values()
    assert (other["adjudicated"]["n"], other["adjudicated"]["value"]) == (1, pytest.approx(4 / 6))


def test_gold_by_grades_is_an_order_too() -> None:
    assert gold_of({"grades": {"a": 1, "b": 3, "c": 1}}, ["a", "b", "c"]) == (("b",), ("a", "c"))
    assert gold_of({"order": [["b"], ["zz"]], "not_relevant": ["a"]}, ["a", "b"]) == (("b",), ("a",))
    assert gold_of(None, ["a"]) is None and gold_of({"order": []}, ["a"]) is None


def test_twelve_hundred_judgements_take_seconds(world: World) -> None:
    """400 tasks of 20 passages, 3 people each, in seconds of this process; loose, because a busy machine is slower in these too."""
    dice, ids = random.Random(3), "abcdefghijklmnopqrst"
    people = [world.person(f"P{number}") for number in range(6)]
    with world.many() as session:
        for number in range(400):
            task = world.task(f"question {number}", ids)
            for person in dice.sample(people, 3):
                order = dice.sample(ids, len(ids))
                row = Judgement(
                    id=new_id(), thread=f"{task} {person.id}"[-64:], version=1, base_version=0, idempotency_key=task, content_hash="",
                    actor_id=person.id, list_id=world.lists[f"question {number}"], task_id=task, state="submitted",
                    order=[[one] for one in order[:14]], not_relevant=order[14:], grades=dict.fromkeys(order[:5], 2), shown_order=list(ids),
                )  # fmt: skip
                session.add(row)
    quality = Quality(world.database)

    def spent(ask: Callable[[], Coroutine[Any, Any, Any]]) -> float:
        began = time.process_time()
        asyncio.run(ask())
        return time.process_time() - began

    assert spent(lambda: quality.agreement(LOCAL, world.project)) < 8
    assert spent(lambda: quality.agreement(LOCAL, world.project)) < 0.5  # kept
    assert spent(lambda: quality.annotators(LOCAL, world.project)) < 8
    assert spent(lambda: Review(world.database).tasks(LOCAL, world.project)) < 4


def test_only_reviewers_see_judges(world: World) -> None:
    quality = Quality(world.database)
    for call in (quality.agreement(VISITOR, "x"), quality.annotators(VISITOR, "x"), quality.annotator(VISITOR, "x", "y")):
        with pytest.raises(Forbidden):
            asyncio.run(call)
    with pytest.raises(NotFound):
        asyncio.run(quality.agreement(LOCAL, "x"))
