"""Evaluations in the database: one row a bundle however often it is kept, whose it is, and what is left out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.ranking.errors import NotFound
from db.session import Database
from db.store import actors, artifacts, evaluations, jobs, own, versions
from db.store.evaluations import NewEvaluation
from db.store.jobs import NewJob

FOLDER, VERSION, BUNDLE = "a" * 64, "b" * 64, "c" * 64
NEW = NewEvaluation(
    id=BUNDLE, name="nano\x00 sliding", suite="demo", model="nano", strategy="sliding", thinking="profile", artifact_hash=FOLDER,
    summary={"figures": {"value": 0.5, "low": float("nan")}},
)  # fmt: skip


@pytest.fixture
def house(database: Database) -> Database:
    with database.write() as session:
        actors.ensure(session, "admin", "Admin", {"admin"})
        artifacts.put(session, FOLDER, "bundle", 1)
        versions.ensure_first(session, VERSION, "nano", "nano.toml")
    return database


def add(database: Database, new: NewEvaluation) -> str:
    with database.write() as session:
        return evaluations.add(session, new).id


def test_a_bundle_is_one_row_and_its_first_maker_stays(house: Database) -> None:
    with house.write() as session:
        job, _ = jobs.enqueue(session, NewJob(kind="evaluate", idempotency_key="k", actor_id="admin"))
    assert add(house, replace(NEW, job_id=job.id, version_id=VERSION)) == add(house, replace(NEW, name="again")) == BUNDLE
    with house.read() as session:
        (row,) = evaluations.every(session)
        assert (row.name, row.actor_id, row.job_id, row.version_id) == ("nano\ufffd sliding", "admin", job.id, VERSION)
        assert row.summary == {"figures": {"value": 0.5, "low": None}}
        assert evaluations.get(session, BUNDLE) is row
        assert [one["suite"] for one in own.everything(session, "admin")["evaluations"]] == ["demo"]


def test_a_version_and_a_job_of_another_studio_are_left_out(house: Database) -> None:
    add(house, replace(NEW, version_id="d" * 64, job_id="e" * 36, name="n" * 500, strategy="s" * 50))
    with house.read() as session:
        row = evaluations.get(session, BUNDLE)
    assert (row.version_id, row.job_id, row.actor_id, len(row.name), len(row.strategy)) == (None, None, None, 200, 32)


def test_the_newest_comes_first_and_what_is_not_there_is_said(house: Database) -> None:
    for number in range(3):
        add(house, replace(NEW, id=str(number) * 64))
    with house.read() as session:
        assert [row.id[0] for row in evaluations.every(session)] == ["2", "1", "0"]
        assert [row.id[0] for row in evaluations.every(session, 1)] == ["2"]
        with pytest.raises(NotFound, match="choose one of the list"):
            evaluations.get(session, BUNDLE)
