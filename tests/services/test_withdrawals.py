"""Deleting one's data, and retention: what goes, what stays, in pieces, and that an interrupted deletion is finished."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from app.__main__ import cli
from app.ranking.errors import Conflict, Forbidden
from app.services.actors import LOCAL, VISITOR, Actor
from app.services.withdrawals import GONE, Withdrawals
from db.models import Run, now
from db.models_accounts import Actor as Person
from db.models_accounts import ActorRole, LoginSession
from db.models_log import Event
from db.models_loop import Synthesis, SynthesisItem
from db.models_people import Judgement
from db.models_projects import Assignment, Disagreement, Project, Task, Withdrawal
from db.session import Database
from db.store import actors, artifacts, labelled, log, log_check, own, runs, versions, withdrawals
from db.store.versions import NewModel, Promotion

from .test_exports import ANN, BOB, OPEN, judge

CAT = Actor(id="00000000-0000-7000-8000-0000000000cc", name="Cat, who only visits", roles=frozenset({"visitor"}))


@pytest.fixture
def people(database: Database) -> Database:
    with database.write() as session:
        for actor in (LOCAL, VISITOR, ANN, BOB, CAT):
            actors.ensure(session, actor.id, actor.name, actor.roles)
    return database


def count(database: Database, table: type, *conditions: object) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table).where(*conditions)) or 0  # type: ignore[arg-type]


def a_run(database: Database, actor: Actor, list_id: str, token: str) -> str:
    with database.write() as session:
        new = runs.NewRun(token=token, actor_id=actor.id, list_id=list_id, model="m", backend="b", strategy="single", depth=3)
        run_id = runs.create(session, new)
        runs.end(session, run_id, runs.RunEnd(state="finished", outcome="clean", order=["p1", "p2", "p3"]))
        return run_id


def list_of(database: Database) -> str:
    with database.read() as session:
        return session.scalars(select(Judgement.list_id)).first() or ""


def a_full_account(database: Database) -> str:
    """Ann with two versions, a draft's worth of everything else, and a task that is done by her; the task's id."""
    judge(database, ANN, OPEN)
    last = judge(database, ANN, OPEN, version=2)
    judge(database, BOB, OPEN)
    list_id = list_of(database)
    run_id = a_run(database, ANN, list_id, "token-of-ann")
    with database.write() as session:
        settings = {"grades": ["no", "yes"], "overlap": 1, "depth": 3, "view": "blind", "shown": "random"}
        project = Project(name="P", gold_share=0.0, audit_share=0.0, lease_minutes=5, actor_id=LOCAL.id, **settings)
        session.add(project)
        session.flush()
        task = Task(list_id=list_id, project_id=project.id, state="done")
        session.add(task)
        session.flush()
        where = {"task_id": task.id, "actor_id": ANN.id, "shown_order": [], "lease_until": now()}
        held = Assignment(state="submitted", reason="priority", probability=1.0, pool=1, **where)
        session.add(held)
        session.flush()
        session.execute(update(Judgement).where(Judgement.id == last).values(task_id=task.id, assignment_id=held.id))
        objection = {"idempotency_key": "k", "note": "No!", "consent_version": "1", "licence": "CC0-1.0"}
        session.add(Disagreement(actor_id=ANN.id, run_id=run_id, list_id=list_id, **objection))
        session.add(LoginSession(token_hash="t" * 64, actor_id=ANN.id, expires=now()))
        values = {"email": "ann@example.org", "password_hash": "secret", "oidc": "o" * 64}
        session.execute(update(Person).where(Person.id == ANN.id).values(**values))
        actors.pseudonym(session, ANN.id)
        while log.seal(session):
            pass
        return str(task.id)


def test_everything_of_a_person_goes(people: Database) -> None:
    task_id = a_full_account(people)
    counts = Withdrawals(people).delete_now(ANN)
    assert counts == {"judgements": 2, "disagreements": 1, "assignments": 1, "runs": 1}
    for table in (Judgement, Disagreement, Assignment, Run, LoginSession, ActorRole, Event):
        assert count(people, table, table.actor_id == ANN.id) == 0, table
    assert count(people, Judgement) == 1 and count(people, Run, Run.actor_id == GONE.id) == 1
    with people.read() as session:
        row = session.get_one(Person, ANN.id)
        assert (row.name, row.state) == ("deleted", "deleted")
        assert [row.email, row.password_hash, row.oidc, row.pseudonym] == [None] * 4
        assert session.get_one(Task, task_id).state == "open"  # it lacks a person again
        gone = session.scalars(select(Withdrawal).order_by(Withdrawal.seq)).all()
        assert [(one.reason, one.project_id is None) for one in gone] == [("asked", True), ("asked", False)]
        assert [one.seq for one in gone] == sorted(one.seq or 0 for one in gone) and gone[0].seq
        assert log_check.verify(session, None).problems == ()


def test_what_a_person_promoted_stays_without_their_words(people: Database) -> None:
    with people.write() as session:
        versions.ensure_first(session, "0" * 64, "nano", "")
        artifacts.put(session, "1" * 64, "model", 1)
        versions.add(session, NewModel(id="1" * 64, name="nano", artifact_hash="1" * 64))
        versions.promote(session, Promotion(version_id="1" * 64, note="Ann likes it.", actor_id=ANN.id))
        versions.roll_back(session, "nano", BOB.id, "Bob does not.")
        assert [row["note"] for row in own.everything(session, ANN.id)["promotions"]] == ["Ann likes it."]
    Withdrawals(people).delete_now(ANN)
    with people.read() as session:
        assert [(row.kind, row.note) for row in versions.history(session, "nano")] == [("rolled_back", "Bob does not."), ("promoted", "")]


def test_pieces_are_of_five_hundred_at_most(people: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in range(1, 6):
        judge(people, ANN, OPEN, version=version)
    sizes: list[int] = []
    real = withdrawals.withdraw
    monkeypatch.setattr(withdrawals, "ids_of_actor", lambda session, actor: _ids(session, actor, 2))

    def counted(session: Session, ids: Sequence[str], reason: str) -> int:
        sizes.append(len(ids))
        return real(session, ids, reason)

    monkeypatch.setattr(withdrawals, "withdraw", counted)
    assert Withdrawals(people).delete_now(ANN)["judgements"] == 5 and sizes == [2, 2, 1, 0]
    assert withdrawals.PIECE == 500


_ids = withdrawals.ids_of_actor


def test_an_interrupted_deletion_is_taken_up(people: Database) -> None:
    judge(people, ANN, OPEN)
    with people.write() as session:
        withdrawals.empty_actor(session, ANN.id)
    assert Withdrawals(people).retain() == {"judgements": 0, "disagreements": 0, "runs": 0}  # nothing by age
    assert count(people, Judgement) == 0


def test_the_person_at_the_keyboard_stays_a_person(people: Database) -> None:
    judge(people, LOCAL, OPEN)
    assert Withdrawals(people).delete_now(LOCAL)["judgements"] == 1
    with people.read() as session:
        assert session.get_one(Person, LOCAL.id).state == "active" and actors.roles(session, LOCAL.id) == LOCAL.roles


def test_who_has_nothing_and_who_is_needed(people: Database) -> None:
    with pytest.raises(Forbidden, match="all visitors are one"):
        Withdrawals(people).delete_now(VISITOR)
    boss = Actor(id="00000000-0000-7000-8000-0000000000dd", name="Dan", roles=frozenset({"admin", "visitor"}))
    with people.write() as session:
        actors.ensure(session, boss.id, boss.name, boss.roles)
        session.execute(update(Person).where(Person.id == boss.id).values(email="dan@example.org", password_hash="x"))
    with pytest.raises(Conflict, match="last admin"):
        Withdrawals(people).delete_now(boss)


def old(database: Database, days: int) -> None:
    """Make everything so many days old."""
    with database.write() as session:
        for table in (Judgement, Disagreement, Run):
            session.execute(update(table).values(created=now() - timedelta(days=days)))


def test_retention_takes_what_is_old_and_unused(people: Database) -> None:
    judge(people, ANN, OPEN)
    judge(people, BOB, OPEN, state="draft")
    list_id = list_of(people)
    used = a_run(people, CAT, list_id, "token-used")
    a_run(people, CAT, list_id, "token-unused")
    a_run(people, ANN, list_id, "token-of-an-annotator")
    with people.write() as session:
        objection = {"run_id": used, "list_id": list_id, "consent_version": "1", "licence": "CC0-1.0", "actor_id": CAT.id}
        for state in ("new", "accepted"):
            session.add(Disagreement(idempotency_key=state, state=state, **objection))
    keeping = Withdrawals(people, 30)
    assert keeping.retain() == {"judgements": 0, "disagreements": 0, "runs": 0}  # nothing is old
    old(people, 31)
    told = {"judgements": 1, "disagreements": 1, "runs": 1}
    assert keeping.retain(dry_run=True) == told and count(people, Judgement) == 2
    assert keeping.retain() == told and keeping.retain() == dict.fromkeys(told, 0)
    assert count(people, Run) == 2 and count(people, Judgement, Judgement.state == "submitted") == 1
    assert Withdrawals(people).retain(dry_run=True) == dict.fromkeys(told, 0)  # 0 days keeps everything
    assert Withdrawals(people, 30, judgements=True).retain()["judgements"] == 1 and count(people, Judgement) == 0


def test_the_command_says_what_it_does(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'studio.db'}")
    database.migrate()
    database.close()
    run = CliRunner().invoke
    assert "everything is kept" in run(cli, ["retention", "--data-dir", str(tmp_path)]).stdout
    done = run(cli, ["retention", "--dry-run", "--data-dir", str(tmp_path)], env={"REASONRANK_RETENTION_DAYS": "5"})
    assert done.stdout == "would take away 0 judgements, 0 disagreements, 0 runs, older than 5 days\n"


def test_training_items_made_of_withdrawn_judgements_go_with_them(people: Database) -> None:
    judge(people, ANN, OPEN)
    list_id = list_of(people)
    common = {"domain": "d", "state": "made"}
    with people.write() as session:
        for name, recipe in (("a" * 64, '[[source]]\nkind = "judgements"'), ("b" * 64, '[[source]]\nkind = "demo"')):
            session.add(Synthesis(id=name, name="s", recipe=recipe, teacher="nano"))
            session.flush()
            source = "judgements" if name[0] == "a" else "demo"
            session.add(SynthesisItem(synthesis_id=name, number=0, source_id=list_id, item={"source": source}, **common))
            session.add(SynthesisItem(synthesis_id=name, number=1, source_id="another", item={"source": source}, **common))
        withdrawals.withdraw(session, withdrawals.ids_of_actor(session, ANN.id), "asked")
    with people.read() as session:
        left = session.execute(
            select(SynthesisItem.synthesis_id, SynthesisItem.number).order_by(*SynthesisItem.__table__.primary_key)
        ).all()
        assert [(row[0][0], row[1]) for row in left] == [("a", 1), ("b", 0), ("b", 1)]
        assert labelled.withdrawn(session) == 1
