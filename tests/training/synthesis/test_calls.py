"""Calls of the teacher: asked once, within the budget, on somebody's account; over both databases."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from app.ranking.errors import BackendError, BackendUnavailable
from app.ranking.tokens import WordTokenizer
from app.ranking.values import Completion, Delta, Forcing, Message, Prompt, Sampling
from db.models import now
from db.models_loop import Job, Synthesis, TeacherCall
from db.session import Database
from db.store import spend, syntheses, teacher_calls
from training.synthesis import calls
from training.synthesis.calls import Account, BudgetSpent, StoredCalls, TeacherGone, most_tokens, read_completion
from training.synthesis.writer import Writer

ID, OTHER = "a" * 64, "b" * 64
SAMPLING = Sampling(max_tokens=100)


class Teacher:
    """A backend that counts, waits at a gate where it is told to, and fails as often as it is told to."""

    name, revision, can, slots = "teacher", "r1", frozenset[str](), 8

    def __init__(self, tokens: tuple[int, int] = (7, 5)) -> None:
        self.tokenizer, self.tokens = WordTokenizer(), tokens
        self.asked: Counter[str] = Counter()
        self.failures: list[BackendError] = []
        self.gate: asyncio.Event | None = None
        self.at_once = self.most_at_once = 0

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
        text = prompt.messages[0].content
        self.asked[text] += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await (self.gate.wait() if self.gate else asyncio.sleep(0))
            if self.failures:
                raise self.failures.pop()
            yield Completion(answer=f"to {text}\x00", tokens_in=self.tokens[0], tokens_out=self.tokens[1], seconds=0.25)
        finally:
            self.at_once -= 1

    async def aclose(self) -> None:
        """Nothing is held."""


def prompt(text: str) -> Prompt:
    return Prompt(messages=(Message(role="user", content=text),), template="t")


class World:
    """A database with two syntheses, and callers on their accounts."""

    def __init__(self, database: Database) -> None:
        self.database, self.writer = database, Writer(database)
        with database.write() as session:
            for synthesis_id in (ID, OTHER):
                syntheses.register(session, syntheses.NewSynthesis(id=synthesis_id, name="s", recipe="", teacher="teacher"))

    def caller(self, teacher: Teacher, concurrency: int = 4, **account: Any) -> StoredCalls:
        return StoredCalls(self.writer, teacher, Account(**{"synthesis_id": ID, **account}), concurrency)

    def synthesis(self, synthesis_id: str = ID) -> Synthesis:
        with self.database.read() as session:
            return syntheses.get(session, synthesis_id)

    def rows(self) -> list[TeacherCall]:
        with self.database.read() as session:
            return list(session.scalars(select(TeacherCall).order_by(TeacherCall.created)))

    def begin(self, synthesis_id: str = ID) -> None:
        """A new session of a synthesis, as a run begins one."""
        with self.database.write() as session:
            teacher_calls.lose_all(session, synthesis_id)


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    world = World(database)
    yield world
    world.writer.close()


async def ask(caller: StoredCalls, text: str, sample: int = 0, sampling: Sampling = SAMPLING) -> Completion:
    return await caller.ask("ranking", prompt(text), sampling, sample)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


def test_an_answer_that_is_there_is_not_asked_for_again(world: World) -> None:
    teacher = Teacher()
    first = asyncio.run(ask(world.caller(teacher), "q"))
    again = asyncio.run(ask(world.caller(Teacher()), "q"))  # a later process, with a session of its own
    other = asyncio.run(ask(world.caller(teacher, synthesis_id=OTHER), "q"))  # another recipe that asks the same

    assert teacher.asked == {"q": 1} and first.answer == "to q\ufffd"
    assert again == other == replace(first, cached=True)
    row, book = world.rows()[0], world.synthesis()
    assert (row.step, row.outcome, row.asked, row.tokens_in, row.tokens_out, row.seconds) == ("ranking", "stop", 1, 7, 5, 0.25)
    assert (book.calls, book.tokens_in, book.tokens_out, book.repeats, book.held_tokens, book.held_cost) == (1, 7, 5, 0, 0, 0.0)
    assert world.synthesis(OTHER).calls == 0


def test_whatever_can_change_an_answer_is_another_call(world: World) -> None:
    async def all_of_them() -> None:
        teacher, newer, named = Teacher(), Teacher(), Teacher()
        newer.revision = named.name = "another"
        one = world.caller(teacher)
        await ask(one, "q")
        await ask(one, "q", sample=1)
        await ask(one, "q ")
        await ask(one, "q", sampling=replace(SAMPLING, seed=1))
        await ask(world.caller(newer), "q")
        await ask(world.caller(named), "q")
        begun = replace(prompt("q"), prefix="<think>")
        await one.ask("ranking", begun, SAMPLING, 0)
        await one.ask("mining", replace(begun, template="other", notes=("cut",)), SAMPLING, 0)  # none of these is sent

    asyncio.run(all_of_them())
    assert len(world.rows()) == 7 == world.synthesis().calls


def test_two_who_ask_the_same_at_once_ask_once(world: World) -> None:
    async def together() -> list[Completion]:
        teacher = Teacher()
        caller = world.caller(teacher)
        found = await asyncio.gather(*(ask(caller, "q") for _ in range(5)))
        assert teacher.asked == {"q": 1}
        return found

    found = asyncio.run(together())
    assert [one.cached for one in found].count(False) == 1 and len({one.answer for one in found}) == 1


def test_calls_in_flight_are_bounded_by_the_recipe_and_by_the_backend(world: World) -> None:
    async def crowd(concurrency: int, slots: int, prefix: str) -> int:
        teacher = Teacher()
        teacher.slots, teacher.gate = slots, asyncio.Event()
        caller = world.caller(teacher, concurrency)
        asking = [asyncio.create_task(ask(caller, f"{prefix}{number}")) for number in range(8)]
        await until(lambda: teacher.at_once == min(concurrency, slots))
        assert sum(row.completion is None for row in await asyncio.to_thread(world.rows)) == min(concurrency, slots)
        teacher.gate.set()
        await asyncio.gather(*asking)
        return teacher.most_at_once

    assert asyncio.run(crowd(3, 8, "a")) == 3
    assert asyncio.run(crowd(8, 2, "b")) == 2


def test_a_failure_frees_what_was_held_and_is_no_repeat(world: World) -> None:
    teacher = Teacher()
    teacher.failures = [BackendError("away")]
    with pytest.raises(BackendError, match="away"):
        asyncio.run(ask(world.caller(teacher, tokens=1000), "q"))
    row, book = world.rows()[0], world.synthesis()
    assert (row.outcome, row.session, row.completion, book.held_tokens, book.calls) == ("BackendError", "", None, 0, 0)
    asyncio.run(ask(world.caller(teacher, tokens=1000), "q"))
    assert (world.synthesis().repeats, world.synthesis().calls, world.rows()[0].asked) == (0, 1, 2)


def test_a_call_that_was_in_flight_at_a_kill_is_asked_again_and_counted(world: World) -> None:
    async def killed() -> None:
        teacher = Teacher()
        teacher.gate = asyncio.Event()
        asking = asyncio.create_task(ask(world.caller(teacher), "lost"))
        await until(lambda: teacher.at_once == 1)
        asking.cancel()  # ends as a kill does: what was sent may be billed
        await asyncio.gather(asking, return_exceptions=True)

    asyncio.run(killed())
    held = most_tokens(prompt("lost"), WordTokenizer()) + SAMPLING.max_tokens
    assert (world.synthesis().held_tokens, world.rows()[0].session) == (held, "")
    asyncio.run(ask(world.caller(Teacher()), "lost"))
    # What the lost call may have taken stays held back: nobody knows whether it was billed.
    assert (world.synthesis().repeats, world.synthesis().calls, world.synthesis().held_tokens) == (1, 1, held)


def test_a_call_that_was_just_being_opened_at_an_interruption_is_neither_sent_nor_in_flight(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, gate, open_call = threading.Event(), threading.Event(), teacher_calls.open_call

    def slowly(*arguments: Any) -> Any:
        entered.set()
        assert gate.wait(20)
        return open_call(*arguments)

    monkeypatch.setattr(teacher_calls, "open_call", slowly)
    teacher = Teacher()

    async def interrupted() -> None:
        asking = asyncio.create_task(ask(world.caller(teacher), "q"))
        await until(entered.is_set)
        asking.cancel()
        threading.Timer(0.2, gate.set).start()
        await asyncio.gather(asking, return_exceptions=True)
        world.writer.close()  # as whoever interrupts does next

    asyncio.run(interrupted())
    row, book = world.rows()[0], world.synthesis()
    assert (row.outcome, row.session, row.completion, book.held_tokens) == ("unsent", "", None, 0) and not teacher.asked


def test_a_dead_sessions_calls_are_lost_when_the_next_one_begins(world: World) -> None:
    with world.database.write() as session:
        call = teacher_calls.Ask(
            key="k" * 64, synthesis_id=ID, step="m", model="teacher", prompt_hash="h", session="dead", tokens=9, cost=0.5
        )
        assert teacher_calls.open_call(session, call, teacher_calls.Caps()).state == "open"
    world.begin(OTHER)
    assert world.rows()[0].session == "dead"
    world.begin()
    assert world.rows()[0].session == ""
    with world.database.write() as session:
        assert teacher_calls.open_call(session, replace(call, session="next"), teacher_calls.Caps()).state == "open"
    assert (world.synthesis().repeats, world.synthesis().held_tokens, world.synthesis().held_cost) == (1, 18, 1.0)


def test_another_living_synthesis_is_waited_for_and_a_dead_one_is_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "POLL", 0.02)
    with world.database.write() as session:
        job = Job(kind="synthesize", idempotency_key="k", state="running", lease_until=now().replace(year=2999))
        session.add(job)
        session.flush()
        syntheses.claim(session, OTHER, job.id)

    async def both() -> None:
        theirs, ours = Teacher(), Teacher()
        theirs.gate = asyncio.Event()
        first = asyncio.create_task(ask(world.caller(theirs, synthesis_id=OTHER), "q"))
        await until(lambda: theirs.at_once == 1)
        second = asyncio.create_task(ask(world.caller(ours), "q"))
        await asyncio.sleep(0.1)
        assert not second.done() and not ours.asked
        theirs.gate.set()
        assert (await second).answer == (await first).answer and not ours.asked

    async def dead() -> None:
        theirs, ours = Teacher(), Teacher()
        theirs.gate = asyncio.Event()
        first = asyncio.create_task(ask(world.caller(theirs, synthesis_id=OTHER), "r"))
        await until(lambda: theirs.at_once == 1)
        await asyncio.to_thread(end)
        assert (await ask(world.caller(ours), "r")).answer == "to r\ufffd" and ours.asked == {"r": 1}
        theirs.gate.set()
        # The one that was taken for dead gets the answer that was kept, whatever it was told itself.
        assert (await first).answer == "to r\ufffd"

    def end() -> None:
        with world.database.write() as session:
            session.get_one(Job, job.id).lease_until = now().replace(year=2000)

    asyncio.run(both())
    asyncio.run(dead())
    assert world.synthesis().repeats == 1


def test_the_cap_of_tokens_is_never_passed_and_a_larger_one_goes_on(world: World) -> None:
    worst = most_tokens(prompt("0"), WordTokenizer()) + SAMPLING.max_tokens
    cap = 2 * worst + 12  # two at once, and a third once one of 12 tokens was booked

    async def run(tokens: int, teacher: Teacher) -> list[Any]:
        caller = world.caller(teacher, tokens=tokens)
        return await asyncio.gather(*(ask(caller, str(number)) for number in range(8)), return_exceptions=True)

    teacher = Teacher(tokens=(worst // 2, worst // 2))  # takes all that was held
    found = asyncio.run(run(cap, teacher))
    spent = [one for one in found if isinstance(one, BudgetSpent)]
    book = world.synthesis()
    assert len(spent) == 6 and teacher.asked.total() == 2 and book.tokens_in + book.tokens_out <= cap and book.held_tokens == 0
    assert str(cap) in str(spent[0]).replace(",", "")

    asyncio.run(run(100 * worst, teacher))
    assert set(teacher.asked.values()) == {1} and len(teacher.asked) == 8
    assert world.synthesis().calls == 8


def test_waits_for_calls_in_flight_before_the_budget_counts_as_spent(world: World) -> None:
    worst = most_tokens(prompt("0"), WordTokenizer()) + SAMPLING.max_tokens
    teacher = Teacher(tokens=(1, 1))

    async def run() -> None:
        caller = world.caller(teacher, tokens=worst + 20)
        await asyncio.gather(*(ask(caller, str(number)) for number in range(8)))  # one at a time fits

    asyncio.run(run())
    assert teacher.most_at_once == 1 and world.synthesis().calls == 8


def test_the_caps_of_money(world: World) -> None:
    priced: dict[str, Any] = {"price_in": 1e6, "price_out": 2e6}  # 1 and 2 a token
    teacher = Teacher()
    with pytest.raises(BudgetSpent, match="money"):
        asyncio.run(ask(world.caller(teacher, cost=100.0, **priced), "q"))
    asyncio.run(ask(world.caller(teacher, cost=1000.0, daily_cap=1000.0, **priced), "q"))
    assert (world.synthesis().cost, world.rows()[0].cost) == (17.0, 17.0)
    with world.database.read() as session:
        assert spend.of_today(session, "teacher") == 17.0
    with pytest.raises(BudgetSpent, match="daily_cap"):
        asyncio.run(ask(world.caller(teacher, daily_cap=200.0, **priced), "r"))
    assert teacher.asked == {"q": 1}


def test_a_teacher_that_is_gone_ends_the_run(world: World) -> None:
    teacher = Teacher()
    teacher.failures = [BackendUnavailable("no such host")] * 40

    async def run() -> list[Any]:
        caller = world.caller(teacher, concurrency=2)
        return [await asyncio.gather(ask(caller, str(number)), return_exceptions=True) for number in range(12)]

    found = [one[0] for one in asyncio.run(run())]
    assert [type(one) for one in found] == [BackendUnavailable] * 10 + [TeacherGone] * 2
    assert teacher.asked.total() == 10 and "no such host" in str(found[-1])
    assert world.synthesis().held_tokens == 0


def test_completions_come_back_as_they_were() -> None:
    forced = Forcing(reason="budget", trace_tokens=3, guess=(2, 0, 1))
    whole = Completion(answer="a", reasoning="r", logprobs=({"x": -0.5},), forced=forced, tokens_in=3, counted=True)
    assert read_completion(calls.completion_json(whole)) == whole


def test_the_worst_case_of_a_prompt_counts_bytes_where_the_tokenizer_guesses() -> None:
    class Exact(WordTokenizer):
        exact = True

    # 8 bytes of text; 8 tokens around each of the message and the empty beginning, and 8 more.
    assert most_tokens(prompt("zwölf ß"), WordTokenizer()) == 9 + 24
    assert most_tokens(prompt("zwölf ß"), Exact()) == 3 + 24


def test_two_processes_share_a_synthesis_and_its_budget(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "POLL", 0.02)
    with world.database.write() as session:
        job = Job(kind="synthesize", idempotency_key="k", state="running", lease_until=now().replace(year=2999))
        session.add(job)
        session.flush()
        syntheses.claim(session, ID, job.id)
    texts = [str(number) for number in range(40)]
    worst = max(most_tokens(prompt(text), WordTokenizer()) for text in texts) + SAMPLING.max_tokens
    teachers = [Teacher(), Teacher()]

    def process(teacher: Teacher) -> list[str]:
        """A database and a writer of its own, as another process has them."""
        database = Database(world.database._writer.url.render_as_string(hide_password=False))
        writer = Writer(database)

        async def everything() -> list[str]:
            caller = StoredCalls(writer, teacher, Account(synthesis_id=ID, tokens=40 * 12 + 3 * worst), 8)
            return [one.answer for one in await asyncio.gather(*(ask(caller, text) for text in texts))]

        try:
            return asyncio.run(everything())
        finally:
            writer.close()
            database.close()

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(process, teachers))
    assert found[0] == found[1] == [f"to {text}\ufffd" for text in texts]
    asked = teachers[0].asked + teachers[1].asked
    assert set(asked.values()) == {1} and len(asked) == 40
    book = world.synthesis()
    assert (book.calls, book.tokens_in, book.tokens_out, book.repeats, book.held_tokens) == (40, 280, 200, 0, 0)
