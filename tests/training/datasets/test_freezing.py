"""Versions in the database: the artifact first, then its row; the job that builds one; other thresholds, other versions."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.artifacts import ArtifactStore
from app.ranking.cache import Cancelled, Watch
from app.ranking.errors import InputError, NotFound, SettingsError
from app.settings import Settings
from db.session import Database
from db.store import datasets, syntheses
from db.store.syntheses import NewSynthesis
from tests.databases import migrated
from tests.training.datasets.made import held, item, stored, version
from training.datasets import load, publish
from training.filters.values import Score
from training.jobs.context import Context
from training.jobs.dataset import run
from training.synthesis import stored as items
from training.synthesis.recipe import load_synthesis_recipe

pytestmark = pytest.mark.store
ID = "5" * 64


def synthesis(database: Database, name: str = "trial") -> str:
    """A synthesis with three items: a good one, one that agrees little with its labels, one of a holdout query."""
    recipe = load_synthesis_recipe("demo")
    with database.write() as session:
        syntheses.register(session, NewSynthesis(id=ID, name=name, recipe=recipe.text, teacher="big", revision="r1"))
        for number, value, text in ((0, 0.9, {}), (1, 0.45, {}), (2, 0.9, {"query": held(2)})):
            items.keep(session, ID, item(number, **text), {"consistency": Score(value=value, reasons=("p2 is first",))})
    return ID


def context(database: Database, folder: Path, **changes: Any) -> Context:
    return Context(settings=Settings(data_dir=folder), database=database, **changes)


def test_a_version_is_published_once(database: Database, tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "artifacts")
    built = version(tmp_path / "v", [stored(0)])
    again = version(tmp_path / "w", [stored(0)], name="second")
    assert publish(database, store, tmp_path / "v", built, None) == publish(database, store, tmp_path / "w", again, None) == built.id
    with database.read() as session:
        (row,) = datasets.every(session)
        assert (row.id, row.name, row.counts["examples"], row.manifest["id"]) == (built.id, "trial", 1, built.id)
        assert datasets.get(session, built.id[:6]).id == datasets.get(session, "trial").id == built.id
        for wrong in ("second", "0" * 64, "123"):
            with pytest.raises(NotFound):
                datasets.get(session, wrong)
    assert len(list(store.root.iterdir())) == 1
    assert load(store.path(row.artifact_hash)).id == built.id


def test_a_version_whose_folder_was_lost_is_put_back(database: Database, tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "artifacts")
    publish(database, store, tmp_path / "v", version(tmp_path / "v", [stored(0)]), None)
    shutil.rmtree(store.root)
    built = version(tmp_path / "w", [stored(0)], code="newer")
    publish(database, store, tmp_path / "w", built, None)
    with database.read() as session:
        row = datasets.get(session, built.id)
    assert load(store.path(row.artifact_hash)).id == built.id


def test_the_job_builds_versions_under_other_thresholds(database: Database, tmp_path: Path) -> None:
    arguments: Mapping[str, Any] = {"synthesis": synthesis(database), "name": "loose", "thresholds": {"consistency": 0.4}}
    one = run(context(database, tmp_path), arguments)
    assert run(context(database, tmp_path, attempt=2), arguments) == one
    assert (one["name"], one["examples"], one["counts"]["dropped_by"]) == ("loose", 2, {"holdout": 1})
    other = run(context(database, tmp_path), {**arguments, "name": "strict", "thresholds": {"consistency": 0.5}})
    assert other["dataset"] != one["dataset"] and other["examples"] == 1
    with database.read() as session:
        assert {row.name: row.synthesis_id for row in datasets.every(session, ID)} == {"loose": ID, "strict": ID}
        row = datasets.get(session, "strict")
        assert datasets.every(session, "6" * 64) == []
    found = load(ArtifactStore(tmp_path / "artifacts").path(row.artifact_hash))
    assert found.manifest["teacher"] == "big" and found.manifest["revision"] == "r1" and found.manifest["recipe"]["name"] == "demo"
    assert "ranking: reasonrank" in found.manifest["prompts"] and found.manifest["thresholds"]["consistency"] == 0.5
    assert sorted(path.name for path in (tmp_path / "artifacts").iterdir()) == sorted(_hashes(database))  # nothing else is left there


def _hashes(database: Database) -> list[str]:
    with database.read() as session:
        return [row.artifact_hash for row in datasets.every(session)]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"synthesis": "6" * 64}, NotFound), ({"synthesis": 5}, SettingsError), ({"thresholds": {"consistency": "x"}}, SettingsError),
        ({"thresholds": {"taste": 0.5}}, SettingsError), ({"thresholds": {"holdout": 1.0}}, SettingsError),
        ({"thresholds": []}, SettingsError), ({"name": None}, SettingsError),
    ],
)  # fmt: skip
def test_wrong_arguments_of_a_job_are_refused(tmp_path: Path, changes: dict[str, Any], error: type[Exception]) -> None:
    database = migrated(tmp_path / "studio.db")
    arguments = {"synthesis": synthesis(database), "name": "x", "thresholds": {}, **changes}
    with pytest.raises(error):
        run(context(database, tmp_path), arguments)
    assert _hashes(database) == []
    database.close()


def test_a_synthesis_without_items_and_a_cancelled_job_leave_nothing(tmp_path: Path) -> None:
    database = migrated(tmp_path / "studio.db")
    recipe = load_synthesis_recipe("demo")
    with database.write() as session:
        syntheses.register(session, NewSynthesis(id="7" * 64, name="empty", recipe=recipe.text, teacher="big"))
    with pytest.raises(InputError, match="has no items yet"):
        run(context(database, tmp_path), {"synthesis": "7" * 64})
    synthesis(database)
    with pytest.raises(Cancelled):
        run(context(database, tmp_path, watch=Watch(cancelled=lambda: True)), {"synthesis": ID})
    assert _hashes(database) == [] and list((tmp_path / "artifacts").iterdir()) == []
    database.close()
