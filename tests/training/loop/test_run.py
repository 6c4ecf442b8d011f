"""An update from judgements to a decided version: what is written, what is done once, what is said where there is nothing to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update as change

from app.artifacts import ArtifactStore
from app.ranking.cache import Cancelled, Watch
from app.ranking.errors import InputError, SettingsError
from db.models_loop import Update, UpdateStep
from db.models_people import Judgement
from db.session import Database
from db.store import updates, versions
from db.store.versions import NewModel, Promotion
from tests.databases import migrated
from training.config import read_recipe
from training.fitting.values import Fit
from training.loop.run import update

from .house import FakeFamily, House, free, furnish


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    database = migrated(tmp_path / "studio.db")
    yield furnish(database, tmp_path, monkeypatch)
    database.close()


@pytest.fixture
def either(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """On both kinds of database."""
    return furnish(database, tmp_path, monkeypatch)


def row(house: House, job_id: str) -> Update:
    with house.database.read() as session:
        return updates.get(session, job_id)


def steps(house: House, job_id: str) -> dict[str, UpdateStep]:
    with house.database.read() as session:
        return {step.name: step for step in updates.steps(session, job_id)}


def folder(house: House, version_id: str) -> Path:
    with house.database.read() as session:
        found = versions.get(session, version_id).artifact_hash
    assert found is not None
    return ArtifactStore(house.settings.artifacts_dir).path(found)


def test_a_better_candidate_serves(either: House) -> None:
    job_id = either.job()
    result = update(either.context(job_id), either.wanted())
    assert result["promoted"] and result["candidate"] == either.active() and result["reason"].startswith("promoted")
    assert list(either.versions().values()).count("active") == 1 and either.versions()[result["base"]] == "retired"
    assert FakeFamily.calls == [("sft", 3), ("rl", 3)]
    assert set(steps(either, job_id)) == {"inputs", "dataset", "sft", "rl", "evaluate", "decide"}
    ended = row(either, job_id)
    assert ended.ended is not None and ended.decision is not None and ended.decision["promote"] and ended.dataset_id == result["dataset"]
    assert not (either.settings.data_dir / "training" / job_id).exists()
    with either.database.read() as session:
        (change,) = versions.history(session, "nano")
        version = versions.get(session, result["candidate"])
    assert (change.kind, change.version_id, change.previous_id) == ("promoted", result["candidate"], result["base"])
    assert (version.base_id, version.dataset_version, version.update_id, version.seed) == (result["base"], result["dataset"], job_id, 3)
    assert version.report is not None and version.report["facts"]["dataset"]["examples"] == 3


def test_its_folder_says_what_it_is(house: House) -> None:
    result = update(house.context(house.job()), house.wanted())
    found = folder(house, result["candidate"])
    card = (found / "README.md").read_text()
    for said in (
        result["base"][:12],
        result["dataset"][:16],
        "recipe `small`, seed 3",
        "## What it can't do",
        "| better | yes |",
        "promoted:",
    ):
        assert said in card
    assert [json.loads(line)["stage"] for line in (found / "curves.jsonl").read_text().splitlines()] == ["sft", "rl"]
    facts = json.loads((found / "training.json").read_text())
    assert facts["facts"]["steps"]["sft"]["refused"] == {"too long": 1} and facts["decision"]["promote"]


def test_what_is_told_meanwhile(house: House) -> None:
    update(house.context(house.job()), house.wanted())
    told = [(data["name"], data["state"]) for kind, data in house.said if kind == "step"]
    names = ["dataset", "sft", "rl", "evaluate", "decide"]
    assert told == [(name, state) for name in names for state in ("begun", "finished")]
    points = [data for kind, data in house.said if kind == "point"]
    assert [(one["stage"], one["step"]) for one in points] == [("sft", 1), ("sft", 2), ("rl", 1), ("rl", 2)]


def test_a_worse_candidate_is_kept_and_does_not_serve(house: House) -> None:
    house.gain = -0.1
    result = update(house.context(house.job()), house.wanted())
    assert not result["promoted"] and house.active() == result["base"]
    with house.database.read() as session:
        version = versions.get(session, result["candidate"])
        assert versions.history(session, "nano") == []
    assert version.state == "rejected" and version.reason == result["reason"] and "rejected" in version.reason


def test_from_scratch_the_cold_start_comes_first(house: House) -> None:
    text = house.recipe.text + COLD
    wanted = house.wanted(recipe=read_recipe(text, "small"), from_scratch=True)
    result = update(house.context(house.job()), wanted)
    assert [name for name, _ in FakeFamily.calls] == ["cold", "sft", "rl"]
    with house.database.read() as session:
        assert versions.get(session, result["candidate"]).base_id is None
        assert updates.get(session, result["update"]).from_scratch
    with pytest.raises(SettingsError, match="no \\[cold\\]"):
        update(house.context(house.job("b")), house.wanted(from_scratch=True))


COLD = """
[cold]
max_length = 320
grade_spread = 1.0
weight_decay = 0.0
betas = [0.9, 0.98]
threads = 1
validate = 1
[cold.shape]
hidden = 32
layers = 1
heads = 1
mlp = 32
[[cold.stage]]
name = "one"
least = 1
most = 2
batch = 1
steps = 1
rate = 1e-3
"""


def test_nothing_is_trained_without_anything_to_learn(house: House) -> None:
    with house.database.write() as session:  # nobody is trusted enough
        session.execute(change(Judgement).values(trust=0.2))
    with pytest.raises(InputError, match="nothing to learn from"):
        update(house.context(house.job()), house.wanted())
    assert FakeFamily.calls == [] and house.measured == []


def test_the_same_again_is_said_and_not_done(house: House) -> None:
    house.gain = -0.1
    first = update(house.context(house.job("a")), house.wanted())
    second = update(house.context(house.job("b")), house.wanted())
    assert "nothing new to learn from" in second["reason"] and first["update"] in second["reason"]
    assert second["candidate"] is None and not second["promoted"] and len(FakeFamily.calls) == 2
    third = update(house.context(house.job("c")), house.wanted(again=True))
    assert third["candidate"] == first["candidate"] and len(FakeFamily.calls) == 4
    fourth = update(house.context(house.job("d")), house.wanted(seed=4))
    assert fourth["candidate"] not in (None, first["candidate"])
    house.judge(free(4)[3])
    fifth = update(house.context(house.job("e")), house.wanted(seed=4))
    assert fifth["candidate"] not in (None, fourth["candidate"]) and fifth["dataset"] != fourth["dataset"]


def test_the_same_weights_as_those_that_serve_change_nothing(house: House) -> None:
    wanted = house.wanted(recipe=read_recipe(house.recipe.text + COLD, "small"), from_scratch=True)
    first = update(house.context(house.job("a")), wanted)
    second = update(house.context(house.job("b")), wanted)
    assert first["promoted"] and house.active() == first["candidate"]
    assert "nothing changed" in second["reason"] and second["candidate"] == first["candidate"] and not second["promoted"]
    assert len(house.measured) == 1


@pytest.mark.parametrize("at", ["sft", "rl", "evaluate"])
def test_stopped_in_the_middle_it_goes_on_with_that_step(house: House, at: str) -> None:
    peace = update(house.context(house.job("peace")), house.wanted(again=True))
    with house.database.write() as session:
        versions.roll_back(session, "nano", None)
    FakeFamily.calls.clear()
    house.measured.clear()
    stop = [True]

    def during(_fit: Fit, name: str) -> None:
        if name == at and stop[0]:
            raise Cancelled("stop")

    def measuring() -> None:
        if at == "evaluate" and stop[0]:
            raise Cancelled("stop")

    FakeFamily.during = during
    house.during = measuring
    job_id = house.job("killed")
    with pytest.raises(Cancelled):
        update(house.context(job_id), house.wanted(again=True))
    assert row(house, job_id).ended is None
    done_before = dict(steps(house, job_id))
    house.judge(free(4)[3])  # comes too late for this one
    stop[0] = False
    result = update(house.context(job_id), house.wanted(again=True))
    assert {name: step.created for name, step in steps(house, job_id).items() if name in done_before} == {
        name: step.created for name, step in done_before.items()
    }
    assert (result["dataset"], result["candidate"]) == (peace["dataset"], peace["candidate"])
    names = [name for name, _ in FakeFamily.calls]
    assert names.count("sft") == (2 if at == "sft" else 1) and names.count("rl") == (2 if at == "rl" else 1)


def test_done_again_after_its_end_it_says_the_same(house: House) -> None:
    job_id = house.job()
    first = update(house.context(job_id), house.wanted())
    assert update(house.context(job_id), house.wanted()) == first
    assert len(FakeFamily.calls) == 2 and len(house.measured) == 1


def test_an_artifact_that_is_gone_is_made_again(house: House) -> None:
    def during(_fit: Fit, name: str) -> None:
        if name == "rl":
            raise Cancelled("stop")

    FakeFamily.during = during
    job_id = house.job()
    with pytest.raises(Cancelled):
        update(house.context(job_id), house.wanted())
    lost = steps(house, job_id)["sft"].artifact_hash
    assert lost is not None
    (house.settings.artifacts_dir / lost).rename(house.settings.data_dir / "lost")
    FakeFamily.during = None
    update(house.context(job_id), house.wanted())
    assert [name for name, _ in FakeFamily.calls] == ["sft", "rl", "sft", "rl"]


def test_another_version_that_was_promoted_meanwhile_is_what_it_must_beat(either: House) -> None:
    def promote_another() -> None:
        if len(either.measured) == 1:
            with either.database.write() as session:
                digest = _artifact_of_any(either)
                versions.add(session, NewModel(id="f" * 64, name="nano", artifact_hash=digest))
                versions.promote(session, Promotion(version_id="f" * 64))

    either.during = promote_another
    result = update(either.context(either.job()), either.wanted())
    assert len(either.measured) == 2 and either.active() == result["candidate"] and result["promoted"]
    with either.database.read() as session:
        newest = versions.history(session, "nano")[0]
        report: Any = versions.get(session, result["candidate"]).report
    assert newest.previous_id == "f" * 64 and report["facts"]["against"] == "f" * 64


def _artifact_of_any(house: House) -> str:
    with house.database.read() as session:
        found = session.query(UpdateStep).filter(UpdateStep.name == "sft").one().artifact_hash
    assert found is not None
    return found


def test_cancelled_between_two_steps_nothing_more_is_done(house: House) -> None:
    def cancelled() -> bool:
        return len(FakeFamily.calls) > 0

    with pytest.raises(Cancelled):
        update(house.context(house.job(), Watch(cancelled=cancelled)), house.wanted())
    assert [name for name, _ in FakeFamily.calls] == ["sft"] and house.measured == []


def test_what_dead_updates_left_in_the_data_folder_goes(house: House) -> None:
    root = house.settings.data_dir / "training"
    alive, dead = house.job("alive"), house.job("dead")
    house.end(dead, "cancelled")
    for name in (alive, dead, "nobody"):
        (root / name / "sft").mkdir(parents=True)
    update(house.context(house.job("a")), house.wanted())
    assert sorted(path.name for path in root.iterdir()) == [alive]


def test_a_recipe_that_trains_nothing_is_refused(house: House) -> None:
    text = house.recipe.text.split("[sft]")[0]
    with pytest.raises(SettingsError, match="trains nothing"):
        update(house.context(house.job()), house.wanted(recipe=read_recipe(text, "small")))
