"""The store on both databases: every promise of the aggregates, one test each."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.ranking.errors import Conflict, NotFound, StoreError
from app.ranking.values import Call, Completion, Forcing, Message, Parsed, Prompt, Window
from db.models import Base, Run
from db.session import Database, advice
from db.store import actors, judgements, lists, runs, texts, versions
from db.store.judgements import NewJudgement, Stale
from db.store.lists import Candidates
from db.store.runs import NewRun, OpenCall, RunEnd
from tests.conftest import passages

ANN = "00000000-0000-7000-8000-0000000000aa"
HOSTILE = "\x00<script>\ud800 ünï \u202e"


def candidates(n: int = 3, query: str = "why?") -> Candidates:
    return Candidates(query=query, passages=tuple(passages(n)), retriever="hybrid", signals_version="1")


def begin(database: Database, n: int = 3) -> tuple[str, str]:
    """A run over n passages: run id and list id."""
    with database.write() as session:
        actors.ensure(session, ANN, "Ann", {"annotator"})
        list_id = lists.put(session, candidates(n))
        new = NewRun(token=f"tok{n}", actor_id=ANN, list_id=list_id, model="nano", backend="nano", strategy="sliding", depth=20)
        return runs.create(session, new), list_id


def judgement(list_id: str, **changes: object) -> NewJudgement:
    made = NewJudgement(
        actor_id=ANN, list_id=list_id, idempotency_key="k1", base_version=0, state="submitted", order=[["p2"], ["p1", "p3"]],
        shown_order=["p1", "p2", "p3"], grades={"p2": 3},
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_list_comes_back_as_it_was_and_is_kept_once(database: Database) -> None:
    with database.write() as session:
        first, again = lists.put(session, candidates()), lists.put(session, candidates())
        other = lists.put(session, replace(candidates(), retriever="bm25"))
    assert first == again != other
    with database.read() as session:
        assert lists.get(session, first) == candidates()
        with pytest.raises(NotFound):
            lists.get(session, "0" * 64)


def test_hostile_text_is_stored_as_far_as_text_can_be(database: Database) -> None:
    with database.write() as session:
        (key,) = texts.put(session, [HOSTILE])
        assert texts.put(session, [HOSTILE]) == [key]
    with database.read() as session:
        assert texts.get(session, [key]) == {key: "\ufffd<script>? ünï \u202e"}


def test_a_read_session_can_not_write(database: Database) -> None:
    with pytest.raises(StoreError), database.read() as session:
        texts.put(session, ["x"])
        session.commit()


def test_a_failed_write_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        texts.put(session, ["x"])
        raise RuntimeError
    with database.read() as session:
        assert texts.get(session, [texts.text_hash("x")]) == {}


def test_a_session_on_the_event_loop_is_refused(database: Database) -> None:
    async def wrong() -> None:
        with database.read():
            pass

    with pytest.raises(RuntimeError, match="event loop"):
        asyncio.run(wrong())


def test_a_run_keeps_every_call(database: Database) -> None:
    run_id, _ = begin(database)
    shown = Window(id="w1", passages=tuple(passages(3)))
    completion = Completion(
        answer="<answer>", reasoning="r" + HOSTILE, finish="length", tokens_in=7, tokens_out=9, counted=True, seconds=0.5
    )
    parsed = Parsed(order=(0, 1, 2), outcome="truncated", problems=frozenset({"unclosed_answer"}))
    prompt = Prompt(messages=(Message(role="user", content="q"),), template="t")
    call = Call(window=shown, depth=1, prompt=prompt, completion=completion, parsed=parsed)
    with database.write() as session:
        runs.write_open_call(session, run_id, OpenCall(number=1, window="w1", depth=1, passages=("p1",), prompt="P", reasoning="half"))
    with database.write() as session:
        (half,) = runs.calls(session, run_id)
        assert (half.reasoning, half.done, half.outcome) == ("half", False, None)
        runs.write_call(session, run_id, 1, "P", call)
        assert runs.end(session, run_id, RunEnd(state="finished", outcome="truncated", order=["p1", "p2", "p3"], seconds=1.0))
        assert not runs.end(session, run_id, RunEnd(state="stopped"))
    with database.read() as session:
        (row,) = runs.calls(session, run_id)
        assert (row.outcome, row.problems, row.order, row.done) == ("truncated", ["unclosed_answer"], [0, 1, 2], True)
        assert (row.tokens_in, row.tokens_out, row.counted, row.finish) == (7, 9, True, "length")
        run = runs.by_token(session, "tok3")
        assert (run.state, run.order, run.outcome) == ("finished", ["p1", "p2", "p3"], "truncated")
        assert runs.counts(session) == {"truncated": 1}
        with pytest.raises(NotFound):
            runs.by_token(session, "nope")


def test_a_run_keeps_what_it_took_beyond_its_plan(database: Database) -> None:
    run_id, _ = begin(database)
    shown = Window(id="1.w1", passages=tuple(passages(2)))
    forced = Forcing(reason="settled", trace_tokens=40, guess=(1, 0), kept=1.0)
    completion = Completion(answer="<answer>[2] > [1]</answer>", requests=3, cached=True, forced=forced)
    prompt = Prompt(messages=(Message(role="user", content="q"),), template="t")
    call = Call(window=shown, depth=1, prompt=prompt, completion=completion, parsed=Parsed(order=(1, 0), outcome="clean"))
    end = RunEnd(
        state="finished", outcome="clean", order=["p2", "p1"], unfused=["p1", "p2"], intervals={"p1": (1, 2)}, notes=("read " + HOSTILE,)
    )  # fmt: skip
    with database.write() as session:
        runs.write_call(session, run_id, 1, "P", call)
        assert runs.end(session, run_id, end)
    with database.read() as session:
        (row,) = runs.calls(session, run_id)
        assert (row.requests, row.cached, row.window) == (3, True, "1.w1")
        assert row.forced == {
            "reason": "settled",
            "trace_tokens": 40,
            "guess": [1, 0],
            "kept": 1.0,
            "saved_tokens": None,
            "same_top": None,
        }
        run = runs.by_token(session, "tok3")
        assert (run.unfused, run.intervals, run.options, run.predicted, run.revision) == (["p1", "p2"], {"p1": [1, 2]}, {}, {}, "")
        assert len(run.notes) == 1 and run.notes[0].startswith("read ")


def test_runs_of_a_dead_process_are_closed(database: Database) -> None:
    begin(database)
    with database.write() as session:
        assert runs.fail_orphans(session, "the server stopped") == 1
        assert runs.fail_orphans(session, "the server stopped") == 0
        assert runs.by_token(session, "tok3").error == "the server stopped"


def test_the_database_checks_its_enums(database: Database) -> None:
    begin(database)
    with pytest.raises(StoreError), database.write() as session:
        session.execute(sa.update(Run).values(state="odd"))


def test_saving_twice_with_one_key_saves_once(database: Database) -> None:
    _, list_id = begin(database)
    with database.write() as session:
        first, created = judgements.save(session, judgement(list_id))
    with database.write() as session:
        again, created_again = judgements.save(session, judgement(list_id))
        assert (created, created_again, first.id == again.id, again.version) == (True, False, True, 1)
        with pytest.raises(Conflict, match="idempotency key"):
            judgements.save(session, judgement(list_id, note="other"))


def test_a_stale_save_is_refused_with_the_newest(database: Database) -> None:
    _, list_id = begin(database)
    with database.write() as session:
        judgements.save(session, judgement(list_id))
        judgements.save(session, judgement(list_id, idempotency_key="k2", base_version=1, note="second"))
    with database.write() as session, pytest.raises(Stale) as refused:
        judgements.save(session, judgement(list_id, idempotency_key="k3", base_version=1))
    assert (refused.value.newest.version, refused.value.newest.note) == (2, "second")
    with database.read() as session:
        newest = judgements.newest_of(session, ANN, list_id)
        assert newest is not None and newest.version == 2
        ((row, query, name),) = judgements.newest(session, actor_id=ANN)
        assert (row.version, query, name) == (2, "why?", "Ann")
        assert judgements.counts(session) == {"judgements": 1, "people": 1, "queries": 1}
        assert [row.version for row in judgements.after(session, "", 10)] == [1, 2]


def test_of_many_saves_at_once_exactly_one_wins_each_version(database: Database) -> None:
    _, list_id = begin(database)
    won: list[int] = []

    def save(number: int) -> None:
        try:
            with database.write() as session:
                won.append(judgements.save(session, judgement(list_id, idempotency_key=f"k{number}"))[0].version)
        except Conflict:
            pass

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [1]


def test_the_committed_weights_are_the_first_version(database: Database) -> None:
    with database.write() as session:
        versions.ensure_first(session, "a" * 64, "nano", "nano.toml")
        versions.ensure_first(session, "a" * 64, "nano", "nano.toml")
        assert versions.active(session, "nano") == "a" * 64
        assert versions.active(session, "other") is None


def test_migrations_make_what_the_models_say(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database._reader.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_goes_up_down_and_up(database: Database) -> None:
    from alembic import command

    with database.migrating() as config:
        command.downgrade(config, "base")
    database.migrate()
    begin(database)


def test_a_file_that_is_no_database_gives_one_sentence(tmp_path: object) -> None:
    path = f"{tmp_path}/studio.db"
    with open(path, "w") as file:
        file.write("not a database, but long enough to be read as a header" * 40)
    with pytest.raises(StoreError, match="can't be opened.*not a database"):
        Database(f"sqlite:///{path}").migrate()


@pytest.mark.parametrize(
    ("reason", "to_do"),
    [
        ("database or disk is full", "Free some space"),
        ("attempt to write a readonly database", "right to write"),
        ("connection failed: port 5432 failed: Connection refused", "Start the database server"),
        ("file is not a database", "Restore a backup"),
    ],
)
def test_what_to_do_fits_the_reason(reason: str, to_do: str) -> None:
    assert to_do in advice(reason)


def test_a_server_that_is_not_there_gives_one_sentence() -> None:
    with pytest.raises(StoreError, match="can't be opened.*Start the database server"):
        Database("postgresql+psycopg://nobody:secret@127.0.0.1:9/none").migrate()
