"""`python -m training synthesize` as it is typed: at once, in the queue, dry; and whose place it takes."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from db.models import now
from db.models_loop import DatasetVersion, Job, JobEvent, SynthesisItem, Worker
from db.session import Database
from db.store import jobs, syntheses, workers
from tests.databases import migrated
from tests.training.synthesis.counting_server import CountingServer
from tests.training.synthesis.world import CALLS, write_world
from training.__main__ import app
from training.jobs.context import Context
from training.jobs.synthesize import run
from training.synthesis.foreground import bury

ITEMS = 4


@pytest.fixture
def server() -> Iterator[CountingServer]:
    with CountingServer(seconds=0.01) as server:
        yield server


@pytest.fixture
def world(tmp_path: Path, server: CountingServer) -> Iterator[tuple[Path, Database]]:
    write_world(tmp_path, server.address, ITEMS // 2)
    database = migrated(tmp_path / "var" / "studio.db")
    yield tmp_path, database
    database.close()


def typed(folder: Path, *more: str) -> tuple[int, str]:
    """Status and all that was said."""
    flags = ["--models", str(folder / "models.toml"), "--data-dir", str(folder / "var")]
    result = CliRunner().invoke(app, ["synthesize", str(folder / "world.toml"), *flags, *more])
    return result.exit_code, result.output


def test_it_is_a_job_that_the_page_sees(world: tuple[Path, Database], server: CountingServer) -> None:
    folder, database = world
    status, said = typed(folder, "--out", str(folder / "out"))
    assert status == 0, said
    with database.read() as session:
        job = session.scalars(select(Job)).one()
        assert (job.kind, job.state, job.attempt, job.progress) == ("synthesize", "finished", 1, 1.0)
        assert job.result is not None and job.result["calls"] == ITEMS * CALLS == server.asked.total()
        kinds = dict(session.execute(select(JobEvent.kind, func.count()).group_by(JobEvent.kind)).all())
        assert kinds["item"] == ITEMS and kinds["end"] == 1
        assert session.scalar(select(func.count()).select_from(Worker).where(Worker.ended.is_(None))) == 0
        version = session.scalars(select(DatasetVersion)).one()
        assert syntheses.get(session, job.result["synthesis"]).job_id == job.id
    assert version.id in said and "first" in said and "second" in said
    assert (folder / "out" / "report.html").is_file()
    assert (folder / "out" / "dataset" / "examples.jsonl").read_bytes().count(b"\n") == ITEMS


def test_in_the_queue_it_is_the_same_work(world: tuple[Path, Database], server: CountingServer) -> None:
    folder, database = world
    status, said = typed(folder, "--queue", "--limit", "2", "--budget-tokens", "100000")
    assert status == 0 and "in the queue" in said and not server.asked
    with database.write() as session:
        job = session.scalars(select(Job)).one()
        assert job.state == "queued" and job.arguments["tokens"] == 100000
        job.state = "running"
    from app.settings import Settings

    context = Context(settings=Settings(data_dir=folder / "var", models=folder / "models.toml"), database=database, job_id=job.id)
    result = run(context, job.arguments)
    assert result["items"]["made"] == 2 and server.asked.total() == 2 * CALLS
    assert typed(folder)[0] == 0 and set(server.asked.values()) == {1} and server.asked.total() == ITEMS * CALLS


def test_the_budget_that_is_typed_counts(world: tuple[Path, Database], server: CountingServer) -> None:
    folder, _ = world
    recipe = folder / "world.toml"
    recipe.write_text(recipe.read_text() + "[budget]\ntokens = 1\n")
    status, said = typed(folder)
    assert status == 0 and "the budget is spent: 0 of 1 tokens" in said and not server.asked
    status, said = typed(folder, "--budget-tokens", "0")
    assert status == 0 and "Stopped" not in said and server.asked.total() == ITEMS * CALLS


def test_a_dry_run_says_what_all_takes(world: tuple[Path, Database], server: CountingServer) -> None:
    folder, database = world
    status, said = typed(folder, "--dry-run", "2", "--budget-cost", "1")
    assert status == 0 and f"{ITEMS} queries, estimated by 2 of them" in said and f"calls   {ITEMS * CALLS} [" in said
    assert server.asked.total() == 2 * CALLS
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(SynthesisItem)) == 2


def test_what_is_wrong_is_one_sentence(world: tuple[Path, Database]) -> None:
    folder, _ = world
    status, said = typed(folder, "--teacher", "nobody")
    assert status == 2 and "'nobody' is not in the models file" in said and "Traceback" not in said
    (folder / "world.toml").write_text("name = 1")
    assert typed(folder)[0] == 2


def test_a_dead_predecessor_on_this_machine_is_buried_and_a_living_one_is_not(world: tuple[Path, Database]) -> None:
    folder, database = world
    synthesis_id = "a" * 64
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    living = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        for pid, host, state in (
            (living.pid, socket.gethostname(), "running"),
            (gone.pid, "elsewhere", "running"),
            (gone.pid, socket.gethostname(), "failed"),
        ):
            with database.write() as session:
                worker = workers.register(session, f"{host}-{pid}", {})
                job, _ = jobs.enqueue(session, jobs.NewJob(kind="synthesize", idempotency_key=f"{pid}{host}"))
                job.state, job.worker, job.attempt, job.lease_until = "running", worker, 1, now() + timedelta(seconds=60)
                syntheses.register(session, syntheses.NewSynthesis(id=synthesis_id, name="s", recipe="", teacher="t"))
                syntheses.get(session, synthesis_id).job_id = job.id
            bury(database, synthesis_id)
            with database.read() as session:
                assert (jobs.get(session, job.id).state, syntheses.alive(session, synthesis_id)) == (state, state == "running")
    finally:
        living.communicate(b"\n")


def test_nothing_to_bury(world: tuple[Path, Database]) -> None:
    bury(world[1], "b" * 64)
