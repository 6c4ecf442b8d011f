"""Ranker: a model, a way to ask it, a plan of windows, and what is done around them. Yields what happens as events.

A page consumes all events, a batch the last, a test sends canned answers: one loop for all three (`walking`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from .errors import InputError, SettingsError
from .fusion import Fusion, fuse, harm_note
from .protocols import Backend, PromptTemplate, Strategy
from .response_cache import CachedBackend, ResponseCache
from .thinking import Thinking, ThinkingBackend, check_thinking
from .values import Event, Finished, Passage, Ranking, Sampling, Standing, worst
from .walking import Asking, Walk, walk

_T = TypeVar("_T")
# Sentences about prompts that differ from window to window: more than this many are not read by anybody.
_MOST_NOTES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranker:
    """One way to rank. `sampling` None takes the template's own.

    Raises SettingsError where strategy and template don't ask about the same unit, or where a thinking control can't be had.
    """

    backend: Backend
    template: PromptTemplate
    strategy: Strategy
    sampling: Sampling | None = None
    thinking: Thinking = Thinking()
    fusion: Fusion | None = None
    cache: ResponseCache | None = None

    def __post_init__(self) -> None:
        if self.strategy.unit != self.template.unit:
            raise SettingsError(
                f"strategy {self.strategy.name!r} asks about a {self.strategy.unit}, template {self.template.name!r} about a "
                f"{self.template.unit}: choose a pair that agrees"
            )
        check_thinking(self.thinking, self.template, self.backend)

    def rank(self, query: str, passages: Sequence[Passage]) -> Ranking:
        """Rank and wait for the end; works inside a running event loop too (notebooks), in a thread of its own.

        Raises InputError for repeated ids; model failures are in the outcome, never raised.
        """
        return _run(self.rank_async(query, passages))

    async def rank_async(self, query: str, passages: Sequence[Passage]) -> Ranking:
        """Rank and wait for the end inside a running event loop; raises what `rank` raises."""
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
        thinking, took = self.thinking.of(query, passages)
        asking = Asking(query=query, backend=self._backend(thinking), template=self.template, sampling=self.effective_sampling)
        way = Walk(plan=self.strategy.plan(passages))
        async with contextlib.aclosing(walk(asking, way)) as events:
            async for event in events:
                yield event
        assert way.order is not None  # a walk ends when its plan has
        calls = tuple(asking.calls[number] for number in sorted(asking.calls))
        final = fuse(self.fusion, passages, way.order) if self.fusion else way.order
        yield Standing(ids=tuple(passage.id for passage in final), provisional=False)
        ranking = Ranking(
            query=query,
            passages=final,
            calls=calls,
            outcome=worst([call.parsed.outcome for call in calls]),
            seconds=time.monotonic() - began,
            unfused=tuple(passage.id for passage in way.order) if self.fusion else None,
        )
        notes = self._notes(passages, ranking)
        yield Finished(ranking=replace(ranking, notes=(took, *notes) if took else notes))

    @property
    def effective_sampling(self) -> Sampling:
        """How the model is decoded. Log-probabilities are asked for only where the model has them; a note says so where not."""
        sampling = self.sampling or self.template.sampling
        can = "logprobs" in self.backend.can
        return sampling if can or not sampling.top_logprobs else replace(sampling, top_logprobs=0)

    def _backend(self, thinking: Thinking) -> Backend:
        thoughtful = ThinkingBackend(self.backend, self.template, thinking)
        return CachedBackend(thoughtful, self.cache, variant=repr(thinking)) if self.cache is not None else thoughtful

    def _notes(self, passages: Sequence[Passage], ranking: Ranking) -> tuple[str, ...]:
        """What a reader of the ranking should know."""
        said = list(dict.fromkeys(note for call in ranking.calls for note in call.prompt.notes))
        notes = said[:_MOST_NOTES] + [f"and {len(said) - _MOST_NOTES} more remarks about prompts"] * (len(said) > _MOST_NOTES)
        if (self.sampling or self.template.sampling).top_logprobs != self.effective_sampling.top_logprobs:
            notes.append(f"scores are 1 or 0, not probabilities: {self.backend.name!r} gives no log-probabilities")
        by_model = list(ranking.passages) if ranking.unfused is None else _by_ids(passages, ranking.unfused)
        harm = harm_note(passages, by_model) if ranking.calls else ""
        return (*notes, harm) if harm else tuple(notes)


def _by_ids(passages: Sequence[Passage], ids: Sequence[str]) -> list[Passage]:
    by_id = {passage.id: passage for passage in passages}
    return [by_id[id_] for id_ in ids]


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
