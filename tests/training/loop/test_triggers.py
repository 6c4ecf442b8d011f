"""Updates that begin by themselves: each time that so many trusted judgements are new, once, and not beside one that is under way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from app.ranking.holdout import is_holdout
from db.models_loop import Job, Schedule
from db.models_people import Judgement
from db.session import Database
from db.store import jobs, schedules, triggers
from db.store.schedules import NewSchedule
from training.jobs import KINDS
from training.jobs.context import Context
from training.worker import Terms, Worker

from .house import House, free, furnish


@pytest.fixture
def house(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """With three trusted judgements."""
    return furnish(database, tmp_path, monkeypatch)


def scheduled(house: House, count: int, counted: int = 0) -> str:
    with house.database.write() as session:
        new = NewSchedule(name=f"every {count}", cron="", kind="update", arguments={"recipe": "small"}, judgements=count)
        row = schedules.create(session, new)
        row.counted = counted
        return row.id


def due(house: House) -> bool:
    with house.database.read() as session:
        return triggers.is_due(session)


def fired(house: House) -> list[Job]:
    with house.database.write() as session:
        return triggers.enqueue_due(session)


def counted(house: House, schedule_id: str) -> int:
    with house.database.read() as session:
        return session.get_one(Schedule, schedule_id).counted


def test_it_fires_at_so_many_new_ones_and_not_before(house: House) -> None:
    schedule_id = scheduled(house, 4)
    assert not due(house) and fired(house) == []
    house.judge(free(4)[3])
    assert due(house)
    (job,) = fired(house)
    assert (job.kind, job.arguments, job.schedule_id, job.state) == ("update", {"recipe": "small"}, schedule_id, "queued")
    assert counted(house, schedule_id) == 4 and not due(house) and fired(house) == []


def test_the_next_one_waits_for_as_many_again_and_for_the_end_of_the_first(house: House) -> None:
    scheduled(house, 2, counted=1)
    (job,) = fired(house)
    for query in free(6)[3:6]:
        house.judge(query)
    assert not due(house) and fired(house) == []
    with house.database.write() as session:
        session.get_one(Job, job.id).state = "running"
    assert not due(house) and fired(house) == []
    house.end(job.id)
    assert due(house)
    (second,) = fired(house)
    assert second.id != job.id


def test_what_does_not_train_does_not_count(house: House) -> None:
    scheduled(house, 4)
    house.judge("who is not to be trusted with an oven", trust=0.2)
    held = next(query for query in (f"a question of number {n}" for n in range(100)) if is_holdout(query))
    house.judge(held)
    assert not due(house)


def test_after_a_withdrawal_it_counts_on_from_what_is_left(house: House) -> None:
    schedule_id = scheduled(house, 1, counted=3)
    with house.database.write() as session:
        session.execute(delete(Judgement).where(Judgement.idempotency_key == free(1)[0]))
    assert due(house) and fired(house) == [] and counted(house, schedule_id) == 2
    house.judge(free(4)[3])
    assert len(fired(house)) == 1 and counted(house, schedule_id) == 3


def test_one_that_is_turned_off_and_one_by_the_clock_are_left_alone(house: House) -> None:
    schedule_id = scheduled(house, 1)
    with house.database.write() as session:
        session.get_one(Schedule, schedule_id).enabled = False
        schedules.create(session, NewSchedule(name="weekly", cron="0 3 * * 1", kind="update"))
    assert not due(house) and fired(house) == []
    with house.database.read() as session:
        assert jobs.newest(session) == []


def done(_context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The handler of the next test."""
    return dict(arguments)


def test_a_worker_acts_on_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule_id = scheduled(house, 3)
    monkeypatch.setitem(KINDS, "update", f"{__name__}:done")
    Worker(house.settings, house.database, Terms(once=True)).run()
    with house.database.read() as session:
        (job,) = jobs.newest(session)
    assert (job.state, job.result, job.schedule_id) == ("finished", {"recipe": "small"}, schedule_id)
