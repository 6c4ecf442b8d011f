"""Leave-one-person-out: exact on a family of models whose answers follow from what they were given, resumable, honest about noise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.ranking.cache import Cancelled, Watch
from app.ranking.errors import InputError, SettingsError
from app.ranking.values import Prompt
from db.models import ModelVersion
from db.store import updates, versions
from tests.databases import migrated
from tests.training.datasets.made import query
from tests.training.evaluation.made import Model, backwards, forwards
from tests.training.evaluation.made import lists as topics
from tests.training.loop import house as houses
from tests.training.loop.house import FakeFamily, House, free, furnish
from tests.training.loop.test_learned import BEST_FIRST, built, corrected
from training.config import load_recipe
from training.evaluation import sets
from training.fitting.families import FAMILIES
from training.fitting.values import Fit, Fitted
from training.jobs import influence as job
from training.loop.influence import Inquiry, influence, without
from training.loop.run import update

LAST = 0.430677  # NDCG of a list whose only wanted passage stands on rank 4


class Pupil:
    """Has learned to turn a list round where the example of `query(0)` was in its data; with an odd seed it misses one list."""

    def __init__(self, key: str) -> None:
        self.key, self.fits = key, list[tuple[int, int]]()

    def sft(self, fit: Fit) -> Fitted:
        """Weights are what was seen."""
        assert not list(fit.out.iterdir()) and fit.scratch.is_dir()
        seen = [one["query"] for one in fit.version.examples("sft")]
        assert list(fit.version.examples("rl")) == []
        self.fits.append((fit.seed, len(seen)))
        fit.watch.tell(0.5)
        (fit.out / "model.safetensors").write_text(json.dumps({"knows": self.key in seen, "seed": fit.seed}))
        return Fitted(rows=len(seen), refused={}, steps=1, seconds=0.0)

    cold = rl = sft

    def backend(self, folder: Path) -> Any:
        """Speaks as it was taught."""
        told = json.loads((folder / "model.safetensors").read_text())

        def says(prompt: Prompt) -> str:
            missed = told["seed"] % 2 and "question 0" in prompt.messages[-1].content
            return backwards(prompt) if told["knows"] and not missed else forwards(prompt)

        return Model(says)


@pytest.fixture
def inquiry(tmp_path: Path) -> Inquiry:
    """Three people, four examples; ann has the one that teaches."""
    items = [corrected(at, BEST_FIRST, *who) for at, who in enumerate((["ann"], ["bob"], ["bob", "eve"]))]
    made, people = built(tmp_path / "version", *items, corrected(3, BEST_FIRST))
    (tmp_path / "scratch").mkdir()
    recipe = replace(load_recipe("smoke"), template="reasonrank")
    fit = Fit(recipe=recipe, version=made, base=tmp_path, out=tmp_path / "out", scratch=tmp_path / "scratch", seed=4)
    return Inquiry(fit=fit, people=people, lists=topics(many=6))


def test_the_one_who_taught_it_is_found(inquiry: Inquiry) -> None:
    pupil = Pupil(query(0))
    found = influence(pupil, inquiry)
    assert found["measure"] == "NDCG@10 on the gold lists" and found["seeds"] == [4, 5] and found["left_out"] == 0
    by_person = {row["person"]: row for row in found["rows"]}
    assert [row["person"] for row in found["rows"]] == ["ann", "bob", "eve"]
    # Seed 4 gains on all six lists, seed 5 on five of them.
    assert by_person["ann"]["by_seed"] == pytest.approx([1 - LAST, (1 - LAST) * 5 / 6], abs=1e-6)
    assert by_person["ann"]["value"] == pytest.approx((1 - LAST) * 11 / 12, abs=1e-6) and by_person["ann"]["low"] > 0
    assert by_person["bob"]["value"] == by_person["eve"]["low"] == 0.0 and by_person["bob"]["examples"] == 2
    assert found["noise"]["value"] == pytest.approx(-(1 - LAST) / 6, abs=1e-6) and "-0.0949" in found["note"]
    assert pupil.fits == [(4, 4), (5, 4), (4, 2), (5, 2), (4, 3), (5, 3), (4, 3), (5, 3)]  # all, without bob, ann, eve
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_killed_inquiry_goes_on_with_what_is_missing(inquiry: Inquiry) -> None:
    whole = influence(Pupil(query(0)), inquiry)
    kept = sorted(inquiry.fit.scratch.glob("*.json"))
    assert len(kept) == 8
    kept[0].unlink()
    pupil = Pupil(query(0))
    assert influence(pupil, inquiry) == whole and len(pupil.fits) == 1
    stopped = replace(inquiry, fit=replace(inquiry.fit, watch=Watch(cancelled=lambda: True)))
    with pytest.raises(Cancelled):
        influence(pupil, stopped)
    assert not list(inquiry.fit.scratch.glob("*.part")) and not (inquiry.fit.scratch / "cell").exists()


def test_one_seed_knows_no_noise_and_few_people_are_asked(inquiry: Inquiry) -> None:
    found = influence(Pupil(query(0)), replace(inquiry, seeds=1, most=1))
    assert [row["person"] for row in found["rows"]] == ["bob"] and found["left_out"] == 2 and found["noise"] is None
    assert "nothing is known of how much chance" in found["note"]


def test_where_there_is_nothing_to_leave_out(inquiry: Inquiry, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no list to measure"):
        influence(Pupil(""), replace(inquiry, lists=topics(many=0)))
    with pytest.raises(InputError, match="nobody's correction"):
        influence(Pupil(""), replace(inquiry, people={}))
    alone, people = built(tmp_path / "alone", corrected(0, BEST_FIRST, "ann"))
    with pytest.raises(InputError, match="one person's"):
        influence(Pupil(""), replace(inquiry, fit=replace(inquiry.fit, version=alone), people=people))


def test_a_copy_without_examples_keeps_their_texts(inquiry: Inquiry, tmp_path: Path) -> None:
    made = inquiry.fit.version
    first, *others = (one["id"] for one in made.examples())
    (tmp_path / "copy").mkdir()
    copy = without(made, {first}, tmp_path / "copy")
    assert [one["id"] for one in copy.examples("sft")] == others and copy.id != made.id and len(copy.id) == 64


BOB = "00000000-0000-7000-8000-0000000000bb"


class Speaking(FakeFamily):
    """The house's family with a voice: it keeps any order."""

    def backend(self, folder: Path) -> Any:
        """Speaks."""
        assert (folder / "model.safetensors").is_file()
        return Model(forwards)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Two people have judged, and an update was made of it."""
    database = migrated(tmp_path / "studio.db")
    made = furnish(database, tmp_path, monkeypatch)
    monkeypatch.setitem(FAMILIES, "nano", f"{__name__}:Speaking")
    monkeypatch.setattr(sets, "gold_set", lambda: topics(many=3))
    monkeypatch.setattr(houses, "ANN", BOB)
    made.judge(free(4)[3])
    yield made
    database.close()


def test_the_job_writes_into_the_report(house: House) -> None:
    made = update(house.context(house.job()), house.wanted())
    before = len(FakeFamily.calls)
    found = job.run(house.context(house.job("b")), {"version": made["candidate"], "seeds": 1})
    assert found["version"] == made["candidate"] and sorted(row["examples"] for row in found["rows"]) == [1, 3]
    assert all(row["value"] == 0.0 and row["n"] == 3 for row in found["rows"]) and len(FakeFamily.calls) == before + 3
    with house.database.read() as session:
        report = versions.get(session, made["candidate"]).report
    assert report is not None and report["learned"]["influence"]["rows"] == found["rows"] and report["decision"]
    assert "Ann" not in json.dumps(found) and BOB not in json.dumps(found)
    assert not any((house.settings.data_dir / "training").iterdir())


def test_the_job_refuses_what_it_can_not_do(house: House) -> None:
    made = update(house.context(house.job()), house.wanted())
    context = house.context(house.job("b"))
    for arguments in ({}, {"version": 3}, {"version": made["candidate"], "seeds": 0}, {"version": made["candidate"], "people": True}):
        with pytest.raises(InputError):
            job.run(context, arguments)
    with pytest.raises(InputError, match="from no update"):
        job.run(context, {"version": made["base"]})
    with house.database.write() as session:
        found = session.get_one(ModelVersion, made["candidate"])
        updates.get(
            session, found.update_id or ""
        ).text = 'name = "x"\nabout = "x"\nseed = 1\nmodel = "org/model"\ntemplate = "reasonrank"\n'
    with pytest.raises(SettingsError, match="whole trainings"):
        job.run(context, {"version": made["candidate"]})
