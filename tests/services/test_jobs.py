"""Jobs as the page sees them, uploads that become jobs, and the worker process beside the server."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.ranking.errors import BackendBusy, Conflict, Forbidden, InputError, NotFound, StoreError
from app.services import indexing, worker_process
from app.services.actors import LOCAL, VISITOR, Actor
from app.services.jobs import Jobs, NewJob, NewSchedule, about, check
from app.services.library import Library
from app.services.runs import RunRequest
from app.settings import Settings
from db.session import Database
from db.store import actors, jobs, workers
from db.store.jobs import Ending, Lease
from training.jobs import index as index_job
from training.worker import Terms, Worker

RESEARCHER = Actor(id="00000000-0000-7000-8000-0000000000ab", name="Rae", roles=frozenset({"researcher"}))
LINES = [{"id": "sun", "text": "Solar panels turn light into current."}, {"id": "tea", "text": "Tea cools in a thin cup."}]
SYNTHESIZE: dict[str, Any] = {"recipe": "demo", "text": "", "teacher": "", "limit": 5}


@pytest.fixture
def settings(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a studio whose embedding model is not installed, so that indexing is quick."""
    monkeypatch.setattr(index_job, "default_embedder", lambda: None)
    with database.write() as session:
        for actor in (LOCAL, RESEARCHER):
            actors.ensure(session, actor.id, actor.name, actor.roles)
    return Settings(data_dir=tmp_path)


@pytest.fixture
def library(database: Database, settings: Settings) -> Library:
    return Library(settings, database)


async def chunks(lines: list[dict[str, str]]) -> AsyncIterator[bytes]:
    for line in lines:
        yield (json.dumps(line) + "\n").encode()


def upload(library: Library, lines: list[dict[str, str]] = LINES, name: str = "lights.jsonl") -> dict[str, Any]:
    return asyncio.run(library.upload(LOCAL, name, "jsonl", chunks(lines)))


def listed(library: Library) -> list[dict[str, Any]]:
    return list(asyncio.run(library.list(LOCAL)))


def work(settings: Settings, database: Database) -> None:
    Worker(settings, database, Terms(once=True)).run()


def alive(database: Database) -> str:
    with database.write() as session:
        return workers.register(session, "here-1", {"kinds": ["index"]})


# Uploads.


def test_an_upload_waits_for_a_worker_is_indexed_by_one_and_then_found(database: Database, settings: Settings, library: Library) -> None:
    made = upload(library)
    assert (made["state"], made["progress"], made["doing"]) == ("indexing", 0.0, "waiting for a worker")
    ask = RunRequest(query="How does light become current?", collection=made["id"], model="nano", depth=2)
    with pytest.raises(BackendBusy, match="no worker is there"):
        library.find(ask)
    alive(database)
    assert listed(library)[0]["doing"] == "waiting for its turn"
    with pytest.raises(BackendBusy, match="is being indexed"):
        library.find(ask)
    work(settings, database)
    assert listed(library) == [made | {"state": "ready", "progress": 1.0, "doing": ""}]
    before = {path.name: path.stat().st_mtime_ns for path in (settings.data_dir / "cache").iterdir()}
    assert library.find(ask).candidates.passages[0].id == "sun"
    assert {path.name: path.stat().st_mtime_ns for path in (settings.data_dir / "cache").iterdir()} == before, "it was indexed twice"


def test_progress_and_what_is_done_come_from_the_job_of_a_collection(database: Database, library: Library) -> None:
    upload(library)
    worker = alive(database)
    with database.write() as session:
        taken = jobs.take(session, worker, ["index"], 60.0)
        assert taken is not None
        jobs.beat(session, taken[1], 0.4, "vectors")
    (told,) = listed(library)
    assert (told["state"], told["progress"], told["doing"]) == ("indexing", 0.4, "vectors")


def test_a_collection_and_its_job_are_stored_together_or_not_at_all(
    database: Database, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "enqueue", broken)
        with pytest.raises(StoreError, match="full"):
            upload(library)
    assert listed(library) == []
    first = upload(library)
    again = upload(library, name="other.jsonl")
    assert first["id"] == again["id"]
    with database.read() as session:
        assert [job.arguments for job in jobs.newest(session)] == [{"collection": first["id"]}]


def test_what_could_not_be_indexed_says_why_and_can_be_uploaded_again(database: Database, settings: Settings, library: Library) -> None:
    made = upload(library)
    shutil.rmtree(settings.data_dir / "collections" / made["id"])
    work(settings, database)
    (told,) = listed(library)
    assert told["state"] == "failed" and told["error"]
    with pytest.raises(InputError, match="could not be indexed"):
        library.find(RunRequest(query="x", collection=made["id"], model="nano", depth=2))
    with database.read() as session:
        assert jobs.newest(session)[0].state == "failed" and "lights.jsonl" in jobs.newest(session)[0].error
    assert upload(library)["state"] == "indexing"
    work(settings, database)
    assert listed(library)[0]["state"] == "ready"


@pytest.mark.parametrize("how", ["cancelled", "worn"])
def test_a_collection_whose_job_was_ended_for_it_has_failed(database: Database, library: Library, how: str) -> None:
    upload(library)
    with database.write() as session:
        if how == "cancelled":
            jobs.cancel(session, jobs.newest(session)[0].id)
        else:
            for _ in range(jobs.ATTEMPTS):
                assert jobs.take(session, "w", ["index"], -1.0)
            assert jobs.take(session, "w", ["index"], -1.0) is None
    (told,) = listed(library)
    assert told["state"] == "failed" and ("cancelled" if how == "cancelled" else "5 times") in told["error"]


def test_collections_of_an_older_version_that_were_not_indexed_get_a_job(database: Database, library: Library) -> None:
    made = upload(library)
    with database.write() as session:
        session.delete(jobs.newest(session)[0])
    with database.write() as session:
        indexing.adopt(session)
        indexing.adopt(session)
        assert [job.arguments for job in jobs.newest(session)] == [{"collection": made["id"]}]


def test_an_indexing_that_was_killed_is_done_again_with_the_same_files(database: Database, settings: Settings, library: Library) -> None:
    made = upload(library)
    with database.write() as session:
        assert jobs.take(session, "killed", ["index"], -1.0)
    left = settings.data_dir / "cache" / ".making-half"
    left.mkdir(parents=True)
    (left / "part").write_text("half")
    work(settings, database)
    assert listed(library)[0]["state"] == "ready"
    with database.read() as session:
        assert (jobs.newest(session)[0].attempt, jobs.newest(session)[0].arguments) == (2, {"collection": made["id"]})


# The service.


@pytest.fixture
def service(database: Database, settings: Settings) -> Jobs:
    return Jobs(database)


def new(key: str = "k1", **arguments: object) -> NewJob:
    return NewJob(kind="synthesize", idempotency_key=key, arguments=SYNTHESIZE | arguments)


def test_a_job_is_started_once_by_key_and_told_to_researchers(database: Database, service: Jobs) -> None:
    first, again = (asyncio.run(service.start(LOCAL, new())) for _ in range(2))
    assert (first.created, again.created) == (True, False) and first.job["id"] == again.job["id"]
    with pytest.raises(Conflict):
        asyncio.run(service.start(LOCAL, new(limit=6)))
    told = asyncio.run(service.list(RESEARCHER))
    assert told["waiting"] == 1 and told["workers"] == []
    (job,) = told["jobs"]
    assert job["about"] == "Synthesize training data by the recipe demo, at most 5 items" and job["state"] == "queued"
    assert (job["progress"], job["attempt"], job["worker"], job["cancel"], job["result"]) == (0.0, 0, "", False, None)


def test_who_may_do_what(service: Jobs) -> None:
    job = asyncio.run(service.start(LOCAL, new())).job
    for actor, call in (
        (VISITOR, service.list(VISITOR)),
        (RESEARCHER, service.start(RESEARCHER, new())),
        (RESEARCHER, service.cancel(RESEARCHER, job["id"])),
        (VISITOR, service.schedules(VISITOR)),
        (RESEARCHER, service.delete_schedule(RESEARCHER, "x")),
        (VISITOR, anext(service.events(VISITOR, job["id"], 0))),
    ):
        with pytest.raises(Forbidden):
            asyncio.run(_awaited(call))
        assert actor


async def _awaited(call: Any) -> Any:
    return await call


@pytest.mark.parametrize(
    ("kind", "arguments", "words"),
    [
        ("dance", {}, "no jobs of kind 'dance'"),
        ("index", {}, r"needs collection \(str\)"),
        ("synthesize", SYNTHESIZE | {"limit": "5"}, r"needs limit \(int\)"),
        ("synthesize", SYNTHESIZE | {"limit": True}, r"needs limit \(int\)"),
        ("dataset", {"synthesis": "s", "name": "n", "thresholds": {}, "more": 1}, "takes no more"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(kind: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check(kind, arguments)
    assert about(kind, arguments)


def test_a_job_with_its_log_and_a_cancel_that_is_asked_for(database: Database, service: Jobs) -> None:
    job_id = asyncio.run(service.start(LOCAL, new())).job["id"]
    worker = alive(database)
    with database.write() as session:
        taken = jobs.take(session, worker, ["synthesize"], 60.0)
        assert taken is not None
        jobs.say(session, taken[1], [("log", {"text": f"line {number}"}) for number in range(250)])
    assert asyncio.run(service.cancel(LOCAL, job_id))["cancel"] is True
    told = asyncio.run(service.get(RESEARCHER, job_id))
    assert told["worker"] == "here-1" and told["state"] == "running" and told["cancel"]
    assert [line["number"] for line in told["log"]] == list(range(51, 251)) and told["log"][-1]["text"] == "line 249"
    for call in (service.get(LOCAL, "nothing"), service.cancel(LOCAL, "nothing"), anext(service.events(LOCAL, "nothing", 0))):
        with pytest.raises(NotFound):
            asyncio.run(_awaited(call))


def test_events_are_followed_to_the_end_and_resumed_after_a_number(database: Database, service: Jobs) -> None:
    job_id = asyncio.run(service.start(LOCAL, new())).job["id"]

    def begin() -> Lease:
        with database.write() as session:
            taken = jobs.take(session, "w", ["synthesize"], 60.0)
            assert taken is not None
            jobs.say(session, taken[1], [("log", {"text": "one"}), ("log", {"text": "two"})])
            return taken[1]

    def end(lease: Lease) -> None:
        with database.write() as session:
            jobs.say(session, lease, [("log", {"text": "three"})])
            jobs.end(session, lease, Ending(state="finished", result={"n": 1}))

    async def follow() -> list[tuple[int, str]]:
        seen = []
        lease = await asyncio.to_thread(begin)
        async for event in service.events(RESEARCHER, job_id, 0):
            seen.append((event.number, event.name))
            if event.number == 2:
                await asyncio.to_thread(end, lease)
        return seen

    assert asyncio.run(follow()) == [(1, "log"), (2, "log"), (3, "log"), (4, "end")]

    async def resume(after: int) -> list[int]:
        return [event.number async for event in service.events(RESEARCHER, job_id, after)]

    assert asyncio.run(resume(2)) == [3, 4] and asyncio.run(resume(4)) == []


def test_schedules_are_told_in_words_and_changed(service: Jobs) -> None:
    nightly = NewSchedule(name="nightly", cron="0 3 * * 1", zone="Europe/Berlin", kind="synthesize", arguments=SYNTHESIZE)
    made = asyncio.run(service.add_schedule(LOCAL, nightly))
    assert made["says"] == "At 03:00 on Monday (Europe/Berlin)" and made["next_at"] and made["enabled"]
    with pytest.raises(InputError, match=r"limit \(int\)"):
        asyncio.run(service.add_schedule(LOCAL, NewSchedule(name="x", cron="0 3 * * 1", kind="synthesize", arguments={})))
    with pytest.raises(InputError, match=r"needs recipe \(str\)"):
        asyncio.run(service.change_schedule(LOCAL, made["id"], {"arguments": {}}))
    assert asyncio.run(service.schedules(RESEARCHER)) == [made]
    assert asyncio.run(service.change_schedule(LOCAL, made["id"], {"enabled": False}))["enabled"] is False
    asyncio.run(service.delete_schedule(LOCAL, made["id"]))
    assert asyncio.run(service.schedules(RESEARCHER)) == []


# The worker process.


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Callable[[str], worker_process.Keeper]]:
    """`keep(code)` keeps a Python program running that adds a line to the file `out` when it starts."""
    kept: list[worker_process.Keeper] = []

    def start(code: str) -> worker_process.Keeper:
        begin = f"import os, time; open({str(tmp_path / 'out')!r}, 'a').write(f'{{os.getpid()}}\\n')\n"
        keeper = worker_process.Keeper([sys.executable, "-c", begin + code], {}, first=0.01)
        kept.append(keeper)
        keeper.start()
        return keeper

    yield start
    for keeper in kept:
        keeper.stop()


def started(folder: Path, count: int) -> list[str]:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        lines = (folder / "out").read_text().splitlines() if (folder / "out").exists() else []
        if len(lines) >= count:
            return lines
        time.sleep(0.02)
    raise AssertionError(f"it was not started {count} times")


@pytest.mark.process
def test_a_worker_that_dies_is_started_anew_and_ended_with_the_server(tmp_path: Path, keep: Callable[[str], worker_process.Keeper]) -> None:
    keeper = keep("time.sleep(600)")
    (first,) = started(tmp_path, 1)
    assert keeper.process is not None and keeper.process.pid == int(first)
    keeper.process.kill()
    second = started(tmp_path, 2)[1]
    assert second != first
    keeper.stop()
    assert keeper.process.pid == int(second) and keeper.process.returncode == -15


@pytest.mark.process
def test_one_that_ends_at_once_is_started_again_and_again(tmp_path: Path, keep: Callable[[str], worker_process.Keeper]) -> None:
    keeper = keep("raise SystemExit(2)")
    assert len(set(started(tmp_path, 3))) == 3
    keeper.stop()


def test_the_worker_has_the_settings_of_the_server_and_no_password_on_its_command_line(tmp_path: Path) -> None:
    given = Settings(data_dir=tmp_path, database_url="postgresql+psycopg://u:secret@h/d", log_format="json", artifacts=tmp_path / "made")
    environ = worker_process.environment(given)
    again = Settings.load([], environ)
    assert (again.url, again.data_dir, again.artifacts_dir, again.models) == (given.url, tmp_path, tmp_path / "made", None)
    assert Settings.load([], worker_process.environment(Settings())).artifacts_dir == Path("var") / "artifacts"


@pytest.mark.parametrize("settings", [Settings(worker=False), Settings(visitors_only=True)])
def test_no_worker_where_none_is_wanted_or_nobody_may_upload(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("a worker was started")

    monkeypatch.setattr(worker_process, "Keeper", never)
    with worker_process.beside(settings):
        pass
