"""The driver: the only loop that does I/O. It walks a strategy's rounds, calls the model, and yields what happens as events.

A page consumes all events, a batch the last, a test sends canned answers. A failed call never stops a run and never becomes a
ranking: its window keeps the incoming order with outcome `error`, and says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from .errors import BackendError, InputError, SettingsError
from .protocols import Backend, PromptTemplate, Strategy
from .values import (
    Call,
    Completion,
    Delta,
    Event,
    Finished,
    Parsed,
    Passage,
    Prompt,
    Ranking,
    Round,
    Sampling,
    Standing,
    TraceDelta,
    Window,
    WindowDone,
    WindowStarted,
    worst,
)

_T = TypeVar("_T")
# A guess at the order costs a scan of the text so far: take one at most every this many new characters.
_GUESS_EVERY = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranker:
    """A model, a way to ask it and a plan of windows. `sampling` None takes the template's own."""

    backend: Backend
    template: PromptTemplate
    strategy: Strategy
    sampling: Sampling | None = None

    def __post_init__(self) -> None:
        if self.strategy.unit != self.template.unit:
            raise SettingsError(
                f"strategy {self.strategy.name!r} asks about a {self.strategy.unit}, template {self.template.name!r} about a "
                f"{self.template.unit}: choose a pair that agrees"
            )

    def rank(self, query: str, passages: Sequence[Passage]) -> Ranking:
        """Rank and wait for the end; works inside a running event loop too (notebooks), in a thread of its own.

        Raises InputError for repeated ids; model failures are in the outcome, never raised.
        """
        return _run(self._last(query, passages))

    async def _last(self, query: str, passages: Sequence[Passage]) -> Ranking:
        ranking: Ranking | None = None
        async for event in self.stream_rank(query, passages):
            if isinstance(event, Finished):
                ranking = event.ranking
        assert ranking is not None  # stream_rank always ends with Finished
        return ranking

    async def stream_rank(self, query: str, passages: Sequence[Passage]) -> AsyncGenerator[Event]:
        """Events of one run, ending with Finished. Closing the generator stops the calls in flight."""
        _check_ids(passages)
        began = time.monotonic()
        plan, calls, depth = self.strategy.plan(passages), list[Call](), 0
        try:
            step = next(plan)
            while True:
                depth += 1
                yield Standing(ids=tuple(p.id for p in step.standing), provisional=False)
                done: list[Call] = []
                async with contextlib.aclosing(self._round(query, step, depth, len(calls))) as events:
                    async for event in events:
                        if isinstance(event, WindowDone):
                            done.append(event.call)
                        yield event
                by_window = {call.window.id: call for call in done}
                ordered = [by_window[window.id] for window in step.windows]
                calls += ordered
                step = plan.send([call.parsed for call in ordered])
        except StopIteration as end:
            final: tuple[Passage, ...] = end.value
        yield Standing(ids=tuple(p.id for p in final), provisional=False)
        outcome = worst([call.parsed.outcome for call in calls])
        seconds = time.monotonic() - began
        yield Finished(ranking=Ranking(query=query, passages=final, calls=tuple(calls), outcome=outcome, seconds=seconds))

    async def _round(self, query: str, step: Round, depth: int, before: int) -> AsyncGenerator[Event]:
        """All windows of a round at once, their events interleaved as they come."""
        queue: asyncio.Queue[Event | asyncio.Task[None]] = asyncio.Queue()

        async def ask(window: Window, number: int) -> None:
            async with contextlib.aclosing(self._call(query, window, step.standing, (number, depth))) as events:
                async for event in events:
                    queue.put_nowait(event)

        tasks = [asyncio.create_task(ask(window, before + i)) for i, window in enumerate(step.windows, start=1)]
        for task in tasks:
            task.add_done_callback(queue.put_nowait)
        try:
            unfinished = len(tasks)
            while unfinished:
                item = await queue.get()
                if isinstance(item, asyncio.Task):
                    item.result()  # raises what the call raised, instead of waiting for events that never come
                    unfinished -= 1
                else:
                    yield item
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _call(self, query: str, window: Window, standing: Sequence[Passage], place: tuple[int, int]) -> AsyncGenerator[Event]:
        """One model call, from its prompt to its parsed answer."""
        number, depth = place
        # On a thread: the first use of a tokenizer may load it.
        prompt = await asyncio.to_thread(lambda: self.template.render(query, window.passages, self.backend.tokenizer))
        yield WindowStarted(window=window, number=number, depth=depth, prompt=prompt)
        completion, failure, began = Completion(answer=""), "", time.monotonic()
        guess = _Guess(self.template, window, standing)
        try:
            async with contextlib.aclosing(_pieces(self.backend, prompt, self._sampling())) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Completion):
                        completion = piece
                        continue
                    guess.reasoning += piece.text if piece.channel == "reasoning" else ""
                    guess.answer += piece.text if piece.channel == "answer" else ""
                    yield TraceDelta(window_id=window.id, channel=piece.channel, text=piece.text)
                    better = guess.take()
                    if better is not None:
                        yield better
        except BackendError as error:
            failure = str(error) or type(error).__name__
            # What had arrived before the failure is kept for the record; it is never parsed.
            completion = Completion(answer=guess.answer, reasoning=guess.reasoning, finish="cut", seconds=time.monotonic() - began)
        size = len(window.passages)
        parsed = Parsed(order=tuple(range(size)), outcome="error") if failure else self.template.parse(completion, size)
        yield WindowDone(call=Call(window=window, depth=depth, prompt=prompt, completion=completion, parsed=parsed, error=failure))

    def _sampling(self) -> Sampling:
        return self.sampling or self.template.sampling


class _Guess:
    """Turns reasoning so far into a provisional standing of the whole list, seldom enough to be cheap."""

    def __init__(self, template: PromptTemplate, window: Window, standing: Sequence[Passage]) -> None:
        self.reasoning = self.answer = ""
        self._template, self._window = template, window
        self._ids = [passage.id for passage in standing]
        self._at = {passage_id: place for place, passage_id in enumerate(self._ids)}
        self._read, self._last = 0, tuple(range(len(window.passages)))

    def take(self) -> Standing | None:
        """A new provisional standing, where enough was written and the guess has changed."""
        if len(self.reasoning) - self._read < _GUESS_EVERY:
            return None
        self._read = len(self.reasoning)
        order = self._template.provisional(self.reasoning, len(self._window.passages))
        if order is None or order == self._last:
            return None
        self._last = order
        ids, members = list(self._ids), [passage.id for passage in self._window.passages]
        places = sorted(self._at[passage_id] for passage_id in members)
        for place, position in zip(places, order, strict=True):
            ids[place] = members[position]
        return Standing(ids=tuple(ids), provisional=True)


async def _pieces(backend: Backend, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
    """A backend's stream as a closable generator, with the promise "exactly one Completion, last" enforced."""
    completion: Completion | None = None
    stream = backend.stream(prompt, sampling)
    try:
        async for piece in stream:
            if completion is not None:
                raise BackendError(f"backend {backend.name!r} went on after its completion: this is a defect of the backend")
            completion = piece if isinstance(piece, Completion) else None
            yield piece
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
    if completion is None:
        raise BackendError(f"backend {backend.name!r} ended without a completion: the connection may have been cut")


def _check_ids(passages: Sequence[Passage]) -> None:
    seen: set[str] = set()
    for passage in passages:
        if passage.id in seen:
            raise InputError(f"two passages have the id {passage.id!r}: ids must be unique in a list")
        seen.add(passage.id)


def _run(coroutine: Coroutine[None, None, _T]) -> _T:
    """Run to the end from synchronous code, also where a loop already runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, coroutine).result()
