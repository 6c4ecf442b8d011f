"""The event log on both databases: sealing, erasing, and that no change to it goes unnoticed."""

from __future__ import annotations

import threading
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import text

from app.ranking.errors import Forbidden
from app.services.actors import LOCAL, VISITOR
from app.services.log import Log
from db.models_log import Event
from db.models_people import Judgement
from db.session import Database
from db.store import judgements, log
from db.store.log_check import Report, verify
from tests.db.test_store import ANN, begin, judgement

EVENTS: Any = Event.__table__
DATA: dict[Any, Any] = {"n": 1, "many": [1.5, -0.0, 3.0, 1e300, 1e-7, 2**70, True, None], 7: "\ud800\x00", "deep": {"ü": ()}}


def write(database: Database, count: int, start: int = 0) -> list[str]:
    """Events of one person about several things; their ids."""
    ids = []
    for number in range(start, start + count):
        with database.write() as session:
            event = log.append(session, ANN, "thing.done", f"thing{number}", DATA)
            session.flush()
            ids.append(event.id)
    return ids


def seal(database: Database, limit: int = 500) -> int:
    with database.write() as session:
        return log.seal(session, limit)


def look(database: Database, head: str | None = None) -> Report:
    with database.read() as session:
        return verify(session, head)


def rows(database: Database) -> list[dict[str, Any]]:
    with database.read() as session:
        return [dict(row._mapping) for row in session.execute(sa.select(EVENTS).order_by(EVENTS.c.seq))]


def change(database: Database, **values: Any) -> None:
    """Change the event that `where_seq` names, as somebody with the database's password would."""
    where = values.pop("where_seq")
    with database.write() as session:
        session.execute(sa.update(EVENTS).where(EVENTS.c.seq == where).values(**values))


def sealed(database: Database, count: int = 5) -> Report:
    write(database, count)
    assert seal(database) == count
    report = look(database)
    assert (report.events, report.sealed, report.erased, report.problems) == (count, count, 0, ())
    return report


def test_events_get_places_in_order_without_gaps(database: Database) -> None:
    ids = write(database, 7)
    assert (seal(database, 3), seal(database, 3), seal(database, 3), seal(database)) == (3, 3, 1, 0)
    found = rows(database)
    assert [(row["seq"], row["id"]) for row in found] == list(enumerate(ids, start=1))
    assert found[0]["previous_hash"] == log.GENESIS
    assert [row["previous_hash"] for row in found[1:]] == [row["hash"] for row in found[:-1]]
    report = look(database)
    assert (report.problems, report.seq, report.head) == ((), 7, found[-1]["hash"])


def test_the_hashes_are_those_that_the_documents_say(database: Database) -> None:
    """Worked out here from the words of docs/method.md, not with the program's functions."""
    import hashlib
    import json
    from datetime import UTC

    write(database, 1)
    seal(database)
    (row,) = rows(database)
    created = row["created"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")
    inside = json.dumps([row["actor_id"], row["data"], row["salt"]], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    payload = hashlib.sha256(inside.encode()).hexdigest()
    links = ["0" * 64, 1, row["id"], row["action"], row["subject"], created, payload]
    around = json.dumps(links, ensure_ascii=False, separators=(",", ":"))
    assert (row["payload_hash"], row["hash"]) == (payload, hashlib.sha256(around.encode()).hexdigest())


def test_an_event_of_a_failed_act_is_not_written(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        log.append(session, ANN, "thing.done", "thing", {})
        raise RuntimeError
    assert look(database).events == 0


TAMPERED: list[dict[str, Any]] = [
    {"id": "00000000-0000-7000-8000-00000000ffff"},
    {"action": "thing.undone"},
    {"subject": "thing99"},
    {"actor_id": "somebody else"},
    {"actor_id": None},
    {"data": {"n": 2}},
    {"data": {}},
    {"data": sa.null()},
    {"salt": "0" * 64},
    {"salt": None},
    {"payload_hash": "0" * 64},
    {"created": timedelta(microseconds=1)},
    {"seq": 77},
    {"seq": None},
    {"previous_hash": "0" * 63 + "1"},
    {"previous_hash": None},
    {"hash": "0" * 64},
    {"hash": None},
    {"erased": timedelta(0)},
]


def test_any_changed_field_of_any_event_is_found(database: Database) -> None:
    sealed(database, 3)
    for row, tampered in product(rows(database), TAMPERED):
        ((name, new),) = tampered.items()
        with pytest.raises(ZeroDivisionError), database.write() as session:
            value = row["created"] + new if isinstance(new, timedelta) else new
            session.execute(sa.update(EVENTS).where(EVENTS.c.seq == row["seq"]).values(**{name: value}))
            assert verify(session).problems, f"{name}={value} of seq {row['seq']}"
            raise ZeroDivisionError  # roll back
    assert look(database).problems == ()


def test_every_column_is_tampered_with() -> None:
    assert {name for values in TAMPERED for name in values} == set(EVENTS.columns.keys())


def test_a_tombstone_can_not_be_changed_either(database: Database) -> None:
    sealed(database)
    with database.write() as session:
        assert log.erase(session, subject="thing2") == 1
    seal(database)
    (gone,) = [row for row in rows(database) if row["erased"]]
    for values in (
        {"erased": gone["erased"] + timedelta(seconds=1)}, {"erased": None}, {"data": {"n": 1}}, {"salt": "0" * 64}, {"actor_id": ANN},
        {"subject": "thing9"}, {"payload_hash": "0" * 64}, {"hash": "0" * 64},
    ):  # fmt: skip
        change(database, where_seq=gone["seq"], **values)
        assert look(database).problems, values
        change(database, where_seq=gone["seq"], **gone | {"data": sa.null()})
        assert look(database).problems == (), values


def test_a_deleted_row_is_found_wherever_it_was(database: Database) -> None:
    report = sealed(database)
    for seq in range(1, 6):
        with pytest.raises(ZeroDivisionError), database.write() as session:
            session.execute(sa.delete(EVENTS).where(EVENTS.c.seq == seq))
            found = verify(session, report.head)
            assert found.problems, seq
            # Only a cut-off end needs the head that was written down.
            assert bool(verify(session).problems) == (seq < 5)
            raise ZeroDivisionError  # roll back
    assert look(database, report.head).problems == ()


def test_a_log_cut_to_nothing_is_found_by_its_head(database: Database) -> None:
    report = sealed(database)
    with database.write() as session:
        session.execute(sa.delete(EVENTS))
    assert look(database).problems == ()
    assert "cut off" in look(database, report.head).problems[0]


def test_a_log_that_goes_on_still_has_its_old_head(database: Database) -> None:
    report = sealed(database)
    write(database, 3, start=10)
    seal(database)
    assert look(database, report.head).problems == ()


def test_a_row_put_in_between_is_found(database: Database) -> None:
    sealed(database)
    row = rows(database)[2]
    for seq in (6, 3):  # behind the end without hashing anew, and in the middle with later events moved up
        with pytest.raises(ZeroDivisionError), database.write() as session:
            for later in range(5, seq - 1, -1):
                session.execute(sa.update(EVENTS).where(EVENTS.c.seq == later).values(seq=later + 1))
            session.execute(sa.insert(EVENTS).values(**row | {"id": "put in", "seq": seq}))
            assert verify(session).problems, seq
            raise ZeroDivisionError


def test_a_swapped_field_is_found(database: Database) -> None:
    sealed(database)
    one, two = rows(database)[1], rows(database)[3]
    for column in ("id", "subject", "created", "payload_hash", "seq", "hash"):
        with pytest.raises(ZeroDivisionError), database.write() as session:
            # By the salt, which isn't swapped; over a third value, because ids and places are unique.
            for row, value in ((one, {"seq": 99, "created": one["created"]}.get(column, "aside")), (two, one[column]), (one, two[column])):
                session.execute(sa.update(EVENTS).where(EVENTS.c.salt == row["salt"]).values(**{column: value}))
            assert verify(session).problems, column
            raise ZeroDivisionError


def test_an_event_that_can_not_be_read_is_told(tmp_path: Any) -> None:
    database = Database(f"sqlite:///{tmp_path / 'studio.db'}")
    database.migrate()
    sealed(database)
    for column in ("data", "created"):
        with database.write() as session:
            before = session.execute(text(f"SELECT {column} FROM events WHERE seq = 3")).scalar()
            session.execute(text(f"UPDATE events SET {column} = '{{broken' WHERE seq = 3"))
        assert "can't be read" in look(database).problems[0]
        with database.write() as session:
            session.execute(text(f"UPDATE events SET {column} = :before WHERE seq = 3"), {"before": before})
    assert look(database).problems == ()


def test_of_a_rewritten_log_not_every_event_is_told(database: Database) -> None:
    sealed(database, 120)
    with database.write() as session:
        session.execute(sa.update(EVENTS).values(action="thing.undone"))
    report = look(database)
    assert (len(report.problems), report.problems[-1]) == (101, "and 20 more problems")


def test_erasing_leaves_a_tombstone_that_verifies(database: Database) -> None:
    write(database, 4)
    with database.write() as session:
        log.append(session, "another", "thing.done", "thing1", {"n": 2})
    seal(database, 3)  # the others are erased before they are sealed
    with database.write() as session:
        assert log.erase(session, subject="thing1", actor_id="another") == 1
        assert log.erase(session, subject="thing1") == 1
        assert log.erase(session, actor_id=ANN) == 3
        assert log.erase(session, actor_id=ANN) == 0
        with pytest.raises(ValueError, match="whole log"):
            log.erase(session)
    assert look(database).problems == ()
    seal(database)
    report = look(database)
    assert (report.events, report.sealed, report.erased, report.problems) == (10, 10, 5, ())
    assert all(row["data"] is row["salt"] is row["actor_id"] is None for row in rows(database) if row["erased"])
    assert [row["subject"] for row in rows(database) if row["action"] == log.ERASED] == [
        row["id"] for row in sorted(rows(database), key=lambda row: (row["erased"] or row["created"], row["id"])) if row["erased"]
    ]


def test_a_payload_deleted_without_an_erasure_is_found(database: Database) -> None:
    sealed(database)
    created = rows(database)[1]["created"]
    change(database, where_seq=2, actor_id=None, data=sa.null(), salt=None, erased=created)
    assert "no event tells of that erasure" in look(database).problems[0]


def test_an_erasure_that_was_undone_is_found(database: Database) -> None:
    sealed(database)
    before = rows(database)[1]
    with database.write() as session:
        log.erase(session, subject="thing1")
    change(database, where_seq=2, **before)
    assert "holds a payload again" in look(database).problems[0]


def test_a_judgement_gets_the_place_of_its_event(database: Database) -> None:
    _, list_id = begin(database)
    with database.write() as session:
        log.append(session, ANN, "project.created", "p1")
        first, _ = judgements.save(session, judgement(list_id))
        if not session.scalar(sa.select(EVENTS.c.id).where(EVENTS.c.subject == first.id)):
            log.append(session, ANN, log.SAVED, first.id)
    seal(database)
    with database.read() as session:
        place = session.scalar(sa.select(EVENTS.c.seq).where(EVENTS.c.subject == first.id))
        assert place is not None
        assert session.scalar(sa.select(Judgement.seq).where(Judgement.id == first.id)) == place
    with database.write() as session:
        session.execute(sa.update(Judgement).values(seq=1 if place > 1 else 99))
    assert "which the log gave to something else" in look(database).problems[0]


def test_judgements_from_before_the_log_are_entered_in_the_order_of_saving(database: Database) -> None:
    _, list_id = begin(database)
    with database.write() as session:
        saved = [judgements.save(session, judgement(list_id, idempotency_key=f"k{n}", base_version=n))[0].id for n in range(4)]
        session.execute(sa.delete(EVENTS))
    with database.write() as session:
        assert log.adopt(session) == 4
        assert log.adopt(session) == 0
    seal(database)
    with database.read() as session:
        assert list(session.scalars(sa.select(Judgement.id).order_by(Judgement.seq))) == saved
    assert look(database).problems == ()


def test_many_append_while_two_seal(database: Database) -> None:
    stop, failed = threading.Event(), list[BaseException]()

    def guarded(work: Any, *arguments: Any) -> None:
        try:
            work(*arguments)
        except BaseException as error:
            failed.append(error)

    def sealing() -> None:
        while not stop.is_set():
            seal(database, 7)

    writers = [threading.Thread(target=guarded, args=(write, database, 25, 100 * n)) for n in range(8)]
    sealers = [threading.Thread(target=guarded, args=(sealing,)) for _ in range(2)]
    for thread in (*writers, *sealers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in sealers:
        thread.join()
    assert failed == []
    while seal(database):
        pass
    assert [row["seq"] for row in rows(database)] == list(range(1, 201))
    assert look(database).problems == ()


def test_neither_writers_nor_the_sealer_wait_for_an_open_act(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time by nature")
    with database.write() as session:
        log.append(session, ANN, "thing.done", "slow")
        session.flush()
        done = threading.Thread(target=lambda: (write(database, 3), seal(database)))
        done.start()
        done.join(10)
        assert not done.is_alive()
    assert [row["subject"] for row in rows(database)] == ["thing0", "thing1", "thing2", "slow"]
    seal(database)
    assert rows(database)[3]["seq"] == 4 and look(database).problems == ()


def test_the_service_seals_in_the_background_and_verifies_for_admins(database: Database) -> None:
    import asyncio

    service = Log(database)

    def many() -> None:  # more than are sealed at once
        with database.write() as session:
            for number in range(600):
                log.append(session, ANN, "thing.done", f"{number}")

    async def main() -> dict[str, Any]:
        sealing = asyncio.create_task(service.run_sealer(0.02))
        await asyncio.to_thread(write, database, 3)
        for _ in range(500):
            if (found := await service.verify(LOCAL))["sealed"] == 3:
                break
            await asyncio.sleep(0.02)
        sealing.cancel()
        await asyncio.to_thread(many)
        await service.seal_now()
        with pytest.raises(Forbidden):
            await service.verify(VISITOR)
        return found

    assert asyncio.run(main())["problems"] == ()
    assert look(database).sealed == 603


def test_the_sealer_leaves_what_is_being_withdrawn(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time by nature")
    _, list_id = begin(database)
    with database.write() as session:
        row, _ = judgements.save(session, judgement(list_id))
        session.execute(sa.delete(EVENTS))
        log.append(session, ANN, log.SAVED, row.id)
        log.append(session, ANN, "thing.done", "beside")
    with database.write() as session:
        session.execute(sa.delete(Judgement))
        assert seal(database) == 1  # in another transaction, and without waiting
        assert log.erase(session, subject=row.id) == 1
    assert (seal(database), seal(database)) == (2, 0)
    assert [event["action"] for event in rows(database)] == ["thing.done", log.SAVED, log.ERASED]
    assert look(database).problems == ()
