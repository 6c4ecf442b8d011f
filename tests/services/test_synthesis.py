"""Syntheses and dataset versions: what workers offer, what is put into the queue, scores as columns, items, and the tar of a version."""

from __future__ import annotations

import asyncio
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from app.ranking.errors import Conflict, Forbidden, InputError, NotFound
from app.ranking.values import Passage
from app.services import synthesis as module
from app.services.actors import LOCAL, VISITOR, Actor
from app.services.datasets import Datasets
from app.services.synthesis import Order, Syntheses
from db.models_loop import Artifact, DatasetVersion, Synthesis, SynthesisItem
from db.session import Database
from db.store import actors, jobs, lists, workers
from db.store.lists import Candidates
from tests.conftest import passages

RESEARCHER = Actor(id="00000000-0000-7000-8000-0000000000aa", name="Ann", roles=frozenset({"visitor", "researcher"}))
ONE, OTHER = "1a" * 32, "2b" * 32
FILTERS = [
    {"name": "consistency", "about": "", "keeps": "at_least", "threshold": 0.4, "low": 0.0, "high": 1.0},
    {"name": "holdout", "about": "", "keeps": "at_most", "threshold": 0.0, "low": 0.0, "high": 1.0, "fixed": True},
]
OFFERS = {
    "kinds": ["synthesize"],
    "recipes": [{"name": "demo", "about": "Small.", "text": 'name = "demo"\n', "teacher": "nano"}],
    "teachers": ["nano"],
}


@pytest.fixture
def services(database: Database) -> Syntheses:
    with database.write() as session:
        actors.ensure(session, LOCAL.id, LOCAL.name, LOCAL.roles)
    return Syntheses(database)


def worker(database: Database, offers: dict[str, Any] | None = None) -> None:
    with database.write() as session:
        workers.register(session, "one", OFFERS if offers is None else offers)


def synthesis(database: Database, id_: str = ONE, **values: Any) -> None:
    with database.write() as session:
        session.add(Synthesis(id=id_, name="demo", recipe='name = "demo"\n', teacher="nano", embedded=True, filters=FILTERS, **values))


def item(database: Database, number: int, state: str = "made", **values: Any) -> None:
    """An item as a worker writes it: its list apart, everything else as JSON."""
    made: tuple[Passage, ...] = tuple(passages(3)) if state == "made" else ()
    with database.write() as session:
        list_id = None
        if made:
            list_id = lists.put(session, Candidates(query=f"why {number}?", passages=made, retriever="t", signals_version=""))
        told = {"query": f"why {number}?", "source": "demo", "samples": [], "error": values.get("error", "")}
        row = {"domain": "a", "scores": {"consistency": number / 10}, "tokens": 100, "cost": 0.5, "calls": 2, **values}
        session.add(
            SynthesisItem(
                synthesis_id=ONE, number=number, source_id=f"q{number}", list_id=list_id, state=state, item=told, **row
            )
        )  # fmt: skip


def test_recipes_come_from_living_workers_alone(database: Database, services: Syntheses) -> None:
    told = asyncio.run(services.recipes(RESEARCHER))
    assert told == {"recipes": [], "training": [], "teachers": [], "worker": False}
    worker(database)
    more = [{"name": "demo", "text": "newer"}, {"name": "big", "text": ""}]
    worker(database, {"kinds": ["synthesize"], "recipes": more, "teachers": ["nano", "large"]})
    worker(database, {"recipes": [{"name": "of a command", "text": ""}]})  # a process that makes data in the foreground takes no jobs
    told = asyncio.run(services.recipes(RESEARCHER))
    assert [one["name"] for one in told["recipes"]] == ["big", "demo"] and set(told["teachers"]) == {"nano", "large"} and told["worker"]
    with pytest.raises(Forbidden):
        asyncio.run(services.recipes(VISITOR))


def test_a_synthesis_is_a_job_with_the_text_of_its_recipe_once_per_key(database: Database, services: Syntheses) -> None:
    worker(database)
    order = Order(recipe="demo", idempotency_key="k1", limit=5)
    first, again = (asyncio.run(services.start(LOCAL, order)) for _ in range(2))
    assert (first.created, again.created) == (True, False) and first.job["id"] == again.job["id"]
    with database.read() as session:
        kept = jobs.get(session, first.job["id"])
    assert kept.kind == "synthesize" and kept.actor_id == LOCAL.id and kept.state == "queued"
    assert kept.arguments == {"recipe": "demo", "text": 'name = "demo"\n', "teacher": "", "limit": 5}
    with pytest.raises(Conflict):
        asyncio.run(services.start(LOCAL, Order(recipe="demo", idempotency_key="k1", limit=6)))
    with pytest.raises(Forbidden):
        asyncio.run(services.start(RESEARCHER, order))


@pytest.mark.parametrize(
    ("order", "error", "words"),
    [
        (Order(recipe="odd", idempotency_key="k"), NotFound, "there is demo"),
        (Order(recipe="demo", idempotency_key="k", teacher="large"), InputError, "there is nano"),
        (Order(recipe="demo", idempotency_key="k", text="name = "), InputError, "not TOML"),
    ],
)  # fmt: skip
def test_what_no_worker_could_do_is_refused_at_once(
    database: Database, services: Syntheses, order: Order, error: type[Exception], words: str
) -> None:
    worker(database)
    with pytest.raises(error, match=words):
        asyncio.run(services.start(LOCAL, order))
    with database.read() as session:
        assert jobs.newest(session) == []


def test_without_a_worker_a_recipe_needs_its_text_and_then_waits(database: Database, services: Syntheses) -> None:
    with pytest.raises(InputError, match="python -m training worker"):
        asyncio.run(services.start(LOCAL, Order(recipe="demo", idempotency_key="k")))
    started = asyncio.run(services.start(LOCAL, Order(recipe="demo", idempotency_key="k", text='name = "mine"\n', teacher="anything")))
    assert started.job["state"] == "queued"


def test_lists_count_items_by_state_and_name_versions(database: Database, services: Syntheses) -> None:
    synthesis(database, cost=2.5, report={"currency": "EUR"})
    synthesis(database, OTHER)
    for number, state in ((1, "made"), (2, "made"), (3, "empty"), (4, "failed")):
        item(database, number, state, domain="b" if number == 2 else "a")
    version(database)
    told = {one["id"]: one for one in asyncio.run(services.list(RESEARCHER))}
    assert told[ONE]["items"] == {"made": 2, "empty": 1, "failed": 1} and told[ONE]["datasets"] == ["dd" * 32]
    assert told[OTHER]["items"] == {"made": 0, "empty": 0, "failed": 0} and told[OTHER]["datasets"] == []
    assert (told[ONE]["currency"], told[OTHER]["currency"], told[ONE]["cost"]) == ("EUR", None, 2.5)
    one = asyncio.run(services.get(RESEARCHER, ONE))
    assert one["recipe"] == 'name = "demo"\n'
    assert one["spent"] == [
        {"domain": "a", "made": 1, "empty": 1, "failed": 1, "calls": 6, "tokens": 300, "cost": 1.5},
        {"domain": "b", "made": 1, "empty": 0, "failed": 0, "calls": 2, "tokens": 100, "cost": 0.5},
    ]
    with pytest.raises(NotFound):
        asyncio.run(services.get(RESEARCHER, "00" * 32))


def test_scores_are_columns_of_made_items_and_of_many_an_even_sample(
    database: Database, services: Syntheses, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthesis(database)
    for number in range(1, 8):
        item(database, number, "empty" if number == 3 else "made")
    told = asyncio.run(services.scores(RESEARCHER, ONE))
    assert told["numbers"] == [1, 2, 4, 5, 6, 7] and (told["of"], told["sampled"]) == (6, False)
    assert told["scores"] == {"consistency": [0.1, 0.2, 0.4, 0.5, 0.6, 0.7], "holdout": [None] * 6}
    assert told["tokens"] == [100] * 6 and told["domains"] == ["a"] * 6
    monkeypatch.setattr(module, "MOST_SCORES", 3)
    told = asyncio.run(services.scores(RESEARCHER, ONE))
    assert told["numbers"] == [1, 4, 6] and (told["of"], told["sampled"]) == (6, True)  # every second of those that were made


def test_items_by_number_behind_a_number_and_the_newest_first(database: Database, services: Syntheses) -> None:
    synthesis(database)
    for number in (4, 1, 2, 3):  # as they came
        item(database, number)

    def numbers(*what: Any) -> list[int]:
        return [one["number"] for one in asyncio.run(services.items(RESEARCHER, ONE, *what))["items"]]

    assert numbers([3, 1, 99], None, 50) == [1, 3]
    assert numbers(None, -1, 2) == [1, 2] and numbers(None, 2, 2) == [3, 4]
    assert numbers(None, None, 2) == [3, 2]
    brief = asyncio.run(services.items(RESEARCHER, ONE, [2], None, 1))["items"][0]
    assert brief["query"] == "why 2?" and brief["scores"] == {"consistency": 0.2} and "item" not in brief


def test_a_whole_item_has_its_passages_in_the_order_of_its_list(database: Database, services: Syntheses) -> None:
    synthesis(database)
    item(database, 1)
    item(database, 2, "failed", error="the teacher said nothing")
    told = asyncio.run(services.item(RESEARCHER, ONE, 1))
    assert [one["id"] for one in told["passages"]] == ["p1", "p2", "p3"] and told["passages"][0]["text"] and told["query"] == "why 1?"
    failed = asyncio.run(services.item(RESEARCHER, ONE, 2))
    assert failed["passages"] == [] and failed["error"] == "the teacher said nothing" and failed["state"] == "failed"
    with pytest.raises(NotFound, match="no item 9"):
        asyncio.run(services.item(RESEARCHER, ONE, 9))


def test_a_dataset_is_a_job_with_thresholds_that_can_be(database: Database, services: Syntheses) -> None:
    synthesis(database)
    made = asyncio.run(services.build(LOCAL, ONE, "strict", {"consistency": 0.6, "holdout": 0.0}, "k"))
    with database.read() as session:
        kept = jobs.get(session, made.job["id"])
    assert kept.kind == "dataset"
    assert kept.arguments == {"synthesis": ONE, "name": "strict", "thresholds": {"consistency": 0.6, "holdout": 0.0}}
    for wrong, words in (({"odd": 1.0}, "there is consistency"), ({"holdout": 1.0}, "can't be moved"), ({"consistency": 1.5}, "0 to 1")):
        with pytest.raises(InputError, match=words):
            asyncio.run(services.build(LOCAL, ONE, "x", wrong, "k2"))
    with pytest.raises(NotFound):
        asyncio.run(services.build(LOCAL, OTHER, "x", {}, "k3"))
    with pytest.raises(Forbidden):
        asyncio.run(services.build(RESEARCHER, ONE, "x", {}, "k4"))


def version(database: Database) -> None:
    with database.write() as session:
        session.add(Artifact(hash="aa" * 32, kind="dataset", size=11))
        session.flush()
        manifest = {"thresholds": {"consistency": 0.4}}
        session.add(
            DatasetVersion(
                id="dd" * 32, name="demo", artifact_hash="aa" * 32, synthesis_id=ONE, counts={"examples": 2}, manifest=manifest
            )
        )  # fmt: skip


async def whole(datasets: Datasets) -> bytes:
    return b"".join([chunk async for chunk in (await datasets.file(RESEARCHER, "dd" * 32)).chunks])


def test_a_version_has_a_card_and_the_same_tar_each_time(database: Database, services: Syntheses, tmp_path: Path) -> None:
    synthesis(database)
    version(database)
    folder = tmp_path / "artifact"
    (folder / "deep").mkdir(parents=True)
    (folder / "README.md").write_text("# Card", encoding="utf-8")
    (folder / "examples.jsonl").write_bytes(b"x" * 700_000)
    (folder / "deep" / "empty").write_bytes(b"")
    datasets = Datasets(database, lambda digest: folder if digest == "aa" * 32 else tmp_path)
    assert asyncio.run(datasets.list(RESEARCHER))[0] == {
        "id": "dd" * 32, "name": "demo", "created": asyncio.run(datasets.get(RESEARCHER, "dd" * 32))["created"],
        "counts": {"examples": 2}, "synthesis": ONE, "artifact": "aa" * 32, "size": 11, "thresholds": {"consistency": 0.4},
    }  # fmt: skip
    assert asyncio.run(datasets.get(RESEARCHER, "dd" * 32))["card"] == "# Card"
    taken, again = asyncio.run(whole(datasets)), asyncio.run(whole(datasets))
    assert taken == again
    with tarfile.open(fileobj=io.BytesIO(taken)) as archive:
        assert archive.getnames() == [f"{'dd' * 6}/{name}" for name in ("README.md", "deep/empty", "examples.jsonl")]
        found = archive.extractfile(f"{'dd' * 6}/examples.jsonl")
        assert found is not None and found.read() == b"x" * 700_000
    with pytest.raises(NotFound):
        asyncio.run(datasets.get(RESEARCHER, "00" * 32))
    with pytest.raises(Forbidden):
        asyncio.run(datasets.list(VISITOR))


def test_a_version_whose_folder_is_gone_can_still_be_seen(database: Database, services: Syntheses, tmp_path: Path) -> None:
    synthesis(database)
    version(database)
    told = asyncio.run(Datasets(database, lambda _: tmp_path / "gone").get(RESEARCHER, "dd" * 32))
    assert told["card"] == "" and told["manifest"] == {"thresholds": {"consistency": 0.4}}
