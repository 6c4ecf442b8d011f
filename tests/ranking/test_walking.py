"""Walking a plan: rounds side by side, forks at their own pace, and standings that only ever speak of the whole list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

import pytest

from app.ranking.batch import Topic, rank_all
from app.ranking.errors import BackendError, TemplateError
from app.ranking.prompts import builtin_profile
from app.ranking.ranker import Ranker
from app.ranking.tokens import WordTokenizer
from app.ranking.values import (
    Completion,
    Delta,
    Event,
    Finished,
    Fork,
    Passage,
    Plan,
    PlanCost,
    Prompt,
    Round,
    Sampling,
    Standing,
    Unit,
    Window,
    WindowDone,
    WindowStarted,
)
from tests.conftest import passages


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Two windows of two side by side, then one of all."""

    name: str = "pairs"
    unit: Unit = "list"

    def plan(self, passages: Sequence[Passage]) -> Plan:
        p = tuple(passages)
        yield Round(windows=(Window(id="w1", passages=p[:2]), Window(id="w2", passages=p[2:])), standing=p)
        (last,) = yield Round(windows=(Window(id="w3", passages=p),), standing=p)
        return tuple(p[position] for position in last.order)

    def cost(self, n: int) -> PlanCost:
        return PlanCost(calls=(3, 3), depth=(2, 2), passages_read=(2 * n, 2 * n))


@dataclass(frozen=True, kw_only=True)
class Chains:
    """A fork of a chain of one window and a chain of three; the shorter one's order is returned."""

    name: str = "chains"
    unit: Unit = "list"

    def plan(self, passages: Sequence[Passage]) -> Plan:
        orders = yield Fork(plans=(chain(passages, 1), chain(passages, 3)))
        assert len(orders) == 2 and orders[1] == tuple(passages)[::-1], "three reversals are one"
        return tuple(orders[0])

    def cost(self, n: int) -> PlanCost:
        return PlanCost(calls=(4, 4), depth=(3, 3), passages_read=(4 * n, 4 * n))


def chain(passages: Sequence[Passage], length: int) -> Plan:
    standing = tuple(passages)
    for number in range(1, length + 1):
        (parsed,) = yield Round(windows=(Window(id=f"w{number}", passages=standing),), standing=standing)
        standing = tuple(standing[position] for position in parsed.order)
    return standing


class Reverser:
    """Answers every window with its reverse after `pause` seconds; keeps how many calls were in flight at most, and when each ended."""

    name, revision, can = "reverser", "", frozenset[str]()

    def __init__(self, pause: float = 0.01, fail_at: int = 0) -> None:
        self.tokenizer = WordTokenizer()
        self.flight = self.most = self.asked = 0
        self._pause, self._fail_at = pause, fail_at

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
        self.asked += 1
        if self.asked == self._fail_at:
            raise BackendError("down")
        self.flight += 1
        self.most = max(self.most, self.flight)
        try:
            await asyncio.sleep(self._pause)
            numbers = list(range(prompt.size, 0, -1))
            yield Delta(channel="reasoning", text="".join(f"[{number}] would answer this, I think. " for number in numbers))
            listed = " > ".join(f"[{number}]" for number in numbers)
            yield Completion(answer=f"<answer>{listed}</answer>", reasoning="r")
        finally:
            self.flight -= 1

    async def aclose(self) -> None:
        return None


def ranker(strategy: Pairs | Chains, backend: Reverser) -> Ranker:
    return Ranker(backend=backend, template=builtin_profile("studio"), strategy=strategy)


async def collect(used: Ranker, n: int) -> list[Event]:
    return [event async for event in used.stream_rank("why", passages(n))]


def test_windows_of_a_round_run_together_and_rounds_after_each_other() -> None:
    backend = Reverser()
    events = asyncio.run(collect(ranker(Pairs(), backend), 4))
    started = [(event.window.id, event.number, event.depth) for event in events if isinstance(event, WindowStarted)]
    assert started == [("w1", 1, 1), ("w2", 2, 1), ("w3", 3, 2)] and backend.most == 2
    ranking = next(event.ranking for event in events if isinstance(event, Finished))
    assert ranking.ids == ("p4", "p3", "p2", "p1") and ranking.depth == 2
    assert [call.window.id for call in ranking.calls] == ["w1", "w2", "w3"]


def test_guesses_of_windows_that_run_together_lie_on_top_of_each_other() -> None:
    events = asyncio.run(collect(ranker(Pairs(), Reverser()), 4))
    guesses = [event.ids for event in events if isinstance(event, Standing) and event.provisional]
    assert all(sorted(ids) == ["p1", "p2", "p3", "p4"] for ids in guesses)
    assert ("p2", "p1", "p4", "p3") in guesses, "both windows of the first round have turned"


def test_plans_of_a_fork_go_at_their_own_pace() -> None:
    backend = Reverser()
    events = asyncio.run(collect(ranker(Chains(), backend), 3))
    done = [event.call.window.id for event in events if isinstance(event, WindowDone)]
    assert sorted(done) == ["1.w1", "2.w1", "2.w2", "2.w3"] and done[-1] == "2.w3" and backend.most == 2
    ranking = next(event.ranking for event in events if isinstance(event, Finished))
    assert ranking.ids == ("p3", "p2", "p1") and ranking.depth == 3
    standings = [event for event in events if isinstance(event, Standing)]
    assert [event.ids for event in standings] == [("p3", "p2", "p1")], "orders inside a fork are not the list's"


def test_closing_a_fork_stops_all_its_calls() -> None:
    backend = Reverser(pause=5)

    async def stop() -> None:
        events = ranker(Chains(), backend).stream_rank("why", passages(3))
        async for event in events:
            if isinstance(event, WindowStarted) and event.number == 2:
                break
        await asyncio.sleep(0.02)
        assert backend.flight == 2
        await events.aclose()

    asyncio.run(asyncio.wait_for(stop(), 3))
    assert backend.flight == 0


def test_many_topics_are_walked_a_bounded_number_at_once() -> None:
    backend = Reverser()
    topics = (Topic(id=str(number), query="why", passages=tuple(passages(2))) for number in range(7))

    async def work() -> list[str]:
        return [ranked.topic.id async for ranked in rank_all(chained(backend), topics, 3) if ranked.ranking]

    assert sorted(asyncio.run(work())) == [str(number) for number in range(7)]
    assert backend.most == 3 and backend.asked == 7


def test_a_topic_that_can_not_be_ranked_does_not_end_the_batch() -> None:
    twice = (Passage(id="x", text="1"), Passage(id="x", text="2"))
    topics = [Topic(id="bad", query="q", passages=twice), Topic(id="good", query="q", passages=tuple(passages(2)))]

    async def work() -> dict[str, str]:
        return {ranked.topic.id: ranked.error async for ranked in rank_all(chained(Reverser()), topics, 2)}

    found = asyncio.run(work())
    assert "two passages have the id 'x'" in found["bad"] and found["good"] == ""


def test_a_failed_call_is_one_outcome_and_no_end() -> None:
    ranking = ranker(Pairs(), Reverser(fail_at=2)).rank("why", passages(4))
    assert ranking.outcome == "error" and ranking.ids == ("p4", "p3", "p2", "p1")


def test_a_prompt_that_can_not_be_made_is_raised_and_leaves_no_task() -> None:
    class Refusing:
        name, unit, thinks, sampling = "refusing", "list", False, Sampling()

        def render(self, query: str, window: Sequence[Passage], tokenizer: object) -> Prompt:
            raise TemplateError("no")

    used = Ranker(backend=Reverser(), template=Refusing(), strategy=Pairs())  # type: ignore[arg-type]
    with pytest.raises(TemplateError):
        used.rank("why", passages(4))


def chained(backend: Reverser) -> Ranker:
    from app.ranking.strategies import Sliding

    return Ranker(backend=backend, template=builtin_profile("studio"), strategy=Sliding())
