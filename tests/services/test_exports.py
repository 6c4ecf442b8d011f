"""Versions of exports: the same bytes again whatever was saved since, and a refusal once something of them is gone."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.exports.registry import FORMATS
from app.exports.selection import Selection
from app.ranking.errors import Conflict, Forbidden, NotFound, SettingsError
from app.ranking.holdout import is_holdout
from app.services.actors import LOCAL, VISITOR, Actor
from app.services.exports import Exports, Withdrawn
from app.services.withdrawals import Withdrawals
from db.models_people import Judgement
from db.models_projects import Adjudication, Project, Task
from db.session import Database
from db.store import actors, judgements, lists, log
from db.store.lists import Candidates
from tests.conftest import passages

ANN = Actor(id="00000000-0000-7000-8000-0000000000aa", name="Ann Secretname", roles=frozenset({"visitor", "annotator"}))
BOB = Actor(id="00000000-0000-7000-8000-0000000000bb", name="Bob Secretname", roles=frozenset({"visitor", "annotator"}))
OPEN = next(query for query in ("a", "b", "c", "d", "e", "f") if not is_holdout(query))
HELD = next(query for query in map(str, range(100)) if is_holdout(query))


@pytest.fixture
def people(database: Database) -> Database:
    with database.write() as session:
        for actor in (LOCAL, ANN, BOB):
            actors.ensure(session, actor.id, actor.name, actor.roles)
    return database


def judge(database: Database, actor: Actor, query: str, version: int = 1, state: str = "submitted", **changes: Any) -> str:
    """Save one version as the service does: with its event."""
    with database.write() as session:
        found = Candidates(query=query, passages=tuple(passages(3)), retriever="t", signals_version="1", holdout=is_holdout(query))
        list_id = lists.put(session, found)
        row, _ = judgements.save(
            session,
            judgements.NewJudgement(
                actor_id=actor.id, list_id=list_id, idempotency_key=f"{actor.id}{query}{version}", base_version=version - 1, state=state,
                order=changes.pop("order", [["p2"], ["p1", "p3"]]), shown_order=["p1", "p2", "p3"], grades=changes.pop("grades", {"p2": 3}),
                licence="CC0-1.0", **changes,
            ),
        )  # fmt: skip
        log.append(session, actor.id, "judgement.saved", row.id)
        return str(row.id)


def make(exports: Exports, name: str, **query: Any) -> tuple[dict[str, Any], bytes]:
    pieces: list[bytes] = []
    return exports.make_now(LOCAL, name, query, pieces.append), b"".join(pieces)


def again(exports: Exports, version: dict[str, Any]) -> bytes:
    return b"".join(exports.rebuild(LOCAL, version["id"]))


@pytest.mark.parametrize("name", [form.name for form in FORMATS])
def test_what_is_saved_later_does_not_change_a_version(people: Database, name: str) -> None:
    exports = Exports(people)
    judge(people, ANN, OPEN)
    judge(people, BOB, OPEN, order=[["p3"]])
    made, data = make(exports, name)
    assert made["content_hash"] == hashlib.sha256(data).hexdigest() and made["judgements"] == (0 if name == "run" else 2)
    judge(people, ANN, OPEN, version=2, grades={"p2": 0})
    judge(people, BOB, HELD)
    assert again(exports, made) == data
    newer, other = make(exports, name)
    assert newer["id"] != made["id"]
    if name in ("rows", "qrels", "parquet", "jsonl"):
        assert other != data
    assert [one["id"] for one in asyncio.run(exports.list(LOCAL))] == [newer["id"], made["id"]]


def test_a_version_tells_what_it_is(people: Database) -> None:
    exports = Exports(people)
    judge(people, ANN, OPEN)
    judge(people, ANN, HELD)
    made, data = make(exports, "rows")
    assert (made["rows"], made["judgements"], made["schema_version"], made["until"] > 0) == (3, 1, "reasonrank-rows-1", True)
    assert made["command"] == f"python -m app export rebuild {made['id']} --out rows.jsonl"
    manifest = exports.manifest(LOCAL, made["id"])
    assert (manifest["licences"], manifest["consents"]) == ({"CC0-1.0": 1}, {"none stated": 1}) and "statistics" in manifest["agreement"]
    held, more = make(exports, "rows", include_holdout=True)
    assert held["judgements"] == 2 and len(more) > len(data) and held["query"]["include_holdout"]
    with pytest.raises(SettingsError, match="never trained on"):
        make(exports, "sft", include_holdout=True)
    assert make(exports, "grpo")[0]["judgements"] == 1


def test_all_versions_and_states_can_be_asked_for(people: Database) -> None:
    exports = Exports(people)
    judge(people, ANN, OPEN)
    judge(people, ANN, OPEN, version=2)
    judge(people, ANN, OPEN, version=3, state="draft")
    lines = [json.loads(line) for line in make(exports, "jsonl", all_versions=True)[1].splitlines()]
    assert [(line["version"], line["counts"], line["seq"] > 0) for line in lines] == [(1, False, True), (2, True, True), (3, False, True)]
    assert make(exports, "jsonl", all_versions=True, states=["draft"])[0]["judgements"] == 1
    (counting,) = [json.loads(line) for line in make(exports, "jsonl")[1].splitlines()]
    assert counting["version"] == 2


@pytest.mark.parametrize("name", [form.name for form in FORMATS if form.of == "judgements"])
def test_no_file_says_who_somebody_is(people: Database, name: str) -> None:
    judge(people, ANN, OPEN)
    data = make(
        Exports(people), name, **({} if name in ("sft", "steps", "preference", "grpo", "reasonrank") else {"include_holdout": True})
    )[1]
    for secret in (ANN.id, "Secretname", "Ann "):
        assert secret.encode() not in data


def test_a_withdrawal_ends_rebuilding_and_says_so(people: Database) -> None:
    exports, gone = Exports(people), Withdrawals(people)
    judge(people, ANN, OPEN)
    judge(people, ANN, HELD)
    judge(people, BOB, OPEN)
    made, _ = make(exports, "rows", texts=False)
    later, later_data = make(exports, "qrels")
    judge(people, ANN, OPEN, version=2)
    gone.delete_now(ANN)
    with pytest.raises(Withdrawn, match=r"1 of its 2 judgements went between \d{4}-\d\d-\d\d and") as refused:
        exports.rebuild(LOCAL, made["id"])
    assert "python -m app export make rows --query texts=false --out rows.jsonl" in str(refused.value)
    assert [one["withdrawn"] for one in asyncio.run(exports.list(LOCAL))] == [1, 1] and later_data
    new, data = make(exports, "rows", texts=False)
    assert new["judgements"] == 1 and again(exports, new) == data
    with pytest.raises(Withdrawn):
        exports.rebuild(LOCAL, later["id"])


def test_a_withdrawal_of_what_was_not_included_changes_nothing(people: Database) -> None:
    exports = Exports(people)
    judge(people, BOB, OPEN)
    judge(people, ANN, OPEN, state="draft")
    made, data = make(exports, "csv-lossless")
    Withdrawals(people).delete_now(ANN)
    assert again(exports, made) == data and asyncio.run(exports.list(LOCAL))[0]["withdrawn"] == 0


def test_a_decision_counts_from_its_place_in_the_log(people: Database) -> None:
    exports = Exports(people)
    judgement = judge(people, ANN, OPEN, grades={"p2": 3})
    with people.write() as session:
        row = session.get_one(Judgement, judgement)
        project = Project(name="P", grades=["no", "yes"], overlap=1, depth=3, view="blind", shown="random", gold_share=0.0, audit_share=0.0,
                          lease_minutes=5, actor_id=LOCAL.id)  # fmt: skip
        session.add(project)
        session.flush()
        task = Task(list_id=row.list_id, project_id=project.id)
        session.add(task)
        session.flush()
        row.task_id = task.id
        task_id, project_id = task.id, project.id
    before, data = make(exports, "qrels", project=project_id)
    assert data.endswith(b" 0 p2 3\n") and make(exports, "rows", reviewed_only=True)[0]["judgements"] == 0
    with people.write() as session:
        values = {"idempotency_key": "k", "seen": [], "order": [], "grades": {"p2": 1}, "reason": "Because."}
        session.add(Adjudication(task_id=task_id, version=1, actor_id=BOB.id, **values))
        log.append(session, BOB.id, "adjudication.saved", task_id)
    after, decided = make(exports, "qrels", project=project_id)
    assert decided.endswith(b" 0 p2 1\n") and again(exports, before) == data
    Withdrawals(people).delete_now(BOB)  # the reviewer goes: the decision stays, without its words
    assert again(exports, after) == decided and make(exports, "rows", reviewed_only=True)[0]["judgements"] == 1
    assert make(exports, "rows", project="nobody's")[0]["judgements"] == 0
    with people.read() as session:
        assert session.scalars(select(Adjudication.reason)).one() == ""


def test_what_is_not_there_and_who_may_not(people: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    exports = Exports(people)
    judge(people, ANN, OPEN)
    refused: list[Callable[[], object]] = [
        lambda: exports.formats(VISITOR), lambda: exports.make_now(VISITOR, "rows", {}, print), lambda: asyncio.run(exports.list(ANN)),
        lambda: exports.rebuild(ANN, "0" * 64), lambda: exports.manifest(VISITOR, "0" * 64),
    ]  # fmt: skip
    for act in refused:
        with pytest.raises(Forbidden):
            act()
    with pytest.raises(NotFound, match="no version"):
        exports.rebuild(LOCAL, "0" * 64)
    with pytest.raises(SettingsError, match="ended_before"):
        make(exports, "run", ended_before="yesterday")
    made, _ = make(exports, "rows")
    monkeypatch.setattr("app.exports.rows.query_id", lambda query: "qother")
    with pytest.raises(Conflict, match="came out otherwise"):
        again(exports, made)


def test_pages_follow_each_other(people: Database) -> None:
    for number in range(7):
        judge(people, ANN, f"question {number}")
    from app.exports.registry import format_named
    from app.services import export_records
    from db.store import exports as store

    with people.write() as session:
        while log.seal(session):
            pass
    wanted = export_records.wanted(Selection(include_holdout=True), until=10_000)
    reader, seen, after = store.Reader(wanted=wanted, texts=False, calls=False, size=3), [], None
    with people.read() as session:
        while (page := reader.page(session, after)) is not None:
            seen.append([row.seq for row in page.rows])
            after = reader.place(page)
    assert [len(page) for page in seen] == [3, 3, 1] and sum(seen, []) == sorted(sum(seen, []))
    assert len(list(export_records.judgements(people, format_named("rows"), Selection(include_holdout=True), None))) == 7
