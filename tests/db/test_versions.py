"""Which version of a model serves: promotion, going back, waiting for a server, and two changes at once, on both databases."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from app.ranking.errors import Conflict, NotFound, StoreError
from db.models import ModelVersion
from db.models_loop import Promotion as Change
from db.session import Database
from db.store import actors, artifacts, versions
from db.store.versions import NewModel, Promotion

SHIPPED, FIRST, SECOND, THIRD = ("0" * 64, "1" * 64, "2" * 64, "3" * 64)


@pytest.fixture
def house(database: Database) -> Database:
    """The weights that ship and three candidates."""
    with database.write() as session:
        actors.ensure(session, "admin", "Admin", {"admin"})
        versions.ensure_first(session, SHIPPED, "nano", "nano.toml")
        for version_id in (FIRST, SECOND, THIRD):
            artifacts.put(session, version_id, "model", 1)
            versions.add(session, NewModel(id=version_id, name="nano", artifact_hash=version_id, base_id=SHIPPED, seed=7))
    return database


def states(database: Database) -> dict[str, str]:
    with database.read() as session:
        return {row.id[0]: row.state for row in versions.every(session)}


def promote(database: Database, version_id: str, waiting: bool = False, **said: object) -> None:
    with database.write() as session:
        versions.promote(session, Promotion(version_id=version_id, **said), waiting=waiting)  # type: ignore[arg-type]


def roll_back(database: Database) -> None:
    with database.write() as session:
        versions.roll_back(session, "nano", "admin", "worse")


def test_a_promotion_retires_the_old_version_and_is_recorded(house: Database) -> None:
    promote(house, FIRST, kind="forced", margins={"gold_drop": 0.05}, decision={"promote": True, "reason": "Better."}, actor_id="admin")
    assert states(house) == {"0": "retired", "1": "active", "2": "candidate", "3": "candidate"}
    with house.read() as session:
        assert versions.active(session, "nano") == FIRST and versions.get(session, FIRST).reason == "Better."
        (kept,) = versions.history(session, "nano")
    assert (kept.version_id, kept.previous_id, kept.kind, kept.actor_id) == (FIRST, SHIPPED, "forced", "admin")
    assert kept.margins == {"gold_drop": 0.05} and kept.decision == {"promote": True, "reason": "Better."}


def test_going_back_follows_what_served_and_ends_at_the_weights_that_ship(house: Database) -> None:
    promote(house, FIRST)
    promote(house, SECOND)
    roll_back(house)
    assert states(house)["1"] == "active" and states(house)["2"] == "retired"
    roll_back(house)
    assert states(house) == {"0": "active", "1": "retired", "2": "retired", "3": "candidate"}
    with pytest.raises(Conflict, match="none to go back to"):
        roll_back(house)
    promote(house, SECOND)
    roll_back(house)
    with house.read() as session:
        told = [(change.kind, change.version_id, change.previous_id) for change in versions.history(session, "nano")]
    assert told == [
        ("rolled_back", SHIPPED, SECOND), ("promoted", SECOND, SHIPPED), ("rolled_back", SHIPPED, FIRST), ("rolled_back", FIRST, SECOND),
        ("promoted", SECOND, FIRST), ("promoted", FIRST, SHIPPED),
    ]  # fmt: skip


def test_what_can_not_be_is_refused_and_changes_nothing(house: Database) -> None:
    promote(house, FIRST, against=SHIPPED)
    before = states(house)
    with pytest.raises(Conflict, match="serves already"):
        promote(house, FIRST)
    with pytest.raises(Conflict, match="measured against"):
        promote(house, SECOND, against=SHIPPED)
    with pytest.raises(NotFound):
        promote(house, "f" * 64)
    with house.write() as session, pytest.raises(Conflict, match="serves"):
        versions.reject(session, FIRST, "no")
    with house.write() as session, pytest.raises(Conflict, match="none to go back to"):
        versions.roll_back(session, "other", None)
    assert states(house) == before


def test_a_rejected_candidate_keeps_its_reason_and_can_still_be_let_in(house: Database) -> None:
    with house.write() as session:
        versions.reject(session, FIRST, "It is not better: the interval holds 0.")
    assert states(house)["1"] == "rejected"
    promote(house, FIRST, kind="forced")
    assert states(house)["1"] == "active"


def test_a_version_waits_for_its_server_while_the_old_one_serves(house: Database) -> None:
    promote(house, FIRST, waiting=True)
    assert states(house) == {"0": "active", "1": "waiting", "2": "candidate", "3": "candidate"}
    promote(house, SECOND, waiting=True)
    assert states(house) == {"0": "active", "1": "candidate", "2": "waiting", "3": "candidate"}
    with house.write() as session:
        assert versions.arrived(session, SECOND) and not versions.arrived(session, SECOND) and not versions.arrived(session, FIRST)
    assert states(house) == {"0": "retired", "1": "candidate", "2": "active", "3": "candidate"}


def test_going_back_withdraws_a_version_that_still_waits(house: Database) -> None:
    promote(house, FIRST)
    promote(house, SECOND, waiting=True)
    roll_back(house)
    assert states(house) == {"0": "retired", "1": "active", "2": "candidate", "3": "candidate"}


def test_a_served_model_can_go_back_to_none(house: Database) -> None:
    with house.write() as session:
        artifacts.put(session, "a" * 64, "model", 1)
        versions.add(session, NewModel(id="a" * 64, name="hub", artifact_hash="a" * 64))
        versions.promote(session, Promotion(version_id="a" * 64))
        change = versions.roll_back(session, "hub", None)
    with house.read() as session:
        assert change.version_id is None and versions.active(session, "hub") is None and versions.active(session, "nano") == SHIPPED


def test_of_many_promotions_at_once_one_is_active_in_the_end(house: Database) -> None:
    start, ends = threading.Barrier(6), []

    def act(number: int) -> None:
        start.wait()
        try:
            if number % 3 == 2:
                roll_back(house)
            else:
                promote(house, (FIRST, SECOND)[number % 3], against=SHIPPED if number < 3 else None)
            ends.append("done")
        except Conflict:
            ends.append("refused")

    threads = [threading.Thread(target=act, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ends) == 6 and "done" in ends
    with house.read() as session:
        changes = versions.history(session, "nano")
        served = [row.id for row in versions.every(session) if row.state == "active"]
    # Each change took over from the one before it: they followed one another.
    told = [(change.previous_id, change.version_id) for change in reversed(changes)]
    assert [before for before, _ in told] == [SHIPPED, *(after for _, after in told[:-1])]
    assert served == [told[-1][1]] and ends.count("done") == len(told)


def test_two_promotions_of_what_was_measured_against_the_same_version_let_one_in(house: Database) -> None:
    start, won = threading.Barrier(2), []

    def act(version_id: str) -> None:
        start.wait()
        try:
            promote(house, version_id, against=SHIPPED)
            won.append(version_id)
        except Conflict:
            pass

    threads = [threading.Thread(target=act, args=(version_id,)) for version_id in (FIRST, SECOND)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with house.read() as session:
        assert len(won) == 1 and versions.active(session, "nano") == won[0] and len(versions.history(session, "nano")) == 1


def test_the_database_itself_refuses_two_active_versions(house: Database) -> None:
    with pytest.raises(StoreError), house.write() as session:
        session.execute(sa.update(ModelVersion).where(ModelVersion.id == FIRST).values(state="active"))


def test_the_same_weights_keep_their_row_and_belong_to_one_model(house: Database) -> None:
    with house.write() as session:
        versions.reject(session, FIRST, "no")
        again = versions.add(session, NewModel(id=FIRST, name="nano", artifact_hash=FIRST, seed=9))
        assert (again.state, again.seed) == ("rejected", 7)
        with pytest.raises(Conflict, match="known as a version of 'nano'"):
            versions.add(session, NewModel(id=FIRST, name="hub", artifact_hash=FIRST))


def test_a_report_grows_and_holds_what_json_has_no_word_for(house: Database) -> None:
    with house.write() as session:
        versions.set_report(session, FIRST, {"facts": {"loss": float("nan")}, "table": []})
        versions.set_report(session, FIRST, {"decision": {"text": "a\x00b"}})
    with house.read() as session:
        assert versions.get(session, FIRST).report == {"facts": {"loss": None}, "table": [], "decision": {"text": "a\ufffdb"}}


def test_newer_weights_that_ship_take_the_place_of_older_ones_but_not_of_a_promoted_version(house: Database) -> None:
    with house.write() as session:
        versions.ensure_first(session, "b" * 64, "nano", "nano.toml")
    assert states(house)["0"] == "retired" and states(house)["b"] == "active"
    promote(house, FIRST)
    with house.write() as session:
        versions.ensure_first(session, "c" * 64, "nano", "nano.toml")
    assert {states(house)[name] for name in "0bc"} == {"retired"} and states(house)["1"] == "active"
    roll_back(house)
    assert states(house)["c"] == "active"  # the files of b are no longer there


def test_a_change_names_only_versions_that_are_there(house: Database) -> None:
    with pytest.raises(StoreError), house.write() as session:
        session.add(Change(model="nano", version_id="e" * 64, kind="promoted"))
