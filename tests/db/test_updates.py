"""Updates and their steps, on both databases."""

from __future__ import annotations

import pytest

from app.ranking.errors import NotFound
from db.session import Database
from db.store import artifacts, jobs, updates, versions
from db.store.jobs import NewJob
from db.store.updates import NewStep, NewUpdate


def begin(database: Database, key: str = "k") -> str:
    with database.write() as session:
        job, _ = jobs.enqueue(session, NewJob(kind="update", idempotency_key=key))
        versions.ensure_first(session, "0" * 64, "nano", "nano.toml")
        new = NewUpdate(id=job.id, recipe="nano", text="name = 'a\x00'", model="nano", family="nano", seed=3, base_id="0" * 64)
        return updates.begin(session, new).id


def test_an_update_begins_once_and_keeps_what_it_began_with(database: Database) -> None:
    update_id = begin(database)
    with database.write() as session:
        again = updates.begin(session, NewUpdate(id=update_id, recipe="other", text="", model="nano", family="nano", seed=4))
        assert (again.recipe, again.seed, again.base_id, again.text) == ("nano", 3, "0" * 64, "name = 'a\ufffd'")
        assert not again.from_scratch and again.ended is None
        with pytest.raises(NotFound):
            updates.get(session, "no")


def test_steps_are_told_in_their_order_and_one_of_another_key_replaces(database: Database) -> None:
    update_id = begin(database)
    with database.write() as session:
        artifacts.put(session, "a" * 64, "model", 1)
        updates.keep_step(session, NewStep(update_id=update_id, name="sft", key="1" * 64, result={"rows": 3}, seconds=1.5))
    with database.write() as session:
        updates.keep_step(
            session, NewStep(update_id=update_id, name="rl", key="2" * 64, artifact_hash="a" * 64, result={}, seconds=2.0)
        )  # fmt: skip
    with database.write() as session:
        assert updates.step(session, update_id, "cold") is None
        assert [step.name for step in updates.steps(session, update_id)] == ["sft", "rl"]
        updates.keep_step(session, NewStep(update_id=update_id, name="sft", key="3" * 64, result={"loss": float("inf")}, seconds=1.0))
    with database.read() as session:
        kept = updates.step(session, update_id, "sft")
        assert kept is not None and (kept.key, kept.result, kept.artifact_hash) == ("3" * 64, {"loss": None}, None)


def test_an_update_ends_with_its_candidate_and_the_decision(database: Database) -> None:
    first, second = begin(database), begin(database, "other")
    with database.write() as session:
        updates.finish(session, second, "0" * 64, {"promote": False, "reason": "No."})
    with database.read() as session:
        ended, open_one = updates.every(session)
        assert (ended.id, open_one.id) == (second, first)
        assert ended.ended is not None and ended.candidate_id == "0" * 64 and ended.decision == {"promote": False, "reason": "No."}
        assert open_one.ended is None and open_one.decision is None
