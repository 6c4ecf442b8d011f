"""The driver: events in order, failures that keep the incoming order, stopping, and what a guess may never become."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.ranking.backends.scripted import Scripted
from app.ranking.errors import BackendError, InputError, SettingsError
from app.ranking.prompts import builtin_profile
from app.ranking.ranker import Ranker
from app.ranking.strategies import Sliding
from app.ranking.values import Completion, Event, Finished, Passage, Standing, TraceDelta, WindowDone, WindowStarted
from tests.conftest import passages

ANSWER = "<think>The principle is in [2]; [3] is a near miss, and [1] only shares words.</think><answer>[2] > [3] > [1]</answer>"


def ranker(*answers: str | Completion | BackendError, size: int = 20, step: int = 10, pause: float = 0.0) -> Ranker:
    return Ranker(backend=Scripted(answers, pause=pause), template=builtin_profile("studio"), strategy=Sliding(size=size, step=step))


async def collect(used: Ranker, n: int = 3) -> list[Event]:
    return [event async for event in used.stream_rank("why", passages(n))]


def test_a_clean_answer_reorders_and_is_accounted_for() -> None:
    ranking = ranker(ANSWER).rank("why", passages(3))
    assert ranking.ids == ("p2", "p3", "p1")
    assert (ranking.outcome, len(ranking.calls), ranking.depth) == ("clean", 1, 1)
    assert ranking.calls[0].completion.reasoning.startswith("The principle is in [2]")
    assert ranking.tokens[0] > 0 and ranking.tokens[1] > 0
    assert not ranking.calls[0].completion.counted


def test_events_come_in_their_order() -> None:
    events = asyncio.run(collect(ranker(ANSWER)))
    kinds = [type(event) for event in events]
    assert kinds[0] is Standing and kinds[1] is WindowStarted and kinds[-1] is Finished
    assert kinds[-3:] == [WindowDone, Standing, Finished]
    text = "".join(event.text for event in events if isinstance(event, TraceDelta))
    assert text == ANSWER.replace("<think>", "").replace("</think>", "")


def test_citations_move_passages_provisionally_only() -> None:
    events = asyncio.run(collect(ranker(ANSWER)))
    standings = [event for event in events if isinstance(event, Standing)]
    guesses = [event.ids for event in standings if event.provisional]
    assert guesses and all(sorted(ids) == ["p1", "p2", "p3"] for ids in guesses)
    assert [event.ids for event in standings if not event.provisional] == [("p1", "p2", "p3"), ("p2", "p3", "p1")]


def test_an_error_keeps_the_order_and_its_text_is_no_ranking() -> None:
    ranking = ranker(BackendError("503 Service Unavailable at 10.0.0.7:8000 after 3 2 1 s")).rank("why", passages(3))
    assert ranking.ids == ("p1", "p2", "p3")
    assert ranking.outcome == "error"
    assert "503" in ranking.calls[0].error


def test_an_error_in_one_window_leaves_the_others_their_ranking() -> None:
    used = ranker(BackendError("gone"), "<answer>[2] > [1]</answer>", size=2, step=1)
    ranking = used.rank("why", passages(3))
    assert ranking.ids == ("p2", "p1", "p3")
    assert [call.parsed.outcome for call in ranking.calls] == ["error", "clean"]
    assert ranking.outcome == "error"


def test_a_backend_that_ends_without_a_completion_is_an_error() -> None:
    class Silent(Scripted):
        async def stream(self, prompt, sampling):  # type: ignore[no-untyped-def]
            return
            yield

    used = Ranker(backend=Silent([]), template=builtin_profile("studio"), strategy=Sliding())
    ranking = used.rank("why", passages(2))
    assert ranking.outcome == "error" and "without a completion" in ranking.calls[0].error


def test_truncated_reasoning_keeps_the_order() -> None:
    cut = Completion(answer="", reasoning="[3] > [2] > [1]", finish="length")
    ranking = ranker(cut).rank("why", passages(3))
    assert (ranking.ids, ranking.outcome) == (("p1", "p2", "p3"), "truncated")


def test_passages_are_told_apart_by_id_alone() -> None:
    twins = [Passage(id="a b/1", text="same"), Passage(id="a b/2", text="same")]
    assert ranker("<answer>[2] > [1]</answer>").rank("why", twins).ids == ("a b/2", "a b/1")


def test_repeated_ids_are_refused() -> None:
    with pytest.raises(InputError, match="two passages have the id 'x'"):
        ranker(ANSWER).rank("why", [Passage(id="x", text="1"), Passage(id="x", text="2")])


def test_rank_works_inside_a_running_loop() -> None:
    async def notebook() -> tuple[str, ...]:
        return ranker(ANSWER).rank("why", passages(3)).ids

    assert asyncio.run(notebook()) == ("p2", "p3", "p1")


def test_closing_the_events_stops_the_call() -> None:
    async def stop_half_way() -> int:
        used, seen = ranker(ANSWER, pause=0.01), 0
        events = used.stream_rank("why", passages(3))
        async for event in events:
            if isinstance(event, TraceDelta):
                seen += 1
                if seen == 2:
                    await events.aclose()
                    break
        await asyncio.sleep(0.05)
        return seen

    assert asyncio.run(stop_half_way()) == 2


def test_nothing_to_rank_asks_nothing() -> None:
    ranking = ranker().rank("why", [])
    assert (ranking.ids, ranking.calls, ranking.outcome) == ((), (), "clean")


def test_a_template_of_another_unit_is_refused_before_any_call() -> None:
    by_passage = replace(Sliding(), unit="passage")
    with pytest.raises(SettingsError, match="choose a pair that agrees"):
        Ranker(backend=Scripted([]), template=builtin_profile("studio"), strategy=by_passage)
