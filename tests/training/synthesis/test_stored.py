"""Items in the database: what goes in comes out, once, in the order of the numbers; over both databases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import func, select

from app.ranking.errors import Conflict, NotFound
from app.ranking.values import Passage
from db.models import CandidateList, TextRow, now
from db.models_loop import Job, SynthesisItem
from db.session import Database
from db.store import syntheses
from training.synthesis.stored import StoredItem, every, keep, keep_all, load, state_of
from training.synthesis.values import Cost, Item, Mined, Opinion, Sample

ID = "a" * 64


@dataclass(frozen=True)
class Score:
    value: float | None
    reasons: tuple[str, ...] = ()


def item(number: int, **changes: Any) -> Item:
    """An item with everything that an item can have."""
    whole = Item(
        number=number,
        source_id=f"q{number}",
        source="beir",
        domain="first" if number % 2 else "second",
        query=f"question {number}?",
        answer="the answer",
        passages=(
            Passage(id="p1", text="shared text", title="T", score=0.1 + 0.2, features={"bm25": 1 / 3}),
            Passage(id="p2", text=f"text {number}"),
        ),
        origins={"p1": "given", "p2": "hard"},
        grades={"p1": 2, "p2": 0},
        mined=(Mined(prompt="m", sample=0, grades={"p1": 2, "p2": 0}, outcome="repaired", problems=("extra_text",)),),
        samples=(Sample(sample=0, seed=7, shown=("p1", "p2"), order=("p2", "p1"), reasoning="why", outcome="clean", tokens_out=5),),
        opinions=(Opinion(person="a", order=(("p1",), ("p2",)), not_relevant=("p2",), grades={"p1": 3}, trust=0.5),),
        teacher="t",
        template="studio",
        seed=9,
        licence="CC0",
        notes=("one",),
        cost=Cost(calls=4, tokens_in=100, tokens_out=20, cost=0.25),
    )
    return replace(whole, **changes)


@pytest.fixture
def synthesis(database: Database) -> Database:
    with database.write() as session:
        syntheses.register(session, syntheses.NewSynthesis(id=ID, name="s", recipe="r", teacher="t", filters=[{"name": "f"}]))
    return database


def test_what_goes_in_comes_out(synthesis: Database) -> None:
    kept = [item(number) for number in (5, 0, 3)]
    scores = {"consistency": Score(0.5), "people": Score(None, ("nobody judged it",))}
    with synthesis.write() as session:
        keep_all(session, ID, [(one, scores) for one in kept])
    found = list(every(synthesis, ID, batch=2))
    assert [one.item for one in found] == [kept[1], kept[2], kept[0]]
    reasons = {"people": ["nobody judged it"]}
    assert found[0] == StoredItem(item=kept[1], scores={"consistency": 0.5, "people": None}, reasons=reasons, state="made")
    with synthesis.read() as session:
        row = session.get_one(SynthesisItem, (ID, 5))
        assert (row.calls, row.tokens, row.cost, row.domain, row.state) == (4, 120, 0.25, "first", "made")
        assert session.scalar(select(func.count()).select_from(TextRow).where(TextRow.text == "shared text")) == 1
        assert [one.item.number for one in load(session, ID, 0, 1)] == [3]
        assert syntheses.counts(session, ID) == {"first": {"made": 2}, "second": {"made": 1}}


def test_an_item_is_written_once_unless_it_had_failed(synthesis: Database) -> None:
    failed = item(1, samples=(), mined=(), error="the teacher was away")
    with synthesis.write() as session:
        keep(session, ID, failed, {})
        keep(session, ID, item(2), {})
    with synthesis.write() as session:
        assert syntheses.numbers(session, ID) == {2}
        keep(session, ID, item(1), {})
        keep(session, ID, item(2, query="changed?"), {})
    with synthesis.write() as session:
        keep(session, ID, failed, {})
    assert [one.item for one in every(synthesis, ID)] == [item(1), item(2)]


def test_what_a_database_can_not_hold_is_replaced(synthesis: Database) -> None:
    odd = item(
        1, query="a\x00b?", answer="\ud800", notes=("\x00",), passages=(Passage(id="p\x00", text="t\x00"), Passage(id="q", text="u"))
    )
    with synthesis.write() as session:
        keep(session, ID, odd, {"f": Score(1.0, ("\x00",))})
    found = next(every(synthesis, ID))
    assert (found.item.query, found.item.answer, found.item.notes) == ("a\ufffdb?", "?", ("\ufffd",))
    assert (found.item.passages[0].id, found.item.passages[0].text, found.reasons) == ("p\ufffd", "t\ufffd", {"f": ["\ufffd"]})


def test_states() -> None:
    away = Mined(prompt="m", sample=0, grades={}, outcome="error")
    assert state_of(item(1)) == "made"
    assert state_of(item(1, samples=(), passages=(), grades={}, mined=(), error="nothing relevant")) == "empty"
    assert state_of(item(1, samples=(), passages=(), grades={}, mined=(away,), error="away")) == "failed"
    assert state_of(item(1, samples=(), error="away while it ranked")) == "failed"


def test_lists_say_whether_they_are_of_the_holdout(synthesis: Database) -> None:
    from app.ranking.holdout import is_holdout

    queries = [f"question {number}?" for number in range(20)]
    with synthesis.write() as session:
        keep_all(session, ID, [(item(number, query=query), {}) for number, query in enumerate(queries)])
    with synthesis.read() as session:
        held = session.scalar(select(func.count()).select_from(CandidateList).where(CandidateList.holdout))
    assert held == sum(map(is_holdout, queries)) > 0


def test_scores_are_added_and_those_of_other_filters_stay(synthesis: Database) -> None:
    with synthesis.write() as session:
        keep(session, ID, item(1), {"consistency": Score(0.5, ("low",)), "duplicate": Score(0.1, ("old",))})
        syntheses.rescore(session, ID, {1: ({"duplicate": 0.9}, {"duplicate": ["like 0"]})})
        syntheses.conclude(session, ID, [{"name": "g"}], {"before": 1})
    found = next(every(synthesis, ID))
    assert found.scores == {"consistency": 0.5, "duplicate": 0.9}
    assert found.reasons == {"consistency": ["low"], "duplicate": ["like 0"]}
    with synthesis.read() as session:
        row = syntheses.get(session, ID)
    assert (row.filters, row.report) == ([{"name": "g"}], {"before": 1})


def test_one_living_job_at_a_time(synthesis: Database) -> None:
    with synthesis.write() as session:
        first, second = (Job(kind="synthesize", idempotency_key=key, state="running", lease_until=now().replace(year=2999)) for key in "ab")
        session.add_all([first, second])
        session.flush()
        syntheses.claim(session, ID, first.id)
        syntheses.claim(session, ID, first.id)  # another attempt of the same job
        for other in (second.id, None):
            with pytest.raises(Conflict, match=first.id):
                syntheses.claim(session, ID, other)
        first.lease_until = now().replace(year=2000)
        session.flush()
        syntheses.claim(session, ID, second.id)
        assert syntheses.get(session, ID).job_id == second.id
        with pytest.raises(NotFound):
            syntheses.claim(session, "b" * 64, second.id)
