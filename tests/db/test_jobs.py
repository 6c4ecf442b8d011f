"""The queue on both databases: enqueued with other work or not at all, taken once, held under a lease, ended once, told without gaps."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from app.ranking.errors import Conflict, InputError, NotFound
from db.models import Collection
from db.models_loop import Job, Schedule
from db.session import Database
from db.store import collections, jobs, schedules, workers
from db.store.jobs import Ending, Lease, NewJob
from db.store.schedules import NewSchedule

KINDS = ("index",)


def enqueue(database: Database, key: str = "a", **arguments: object) -> str:
    with database.write() as session:
        return jobs.enqueue(session, NewJob(kind="index", idempotency_key=key, arguments=arguments))[0].id


def take(database: Database, worker: str = "one", seconds: float = 60.0) -> Lease | None:
    with database.write() as session:
        taken = jobs.take(session, worker, KINDS, seconds)
    return taken[1] if taken else None


def taken(database: Database, worker: str = "one", seconds: float = 60.0) -> Lease:
    lease = take(database, worker, seconds)
    assert lease is not None
    return lease


def end(database: Database, lease: Lease, ending: Ending) -> bool:
    with database.write() as session:
        return jobs.end(session, lease, ending)


def job(database: Database, job_id: str) -> Job:
    with database.read() as session:
        return jobs.get(session, job_id)


def events(database: Database, job_id: str) -> list[tuple[int, str]]:
    with database.read() as session:
        return [(event.number, event.kind) for event in jobs.events(session, job_id)]


def test_a_key_makes_one_job_and_is_refused_with_other_arguments(database: Database) -> None:
    first = enqueue(database, "a", n=1, text="a\x00b")
    assert enqueue(database, "a", n=1, text="a\x00b") == first
    with pytest.raises(Conflict, match="other arguments"):
        enqueue(database, "a", n=2)
    with database.write() as session:
        other, is_new = jobs.enqueue(session, NewJob(kind="dataset", idempotency_key="a"))
    assert is_new and other.id != first


def test_a_job_is_there_with_what_its_transaction_wrote_or_not_at_all(database: Database) -> None:
    row = Collection(id="c" * 64, name="x", kind="upload", passages=1, state="indexing", licence="", owner_id=None)

    def both(session_fails: bool) -> None:
        with database.write() as session:
            collections.put(session, row)
            jobs.enqueue(session, NewJob(kind="index", idempotency_key=row.id, arguments={"collection": row.id}))
            if session_fails:
                raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        both(session_fails=True)
    with database.read() as session:
        assert (jobs.newest(session), collections.every(session)) == ([], [])
    both(session_fails=False)
    with database.read() as session:
        assert (len(jobs.newest(session)), len(collections.every(session))) == (1, 1)


def test_the_oldest_job_of_a_kind_is_taken_and_nobody_else_gets_it(database: Database) -> None:
    first, second = enqueue(database, "a"), enqueue(database, "b")
    with database.write() as session:
        jobs.enqueue(session, NewJob(kind="other", idempotency_key="c"))
    assert (taken(database, "one").job_id, taken(database, "two").job_id) == (first, second)
    assert take(database, "three") is None
    row = job(database, first)
    assert (row.state, row.worker, row.attempt) == ("running", "one", 1) and row.started is not None


def test_two_hundred_jobs_and_four_takers_none_twice_none_lost(database: Database) -> None:
    with database.write() as session:
        made = {jobs.enqueue(session, NewJob(kind="index", idempotency_key=str(number)))[0].id for number in range(200)}
    got: list[str] = []
    failures: list[BaseException] = []

    def worker(name: str) -> None:
        try:
            while (lease := take(database, name)) is not None:
                got.append(lease.job_id)
                assert end(database, lease, Ending(state="finished"))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=worker, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Counter(got) == dict.fromkeys(made, 1)
    with database.read() as session:
        assert {row.state for row in jobs.newest(session)} == {"finished"} and jobs.waiting(session) == 0


def test_whoever_comes_back_after_the_lease_can_write_nothing(database: Database) -> None:
    job_id = enqueue(database)
    late = taken(database, "late", seconds=-1.0)
    held = taken(database, "quick")
    assert (held.job_id, held.attempt) == (job_id, 2)
    with database.write() as session:
        assert jobs.beat(session, late, 0.9, "almost done") is None
        assert jobs.wanted(session, late) is None
        assert not jobs.say(session, late, [("log", {"text": "late"})])
        assert not jobs.end(session, late, Ending(state="finished", result={"by": "late"}))
        assert not jobs.give_back(session, late)
        assert jobs.beat(session, held, 0.5, "half") is False
        assert jobs.end(session, held, Ending(state="finished", result={"by": "quick"}))
    row = job(database, job_id)
    assert (row.state, row.result, row.progress, row.doing) == ("finished", {"by": "quick"}, 1.0, "")
    assert events(database, job_id) == [(1, "end")]
    with database.write() as session:
        assert not jobs.end(session, held, Ending(state="failed", error="twice"))


def test_a_heartbeat_keeps_a_job_that_would_else_be_taken(database: Database) -> None:
    enqueue(database)
    late = taken(database, "slow", seconds=-1.0)
    with database.write() as session:
        assert jobs.beat(session, Lease(job_id=late.job_id, worker_id="slow", attempt=1, seconds=60.0), 0.1, "") is False
    assert take(database, "other") is None


def test_a_job_that_ends_its_workers_five_times_fails_and_a_clean_stop_does_not_count(database: Database) -> None:
    job_id = enqueue(database)
    for _ in range(3):
        lease = taken(database)
        with database.write() as session:
            assert jobs.give_back(session, lease)
        assert (job(database, job_id).state, job(database, job_id).attempt) == ("queued", 0)
    for attempt in range(1, 6):
        assert taken(database, f"w{attempt}", seconds=-1.0).attempt == attempt
    assert take(database) is None
    row = job(database, job_id)
    assert row.state == "failed" and "5 times" in row.error
    assert events(database, job_id) == [(1, "end")]


def test_cancel_ends_what_waits_and_what_nobody_holds_and_asks_the_one_who_holds_it(database: Database) -> None:
    waits, held, dead = enqueue(database, "a"), "", ""
    with database.write() as session:
        assert jobs.cancel(session, waits).state == "cancelled"
    held = enqueue(database, "b")
    lease = taken(database)
    dead = enqueue(database, "c")
    taken(database, "gone", seconds=-1.0)
    with database.write() as session:
        assert jobs.cancel(session, dead).state == "cancelled"
        assert jobs.cancel(session, held).state == "running"
        assert jobs.wanted(session, lease) is True and jobs.beat(session, lease, 0.2, "") is True
        assert jobs.end(session, lease, Ending(state="cancelled"))
        assert jobs.cancel(session, held).state == "cancelled"
        with pytest.raises(NotFound):
            jobs.cancel(session, "nothing")
    assert take(database) is None
    assert events(database, waits) == events(database, dead) == events(database, held) == [(1, "end")]


def test_a_job_whose_worker_died_after_it_was_to_be_cancelled_is_not_taken_again(database: Database) -> None:
    job_id = enqueue(database)
    lease = taken(database)
    with database.write() as session:
        jobs.cancel(session, job_id)
        session.execute(update(Job).values(lease_until=datetime(2000, 1, 1, tzinfo=UTC)))
    assert take(database) is None and job(database, lease.job_id).state == "cancelled"


def test_events_of_many_writers_are_numbered_from_one_without_gaps(database: Database) -> None:
    job_id = enqueue(database)
    lease = taken(database)

    def say(name: str) -> None:
        for number in range(10):
            with database.write() as session:
                assert jobs.say(session, lease, [("log", {"text": f"{name} {number} a"}), ("log", {"text": f"{name} {number} b"})])

    threads = [threading.Thread(target=say, args=(name,)) for name in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        found = jobs.events(session, job_id)
        assert [event.number for event in found] == list(range(1, 61))
        assert [event.data["text"][2:] for event in found if event.data["text"][0] == "x"] == [f"{n} {c}" for n in range(10) for c in "ab"]
        assert [event.number for event in jobs.events(session, job_id, after=57)] == [58, 59, 60]
        assert [event.number for event in jobs.last_events(session, job_id, "log", 2)] == [59, 60]


# Workers.


def test_a_worker_is_alive_while_it_is_heard_and_no_longer_listed_when_it_has_left(database: Database) -> None:
    with database.write() as session:
        here = workers.register(session, "here-1", {"kinds": ["index"], "recipes": [], "teachers": ["nano"]})
        gone, left = workers.register(session, "gone-2", {}), workers.register(session, "left-3", {})
        workers.leave(session, left)
        silent = workers.get(session, gone)
        silent.heartbeat -= timedelta(seconds=workers.ALIVE_SECONDS + 1)
    with database.read() as session:
        assert {seen.row.name: seen.alive for seen in workers.listed(session)} == {"here-1": True, "gone-2": False}
        assert [(row.id, row.offers["teachers"]) for row in workers.living(session)] == [(here, ["nano"])]
    job_id = enqueue(database)
    with database.write() as session:
        workers.beat(session, gone, job_id)
    with database.read() as session:
        assert {row.id for row in workers.living(session)} == {here, gone} and workers.get(session, gone).job_id == job_id


# Schedules.

MONDAY = datetime(2026, 3, 2, 3, tzinfo=UTC)


def schedule(database: Database, name: str = "weekly", cron: str = "0 3 * * 1", **changes: object) -> str:
    with database.write() as session:
        new = NewSchedule(name=name, cron=cron, kind="index", arguments={"n": 1}, **changes)  # type: ignore[arg-type]
        return schedules.create(session, new).id


def missed(database: Database, schedule_id: str, at: datetime = MONDAY) -> None:
    with database.write() as session:
        session.execute(update(Schedule).where(Schedule.id == schedule_id).values(next_at=at))


def test_a_schedule_that_was_missed_for_weeks_makes_one_job_and_moves_on(database: Database) -> None:
    schedule_id = schedule(database)
    with database.write() as session:
        assert not schedules.is_due(session) and schedules.enqueue_due(session) == []
    missed(database, schedule_id)
    with database.write() as session:
        assert schedules.is_due(session)
        made = schedules.enqueue_due(session)
        assert [(one.kind, one.arguments, one.schedule_id) for one in made] == [("index", {"n": 1}, schedule_id)]
        assert schedules.enqueue_due(session) == []
        row = schedules.every(session)[0]
        assert row.next_at is not None and row.next_at > datetime.now(UTC) and (row.next_at.weekday(), row.next_at.hour) == (0, 3)


def test_no_second_job_waits_for_a_schedule_whose_first_one_waits(database: Database) -> None:
    schedule_id = schedule(database)
    for number in range(3):
        missed(database, schedule_id, MONDAY + timedelta(weeks=number))
        with database.write() as session:
            assert len(schedules.enqueue_due(session)) == (number == 0)
    assert taken(database).job_id
    missed(database, schedule_id, MONDAY + timedelta(weeks=3))
    with database.write() as session:
        assert len(schedules.enqueue_due(session)) == 1


def test_workers_that_race_for_a_due_schedule_make_one_job(database: Database) -> None:
    missed(database, schedule(database))
    start, made = threading.Barrier(4), []

    def worker() -> None:
        start.wait()
        with database.write() as session:
            made.extend(schedules.enqueue_due(session))

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert len(made) == len(jobs.newest(session)) == 1


@pytest.mark.parametrize(
    ("cron", "zone", "words"),
    [
        ("61 * * * *", "UTC", "Bad minute"),
        ("0 3 * *", "UTC", "has 4 fields"),
        ("0 0 3 * * 1", "UTC", "has 6 fields"),
        ("0 0 31 2 *", "UTC", "Bad day-of-month"),
        ("0 3 * * 1", "Mars/Olympus", "time zone 'Mars/Olympus' is unknown"),
        ("0 3 * * 1", "../secret", "is unknown"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(cron: str, zone: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        schedules.next_time(cron, zone, MONDAY)


def test_times_follow_the_clock_of_the_zone_over_the_change_to_summer_time() -> None:
    # Berlin leaves out 02:00 to 03:00 on 29 March 2026: UTC+1 before, UTC+2 after.
    days = schedules.upcoming("30 2 * * *", "Europe/Berlin", datetime(2026, 3, 28, 0, tzinfo=UTC))
    assert [day.astimezone(UTC).strftime("%d %H:%M") for day in days] == ["28 01:30", "29 01:00", "30 00:30"]
    # In autumn 02:00 to 03:00 comes twice on 25 October: the job runs once.
    days = schedules.upcoming("30 2 * * *", "Europe/Berlin", datetime(2026, 10, 24, 12, tzinfo=UTC), 2)
    assert [day.astimezone(UTC).strftime("%d %H:%M") for day in days] == ["25 00:30", "26 01:30"]
    assert schedules.says("0 3 * * 1") == "At 03:00 on Monday"


def test_a_schedule_can_be_changed_paused_and_removed_and_its_jobs_stay(database: Database) -> None:
    schedule_id = schedule(database)
    schedule(database, "other")
    missed(database, schedule_id)
    with database.write() as session:
        job_id = schedules.enqueue_due(session)[0].id
        changed = schedules.change(session, schedule_id, {"cron": "15 4 * * *", "enabled": False})
        assert changed.next_at is not None and (changed.next_at.hour, changed.next_at.minute) == (4, 15)
    missed(database, schedule_id)
    with pytest.raises(Conflict, match="'other' already"), database.write() as session:
        schedules.change(session, schedule_id, {"name": "other"})
    with pytest.raises(InputError), database.write() as session:
        schedules.change(session, schedule_id, {"cron": "never"})
    with database.write() as session:
        assert not schedules.is_due(session) and schedules.enqueue_due(session) == []
        schedules.delete(session, schedule_id)
        with pytest.raises(NotFound):
            schedules.delete(session, schedule_id)
        assert [row.name for row in schedules.every(session)] == ["other"] and jobs.get(session, job_id).schedule_id is None


def test_a_schedule_may_count_judgements_instead_of_following_the_clock(database: Database) -> None:
    schedule_id = schedule(database, cron="", judgements=25)
    with database.write() as session:
        row = schedules.every(session)[0]
        assert (row.cron, row.judgements, row.counted, row.next_at) == ("", 25, 0, None)
        assert not schedules.is_due(session) and schedules.enqueue_due(session) == []
        assert schedules.change(session, schedule_id, {"judgements": 50}).judgements == 50
        row = schedules.change(session, schedule_id, {"cron": "0 3 * * 1"})
        assert (row.cron, row.judgements) == ("0 3 * * 1", None) and row.next_at is not None
        row = schedules.change(session, schedule_id, {"judgements": 5})
        assert (row.cron, row.judgements, row.next_at) == ("", 5, None)
        assert schedules.change(session, schedule_id, {"enabled": False}).judgements == 5


@pytest.mark.parametrize("changes", [{"cron": ""}, {"cron": "0 3 * * 1", "judgements": 5}, {"cron": "", "judgements": 0}])
def test_a_schedule_follows_either_the_clock_or_judgements(database: Database, changes: dict[str, object]) -> None:
    with pytest.raises(InputError):
        schedule(database, **changes)  # type: ignore[arg-type]
