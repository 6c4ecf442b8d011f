"""Tasks and assignments on both databases: rooms, leases, and what happens when many people ask at once."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.ranking.errors import Conflict, NotFound
from app.services.actors import Actor
from app.services.projects import DEFAULTS
from app.services.queue import Queue
from db.models import now
from db.models_projects import Assignment, Guideline, Task
from db.session import Database
from db.store import actors, assignments, judgements, lists, projects, tasks
from db.store.judgements import NewJudgement, Stale, thread_of
from db.store.tasks import NewTask
from tests.db.test_store import ANN, candidates


def actor(number: int) -> Actor:
    return Actor(id=f"00000000-0000-7000-8000-0000000001{number:02d}", name=f"Person {number}", roles=frozenset({"visitor", "annotator"}))


def project(database: Database, n: int, *, people: int = 1, kind: str = "plain", **rules: object) -> str:
    """A project without tutorial with n tasks, and people 0.. who may work in it; its id."""
    with database.write() as session:
        actors.ensure(session, ANN, "Ann", {"admin"})
        for number in range(people):
            actors.ensure(session, actor(number).id, actor(number).name, {"annotator"})
        values = {**DEFAULTS, "name": "A", "tutorial": False, "gold_share": 0.0, **rules}
        made = projects.create(session, ANN, values)
        projects.add_guideline(session, made.id, "Be kind.")
        add(session, made.id, n, kind=kind, wanted=made.overlap)
        return made.id


def add(session: sa.orm.Session, project_id: str, n: int, *, kind: str = "plain", wanted: int = 1, name: str = "why") -> list[str]:
    new = [NewTask(list_id=lists.put(session, candidates(3, f"{name} {kind} {number}?"))) for number in range(n)]
    assert tasks.add(session, project_id, new, kind=kind, wanted=wanted) == n
    return [one.list_id for one in new]


def by_hand(session: sa.orm.Session, assignment_id: str, **values: object) -> None:
    session.execute(sa.update(Assignment).where(Assignment.id == assignment_id).values(values))


def done(database: Database, assignment_id: str, state: str = "submitted") -> None:
    with database.write() as session:
        row = session.get_one(Assignment, assignment_id)
        assignments.finish(session, row, state)
        tasks.settle(session, row.task_id)


def given(queue: Queue, person: int, project_id: str) -> str:
    """The assignment that a person gets next, empty for none."""
    task = queue._next(actor(person), project_id)["task"]
    return "" if task is None else str(task["assignment"])


def task_of(database: Database, assignment_id: str) -> str:
    with database.read() as session:
        return session.get_one(Assignment, assignment_id).task_id


def test_the_same_list_is_a_task_of_a_kind_once(database: Database) -> None:
    project_id = project(database, 3)
    with database.write() as session:
        again = lists.put(session, candidates(3, "why plain 0?"))
        new = [NewTask(list_id=again, topic="q 1/2"), NewTask(list_id=lists.put(session, candidates(3, "new?")), topic="q\x002")]
        assert tasks.add(session, project_id, [*new, new[1]], kind="plain", wanted=1) == 1
        assert tasks.add(session, project_id, new[:1], kind="gold", wanted=1) == 1
    with database.read() as session:
        rows = session.scalars(sa.select(Task).where(Task.kind == "plain").order_by(Task.number)).all()
        assert len({row.number for row in rows}) == 4 and rows[-1].topic == "q\ufffd2" and rows[-1].gold is None
        assert session.scalar(sa.select(sa.func.count()).where(Task.gold.is_not(None))) == 0
        assert projects.progress(session, [project_id])[project_id] == projects.Progress(tasks=4, judged=0, tutorial=0)


def test_guidelines_are_only_ever_followed_by_newer_ones(database: Database) -> None:
    project_id = project(database, 0)
    with database.write() as session:
        second = projects.add_guideline(session, project_id, "Be kinder.")
    with database.read() as session:
        newest = projects.guideline(session, project_id)
        assert newest is not None and (newest.id, newest.version) == (second.id, 2)
        assert session.scalars(sa.select(Guideline.text).order_by(Guideline.version)).all() == ["Be kind.", "Be kinder."]
    with pytest.raises(Conflict, match="'A' already"), database.write() as session:
        projects.create(session, ANN, {**DEFAULTS, "name": "A"})
    with pytest.raises(NotFound), database.read() as session:
        projects.get(session, "none")


@pytest.mark.parametrize("state", ["skipped", "flagged", "cannot_judge", "later"])
def test_who_gives_a_task_back_makes_room_for_another_and_does_not_get_it_anew(database: Database, state: str) -> None:
    project_id, queue = project(database, 1, people=2, overlap=1), Queue(database)
    first = given(queue, 0, project_id)
    assert given(queue, 1, project_id) == ""
    done(database, first, state)
    assert task_of(database, given(queue, 1, project_id)) == task_of(database, first)
    assert given(queue, 0, project_id) == ""


def test_a_task_is_done_when_as_many_submitted_as_wanted(database: Database) -> None:
    project_id, queue = project(database, 1, people=3, overlap=2), Queue(database)
    for person in (0, 1):
        done(database, given(queue, person, project_id))
    assert given(queue, 2, project_id) == ""
    with database.write() as session:
        assert session.scalar(sa.select(Task.state)) == "done"
        assert projects.progress(session, [project_id])[project_id].judged == 1
        projects.update(session, project_id, {"overlap": 3})
        tasks.want(session, project_id, 3)
    assert given(queue, 2, project_id) != ""


def test_a_lease_that_ran_out_makes_room_and_comes_back_where_nobody_took_it(database: Database) -> None:
    project_id, queue = project(database, 1, people=2, overlap=1), Queue(database)
    first = given(queue, 0, project_id)
    past = now() - timedelta(seconds=1)
    with database.write() as session:
        by_hand(session, first, lease_until=past)
    assert given(queue, 0, project_id) == first
    with database.write() as session:
        by_hand(session, first, lease_until=past)
    second = given(queue, 1, project_id)
    assert task_of(database, second) == task_of(database, first)
    with database.read() as session:
        assert session.get_one(Assignment, first).state == "expired"
    assert given(queue, 0, project_id) == ""
    done(database, second, "skipped")
    assert given(queue, 0, project_id) == first


def test_what_was_put_off_comes_back_when_nothing_else_is_left(database: Database) -> None:
    project_id, queue = project(database, 2, overlap=1), Queue(database)
    first = given(queue, 0, project_id)
    done(database, first, "later")
    second = given(queue, 0, project_id)
    assert second != first
    done(database, second)
    assert given(queue, 0, project_id) == first


@pytest.mark.parametrize("overlap", [1, 3])
def test_sixteen_people_at_once_never_exceed_the_overlap_and_leave_nothing(database: Database, overlap: int) -> None:
    people, n = 16, 10
    project_id = project(database, n, people=people, overlap=overlap, audit_share=0.5)
    queue, start = Queue(database), threading.Barrier(people)
    most: list[int] = []

    def work(person: int) -> None:
        chance = random.Random(person)
        start.wait()
        while assignment := given(queue, person, project_id):
            with database.read() as session:
                took = sa.select(sa.func.count()).where(tasks.takes_room()).group_by(Assignment.task_id)
                most.append(max(session.scalars(took), default=0))
            done(database, assignment, "skipped" if chance.random() < 0.1 else "submitted")

    with ThreadPoolExecutor(people) as pool:
        for waited in [pool.submit(work, person) for person in range(people)]:
            waited.result()
    with database.read() as session:
        rows: Sequence[Assignment] = session.scalars(sa.select(Assignment)).all()
        states = session.scalars(sa.select(Task.state)).all()
    submitted = Counter(row.task_id for row in rows if row.state == "submitted")
    assert max(most) <= overlap and set(submitted.values()) == {overlap} and len(submitted) == n
    assert len({(row.task_id, row.actor_id) for row in rows}) == len(rows)
    assert states == ["done"] * n


def test_one_person_in_sixteen_tabs_has_one_task_in_hand(database: Database) -> None:
    project_id, queue = project(database, 30), Queue(database)
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _: given(queue, 0, project_id), range(16)))) == 1


def test_two_who_submit_at_once_close_the_task(database: Database) -> None:
    """Each would count the other's assignment as unfinished, were the task not locked."""
    project_id, queue = project(database, 8, people=2, overlap=2, audit_share=0.0), Queue(database)
    for _ in range(8):
        both = [given(queue, person, project_id) for person in (0, 1)]
        assert task_of(database, both[0]) == task_of(database, both[1])
        start = threading.Barrier(2)

        def work(assignment: str, start: threading.Barrier = start) -> None:
            start.wait()
            done(database, assignment)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(work, both))
    with database.read() as session:
        assert set(session.scalars(sa.select(Task.state))) == {"done"}


def test_a_task_has_a_thread_of_its_own_and_keeps_how_it_was_drawn(database: Database) -> None:
    project_id, queue = project(database, 1, people=1, overlap=1), Queue(database)
    assignment = given(queue, 0, project_id)
    with database.write() as session:
        held = assignments.own(session, assignment, actor(0).id)
        shown = held.assignment.shown_order
        new = NewJudgement(
            actor_id=actor(0).id, list_id=held.task.list_id, idempotency_key="k", base_version=0, state="draft", order=[["p1"]],
            shown_order=shown, task_id=held.task.id, assignment_id=assignment, spans=[{"passage_id": "p1", "start": 0, "end": 2}],
            selection_probability=held.assignment.probability, selection_reason="priority", selection_pool=1, licence="CC0-1.0",
        )  # fmt: skip
        row, created = judgements.save(session, new)
        assert created and row.thread == thread_of(actor(0).id, held.task.list_id, held.task.id) != thread_of(
            actor(0).id, held.task.list_id
        )
        assert judgements.newest_of(session, actor(0).id, held.task.list_id) is None
        assert judgements.newest_of(session, actor(0).id, held.task.list_id, task_id=held.task.id) is row
        again, created = judgements.save(session, replace(new, licence="another meanwhile"))
        assert again is row and not created
        with pytest.raises(Stale):
            judgements.save(session, replace(new, idempotency_key="k2"))
        with pytest.raises(Conflict):
            judgements.save(session, replace(new, note="other"))
        later, _ = judgements.save(session, replace(new, idempotency_key="k3", base_version=1, state="submitted"))
        found = judgements.versions(session, actor(0).id, held.task.list_id, task_id=held.task.id)
        assert [one.version for one in found] == [2, 1] and found[0] is later
    with pytest.raises(NotFound), database.read() as session:
        assignments.own(session, assignment, ANN)
