"""Runs as a page sees them: events, stopping, closing the tab, and what the database says afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from app.ranking.backends.scripted import Scripted
from app.ranking.errors import BackendBusy, BackendError, BackendUnavailable, Forbidden, InputError, NotFound
from app.ranking.options import Options
from app.services.actors import LOCAL, Actor
from app.services.models import Models
from app.services.run_events import calls_ahead
from app.services.runs import Found, RunRequest, Runs
from app.services.runs_live import EventLog, TraceBuffer
from app.settings import ModelEntry
from db.models import RunCall
from db.store import actors
from db.store.lists import Candidates
from tests.conftest import passages
from tests.databases import migrated

ANSWER = "<think>The principle is in [2]. But [3] is a near miss, and [1] shares words.</think><answer>[2] > [3] > [1]</answer>"


class Three:
    """A finder of three passages."""

    def find(self, request: RunRequest) -> Found:
        shown = tuple(passages(3))
        return Found(candidates=Candidates(query=request.query, passages=shown, retriever="test", signals_version="1"), notes=("A note.",))


def make(tmp_path: Path, *answers: str | BackendError, pause: float = 0.0, most: int = 8) -> Runs:
    database = migrated(tmp_path / "runs.db")
    with database.write() as session:
        actors.ensure(session, LOCAL.id, LOCAL.name, LOCAL.roles)
    entry = ModelEntry(name="told", backend="scripted", label="Told")
    models = Models((entry,), {"scripted": lambda entry: Scripted(answers, pause=pause, piece=8)})
    return Runs(database, models, Three(), most)


async def until_end(runs: Runs, token: str, after: int = 0) -> list[tuple[int, str, Any]]:
    return [(event.number, event.name, event.data) async for event in runs.events(LOCAL, token, after)]


def play(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(work(), 20)

    asyncio.run(main())


def test_a_run_is_told_as_it_happens_and_kept(tmp_path: Path) -> None:
    runs = make(tmp_path, ANSWER, pause=0.002)

    async def work() -> None:
        token = await runs.start(LOCAL, RunRequest(query="why?", model="told"))
        events = await until_end(runs, token)
        names = [name for _, name, _ in events]
        assert [number for number, _, _ in events] == list(range(1, len(events) + 1))
        assert names[0] == "start" and names[-1] == "end" and names.count("window") == names.count("done") == 1
        written = "".join(data["text"] for _, name, data in events if name == "trace")
        assert written == ANSWER.replace("<think>", "").replace("</think>", "")
        assert any(data["provisional"] for _, name, data in events if name == "standing")
        run = events[-1][2]["run"]
        assert (run["state"], run["outcome"], run["order"]) == ("finished", "clean", ["p2", "p3", "p1"])
        assert run["orders"]["first_stage"] == ["p1", "p2", "p3"]
        assert run["notes"] == ["A note."]
        assert [claim["passages"] for claim in run["windows"][0]["claims"]] == [["p2"], ["p3", "p1"]]
        assert await runs.get(LOCAL, token) == run

    play(work)


def test_resuming_gives_only_what_is_new(tmp_path: Path) -> None:
    runs = make(tmp_path, ANSWER)

    async def work() -> None:
        token = await runs.start(LOCAL, RunRequest(query="why?", model="told"))
        events = await until_end(runs, token)
        assert await until_end(runs, token, after=3) == events[3:]
        assert await until_end(runs, token, after=len(events)) == []

    play(work)


def test_stop_keeps_what_was_written_and_no_order(tmp_path: Path) -> None:
    runs = make(tmp_path, ANSWER, pause=0.05)

    async def work() -> None:
        token = await runs.start(LOCAL, RunRequest(query="why?", model="told"))
        async for event in runs.events(LOCAL, token):
            if event.name == "trace":
                break
        run = await runs.stop(LOCAL, token)
        assert (run["state"], run["order"], run["outcome"]) == ("stopped", None, None)
        assert run["windows"][0]["reasoning"] and run["windows"][0]["order"] is None
        assert (await until_end(runs, token))[-1][1] == "end"
        assert await runs.stop(LOCAL, token) == run

    play(work)


def test_a_follower_that_leaves_does_not_end_the_run(tmp_path: Path) -> None:
    runs = make(tmp_path, ANSWER, pause=0.01)

    async def work() -> None:
        token = await runs.start(LOCAL, RunRequest(query="why?", model="told"))
        async for _ in runs.events(LOCAL, token):
            break
        events = await until_end(runs, token)
        assert events[-1][2]["run"]["state"] == "finished"

    play(work)


def test_a_failing_model_is_an_outcome_and_not_an_order(tmp_path: Path) -> None:
    runs = make(tmp_path, BackendError("HTTP 503: 3 2 1"))

    async def work() -> None:
        token = await runs.start(LOCAL, RunRequest(query="why?", model="told"))
        run = (await until_end(runs, token))[-1][2]["run"]
        assert (run["state"], run["outcome"], run["order"]) == ("finished", "error", ["p1", "p2", "p3"])
        assert "503" in run["windows"][0]["error"]

    play(work)


def deepen(runs: Runs) -> None:
    """As if the call had been the third to wait for others."""
    with runs._database.write() as session:
        session.execute(update(RunCall).values(depth=3))


def test_an_ended_run_is_told_from_the_database(tmp_path: Path) -> None:
    runs = make(tmp_path, ANSWER)

    async def work() -> None:
        token = await runs.start(LOCAL, RunRequest(query="why?", model="told"))
        await until_end(runs, token)
        runs._live.clear()  # as after a restart
        await asyncio.to_thread(deepen, runs)
        told = await until_end(runs, token)
        assert [name for _, name, _ in told] == ["start", "window", "trace", "done", "end"]
        assert told[1][2]["depth"] == 3

    play(work)


def test_the_untrained_rankers_ask_no_model(tmp_path: Path) -> None:
    runs = make(tmp_path)

    async def work() -> None:
        for model in ("signals", "first_stage"):
            token = await runs.start(LOCAL, RunRequest(query="why?", model=model))
            run = (await until_end(runs, token))[-1][2]["run"]
            assert (run["state"], run["calls"], run["order"]) == ("finished", 0, ["p1", "p2", "p3"])

    play(work)


def test_what_can_not_be_asked_is_refused_with_the_reason(tmp_path: Path) -> None:
    runs = make(tmp_path, ANSWER, pause=0.05, most=1)

    async def work() -> None:
        with pytest.raises(InputError, match="query is empty"):
            await runs.start(LOCAL, RunRequest(query="  ", model="told"))
        with pytest.raises(InputError, match="depth 7"):
            await runs.start(LOCAL, RunRequest(query="q", model="told", depth=7))
        with pytest.raises(InputError, match="no model is called 'gpt'"):
            await runs.start(LOCAL, RunRequest(query="q", model="gpt"))
        with pytest.raises(NotFound):
            await runs.get(LOCAL, "nope")
        with pytest.raises(Forbidden):
            await runs.start(Actor(id="x", name="Nobody", roles=frozenset()), RunRequest(query="q", model="told"))
        await runs.start(LOCAL, RunRequest(query="q", model="told"))
        with pytest.raises(BackendBusy):
            await runs.start(LOCAL, RunRequest(query="q", model="told"))
        await runs.aclose()

    play(work)


def test_a_model_without_its_key_is_offered_grey(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    models = Models((ModelEntry(name="far", backend="openai", address="http://127.0.0.1:1", key_env="NO_SUCH_KEY"),))
    offer = next(offer for offer in models.list(LOCAL) if offer["name"] == "far")
    assert (offer["available"], offer["reason"]) == (False, "the environment variable NO_SUCH_KEY is not set")
    with pytest.raises(BackendUnavailable, match="NO_SUCH_KEY"):
        models.check("far")


def test_small_pieces_are_joined_and_none_is_lost() -> None:
    async def work() -> None:
        got: list[str] = []
        buffer = TraceBuffer(lambda window, channel, text: got.append(text), wait=0.02)
        for letter in "abcdef":
            buffer.add("w1", "reasoning", letter)
        assert got == ["a"]
        await asyncio.sleep(0.05)
        assert got == ["a", "bcdef"]
        buffer.add("w1", "answer", "x")
        buffer.add("w1", "answer", "y")
        buffer.close()
        assert "".join(got) == "abcdefxy"

    play(work)


def test_many_followers_see_the_same_log() -> None:
    async def work() -> None:
        log = EventLog()

        async def follow() -> list[int]:
            return [event.number async for event in log.follow(0)]

        followers = [asyncio.create_task(follow()) for _ in range(5)]
        for number in range(20):
            log.append("trace", {"n": number})
            if number % 3 == 0:
                await asyncio.sleep(0)
        log.close()
        assert await asyncio.gather(*followers) == [list(range(1, 21))] * 5

    play(work)


def test_a_prediction_asks_nothing_and_the_run_keeps_it_beside_the_real_numbers(tmp_path: Path) -> None:
    runs = make(tmp_path, ANSWER)

    async def work() -> None:
        options = Options.of({"fusion": {"weight": 0.25}, "strategy": {"name": "single"}})
        request = RunRequest(query="why?", model="told", options=options)
        predicted = await runs.predict(LOCAL, request)
        assert predicted["calls"] == [1, 1] and predicted["tokens_in"][0] > 0 and not predicted["exact"]
        bare = await runs.predict(LOCAL, RunRequest(query=" ", model="told", depth=100))
        assert (bare["calls"], bare["tokens_in"]) == ([9, 9], [0, 0])
        assert (await runs.predict(LOCAL, RunRequest(query="", model="signals")))["calls"] == [0, 0]
        token = await runs.start(LOCAL, request)
        events = await until_end(runs, token)
        run = events[-1][2]["run"]
        assert run["predicted"] == predicted and (run["calls"], run["requests"], run["forced"]) == (1, 1, 0)
        assert run["strategy"] == "single" and run["options"] == {"fusion": {"weight": 0.25, "k": 60}}
        assert run["unfused"] == ["p2", "p3", "p1"] and run["order"] == ["p1", "p2", "p3"]
        assert run["windows"][0]["requests"] == 1 and run["windows"][0]["cached"] is False and run["template"] == "studio"

    play(work)


def test_a_consensus_leaves_rank_intervals_and_window_ids_of_its_branches(tmp_path: Path) -> None:
    runs = make(tmp_path, ANSWER, ANSWER)

    async def work() -> None:
        options = Options.of({"strategy": {"name": "consensus", "k": 2}})
        token = await runs.start(LOCAL, RunRequest(query="why?", model="told", options=options))
        run = (await until_end(runs, token))[-1][2]["run"]
        assert sorted(window["window"] for window in run["windows"]) == ["1.w1", "2.w1"]
        assert set(run["intervals"]) == {"p1", "p2", "p3"} and all(1 <= low <= high <= 3 for low, high in run["intervals"].values())
        assert run["serial_depth"] == 1 and run["strategy_args"]["strategy"]["name"] == "sliding"

    play(work)


def test_a_plan_of_too_many_calls_is_refused_before_any(tmp_path: Path) -> None:
    runs = make(tmp_path, ANSWER)

    async def work() -> None:
        options = Options.of({"strategy": {"name": "consensus", "k": 50, "strategy": {"name": "tournament", "rounds": 20}}})
        for ask in (runs.start, runs.predict):
            with pytest.raises(InputError, match="1,000 are allowed"):
                await ask(LOCAL, RunRequest(query="why?", model="told", depth=100, options=options))

    play(work)


def test_a_call_is_told_its_place_in_the_queue() -> None:
    backend = Scripted([])
    assert calls_ahead(backend) == 0, "a backend that does not say"
    for slots, waiting, ahead in ((1, 0, 0), (1, 2, 2), (8, 7, 0), (8, 8, 1)):
        backend.slots, backend.waiting = slots, waiting  # type: ignore[attr-defined]
        assert calls_ahead(backend) == ahead
