"""The end of a synthesis in the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.ranking.cache import Cancelled, Watch
from app.ranking.holdout import is_holdout
from app.ranking.retrieval.demo import load_demo
from app.ranking.values import Passage
from db.session import Database
from db.store import lists, syntheses
from training.filters import described, item_scores, thresholds
from training.filters.run import finish
from training.synthesis.stored import StoredItem, every, keep

from .made import item

ID = "5" * 64
HELD = next(text for text in (f"what is held back about number {n}" for n in range(50)) if is_holdout(text))
FREE = [text for text in (f"an ordinary question of kind {n}" for n in range(50)) if not is_holdout(text)]


@pytest.fixture
def filled(database: Database) -> Iterator[Database]:
    """A synthesis of five items: one fine, its duplicate, one held back, one in a benchmark, one without an answer."""
    made = [FREE[0], FREE[0].upper(), HELD, "a benchmark asks this very question", FREE[2]]
    with database.write() as session:
        syntheses.register(session, syntheses.NewSynthesis(id=ID, name="s", recipe="", teacher="nano", embedded=True))
        for number, query in enumerate(made):
            one = replace(
                item(reasoning="[1] answers it well, [3] is irrelevant.", grades={"p1": 1, "p2": 0, "p3": 0}),
                number=number,
                source_id=f"s{number}",
                query=query,
            )
            one = replace(one, samples=(), error="no answer") if number == 4 else one
            keep(session, ID, one, item_scores(one))
    yield database


def finished(database: Database, tmp_path: Path) -> dict[int, StoredItem]:
    (tmp_path / "bench.txt").write_text("A benchmark asks this very question!\n", encoding="utf-8")
    finish(database, ID, thresholds({"consistency": 0.5}), [tmp_path / "bench.txt"], Watch())
    return {one.item.number: one for one in every(database, ID)}


def test_a_sealed_question_of_the_demo_can_not_be_trained_on(database: Database) -> None:
    sealed = next(one.text for one in load_demo().queries if one.metadata["split"] == "sealed" and not is_holdout(one.text))
    with database.write() as session:
        syntheses.register(session, syntheses.NewSynthesis(id=ID, name="s", recipe="", teacher="nano", embedded=True))
        one = replace(item(), query=sealed)
        keep(session, ID, one, item_scores(one))
    finish(database, ID, thresholds({}), [], Watch())
    (found,) = every(database, ID)
    assert found.scores["contamination"] == 1.0 and found.scores["holdout"] == 0.0
    assert found.reasons["contamination"] == ["its query is 100% like one of the demo's sealed questions"]


def test_scores_of_the_whole_set_are_written_beside_the_others(filled: Database, tmp_path: Path) -> None:
    found = finished(filled, tmp_path)
    assert [found[at].scores["duplicate"] for at in range(4)] == [0.0, 1.0, 0.0, 0.0]
    assert [found[at].scores["contamination"] for at in range(4)] == [0.0, 0.0, 0.0, 1.0]
    assert [found[at].scores["holdout"] for at in range(4)] == [0.0, 0.0, 1.0, 0.0]
    assert found[1].scores["consistency"] == 1.0
    assert found[1].reasons["duplicate"] == ["its query is 100% like that of item 0"]
    assert found[3].reasons["contamination"] == ["its query is 100% like one of bench.txt"]


def test_the_report_and_the_filters_stand_beside_the_synthesis(filled: Database, tmp_path: Path) -> None:
    finished(filled, tmp_path)
    with filled.read() as session:
        row = syntheses.get(session, ID)
        assert row.filters == described(thresholds({"consistency": 0.5}))
        assert row.report is not None
        assert (row.report["before"], row.report["after"], row.report["teacher"], row.report["embedded"]) == (4, 1, "nano", True)
        domain = row.report["domains"][0]
        assert domain["failed"] == 1 and domain["only"]["contamination"] == 1
        assert domain["dropped"]["holdout"] == 1 and domain["dropped"]["duplicate"] == 1


def test_doing_it_again_changes_nothing(filled: Database, tmp_path: Path) -> None:
    first = finished(filled, tmp_path)
    with filled.read() as session:
        report = syntheses.get(session, ID).report
    assert finished(filled, tmp_path) == first
    with filled.read() as session:
        assert syntheses.get(session, ID).report == report


def test_lists_that_people_hold_back_contaminate_and_those_of_a_synthesis_do_not(filled: Database, tmp_path: Path) -> None:
    changed = HELD.replace("number", "number number")
    with filled.write() as session:
        passages = (Passage(id="a", text="x"),)
        for retriever, query in (("bm25", HELD), ("synthesis", FREE[2])):
            lists.put(session, lists.Candidates(query=query, passages=passages, retriever=retriever, signals_version="", holdout=True))
        one = replace(item(), number=9, source_id="s9", query=changed)
        keep(session, ID, one, item_scores(one))
    found = finished(filled, tmp_path)
    assert (found[2].scores["contamination"], found[4].scores["contamination"]) == (1.0, 0.0)
    assert found[2].reasons["contamination"] == ["its query is 100% like one of this studio's holdout"]


def test_it_can_be_stopped(filled: Database, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        finish(filled, ID, thresholds(), [], Watch(cancelled=lambda: True))
    with filled.read() as session:
        assert syntheses.get(session, ID).report is None
