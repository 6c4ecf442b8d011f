"""Stored answers: exact match only, committed before use, and an honest count of what a kill made twice."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from app.ranking.errors import BackendError, SettingsError
from app.ranking.prompts import builtin_profile
from app.ranking.ranker import Ranker
from app.ranking.response_cache import CachedBackend, ResponseCache
from app.ranking.strategies import Sliding
from app.ranking.thinking import Settle, Thinking
from app.ranking.values import Completion, Message, Prompt, Sampling
from tests.conftest import passages
from tests.ranking.thinker import Thinker, list_of

PROMPT = Prompt(messages=(Message(role="user", content="rank \udc80"),), template="t", size=3)


def thinker(pause: float = 0.0) -> Thinker:
    return Thinker("see [3]", lambda _: list_of(3, 1, 2), lambda _: list_of(2, 1, 3), pause=pause)


def ranker(backend: Thinker, cache: ResponseCache, thinking: Thinking | None = None) -> Ranker:
    return Ranker(
        backend=backend, template=builtin_profile("studio"), strategy=Sliding(), cache=cache, thinking=thinking or Thinking()
    )  # fmt: skip


async def last(backend: CachedBackend, prompt: Prompt = PROMPT, sampling: Sampling | None = None) -> Completion:
    found = [piece async for piece in backend.stream(prompt, sampling or Sampling()) if isinstance(piece, Completion)]
    return found[0]


def test_the_same_question_is_asked_once_over_processes(tmp_path: Path) -> None:
    for turn in range(2):
        backend, cache = thinker(), ResponseCache(tmp_path / "answers.db")
        ranking = ranker(backend, cache).rank("why", passages(3))
        assert ranking.ids == ("p3", "p1", "p2") and ranking.calls[0].completion.reasoning == "see [3] "
        assert (len(backend.prompts), cache.counts.hits, cache.counts.misses, cache.counts.repeated) == (1 - turn, turn, 1 - turn, 0)
        assert ranking.calls[0].completion.cached == bool(turn) and ranking.requests == 1 - turn
        assert cache.stored == 1
        cache.close()
        cache.close()


def test_whatever_changes_the_answer_changes_the_key(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path / "answers.db")
    backend = thinker()
    other = thinker()
    other.revision = "r2"

    async def work() -> None:
        plain = CachedBackend(backend, cache)
        await last(plain)
        for changed in (
            last(plain, replace(PROMPT, prefix="<think></think>")),
            last(plain, replace(PROMPT, messages=(Message(role="system", content=PROMPT.messages[0].content),))),
            last(plain, sampling=Sampling(seed=1)),
            last(CachedBackend(backend, cache, variant="budget")),
            last(CachedBackend(other, cache)),
        ):
            assert not (await changed).cached
        assert (await last(plain, replace(PROMPT, template="other name"))).cached, "the name of a profile is not shown to a model"

    asyncio.run(work())
    assert cache.counts.hits == 1


def test_an_answer_is_on_disk_before_it_is_used(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path / "answers.db")

    async def work() -> None:
        async for piece in CachedBackend(thinker(), cache).stream(PROMPT, Sampling()):
            stored = sqlite3.connect(tmp_path / "answers.db").execute("SELECT completion IS NOT NULL FROM calls").fetchall()
            assert stored == [(1 if isinstance(piece, Completion) else 0,)]

    asyncio.run(work())


def test_a_call_that_was_in_flight_at_a_kill_is_asked_again_and_counted(tmp_path: Path) -> None:
    killed = ResponseCache(tmp_path / "answers.db")

    async def begin() -> None:
        stream = CachedBackend(thinker(pause=5), killed).stream(PROMPT, Sampling())
        task = asyncio.ensure_future(anext(stream))
        while killed.counts.misses == 0:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)
        # What a kill leaves behind: the entry of a call that was being made.
        sqlite3.connect(tmp_path / "copy.db").close()
        source = sqlite3.connect(tmp_path / "answers.db")
        with sqlite3.connect(tmp_path / "copy.db") as copy:
            source.backup(copy)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(begin())
    after = ResponseCache(tmp_path / "copy.db")
    assert not asyncio.run(last(CachedBackend(thinker(), after))).cached
    assert (after.counts.misses, after.counts.repeated, after.counts.repeated_ever) == (1, 1, 1)
    assert asyncio.run(last(CachedBackend(thinker(), after))).cached and after.counts.repeated == 1
    after.close()
    later = ResponseCache(tmp_path / "copy.db").counts
    assert (later.repeated, later.repeated_ever) == (0, 1), "the file remembers"


def test_a_stopped_or_failed_call_leaves_nothing(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path / "answers.db")

    async def stopped() -> None:
        stream = CachedBackend(thinker(), cache).stream(PROMPT, Sampling())
        await anext(stream)
        await stream.aclose()

    async def failed() -> None:
        no_forced = Thinker("x", lambda _: "")
        with pytest.raises(BackendError):
            await last(CachedBackend(no_forced, cache), replace(PROMPT, prefix="<answer>"))

    asyncio.run(stopped())
    asyncio.run(failed())
    assert sqlite3.connect(tmp_path / "answers.db").execute("SELECT count(*) FROM calls").fetchone() == (0,)


def test_the_same_call_twice_at_once_is_asked_once(tmp_path: Path) -> None:
    cache, backend = ResponseCache(tmp_path / "answers.db"), thinker(pause=0.01)

    async def twice() -> list[Completion]:
        cached = CachedBackend(backend, cache)
        return list(await asyncio.gather(last(cached), last(cached)))

    assert sorted(completion.cached for completion in asyncio.run(twice())) == [False, True]
    assert len(backend.prompts) == 1


def test_a_forced_answer_is_kept_with_its_account(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path / "answers.db")
    thinking = Thinking(settle=Settle(top=1, patience=4))
    backend = Thinker("see [3] " + "and on it goes " * 20, lambda _: list_of(1, 2, 3), lambda _: list_of(3, 1, 2))
    first = ranker(backend, cache, thinking).rank("why", passages(3)).calls[0].completion
    again = ranker(backend, cache, thinking).rank("why", passages(3)).calls[0].completion
    assert first.forced is not None and replace(again, cached=False) == first
    assert ranker(backend, cache).rank("why", passages(3)).ids == ("p1", "p2", "p3"), "without early exit another answer is wanted"


def test_a_path_that_can_not_be_a_cache_is_said(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, but long enough to be looked at as one " * 40)
    with pytest.raises(SettingsError, match="can't be a cache of answers"):
        ResponseCache(tmp_path / "text")
    with pytest.raises(SettingsError, match="can't be a cache of answers"):
        ResponseCache(tmp_path)
