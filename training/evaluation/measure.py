"""Models over the same lists: orders, traces, outcomes, NDCG@10 by topic, seconds. Greedy, sliding windows of 20 by 10."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from app.ranking.batch import Ranked, Topic, rank_all
from app.ranking.cache import Watch
from app.ranking.errors import InputError
from app.ranking.prompts import template_for
from app.ranking.protocols import Backend, PromptTemplate
from app.ranking.ranker import Ranker
from app.ranking.strategies import Sliding
from app.ranking.values import Outcome, Ranking

from .sets import TopicSet

AT_ONCE = 8
"""Lists of one model that are ranked side by side, before it is the next model's turn."""

TIMED = 24
"""Lists that are ranked one by one, models taking turns after each: only their seconds count. Eight at once end together, so that batches
of two models with the same weights differed by a quarter on a busy machine."""

Sets = Sequence[TopicSet]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a model made of one list: passage ids best first, the traces of its calls, the worst outcome of them.

    `seconds` is how long it took by itself, None where others were ranked beside it.
    """

    order: tuple[str, ...]
    trace: str
    outcome: Outcome
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One model over some sets. `values` are NDCG@10 by set and topic, `answers` what it said, `revision` which weights spoke."""

    revision: str
    values: Mapping[str, Mapping[str, float]]
    answers: Mapping[str, Mapping[str, Answer]]

    @property
    def clean(self) -> float:
        """Share of lists whose calls all had a clean answer, over all sets; 0 for none."""
        found = [answer.outcome == "clean" for answer in self._all()]
        return sum(found) / len(found) if found else 0.0

    @property
    def seconds(self) -> float:
        """Median seconds per list, of those that were ranked alone; 0 for none."""
        found = [answer.seconds for answer in self._all() if answer.seconds is not None]
        return median(found) if found else 0.0

    @property
    def outcomes(self) -> dict[str, int]:
        """Lists by their worst outcome."""
        found = [answer.outcome for answer in self._all()]
        return {outcome: found.count(outcome) for outcome in sorted(set(found))}

    def _all(self) -> Iterator[Answer]:
        return (answer for answers in self.answers.values() for answer in answers.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How models are asked: the first `timed` lists alone, the others `at_once`. `watch` is told 0..1 and may stop the work between two
    batches.
    """

    at_once: int = AT_ONCE
    timed: int = TIMED
    watch: Watch = field(default_factory=Watch)


def measure(backend: Backend, template: PromptTemplate | str, sets: Sets, manner: Manner | None = None) -> Measured:
    """One model over some sets: see `measure_all`."""
    return measure_all({"it": backend}, template, sets, manner)["it"]


def measure_all(
    backends: Mapping[str, Backend], template: PromptTemplate | str, sets: Sets, manner: Manner | None = None
) -> dict[str, Measured]:
    """Some models over the same sets, by name. They take turns, batch by batch, so that what else the machine does hits all alike.

    Each model ranks one list beforehand, uncounted: that loads its weights. A list that can't be asked about, or whose call fails, keeps
    its incoming order with the outcome `error`. Backends are left open. Raises InputError for two sets of one name, Cancelled.
    """
    names = [one.name for one in sets]
    if len(set(names)) < len(names):
        raise InputError(f"the sets {', '.join(names)} have a name twice: measure each under a name of its own")
    template = template_for(template) if isinstance(template, str) else template
    rankers = {name: _ranker(backend, template) for name, backend in backends.items()}
    return asyncio.run(_measured(rankers, sets, manner or Manner()))


def _ranker(backend: Backend, template: PromptTemplate) -> Ranker:
    greedy = replace(template.sampling, temperature=0.0, top_p=1.0, top_k=0, top_logprobs=0)
    return Ranker(backend=backend, template=template, strategy=Sliding(), sampling=greedy)


async def _measured(rankers: Mapping[str, Ranker], sets: Sets, manner: Manner) -> dict[str, Measured]:
    first = next((topic for one in sets for topic in one.topics), None)
    for ranker in rankers.values():
        if first is not None:
            await _ranked(ranker, [first])
    answers: dict[str, dict[str, dict[str, Answer]]] = {name: {one.name: {} for one in sets} for name in rankers}
    turns, total, done = list(rankers), sum(len(one.topics) for one in sets), 0
    for set_name, batch in _batches(sets, manner):
        for name in turns:
            manner.watch.tell(done / total)
            answers[name][set_name].update(await _ranked(rankers[name], batch))
        turns = turns[1:] + turns[:1]  # whoever is asked first finds the machine as the last batch left it
        done += len(batch)
    manner.watch.tell(1.0)
    return {name: _made(ranker, sets, answers[name]) for name, ranker in rankers.items()}


def _batches(sets: Sets, manner: Manner) -> Iterator[tuple[str, Sequence[Topic]]]:
    """(set, lists to be ranked side by side), in the order of the sets."""
    alone = manner.timed
    for one in sets:
        head, rest = one.topics[: max(0, alone)], one.topics[max(0, alone) :]
        alone -= len(head)
        yield from ((one.name, (topic,)) for topic in head)
        yield from ((one.name, rest[start : start + manner.at_once]) for start in range(0, len(rest), manner.at_once))


def _made(ranker: Ranker, sets: Sets, answers: Mapping[str, Mapping[str, Answer]]) -> Measured:
    values = {one.name: {topic: one.score(topic, answer.order) for topic, answer in answers[one.name].items()} for one in sets}
    return Measured(revision=ranker.backend.revision, values=values, answers=answers)


async def _ranked(ranker: Ranker, topics: Sequence[Topic]) -> dict[str, Answer]:
    """Answers by topic, in the order of the topics, all ranked side by side."""
    alone = len(topics) == 1
    found = {ranked.topic.id: _answer(ranked, alone) async for ranked in rank_all(ranker, topics, len(topics))}
    return {topic.id: found[topic.id] for topic in topics}


def _answer(ranked: Ranked, alone: bool) -> Answer:
    if ranked.ranking is None:
        order = tuple(passage.id for passage in ranked.topic.passages)
        return Answer(order=order, trace=ranked.error, outcome="error")
    ranking = ranked.ranking
    seconds = ranking.seconds if alone else None
    return Answer(order=ranking.ids, trace=_trace(ranking), outcome=ranking.outcome, seconds=seconds)


def _trace(ranking: Ranking) -> str:
    """What the model wrote before its answers, one call after the other; why there is none where a call failed."""
    return "\n\n".join(call.error or call.completion.reasoning for call in ranking.calls)
