"""The queue: chances that are what is written down, priorities, what is shown, and saving what was assigned."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.draw import Choice, Shares, chance, choose
from app.ranking.errors import Conflict, Forbidden, InputError, NotFound, SettingsError
from app.ranking.evaluation.weak_orders import WeakOrder
from app.ranking.priority import Opinions, distance, priority, signals_of
from app.services.actors import LOCAL, VISITOR
from app.services.judgements import StaleJudgement
from app.services.runs import RunRequest, Runs
from app.services.tutorial import tutorial_lists
from db.models import Run, now
from db.models_log import Event
from db.models_people import Judgement
from db.models_projects import Assignment, Project, Task
from db.store import tasks
from tests.services.queue_house import BEN, House
from tests.services.test_runs import until_end


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def a_run(runs: Runs) -> str:
    token = await runs.start(LOCAL, RunRequest(query="why?", model="told"))
    await until_end(runs, token)
    return token


# Chances.


@given(
    st.integers(1, 30),
    st.integers(0, 5),
    st.floats(0, 0.9),
    st.floats(0, 1),
)
@settings(max_examples=50)
def test_chances_of_all_tasks_sum_to_one(plain: int, gold: int, gold_share: float, audit_share: float) -> None:
    shares = Shares(gold=gold_share, audit=audit_share)
    each = [chance(Choice(reason="audit", place=at, size=plain), gold=gold, top=at == 0, shares=shares) for at in range(plain)]
    golds = [chance(Choice(reason="gold", place=at, size=gold), gold=gold, top=False, shares=shares) for at in range(gold)]
    assert sum(each) + sum(golds) == pytest.approx(1.0)


def test_draws_come_as_often_as_their_chance_says() -> None:
    """20,000 draws from 5 plain and 2 gold tasks with g = 0.2 and a = 0.25: worked by hand, 0.04 + 0.6, 0.04, ..., 0.1 each gold."""
    source, shares, n = random.Random(7), Shares(gold=0.2, audit=0.25), 20_000
    seen: Counter[tuple[str, int]] = Counter()
    for _ in range(n):
        choice = choose(source, plain=5, gold=2, shares=shares)
        assert choice is not None
        seen["gold" if choice.reason == "gold" else "plain", choice.place or 0] += 1
    expected = {("plain", 0): 0.64, **{("plain", at): 0.04 for at in range(1, 5)}, ("gold", 0): 0.1, ("gold", 1): 0.1}
    for key, share in expected.items():
        assert seen[key] / n == pytest.approx(share, abs=4 * (share * (1 - share) / n) ** 0.5)


def test_nothing_plain_means_nothing_at_all_and_shares_are_probabilities() -> None:
    assert choose(random.Random(0), plain=0, gold=3, shares=Shares(gold=0.9, audit=0.5)) is None
    with pytest.raises(SettingsError, match="1.5"):
        Shares(gold=1.5, audit=0)


def test_inverse_probability_weights_recover_a_planted_mean(house: House) -> None:
    """Hansen and Hurwitz on draws of the real queue: 12 tasks of which the queue prefers one with a far larger value than the others."""

    project_id = house.project(12, audit_share=0.3, overlap=100)
    house.add(project_id, 2, "gold")
    house.projects.update(LOCAL, project_id, {"gold_share": 0.15})
    with house.database.write() as session:
        ids = list(session.scalars(sa.select(Task.id).where(Task.kind == "plain").order_by(Task.number)))
        session.execute(sa.update(Task).where(Task.id == ids[4]).values(priority=0.9))
    value = {one: float(at) for at, one in enumerate(ids)} | {ids[4]: 40.0}
    weighted, plain, audits, n = 0.0, [], Counter[str](), 400
    with house.database.read() as session:
        project = session.get_one(Project, project_id)
        for _ in range(n):
            drawn = house.queue.service._draw(session, project, LOCAL.id)
            assert drawn is not None and drawn.pool == (2 if drawn.reason == "gold" else 12)
            if drawn.reason == "gold":
                assert drawn.probability == pytest.approx(0.15 / 2)
                continue
            assert drawn.probability == pytest.approx(0.85 * (0.3 / 12 + 0.7 * (drawn.task_id == ids[4])))
            weighted += value[drawn.task_id] / drawn.probability / 12 / n
            plain.append(value[drawn.task_id])
            audits[drawn.task_id] += drawn.reason == "audit"
    truth = sum(value.values()) / 12
    assert sum(plain) / len(plain) > 3 * truth  # what was judged says something else by itself
    assert weighted == pytest.approx(truth, rel=0.2)
    # chi-squared with 11 degrees of freedom is under 31.3 in 999 of 1000 uniform cases
    even = sum(audits.values()) / 12
    assert len(audits) == 12 and sum((count - even) ** 2 / even for count in audits.values()) < 31.3


# Priorities.


def test_signals_of_a_list_worked_by_hand() -> None:
    """First stage a b c; the model reversed it (3 of 3 pairs discordant); one person agrees with the model, one swaps a and b of it."""
    people = [WeakOrder.of([["c"], ["b"], ["a"]]), WeakOrder.of([["c"], ["a"], ["b"]])]
    found = signals_of(Opinions(first_stage=["a", "b", "c"], models=[["c", "b", "a"]], people=people))
    assert found == {"people": pytest.approx(1 / 3, abs=1e-6), "model": pytest.approx(1 / 6, abs=1e-6), "first_stage": 1.0}
    assert priority(found) == (1.0, "the model moved far from the first stage's order")
    assert priority({}) == priority({"people": 0.0}) == (0.0, "")
    assert priority({"people": 0.5, "model": 0.5})[1] == "the people who judged it disagree"


def test_instability_is_the_spread_of_ranks_or_the_distance_of_runs() -> None:
    spread = Opinions(first_stage=["a", "b", "c"], models=[["a", "b", "c"]], intervals={"a": [1, 3], "b": [1, 2], "c": [3, 3]})
    assert signals_of(spread)["instability"] == pytest.approx((1 + 0.5 + 0) / 3, abs=1e-6)
    runs = Opinions(first_stage=["a", "b", "c"], models=[["a", "b", "c"], ["a", "c", "b"]])
    assert signals_of(runs)["instability"] == pytest.approx(1 / 3, abs=1e-6)


@given(st.permutations(list("abcde")), st.integers(0, 4))
@settings(max_examples=40)
def test_a_distance_is_the_share_of_discordant_pairs(order: list[str], ties: int) -> None:
    base = list("abcde")
    places = {one: at for at, one in enumerate(order)}
    discordant = sum(places[a] > places[b] for i, a in enumerate(base) for b in base[i + 1 :])
    strict = WeakOrder.of([[one] for one in base])
    assert distance(strict, WeakOrder.of([[one] for one in order])) == pytest.approx(discordant / 10)
    assert distance(strict, WeakOrder.of([order])) is None


def test_a_task_over_which_two_people_differ_comes_first(house: House) -> None:
    project_id = house.project(3, overlap=3, audit_share=0.0)
    task = house.next(project_id)
    house.save(task)
    other = house.next(project_id, BEN)
    assert other["task"] == task["task"]  # nothing is known of the others: the oldest first
    house.save(other, BEN, order=[["p1"], ["p2"]])
    with house.database.read() as session:
        row = session.get_one(Task, task["task"])
        # p2 > p1 > p3 against p1 > p2 > p3: one pair in three
        assert row.signals == {"people": pytest.approx(1 / 3, abs=1e-6)} and row.priority == row.signals["people"]
        assert row.reason == "the people who judged it disagree"
    house.save(other, BEN, base_version=1, idempotency_key="k2")
    with house.database.read() as session:
        assert session.get_one(Task, task["task"]).priority == 0.0


# What is shown.


def test_a_random_order_is_made_of_the_assignments_id(house: House) -> None:
    project_id = house.project(1)
    task = house.next(project_id)
    ids = ["p1", "p2", "p3"]
    random.Random(task["assignment"]).shuffle(ids)
    assert task["shown_order"] == ids == [one["id"] for one in task["passages"]] == house.row(task["assignment"]).shown_order


@pytest.mark.parametrize(("shown", "expected"), [("model", ["p2", "p3", "p1"]), ("first_stage", ["p1", "p2", "p3"])])
@pytest.mark.parametrize("view", ["model", "blind"])
def test_a_blind_task_tells_nothing_of_the_model(house: House, shown: str, expected: list[str], view: str) -> None:
    token = asyncio.run(a_run(house.runs))
    project_id = house.project(0, shown=shown, view=view)
    with house.database.write() as session:
        list_id = session.scalars(sa.select(Run.list_id)).one()
        tasks.add(session, project_id, [tasks.NewTask(list_id=list_id)], kind="plain", wanted=1)
    task = house.next(project_id)
    assert task["shown_order"] == expected
    told = json.dumps(task)
    saved = (house.save(task, order=[[one] for one in expected], not_relevant=[])).judgement
    if view == "blind":
        assert task["run"] is None and task["model"] is None and token not in told and "told" not in told and "score" not in told
        assert saved["run"] == "" and saved["model_visible"] is None
        assert all(one["run"] == "" for one in house.judgements.mine(LOCAL))
    else:
        assert (task["run"], task["model"], saved["run"], saved["model_visible"]) == (token, "told", token, "told")


def test_a_gold_task_looks_like_any_other(house: House) -> None:
    project_id = house.project(1, gold_share=0.9)
    house.add(project_id, 1, "gold")
    first = house.next(project_id)
    assert house.row(first["assignment"]).reason == "gold"  # with the seed of this test
    plain = (house.save(first), house.next(project_id))[1]
    assert first.keys() == plain.keys() and (first["kind"], plain["kind"]) == ("task", "task")
    assert [one["kind"] for one in house.queue.mine(LOCAL, project_id)] == ["task", "task"]
    saved = house.save(plain)
    assert saved.feedback is None and "So." not in json.dumps([first, plain])
    assert (first["number"], plain["number"]) == (1, 2)


# The tutorial.


def test_the_tutorial_comes_first_once_and_tells_how_it_went(house: House) -> None:
    project_id = house.project(1, tutorial=True)
    told = []
    for number, one in enumerate(tutorial_lists(), start=1):
        task = house.next(project_id)
        assert (task["kind"], task["number"], task["of"], task["query"]) == ("tutorial", number, 5, one.query)
        assert one.gold is not None
        gold = [list(group) for group in one.gold.order]
        order, rest = (gold, list(one.gold.not_relevant)) if number != 3 else ([list(one.gold.not_relevant), *gold[::-1]], [])
        saved = house.save(task, order=order, not_relevant=rest)
        told.append(saved.feedback)
        assert saved.feedback["why"] == one.gold.why and saved.feedback["left"] == 5 - number
    assert [one["good"] for one in told] == [True, True, False, True, True]
    assert told[0]["agreement"] == 1.0 and told[2]["agreement"] < -0.7
    again = house.save(task, order=order, not_relevant=rest)
    assert not again.created and again.feedback == told[-1]
    assert (house.next(project_id))["kind"] == "task"
    assert (house.next(project_id, BEN))["kind"] == "tutorial"
    assert (house.projects.get(BEN, project_id))["mine"]["tutorial_left"] == 5


def test_the_tutorial_is_five_lists_that_can_be_judged() -> None:
    found = tutorial_lists()
    assert [len(one.passages) for one in found] == [5] * 5
    for one in found:
        assert one.gold is not None and 40 < len(one.gold.why.split()) < 120
        assert set(one.gold.grades) <= {passage.id for passage in one.passages}
        grades = [[one.gold.grades[id_] for id_ in group] for group in one.gold.order]
        assert grades == sorted(grades, reverse=True) and all(one.gold.grades[id_] == 0 for id_ in one.gold.not_relevant)
    assert any(len(group) > 1 for group in found[1].gold.order)  # type: ignore[union-attr]


# Saving.


def test_a_save_carries_what_belongs_to_the_assignment_and_stands_in_the_log(house: House) -> None:
    project_id = house.project(2, licence="CC-BY-4.0")
    with house.database.write() as session:
        session.execute(sa.text("UPDATE actors SET trust = 0.8"))
    task = house.next(project_id)
    spans = [{"passage_id": "p2", "start": 0, "end": len("Text of passage 2.")}]
    saved = house.save(task, spans=spans, state="draft")
    assert saved.judgement["spans"] == spans and saved.judgement["assignment"] == task["assignment"]
    assert house.row(task["assignment"]).state == "leased"
    house.save(task, idempotency_key="k2", base_version=1)
    assert house.row(task["assignment"]).state == "submitted"
    with house.database.read() as session:
        row = session.scalars(sa.select(Judgement).order_by(Judgement.version.desc())).first()
        assert row is not None and row.version == 2 and (row.licence, row.trust, row.run_id) == ("CC-BY-4.0", 0.8, None)
        assert row.guideline_id == task["guidelines"]["id"] and row.selection_reason in ("audit", "priority")
        drawn = house.row(task["assignment"])
        assert (row.selection_probability, row.selection_pool) == (drawn.probability, drawn.pool) and drawn.pool == 2
        events = session.scalars(sa.select(Event.action).where(Event.action == "judgement.saved")).all()
        assert len(events) == 2
    assert [one["version"] for one in house.judgements.versions(LOCAL, assignment=task["assignment"])] == [2, 1]
    assert (house.queue.get(LOCAL, task["assignment"]))["judgement"]["version"] == 2
    assert (house.judgements.for_assignment(LOCAL, task["assignment"])) == (house.queue.get(LOCAL, task["assignment"]))["judgement"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shown_order": ["p3", "p2", "p1", "p1"]}, "shown_order"),
        ({"order": [["zz"]]}, "'zz' is not in the list"),
        ({"grades": {"p1": 4}}, "from 0 to 3"),
        ({"spans": [{"passage_id": "p1", "start": 0, "end": 19}]}, "which has 18 characters"),
        ({"spans": [{"passage_id": "p1", "start": 3, "end": 3}]}, "not within"),
        ({"spans": [{"passage_id": "zz", "start": 0, "end": 1}]}, "'zz'"),
        ({"run": "a-token"}, "not both"),
    ],
)
def test_a_save_that_does_not_fit_its_task_is_refused(house: House, changes: dict[str, Any], message: str) -> None:
    task = house.next(house.project(1))
    with pytest.raises(InputError, match=message):
        house.save(task, **changes)
    assert house.row(task["assignment"]).state == "leased"


def test_work_on_a_lease_that_ran_out_is_kept_and_counts(house: House) -> None:
    project_id = house.project(1, overlap=1)
    task = house.next(project_id)
    with house.database.write() as session:
        session.execute(sa.update(Assignment).values(lease_until=now() - timedelta(minutes=1)))
    other = house.next(project_id, BEN)
    assert other["task"] == task["task"] and house.row(task["assignment"]).state == "expired"
    with pytest.raises(Conflict, match="still counts"):
        house.queue.renew(LOCAL, task["assignment"])
    house.save(task)
    assert house.row(task["assignment"]).state == "submitted"
    assert (house.projects.get(LOCAL, project_id))["judged"] == 1
    house.save(other, BEN)
    with house.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Judgement).where(Judgement.state == "submitted")) == 2


def test_a_submitted_task_may_be_corrected_but_not_over_a_newer_version(house: House) -> None:
    task = house.next(house.project(1))
    house.save(task, note="first")
    with pytest.raises(StaleJudgement) as refused:
        house.save(task, idempotency_key="k2", note="second")
    assert (refused.value.yours["note"], refused.value.newest["note"]) == ("second", "first")
    saved = house.save(task, idempotency_key="k2", base_version=1, note="second")
    assert saved.created and saved.judgement["version"] == 2


def test_putting_off_renewing_and_the_end_of_a_project(house: House) -> None:
    project_id = house.project(1)
    task = house.next(project_id)
    with house.database.write() as session:
        session.execute(sa.update(Assignment).values(lease_until=now() + timedelta(minutes=1)))
    until = (house.queue.renew(LOCAL, task["assignment"]))["lease_until"]
    assert until > (now() + timedelta(minutes=50)).isoformat()
    assert house.queue.later(LOCAL, task["assignment"]) == {}
    assert (house.projects.get(LOCAL, project_id))["mine"]["later"] == 1
    assert (house.next(project_id))["assignment"] == task["assignment"]
    house.save(task)
    for refused in (house.queue.later, house.queue.renew):
        with pytest.raises(Conflict, match="finished"):
            refused(LOCAL, task["assignment"])
    answer = house.queue.next(LOCAL, project_id)
    assert answer["task"] is None and answer["left"] == 0 and "every task" in answer["why"]
    house.projects.update(LOCAL, project_id, {"state": "closed"})
    assert "closed" in (house.queue.next(LOCAL, project_id))["why"]


def test_nobody_opens_what_is_somebody_elses_and_visitors_open_nothing(house: House) -> None:
    project_id = house.project(1)
    task = house.next(project_id)
    for refused in (house.queue.get, house.queue.later, house.queue.renew, house.judgements.for_assignment):
        with pytest.raises(NotFound):
            refused(BEN, task["assignment"])
    for refused in (house.queue.next, house.queue.mine, house.projects.get):
        with pytest.raises(Forbidden):
            refused(VISITOR, project_id)
        with pytest.raises(NotFound):
            refused(BEN, "none")
