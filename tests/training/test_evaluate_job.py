"""Jobs of the kind evaluate: the ways that need no model, the embedded one, an end in the middle, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from app.artifacts import ArtifactStore
from app.ranking.backends.openai import OpenAIBackend
from app.ranking.batch import Topic
from app.ranking.cache import Cancelled, Watch
from app.ranking.errors import InputError, NotFound, SettingsError
from app.ranking.evaluation.bundles.read import Bundle
from app.ranking.options import Options
from app.ranking.values import Passage
from app.settings import ModelEntry, Settings
from db.session import Database
from db.store import evaluations, jobs, versions
from db.store.jobs import NewJob
from tests.databases import migrated
from training.evaluation.ways import Wanted, way_for
from training.jobs import KINDS, handler
from training.jobs.context import Context

ORDER: Mapping[str, Any] = {"suite": "demo", "model": "first_stage", "strategy": "", "thinking": "", "limit": 1}
NANO = {**ORDER, "model": "nano", "strategy": "sliding", "thinking": "profile", "depth": 20}
SETS = 2  # of the demo


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    database = migrated(tmp_path / "studio.db")
    yield Context(settings=Settings(data_dir=tmp_path), database=database)
    database.close()


def run(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return handler("evaluate")(context, arguments)


def bundle_of(context: Context, evaluation_id: str) -> Bundle:
    with context.database.read() as session:
        row = evaluations.get(session, evaluation_id)
    return Bundle.open(ArtifactStore(context.settings.artifacts_dir).path(row.artifact_hash))


def queued(database: Database) -> str:
    with database.write() as session:
        return jobs.enqueue(session, NewJob(kind="evaluate", idempotency_key="k", arguments=NANO))[0].id


def test_the_first_stage_alone_is_measured_and_kept_once(context: Context) -> None:
    assert KINDS["evaluate"]
    told = run(context, ORDER)
    assert told["topics"] == SETS and told["measure"] == "nDCG@10"
    bundle = bundle_of(context, told["evaluation"])
    assert bundle.manifest["model"]["name"] == "first_stage" and not bundle.has_calls and bundle.manifest["limit"] == 1
    assert [row.values for row in bundle.topics] == [row.first for row in bundle.topics]
    assert told["value"] == pytest.approx(sum(row.values["nDCG@10"] for row in bundle.topics) / SETS)
    assert run(context, ORDER)["evaluation"] == told["evaluation"]
    with context.database.read() as session:
        assert len(evaluations.every(session)) == 1
    left = [path.name for path in (context.settings.data_dir / "evaluations").iterdir() if path.suffix != ".answers"]
    assert left == [], "the bundle is in the artifact store, and nowhere else"


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"suite": ""}, InputError, "names of a suite"),
        ({"suite": "nothing"}, SettingsError, "unknown"),
        ({"suite": "bright"}, InputError, "bright"),
        ({"model": "gpt"}, InputError, "no model is called"),
        ({"model": "nano", "strategy": "guess"}, SettingsError, "guess"),
        ({"model": "nano", "thinking": "hard"}, SettingsError, "hard"),
        ({"model": "nano", "version": "0" * 64}, NotFound, "no such version"),
        ({"model": "nano", "version": 3}, InputError, "the id of one"),
        ({"limit": -1}, InputError, "whole number"),
        ({"seed": True}, InputError, "whole number"),
    ],
)
def test_a_wrong_one_fails_with_a_sentence(context: Context, change: Mapping[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        run(context, {**ORDER, **change})
    with context.database.read() as session:
        assert evaluations.every(session) == []


def test_a_version_of_another_model_is_refused(context: Context) -> None:
    with context.database.write() as session:
        versions.ensure_first(session, "1" * 64, "other", "x.toml")
    with pytest.raises(InputError, match="one of 'other'"):
        run(context, {**NANO, "version": "1" * 64})


def test_a_model_that_costs_money_is_left_to_the_command() -> None:
    entry = ModelEntry(name="paid", backend="openai", address="https://localhost", profile="studio", price_in=1.0)
    with pytest.raises(InputError, match="costs money"):
        way_for(Wanted(model="paid", options=Options()), [entry])
    free = ModelEntry(name="free", backend="openai", address="https://localhost", profile="studio", model="name")
    way = way_for(Wanted(model="free", options=Options(), served_as="name-2"), [free])
    assert way is not None and way.ranker is not None and isinstance(way.ranker.backend, OpenAIBackend)
    with pytest.raises(SettingsError, match="can't be used"):
        way_for(Wanted(model="gone", options=Options()), [ModelEntry(name="gone", backend="openai", address="nowhere")])


def test_a_shuffle_is_drawn_from_seed_and_topic_and_leaves_the_given_order_alone() -> None:
    passages = tuple(Passage(id=str(number), text="t") for number in range(20))
    topic = Topic(id="q", query="why", passages=passages)
    free = ModelEntry(name="free", backend="openai", address="https://localhost", profile="studio")
    ways = [way_for(Wanted(model="free", options=Options(), shuffle=seed), [free]) for seed in (1, 1, 2, None)]
    shown = [[passage.id for passage in way._shown(topic).passages] for way in ways if way is not None]
    assert shown[0] == shown[1] != shown[2] and shown[3] == [passage.id for passage in passages] and sorted(shown[2]) == sorted(shown[3])


@pytest.mark.model
def test_the_embedded_model_is_ended_between_topics_and_goes_on_from_its_answers(context: Context) -> None:
    job = queued(context.database)
    told: list[float] = []
    said: list[str] = []

    def progress(share: float) -> None:
        told.append(share)

    def heard(kind: str, data: Mapping[str, Any]) -> None:
        said.append(str(data.get("text", "")))

    def again(cancelled: bool) -> Context:
        watch = Watch(progress=progress, cancelled=lambda: cancelled and len(told) >= 1)
        return Context(settings=context.settings, database=context.database, job_id=job, watch=watch, heard=heard)

    with pytest.raises(Cancelled):
        run(again(True), NANO)
    assert len(told) == 1
    with context.database.read() as session:
        assert evaluations.every(session) == []
    result = run(again(False), NANO)
    assert any("answers were there already" in text for text in said)
    bundle = bundle_of(context, result["evaluation"])
    assert bundle.has_calls and {row.outcome for row in bundle.topics} == {"clean"} and bundle.manifest["profile"]["name"] == "nano"
    assert {row.candidates for row in bundle.topics} == {20} and bundle.manifest["depth"] == 20
    with context.database.read() as session:
        row = evaluations.get(session, result["evaluation"])
        assert (row.model, row.strategy, row.thinking, row.job_id) == ("nano", "sliding", "profile", job)
    assert run(again(False), NANO)["evaluation"] == result["evaluation"], "the same answers make the same bundle"
    shuffled = bundle_of(context, run(again(False), {**NANO, "seed": 5})["evaluation"])
    assert shuffled.manifest["strategy"]["shuffle"] == 5 and shuffled.manifest["seed"] == 5
    assert [row.candidates_hash for row in shuffled.topics] == [row.candidates_hash for row in bundle.topics]
    assert [call.shown for call in shuffled.calls()] != [call.shown for call in bundle.calls()]
