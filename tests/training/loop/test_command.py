"""`python -m training loop|versions|promote|rollback` as they are typed, and the job kind `update`."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from app.ranking.errors import InputError
from app.settings import Settings
from db.models_loop import Job, Update, UpdateStep, Worker
from db.store import jobs, updates, versions, workers
from tests.databases import migrated
from training.__main__ import app
from training.fitting.values import Fit
from training.jobs import handler, usable
from training.jobs.foreground import Command, Screen, in_foreground
from training.jobs.offers import offers
from training.jobs.update import run

from .house import FakeFamily, House, furnish


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    database = migrated(tmp_path / "data" / "studio.db")
    house = furnish(database, tmp_path, monkeypatch)
    (tmp_path / "small.toml").write_text(house.recipe.text)
    yield house
    database.close()


def typed(house: House, *words: str) -> tuple[int, str]:
    """Status and all that was said."""
    result = CliRunner().invoke(app, [*words, "--data-dir", str(house.settings.data_dir)])
    return result.exit_code, result.output


def loop(house: House, *more: str) -> tuple[int, str]:
    return typed(house, "loop", str(house.settings.data_dir.parent / "small.toml"), *more)


def test_it_is_a_job_that_the_page_sees(house: House) -> None:
    status, said = loop(house)
    assert status == 0, said
    assert "better" in said and "promoted" in said and house.active() in said
    with house.database.read() as session:
        job = session.scalars(select(Job)).one()
        assert (job.kind, job.state, job.progress, job.attempt) == ("update", "finished", 1.0, 1)
        assert job.result is not None and job.result["candidate"] == house.active()
        kinds = [event.kind for event in jobs.events(session, job.id)]
        assert kinds.count("step") == 10 and kinds.count("point") == 4 and kinds.count("end") == 1
        assert session.scalar(select(func.count()).select_from(Worker).where(Worker.ended.is_(None))) == 0


def test_a_rejection_is_no_error(house: House) -> None:
    house.gain = -0.1
    status, said = loop(house)
    assert status == 0 and "not promoted" in said and "rejected by the check" in said


def test_what_is_wrong_is_one_sentence(house: House) -> None:
    status, said = typed(house, "loop", "no-such-recipe")
    assert status == 2 and said.startswith("there is no recipe") and "Traceback" not in said
    status, said = loop(house, "--from-scratch")
    assert status == 2 and "no [cold]" in said
    status, said = typed(house, "rollback", "nano")
    assert status == 2 and "there is none to go back to" in said


def test_in_the_queue_a_worker_does_the_same(house: House) -> None:
    status, said = loop(house, "--queue", "--seed", "9")
    assert status == 0 and "in the queue" in said and FakeFamily.calls == []
    with house.database.write() as session:
        job = session.scalars(select(Job)).one()
        assert job.state == "queued" and job.kind in usable()
        job.state = "running"
    result = handler("update")(house.context(job.id), job.arguments)
    assert result["promoted"] and FakeFamily.calls == [("sft", 9), ("rl", 9)]


def test_versions_promote_and_rollback(house: House) -> None:
    house.gain = 0.0004
    recipe = house.settings.data_dir.parent / "small.toml"
    recipe.write_text(house.recipe.text + "\n[gate]\nslower = 0.5\n")
    loop(house)
    first = house.active()
    (candidate,) = [one for one, state in house.versions().items() if state == "rejected"]
    status, said = typed(house, "versions")
    assert status == 0 and candidate[:12] in said and first[:12] in said and "rejected" in said

    status, said = typed(house, "promote", candidate[:12])
    assert status == 2 and "seconds" in said and house.active() == first
    status, said = typed(house, "promote", candidate[:12], "--margin", "slower=two")
    assert status == 2 and "NAME=NUMBER" in said
    status, said = typed(house, "promote", candidate[:12], "--margin", "faster=2")
    assert status == 2 and "no margin" in said
    status, said = typed(house, "promote", candidate[:12], "--margin", "slower=2", "--note", "half a second is fine")
    assert status == 0 and "forced" in said and house.active() == candidate
    with house.database.read() as session:
        (change,) = versions.history(session, "nano")
    assert (change.kind, change.note, change.margins["slower"]) == ("forced", "half a second is fine", 2.0)

    status, said = typed(house, "rollback", "--note", "it was not")
    assert status == 0 and first in said and house.active() == first
    status, said = typed(house, "promote", "fffffff")
    assert status == 2 and "there is no version" in said
    status, said = typed(house, "promote", first[:12], "--margin", "slower=2")
    assert status == 2 and "never measured" in said


def test_the_same_command_takes_the_place_of_its_dead_predecessor(house: House) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True)
    begun: list[str] = []

    def dies(_fit: Fit, name: str) -> None:
        if name == "rl":
            raise KeyboardInterrupt

    FakeFamily.during = dies
    arguments: dict[str, Any] = {"recipe": "small", "text": house.recipe.text, "seed": None, "from_scratch": False, "again": False}
    job_id = house.job("dead", **arguments)
    with pytest.raises(KeyboardInterrupt):
        run(house.context(job_id), arguments)
    with house.database.write() as session:
        session.get_one(Job, job_id).worker = workers.register(session, f"{socket.gethostname()}-{gone.stdout.strip()}", {})
    FakeFamily.during = None
    screen = Screen(event=lambda kind, _: begun.append(kind), progress=lambda _: None, doing=lambda _: None)
    command = Command(kind="update", arguments=arguments, work=lambda context: run(context, arguments), resumes=True)
    result = in_foreground(house.settings, house.database, command, screen)
    assert result["update"] == job_id and [name for name, _ in FakeFamily.calls] == ["sft", "rl", "rl"]
    with house.database.read() as session:
        assert [job.state for job in session.scalars(select(Job))] == ["finished"]
        assert session.scalar(select(func.count()).select_from(Update)) == 1
        assert session.scalar(select(func.count()).select_from(UpdateStep)) == 6
        assert updates.get(session, job_id).ended is not None
    assert in_foreground(house.settings, house.database, command, screen)["update"] != job_id


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"recipe": ""},
        {"recipe": "smoke", "seed": -1},
        {"recipe": "smoke", "seed": True},
        {"recipe": "smoke", "from_scratch": 1},
        {"recipe": "../../../etc/recipe"},
        {"recipe": "/tmp/mine.toml"},
    ],
)
def test_arguments_that_are_none(house: House, arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        run(house.context(house.job()), arguments)


def test_workers_offer_recipes_of_updates() -> None:
    found = {one["name"]: one for one in offers(Settings())["training"]}
    assert found["nano"]["family"] == "nano" and found["smoke"]["text"] and found["nano"]["about"]
