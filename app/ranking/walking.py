"""Walks a strategy's plan: the only loop that asks a model. Rounds run their windows together, forks run their plans each at its own pace.

A failed call never stops a run and never becomes a ranking: its window keeps the incoming order with outcome `error`, and says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace

from .errors import BackendError
from .guesses import Guesses
from .protocols import Backend, PromptTemplate
from .thinking import pieces
from .together import together
from .values import (
    Call,
    Channel,
    Completion,
    Event,
    Fork,
    Parsed,
    Passage,
    Plan,
    Round,
    Sampling,
    Standing,
    TraceDelta,
    Window,
    WindowDone,
    WindowStarted,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """All that is the same for every call of a run, and the run's record of its calls by number."""

    query: str
    backend: Backend
    template: PromptTemplate
    sampling: Sampling
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    calls: dict[int, Call] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Walk:
    """One plan on its way: `depth` counts rounds, `order` is there at the end. `branch` prefixes the window ids of a fork's plans."""

    plan: Plan
    branch: str = ""
    depth: int = 0
    order: tuple[Passage, ...] | None = None


async def walk(asking: Asking, way: Walk) -> AsyncGenerator[Event]:
    """Events of a plan to its end. Standings are told for the whole list only, not for the plans of a fork."""
    step = _advance(way, None)
    while step is not None:
        if isinstance(step, Fork):
            branches = [
                Walk(plan=plan, branch=f"{way.branch}{number}.", depth=way.depth) for number, plan in enumerate(step.plans, start=1)
            ]
            async with contextlib.aclosing(together([walk(asking, branch) for branch in branches])) as events:
                async for event in events:
                    yield event
            way.depth = max((branch.depth for branch in branches), default=way.depth)
            step = _advance(way, [branch.order for branch in branches])
        else:
            way.depth += 1
            if not way.branch:
                yield Standing(ids=tuple(p.id for p in step.standing), provisional=False)
            parsed: dict[str, Parsed] = {}
            async with contextlib.aclosing(_round(asking, way, step)) as events:
                async for event in events:
                    if isinstance(event, WindowDone):
                        parsed[event.call.window.id] = event.call.parsed
                    yield event
            step = _advance(way, [parsed[way.branch + window.id] for window in step.windows])


def _advance(way: Walk, answers: object) -> Round | Fork | None:
    """The next step of the plan; None at its end, with its order kept."""
    try:
        return way.plan.send(answers)
    except StopIteration as end:
        way.order = end.value
        return None


def _round(asking: Asking, way: Walk, step: Round) -> AsyncGenerator[Event]:
    """All windows of a round at once, their events interleaved as they come."""
    guesses = None if way.branch else Guesses(asking.template, step.standing)
    windows = [replace(window, id=way.branch + window.id) for window in step.windows]
    # Numbers are given here, in the order of the round; generators begin in any order.
    return together([_call(asking, window, (next(asking.numbers), way.depth), guesses) for window in windows])


async def _call(asking: Asking, window: Window, place: tuple[int, int], guesses: Guesses | None) -> AsyncGenerator[Event]:
    """One model call, from its prompt to its parsed answer."""
    number, depth = place
    # On a thread: the first use of a tokenizer may load it.
    prompt = await asyncio.to_thread(lambda: asking.template.render(asking.query, window.passages, asking.backend.tokenizer))
    yield WindowStarted(window=window, number=number, depth=depth, prompt=prompt)
    completion, failure, began = Completion(answer=""), "", time.monotonic()
    said: dict[Channel, str] = {"reasoning": "", "answer": ""}
    guess = guesses.of(window) if guesses else None
    try:
        async with contextlib.aclosing(pieces(asking.backend, prompt, asking.sampling)) as stream:
            async for piece in stream:
                if isinstance(piece, Completion):
                    completion = piece
                    continue
                said[piece.channel] += piece.text
                yield TraceDelta(window_id=window.id, channel=piece.channel, text=piece.text)
                standing = guess.feed(piece) if guess else None
                if standing is not None:
                    yield standing
    except BackendError as error:
        failure = str(error) or type(error).__name__
        # What had arrived before the failure is kept for the record; it is never parsed.
        completion = Completion(
            answer=said["answer"],
            reasoning=said["reasoning"],
            finish="cut",
            seconds=time.monotonic() - began,
            requests=error.requests,
        )
    size = len(window.passages)
    parsed = Parsed(order=tuple(range(size)), outcome="error") if failure else asking.template.parse(completion, size)
    call = Call(window=window, depth=depth, prompt=prompt, completion=completion, parsed=parsed, error=failure)
    asking.calls[number] = call
    yield WindowDone(call=call)
