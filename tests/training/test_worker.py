"""The worker: how handlers end, what is told while they work, and real processes that are killed, stopped and orphaned in mid-job."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from app.ranking.errors import InputError, StoreError
from app.settings import Settings
from db.models_loop import Job
from db.session import Database
from db.store import jobs, workers
from db.store.jobs import Lease, NewJob
from tests.databases import migrated
from training.jobs import KINDS, handler, offers
from training.jobs.attempt import Attempt
from training.jobs.context import Context
from training.worker import Terms, Worker

ROOT = Path(__file__).parents[2]
_WAIT_SECONDS = 120.0
Handler = Callable[[Context, Mapping[str, Any]], dict[str, Any]]


def until(said: Callable[[], object], what: str) -> None:
    """Wait for something, much longer than it ever takes on a busy machine."""
    end = time.monotonic() + _WAIT_SECONDS
    while not said():
        assert time.monotonic() < end, f"this did not happen: {what}"
        time.sleep(0.05)


def enqueue(database: Database, kind: str = "step", key: str = "a", **arguments: object) -> str:
    with database.write() as session:
        return jobs.enqueue(session, NewJob(kind=kind, idempotency_key=key, arguments=arguments))[0].id


def row(database: Database, job_id: str) -> Job:
    with database.read() as session:
        return jobs.get(session, job_id)


def events(database: Database, job_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Kinds and data; fails where a number is missing or there twice."""
    with database.read() as session:
        found = jobs.events(session, job_id, limit=10_000)
    assert [event.number for event in found] == list(range(1, len(found) + 1))
    return [(event.kind, event.data) for event in found]


# In this process.

_HANDLERS: dict[str, Handler] = {}


def told(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The handler of a test."""
    return _HANDLERS["step"](context, arguments)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Database]:
    database = migrated(tmp_path / "studio.db")
    yield database
    database.close()


Run = Callable[[Handler], Worker]


@pytest.fixture
def run(store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """`run(handler)` works until the queue is empty, with that handler for jobs of the kind step."""
    monkeypatch.setitem(KINDS, "step", f"{__name__}:told")

    def work(given: Handler) -> Worker:
        _HANDLERS["step"] = given
        worker = Worker(Settings(data_dir=tmp_path), store, Terms(once=True))
        _HANDLERS["worker"] = worker  # type: ignore[assignment]
        worker.run()
        return worker

    yield work
    _HANDLERS.clear()


def test_a_job_is_done_and_all_it_said_is_kept_in_order(store: Database, run: Run) -> None:
    job_id = enqueue(store, n=3)

    def do(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
        assert (context.job_id, context.attempt, arguments) == (job_id, 1, {"n": 3})
        for number in range(1, 4):
            context.say(f"line {number}")
            context.watch.tell(number / 4)
        context.event("item", {"number": 7})
        return {"made": 3}

    worker = run(do)
    job = row(store, job_id)
    assert (job.state, job.result, job.progress, job.error) == ("finished", {"made": 3}, 1.0, "")
    kept = [(kind, data) for kind, data in events(store, job_id) if kind != "progress"]
    assert kept[:4] == [*(("log", {"text": f"line {number}"}) for number in (1, 2, 3)), ("item", {"number": 7})]
    assert kept[4:] == [("end", {"state": "finished", "result": {"made": 3}, "error": ""})]
    with store.read() as session:
        mine = workers.get(session, worker.id)
        assert mine.ended is not None and mine.job_id is None and "step" in mine.offers["kinds"] and workers.listed(session) == []


def test_a_wrong_job_fails_with_its_sentence_and_a_broken_one_with_ours_and_the_worker_goes_on(
    store: Database, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    wrong, broken, good = enqueue(store, key="a", n=0), enqueue(store, key="b", n=1), enqueue(store, key="c", n=2)

    def do(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if arguments["n"] == 0:
            raise InputError("line 3 has no text: mend it")
        if arguments["n"] == 1:
            raise ZeroDivisionError("by zero")
        return {}

    with caplog.at_level(logging.ERROR):
        run(do)
    assert (row(store, wrong).state, row(store, wrong).error) == ("failed", "line 3 has no text: mend it")
    assert row(store, broken).state == "failed" and "ZeroDivisionError: by zero" in row(store, broken).error
    assert row(store, good).state == "finished" and "Traceback" in caplog.text
    assert events(store, wrong) == [("end", {"state": "failed", "result": None, "error": "line 3 has no text: mend it"})]


def test_a_running_job_is_cancelled_soon_and_keeps_what_it_said(store: Database, run: Run) -> None:
    job_id = enqueue(store)

    def do(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
        context.say("so far")
        with store.write() as session:
            assert jobs.cancel(session, job_id).state == "running"
        until(context.watch.cancelled, "the handler hears of the end")
        context.watch.tell(0.5)
        raise AssertionError("tell must not come back")

    run(do)
    assert row(store, job_id).state == "cancelled"
    assert [kind for kind, _ in events(store, job_id)] == ["log", "end"]


def test_a_worker_that_is_stopped_gives_its_job_back_as_if_it_had_not_begun(store: Database, run: Run) -> None:
    job_id = enqueue(store)

    def do(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
        context.say("so far")
        _HANDLERS["worker"].stop()  # type: ignore[attr-defined]
        context.watch.tell(0.5)
        raise AssertionError("tell must not come back")

    run(do)
    job = row(store, job_id)
    assert (job.state, job.attempt, job.worker) == ("queued", 0, "")
    assert events(store, job_id) == [("log", {"text": "so far"})]


def test_a_worker_that_lost_its_lease_stops_and_writes_nothing_more(store: Database, run: Run) -> None:
    job_id = enqueue(store)
    other: list[Lease] = []

    def do(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if context.attempt > 1:
            return {"by": "other"}
        with store.write() as session:  # in one transaction, so that no heartbeat comes between
            session.execute(update(Job).values(lease_until=datetime(2000, 1, 1, tzinfo=UTC)))
            taken = jobs.take(session, "other", ["step"], 60.0)
        assert taken is not None
        other.append(taken[1])
        context.say("too late")
        until(context.watch.cancelled, "the handler hears that its lease is lost")
        with pytest.raises(Exception, match="another worker"), store.write() as session:
            context.confirm(session)
        return {"by": "late"}

    run(do)
    job = row(store, job_id)
    assert (job.state, job.worker, job.attempt, job.result) == ("running", "other", 2, None)
    assert events(store, job_id) == []
    with store.write() as session:
        assert jobs.end(session, other[0], jobs.Ending(state="finished"))


def test_what_could_not_be_written_is_written_later_once(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = enqueue(store)
    with store.write() as session:
        taken = jobs.take(session, "one", ["step"], 60.0)
    assert taken is not None
    attempt = Attempt(store, taken[1], lambda: False)
    attempt.context(Settings()).say("kept")

    @contextlib.contextmanager
    def away() -> Iterator[None]:
        raise StoreError("the database is away")
        yield

    with monkeypatch.context() as patch:
        patch.setattr(store, "write", away)
        attempt.keep(3.0)
    assert not attempt.is_stopped() and events(store, job_id) == []
    attempt.keep(3.0)
    attempt.keep(3.0)
    assert events(store, job_id) == [("log", {"text": "kept"})]


def test_only_kinds_with_a_handler_are_offered_and_recipes_are_told_with_their_text(tmp_path: Path) -> None:
    models = tmp_path / "models.toml"
    models.write_text('[[model]]\nname = "far"\nbackend = "openai"\naddress = "https://x"\nkey_env = "NO_SUCH_KEY"\n')
    offered = offers.offers(Settings(models=models))
    assert "index" in offered["kinds"] and set(offered["kinds"]) <= set(KINDS) and offered["teachers"] == ["nano"]
    text = 'about = "A small one."\n[teacher]\nmodel = "big"\n'
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    (recipes / "small.toml").write_text(text)
    (recipes / "broken.toml").write_text("a = [")
    assert offers.recipes(recipes) == [{"name": "small", "about": "A small one.", "text": text, "teacher": "big"}]
    assert handler("index").__module__ == "training.jobs.index"


# Real processes.


class Crew:
    """Workers as processes on one database, with the files that their jobs write."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.processes: list[subprocess.Popen[str]] = []
        self._log = (folder / "log").open("a")

    def begin(self, *flags: str, lease: float = 2.0, shell: str = 'exec "$@"') -> subprocess.Popen[str]:
        """A worker with flags, as the command `$@` of a shell."""
        url = self.database._writer.url.render_as_string(hide_password=False)
        environ = {**os.environ, "REASONRANK_DATABASE_URL": url, "REASONRANK_DATA_DIR": str(self.folder)}
        command = [sys.executable, "-m", "tests.training.worker_script", "--lease", str(lease), *flags]
        process = subprocess.Popen(
            ["sh", "-c", shell, "sh", *command], cwd=ROOT, env=environ, stdout=self._log, stderr=subprocess.STDOUT, text=True
        )
        self.processes.append(process)
        return process

    def enqueue(self, kind: str = "step", key: str = "a") -> str:
        return enqueue(self.database, kind, key, out=str(self.folder / "out"), go=str(self.folder / "go"))

    def go(self) -> None:
        (self.folder / "go").touch()

    def lines(self) -> list[list[str]]:
        out = self.folder / "out"
        return [line.split() for line in out.read_text().splitlines()] if out.exists() else []

    def begun(self, count: int) -> None:
        until(lambda: sum(line[0] == "begin" for line in self.lines()) >= count, f"{count} attempts begin\n{self.log()}")

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self._log.close()


@pytest.fixture
def crew(database: Database, tmp_path: Path) -> Iterator[Crew]:
    made = Crew(database, tmp_path)
    yield made
    made.end()


@pytest.mark.process
def test_a_job_whose_worker_is_killed_is_taken_by_the_other_after_the_lease_and_done_once(crew: Crew) -> None:
    job_id = crew.enqueue()
    crew.begin()
    crew.begun(1)
    crew.begin()
    victim = int(crew.lines()[0][2])
    assert victim == crew.processes[0].pid
    crew.processes[0].kill()
    crew.begun(2)
    crew.go()
    until(lambda: row(crew.database, job_id).state == "finished", f"the job is done\n{crew.log()}")
    job = row(crew.database, job_id)
    assert (job.attempt, job.result) == (2, {"by": crew.processes[1].pid})
    assert [line[:2] for line in crew.lines()] == [["begin", "1"], ["begin", "2"], ["done", "2"]]
    said = events(crew.database, job_id)
    assert [kind for kind, _ in said].count("end") == 1 and said[-1][0] == "end"
    assert [data["text"] for kind, data in said if kind == "log"][-2:] == ["attempt 2 begins", "attempt 2 is done"]
    with crew.database.read() as session:
        assert len(workers.listed(session)) == 2


@pytest.mark.process
def test_a_worker_that_is_told_to_stop_gives_its_job_back_at_once(crew: Crew) -> None:
    job_id = crew.enqueue()
    process = crew.begin(lease=600.0)
    crew.begun(1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(_WAIT_SECONDS) == 0
    job = row(crew.database, job_id)
    assert (job.state, job.attempt) == ("queued", 0)
    crew.go()
    assert crew.begin("--once").wait(_WAIT_SECONDS) == 0
    assert (row(crew.database, job_id).state, row(crew.database, job_id).attempt) == ("finished", 1)
    with crew.database.read() as session:
        assert workers.listed(session) == []


@pytest.mark.process
def test_a_handler_that_does_not_listen_ends_with_its_worker_and_its_job_goes_back(store: Database, tmp_path: Path) -> None:
    crew = Crew(store, tmp_path)
    job_id = crew.enqueue("deaf")
    process = crew.begin(lease=600.0)
    try:
        crew.begun(1)
        process.terminate()
        assert process.wait(_WAIT_SECONDS) == 0
        assert (row(store, job_id).state, row(store, job_id).attempt) == ("queued", 0)
    finally:
        crew.end()


@pytest.mark.process
def test_a_worker_ends_with_the_process_that_started_it(store: Database, tmp_path: Path) -> None:
    crew = Crew(store, tmp_path)
    job_id = crew.enqueue()
    process = crew.begin(lease=600.0, shell='"$@" --parent $$ & wait')
    try:
        crew.begun(1)
        process.kill()
        until(lambda: row(store, job_id).state == "queued", f"the job is given back\n{crew.log()}")
        until(lambda: not listed(store), f"the worker has left\n{crew.log()}")
        assert row(store, job_id).attempt == 0
    finally:
        crew.go()
        crew.end()


def listed(database: Database) -> list[str]:
    with database.read() as session:
        return [seen.row.name for seen in workers.listed(session)]


@pytest.mark.process
def test_an_idle_worker_loads_nothing_heavy_and_a_wrong_setting_is_one_sentence(tmp_path: Path) -> None:
    heavy = [
        "gradio",
        "torch",
        "transformers",
        "openvino",
        "numpy",
        "sentence_transformers",
        "pandas",
        "fastapi",
        "starlette",
        "app.services",
    ]
    code = (
        "import sys; from training import __main__ as program\n"
        f"program.app(['worker', '--once', '--data-dir', {str(tmp_path)!r}], standalone_mode=False)\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]" and "takes jobs: index" in done.stderr
    wrong = subprocess.run(
        [sys.executable, "-m", "training", "worker", "--database-url", "nothing", "--data-dir", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert wrong.returncode == 2 and "can't be used" in wrong.stderr and "Traceback" not in wrong.stderr
