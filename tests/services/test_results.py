"""Evaluations that are kept: what the leaderboard says of them, which may be compared, topics with both orders, and stability."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from app.artifacts import ArtifactStore
from app.evaluations import Origin, keep
from app.ranking.errors import Forbidden, InputError, NotFound, StoreError
from app.ranking.evaluation.bundles.read import Bundle
from app.ranking.evaluation.bundles.values import SetFiles
from app.ranking.evaluation.bundles.write import BundleWriter
from app.ranking.values import Passage
from app.services.actors import LOCAL, VISITOR
from app.services.result_texts import SuiteTexts
from app.services.result_topics import Page
from app.services.results import Results
from db.session import Database
from db.store import evaluations
from tests.databases import migrated
from tests.ranking.bundles.made import DEPTHS, QUERIES, grades_of, header, ids_of, made

TOPICS = 6  # of a bundle of tests.ranking.bundles.made: four of biology, two of law


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = migrated(tmp_path / "studio.db")
    yield database
    database.close()


class House:
    """A studio's evaluations, and the way to keep one."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder, self.database = folder, database
        self.store = ArtifactStore(folder / "artifacts")
        self.results = Results(database, self.store.path, SuiteTexts(None))

    def keep(self, name: str = "reasoned", **changed: Any) -> str:
        target = self.folder / f"bundle{len(list(self.folder.glob('bundle*')))}"
        made(target, name=name, **changed)
        return keep(self.database, self.store, target)

    def ask(self, what: str, *arguments: Any) -> dict[str, Any]:
        found: dict[str, Any] = asyncio.run(getattr(self.results, what)(LOCAL, *arguments))
        return found


@pytest.fixture
def house(tmp_path: Path, database: Database) -> House:
    return House(tmp_path, database)


def test_a_row_has_the_numbers_of_its_bundle(house: House) -> None:
    id_ = house.keep()
    bundle = Bundle.open(house.folder / "bundle0")
    (told,) = house.ask("list")["results"]
    values, first = bundle.values("nDCG@10"), [row.first["nDCG@10"] for row in bundle.topics]
    assert told["id"] == id_ == bundle.id and (told["model"], told["suite"], told["n"], told["apart"]) == ("nano", "small", TOPICS, "")
    assert told["value"] == pytest.approx(fmean(values.values())) and told["low"] < told["value"] < told["high"]
    assert told["first"] == pytest.approx(fmean(first)) and told["gain"] == pytest.approx(told["value"] - told["first"])
    assert told["wins"] + told["ties"] + told["losses"] == TOPICS and told["p"] == pytest.approx(2 / 2**TOPICS)  # all won: 2 of 64 flips
    assert told["clean"] == pytest.approx(11 / 12)  # one of two calls of each topic was cut once
    assert (told["calls"], told["tokens"]) == (2.0, pytest.approx(2 * (500 + 90) + 3))
    law = next(one for one in told["domains"] if one["name"] == "law")
    assert law["n"] == 2 and law["value"] == pytest.approx(fmean(value for (set_, _), value in values.items() if set_ == "law"))
    assert told["headroom"]["depths"] == list(DEPTHS)
    assert told["headroom"]["ceiling"][0] == pytest.approx(fmean(row.ceiling["10"] for row in bundle.topics))
    assert told["headroom"]["first"] == pytest.approx(told["first"])


def test_a_bundle_is_kept_once_and_one_that_was_changed_never(house: House) -> None:
    assert house.keep() == house.keep()
    assert len(house.ask("list")["results"]) == 1
    made(house.folder / "bundle2", luck=1)
    (house.folder / "bundle2" / "topics.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="changed after it was made"):
        keep(house.database, house.store, house.folder / "bundle2")
    with pytest.raises(InputError, match="no bundle"):
        keep(house.database, house.store, house.folder)


def test_what_confirms_a_bundle_can_keep_it_out(house: House) -> None:
    def refuse(_session: object) -> None:
        raise StoreError("somebody else has it")

    made(house.folder / "one")
    with pytest.raises(StoreError):
        keep(house.database, house.store, house.folder / "one", Origin(), refuse)
    assert house.ask("list")["results"] == []


def test_rows_of_other_topics_candidates_or_judgements_are_told_apart_from_most(house: House) -> None:
    kept = {house.keep("a"), house.keep("b", luck=1)}
    written = made(house.folder / "bundle8")
    changes: list[tuple[dict[str, Any] | None, str]] = [
        ({"qrels_hash": "0" * 32}, "other judgements"),
        ({"candidates_hash": "1" * 32}, "other candidates"),
        (None, "(5 here, 6 in most)"),
    ]
    for number, (change, says) in enumerate(changes):
        target = house.folder / f"changed{number}"
        rows = [replace(row, **change) if change and not at else row for at, row in enumerate(written.topics)]
        with BundleWriter(target, header(f"c{number}")) as writer:
            for one in written.sets:
                writer.add_set(_files(written, one))
            for row in rows if change else rows[1:]:
                writer.add_topic(row)
        odd = keep(house.database, house.store, target)
        told = {one["id"]: one["apart"] for one in house.ask("list")["results"]}
        assert says in told[odd] and all(told[id_] == "" for id_ in kept), says
        assert says.split(" (")[0] in house.ask("get", odd)["apart"]


def _files(bundle: Bundle, one: Any) -> SetFiles:
    return SetFiles(name=one["name"], qrels=bundle.qrels(one["name"]), first=bundle.first(one["name"]), run=bundle.run(one["name"]))


@pytest.mark.parametrize("sort", ["loss", "gain", "first", "room", "value", "name"])
def test_topics_are_sorted_and_read_in_pieces(house: House, sort: str) -> None:
    id_ = house.keep()
    whole = house.ask("topics", id_, Page(sort=sort, limit=100))["topics"]
    ways: dict[str, Callable[[dict[str, Any]], Any]] = {
        "loss": lambda t: t["gain"], "gain": lambda t: -t["gain"], "first": lambda t: t["first"], "value": lambda t: t["value"],
        "room": lambda t: t["value"] - t["ceiling"], "name": lambda t: (t["set"], t["topic"]),
    }  # fmt: skip
    by = ways[sort]
    assert [by(t) for t in whole] == sorted(by(t) for t in whole) and len(whole) == TOPICS
    pieces = [house.ask("topics", id_, Page(sort=sort, after=after, limit=4)) for after in (0, 4)]
    assert [one["more"] for one in pieces] == [True, False] and pieces[0]["topics"] + pieces[1]["topics"] == whole
    law = house.ask("topics", id_, Page(sort=sort, within="law"))
    assert {t["set"] for t in law["topics"]} == {"law"} and law["total"] == 2


def test_a_topic_has_both_orders_grades_and_traces_with_claims(house: House) -> None:
    id_ = house.keep()
    bundle = Bundle.open(house.folder / "bundle0")
    told = house.ask("topic", id_, ("biology", "b4"))
    assert told["query"] == QUERIES["b4"] and "<b>" in told["query"]
    assert told["orders"]["first"] == ids_of("b4") and told["orders"]["reached"] == [one for one, _ in bundle.run("biology")["b4"]]
    assert {p["id"]: p["grade"] for p in told["passages"] if p["grade"] is not None} == grades_of("b4")
    assert [p["first_rank"] for p in told["passages"]] == list(range(1, 13)) and told["known"] == 0
    first, second = told["windows"]
    assert (first["number"], second["number"]) == (1, 2) and first["passages"] == ids_of("b4")[4:]
    cited = {id_ for claim in first["claims"] for id_ in claim["passages"]}
    assert cited == set(first["passages"]) and first["sentences"] and first["reasoning"]
    assert house.ask("topic", id_, ("law", "l2"))["outcome"] == "truncated"
    for missing in (("law", "b4"), ("none", "b4"), ("biology", "../b4")):
        with pytest.raises(NotFound):
            house.ask("topic", id_, missing)


def test_free_traces_are_read_too_and_texts_are_shown_where_they_are_known(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = house.keep(nano=False)
    known = {one: Passage(id=one, title=f"Title {one}", text="words") for one in ids_of("b1")[:3]}
    monkeypatch.setattr(house.results._texts, "of", lambda suite, set_, ids: {one: known[one] for one in ids if one in known})
    told = house.ask("topic", id_, ("biology", "b1"))
    assert [p["title"] for p in told["passages"][:4]] == [*(f"Title {one}" for one in ids_of("b1")[:3]), ""] and told["known"] == 3
    assert any(claim["passages"] for window in told["windows"] for claim in window["claims"])


def test_two_are_compared_with_causes_and_the_sign_is_that_of_the_change(house: House) -> None:
    one, other = house.keep("a"), house.keep("b", luck=3, seed=3)
    told, back = house.ask("compare", one, other), house.ask("compare", other, one)
    before, after = told["a"]["value"], told["b"]["value"]
    assert told["difference"]["mean"] == pytest.approx(after - before) == pytest.approx(-back["difference"]["mean"])
    assert told["difference"]["n"] == TOPICS and told["only"] == [0, 0] and told["text"] == ""
    assert [cause["name"] for cause in told["causes"]] and sum(cause["share"] for cause in told["causes"]) == pytest.approx(1.0)
    assert told["differs"] == [{"name": "seed", "a": "0", "b": "3"}]
    changes = [abs(one["change"]) for one in told["changed"]]
    assert changes == sorted(changes, reverse=True) and all(one["change"] == pytest.approx(one["b"] - one["a"]) for one in told["changed"])
    same = house.ask("compare", one, one)
    assert same["same"] and same["changed"] == [] and same["difference"]["mean"] == 0.0


def test_only_evaluations_that_differ_in_their_seed_are_held_against_each_other(house: House) -> None:
    one = house.keep("a")
    house.keep("direct", luck=2, thinking={"mode": "direct"})
    alone = house.ask("stability", one)
    assert alone["stability"] is None and "another seed" in alone["why"]
    other = house.keep("b", luck=1, seed=1, strategy={"name": "sliding", "size": 8, "step": 4, "passes": 1, "shuffle": 1})
    told = house.ask("stability", one)
    assert {run["id"] for run in told["runs"]} == {one, other} and told["stability"]["n"] == TOPICS
    assert 0.0 < told["stability"]["rbo"]["mean"] < 1.0 and set(told["stability"]["means"]) == {one, other}


def test_files_are_what_was_kept_and_the_report_is_one_page(house: House) -> None:
    id_ = house.keep("<script>alert(1)</script>")

    async def read(what: str) -> tuple[str, bytes]:
        export = await getattr(house.results, what)(LOCAL, id_)
        return export.filename, b"".join([chunk async for chunk in export.chunks])

    name, table = asyncio.run(read("table"))
    assert name.endswith(".csv") and table == (house.folder / "bundle0" / "topics.csv").read_bytes()
    assert asyncio.run(read("file")) == asyncio.run(read("file"))
    name, page = asyncio.run(read("report"))
    assert name.endswith(".html") and b"<script>alert(1)" not in page and b"nDCG@10" in page


def test_nobody_but_a_researcher_reads_and_what_is_gone_is_said(house: House) -> None:
    id_ = house.keep()
    with pytest.raises(Forbidden):
        asyncio.run(house.results.list(VISITOR))
    with pytest.raises(NotFound):
        house.ask("get", "0" * 64)
    with house.database.read() as session:
        folder = house.store.path(evaluations.get(session, id_).artifact_hash)
    folder.rename(house.folder / "away")
    assert house.ask("get", id_)["n"] == TOPICS
    with pytest.raises(StoreError, match="not in the artifact store"):
        house.ask("topics", id_, Page())


def test_suites_and_texts_are_those_whose_files_are_there(tmp_path: Path) -> None:
    root = tmp_path / "suites"
    root.mkdir()
    assert [one.name for one in SuiteTexts(None).suites()] == [one.name for one in SuiteTexts(root).suites()] == ["demo"]
    (root / "qrels.bright-biology.txt").write_text("1 0 a/1 1\n", encoding="utf-8")
    assert [one.name for one in SuiteTexts(root).suites()] == ["demo"]  # no first stage
    (root / "run.bright-biology.bm25.txt").write_text("1 Q0 a/1 1 2.0 t\n", encoding="utf-8")
    assert "bright" in [one.name for one in SuiteTexts(root).suites()]
    corpus = root / "bright" / "biology" / "corpus.jsonl"
    corpus.parent.mkdir(parents=True)
    corpus.write_text('{"_id": "a/1", "title": "T", "text": "words"}\n{"_id": "b", "text": "more"}\n', encoding="utf-8")
    found = SuiteTexts(root).of("bright", "biology", ["a/1", "gone"])
    assert {id_: passage.text for id_, passage in found.items()} == {"a/1": "words"}
    assert SuiteTexts(root).of("bright", "economics", ["a/1"]) == SuiteTexts(None).of("bright", "biology", ["a/1"]) == {}
    corpus.write_text("{broken\n", encoding="utf-8")
    assert SuiteTexts(root).of("bright", "biology", ["a/1"]) == {}
    assert set(SuiteTexts(None).of("demo", "dev", ["none"])) == set()
