"""Rerank over real runs with canned answers: what a client gets, by index, and what becomes of the run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ranking.backends.scripted import Scripted
from app.ranking.errors import BackendBusy, BackendError, BackendUnavailable, InputError, NotFound, SettingsError
from app.ranking.options import Options
from app.ranking.values import Passage
from app.services.actors import LOCAL
from app.services.models import Models
from app.services.rerank import Rerank, RerankRequest, answer, relevance
from app.services.runs import DEFECT, Found, RunRequest, Runs
from app.settings import ModelEntry
from db.store import actors
from db.store.lists import Candidates
from tests.databases import migrated

ANSWER = "<think>The principle is in [2]. But [3] is a near miss, and [1] shares words.</think><answer>[2] > [3] > [1]</answer>"
TWINS = tuple(Passage(id=str(number), text="The same text.") for number in (1, 2, 3))
ASKED = RerankRequest(query="why?", passages=TWINS, model="told")


class Given:
    """A finder that takes what was handed in."""

    def find(self, request: RunRequest) -> Found:
        shown = request.passages or ()
        return Found(candidates=Candidates(query=request.query, passages=shown, retriever="given", signals_version="1"), notes=("A note.",))


class Offered:
    """Models of the test: the canned one is the default."""

    def list(self, actor: object) -> Sequence[dict[str, Any]]:
        return [{"name": "told", "default": True}, {"name": "first_stage", "default": False}]

    def reads_evidence(self, name: str) -> bool:
        return name in ("nano", "signals")


def make(tmp_path: Path, *answers: str | BackendError, pause: float = 0.0, most: int = 8) -> tuple[Rerank, Runs]:
    database = migrated(tmp_path / "runs.db")
    with database.write() as session:
        actors.ensure(session, LOCAL.id, LOCAL.name, LOCAL.roles)
    models = Models(
        (ModelEntry(name="told", backend="scripted", label="Told"),), {"scripted": lambda entry: Scripted(answers, pause=pause)}
    )
    runs = Runs(database, models, Given(), most)
    return Rerank(runs, Offered()), runs


def play(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(work(), 20)

    asyncio.run(main())


def test_documents_with_the_same_text_are_told_apart_by_their_index(tmp_path: Path) -> None:
    rerank, runs = make(tmp_path, ANSWER)

    async def work() -> None:
        told = await (await rerank.begin(LOCAL, ASKED)).result()
        assert [(one["index"], one["relevance_score"]) for one in told["results"]] == [(1, 1.0), (2, 2 / 3), (0, 1 / 3)]
        assert told["outcome"] == "clean" and told["model"] == "told" and told["notes"] == ["A note."]
        (call,) = told["trace"]
        assert call["passages"] == [0, 1, 2] and call["reasoning"].startswith("The principle") and call["answer"].startswith("<answer>[2]")
        usage = told["usage"]
        assert usage["total_tokens"] == usage["tokens_in"] + usage["tokens_out"] > 0 and (usage["calls"], usage["requests"]) == (1, 1)
        stored = await runs.get(LOCAL, told["run"])
        assert (stored["state"], stored["order"], stored["depth"]) == ("finished", ["2", "3", "1"], 3)

    play(work)


def test_top_n_cuts_the_results_and_not_the_scores(tmp_path: Path) -> None:
    rerank, _ = make(tmp_path, ANSWER)
    documents = ({"text": "a"}, {"text": "b"}, {"text": "c"})

    async def work() -> None:
        told = await (await rerank.begin(LOCAL, replace(ASKED, top_n=1, documents=documents, notes=("Of the request.",)))).result()
        assert told["results"] == [{"index": 1, "relevance_score": 1.0, "document": {"text": "b"}}]
        assert told["notes"] == ["Of the request.", "A note."] and told["meta"]["warnings"] == told["notes"]

    play(work)


def test_an_outcome_that_is_not_clean_is_told(tmp_path: Path) -> None:
    rerank, _ = make(tmp_path, BackendError("HTTP 503: 3 2 1"))

    async def work() -> None:
        told = await (await rerank.begin(LOCAL, ASKED)).result()
        assert told["outcome"] == "error" and [one["index"] for one in told["results"]] == [0, 1, 2]
        assert "503" in told["trace"][0]["error"] and "not clean" in told["meta"]["warnings"][0]

    play(work)


def test_events_are_numbered_and_end_with_the_result(tmp_path: Path) -> None:
    rerank, _ = make(tmp_path, ANSWER, pause=0.001)

    async def work() -> None:
        events = [event async for event in (await rerank.begin(LOCAL, ASKED)).events()]
        assert [event.number for event in events] == list(range(1, len(events) + 1))
        names = [event.name for event in events]
        assert names[-1] == "result" and set(names) == {"window", "trace", "standing", "done", "result"}
        by_name = {event.name: event.data for event in events}
        assert by_name["window"]["passages"] == [0, 1, 2]
        assert by_name["standing"] == {"indices": [1, 2, 0], "provisional": False}
        assert by_name["result"]["results"][0]["index"] == 1
        assert all("sentences" not in event.data for event in events if event.name == "trace")

    play(work)


@pytest.mark.parametrize("leave", ["result", "events"])
def test_a_client_that_leaves_stops_the_run(tmp_path: Path, leave: str) -> None:
    rerank, runs = make(tmp_path, ANSWER, pause=0.05)

    async def work() -> None:
        reranking = await rerank.begin(LOCAL, ASKED)
        if leave == "result":
            waiting = asyncio.create_task(reranking.result())
            await asyncio.sleep(0.1)
            waiting.cancel()
        else:
            events = reranking.events()
            async for event in events:
                if event.name == "trace":
                    break
            await events.aclose()
        while runs.active:
            await asyncio.sleep(0.01)
        assert (await runs.get(LOCAL, reranking.token))["state"] == "stopped"

    play(work)


def test_a_run_that_somebody_stops_has_no_result(tmp_path: Path) -> None:
    rerank, runs = make(tmp_path, ANSWER, pause=0.05)

    async def work() -> None:
        reranking = await rerank.begin(LOCAL, ASKED)
        waiting = asyncio.create_task(reranking.result())
        await asyncio.sleep(0.1)
        await runs.stop(LOCAL, reranking.token)
        with pytest.raises(BackendBusy, match="stopped before"):
            await waiting

    play(work)


def test_without_a_model_the_default_is_asked_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    rerank, _ = make(tmp_path, ANSWER)

    async def work() -> None:
        assert (await (await rerank.begin(LOCAL, replace(ASKED, model=""))).result())["model"] == "told"
        with pytest.raises(NotFound, match="'rerank-v3.5': offered are told, first_stage"):
            await rerank.begin(LOCAL, replace(ASKED, model="rerank-v3.5"))

    play(work)


def test_too_many_runs_are_refused(tmp_path: Path) -> None:
    rerank, runs = make(tmp_path, ANSWER, pause=0.05, most=1)

    async def work() -> None:
        await rerank.begin(LOCAL, ASKED)
        with pytest.raises(BackendBusy, match="at work already"):
            await rerank.begin(LOCAL, ASKED)
        await runs.aclose()

    play(work)


def test_a_consensus_tells_an_interval_for_every_document(tmp_path: Path) -> None:
    rerank, _ = make(tmp_path, ANSWER, ANSWER)
    options = Options.of({"strategy": {"name": "consensus", "k": 2}})

    async def work() -> None:
        told = await (await rerank.begin(LOCAL, replace(ASKED, options=options))).result()
        assert [one["index"] for one in told["intervals"]] == [one["index"] for one in told["results"]]
        assert all(1 <= one["best"] <= one["worst"] <= 3 for one in told["intervals"])
        assert told["usage"]["calls"] == 2

    play(work)


RUN: dict[str, Any] = {"state": "failed", "error": "a window of 50 is too large", "order": ["1"], "notes": [], "outcome": None}


def test_a_failed_run_has_no_answer() -> None:
    with pytest.raises(SettingsError, match="too large"):
        answer(RUN, ASKED)
    with pytest.raises(BackendError, match="defect"):
        answer(RUN | {"error": DEFECT}, ASKED)
    with pytest.raises(BackendError, match="defect"):
        answer(RUN | {"state": "finished"}, ASKED)


@given(st.integers(1, 1000))
def test_scores_fall_strictly_from_one_and_stay_above_zero(n: int) -> None:
    scores = [relevance(rank, n) for rank in range(1, n + 1)]
    assert scores[0] == 1.0 and scores[-1] > 0
    assert all(first > second for first, second in zip(scores, scores[1:], strict=False))


def test_what_runs_refuse_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    rerank, runs = make(tmp_path, ANSWER)
    runs._models._entries["told"] = ModelEntry(name="told", backend="scripted", key_env="NO_SUCH_KEY")

    async def work() -> None:
        with pytest.raises(BackendUnavailable, match="NO_SUCH_KEY"):
            await rerank.begin(LOCAL, ASKED)
        with pytest.raises(InputError, match="query is empty"):
            await rerank.begin(LOCAL, replace(ASKED, query=" "))

    play(work)
