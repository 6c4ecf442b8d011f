"""Many topics through one ranker, a bounded number at once, each handed over as soon as it is done."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass

from .errors import RankingError
from .ranker import Ranker
from .together import together
from .values import Passage, Ranking


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A query and its candidates in first-stage order."""

    id: str
    query: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A topic with its ranking, or with the sentence that says why it could not be ranked at all."""

    topic: Topic
    ranking: Ranking | None = None
    error: str = ""


async def rank_all(ranker: Ranker, topics: Iterable[Topic], at_once: int) -> AsyncGenerator[Ranked]:
    """Rankings in the order in which they end; closing the generator stops what is under way.

    `at_once` topics are walked together: a topic of a sliding window has one call in flight, so a server of s slots wants more than s.
    Topics are taken from the iterable only when there is room for one.
    """
    waiting = iter(topics)

    async def work() -> AsyncGenerator[Ranked]:
        for topic in waiting:  # one iterator for all workers
            yield await _ranked(ranker, topic)

    async with contextlib.aclosing(together([work() for _ in range(max(1, at_once))])) as done:
        async for ranked in done:
            yield ranked


async def _ranked(ranker: Ranker, topic: Topic) -> Ranked:
    try:
        return Ranked(topic=topic, ranking=await ranker.rank_async(topic.query, topic.passages))
    except RankingError as error:
        return Ranked(topic=topic, error=str(error))
