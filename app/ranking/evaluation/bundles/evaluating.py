"""Test collections through a ranker, topic by topic, into a bundle. With a cache of answers a killed evaluation goes on where it was.

Sets are walked one after the other, topics of a set side by side. What was asked is kept topic by topic in the order of the judgements, so
that the same answers make the same bundle, however often it was begun again: seconds are those of the answers, not of this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from ...batch import Ranked, Topic, rank_all
from ...errors import InputError
from ...formats.topics import read_texts
from ...prompts import prompt_hash
from ...protocols import PromptTemplate
from ...ranker import Ranker
from ...response_cache import ResponseCache
from ...values import Call, Event, Passage, Ranking
from ..scores import score
from ..suites.values import TestCollection
from ..thought.trace_quality import OneTrace, Trace, one_trace, summed
from .assembling import Asked, SetParts, add_set, strictly
from .hashing import texts_hash, words
from .made_by import header_of
from .read import Bundle
from .values import CallRow, Header, Key
from .write import BundleWriter, check_target, run_lines

_DIGITS = re.compile(r"(\d+)")


class Way(Protocol):
    """How topics are ranked: `app.cli.rank_model.Way`, or `Plain` around a ranker. `ranker` is None where no model is asked."""

    @property
    def ranker(self) -> Ranker | None:
        """What the header is made of."""
        ...

    def rank(
        self, topics: Iterable[Topic], at_once: int, *, cache: ResponseCache | None, watch: Callable[[Event], None]
    ) -> AsyncGenerator[Ranked]:
        """Rankings as they end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """The simplest way: a ranker and nothing around it."""

    ranker: Ranker

    def rank(
        self, topics: Iterable[Topic], at_once: int, *, cache: ResponseCache | None, watch: Callable[[Event], None]
    ) -> AsyncGenerator[Ranked]:
        """See `batch.rank_all`; nobody is told what happens meanwhile."""
        return rank_all(replace(self.ranker, cache=cache), topics, at_once)


def _unwatched(_: object) -> None:
    """Nobody looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """How an evaluation is followed: `event` hears of every event of every topic, `topic` of each topic that has ended.

    `at_once` topics are walked together.
    """

    event: Callable[[Event], None] = _unwatched
    topic: Callable[[Ranked], None] = _unwatched
    at_once: int = 8


def evaluate(
    collections: Sequence[TestCollection],
    way: Way | None,
    header: Header,
    out: Path,
    cache: ResponseCache | None = None,
    watch: Watching | None = None,
) -> Bundle:
    """See `evaluate_async`; for code that runs no event loop."""
    return asyncio.run(evaluate_async(collections, way, header, out, cache, watch))


async def evaluate_async(
    collections: Sequence[TestCollection],
    way: Way | None,
    header: Header,
    out: Path,
    cache: ResponseCache | None = None,
    watch: Watching | None = None,
) -> Bundle:
    """Rank every topic of the collections and keep all that explains the numbers; `way` None keeps the first stage's order.

    A topic that can't be ranked keeps its incoming order, with outcome `error` and the reason. A candidate without a text is left out and
    a note says so. Raises InputError for no collection or one that has no texts, SettingsError for a target that is not empty.
    """
    _check(collections, header, out)
    watch = watch or Watching()
    with BundleWriter(out, header_of(header, way.ranker if way is not None else None)) as writer:
        template = way.ranker.template if way is not None and way.ranker is not None else None
        traces: list[OneTrace] = []
        for collection in collections:
            texts, notes = await asyncio.to_thread(_texts, collection) if way is not None else ({}, [])
            walked = _Walked(writer=writer, collection=collection, texts=texts, template=template)
            if way is not None:
                topics = walked.topics()
                async with contextlib.aclosing(way.rank(topics, watch.at_once, cache=cache, watch=watch.event)) as ended:
                    async for ranked in ended:
                        walked.add(ranked)
                        watch.topic(ranked)
            scores = add_set(writer, walked.parts(), header.measures)
            failed = [topic for topic, asked in walked.asked.items() if asked.outcome == "error"]
            if failed:
                notes.append(f"{collection.name}: {len(failed)} topics met an error, {failed[0]!r} is the first: see the rows' `error`")
            writer.note([*collection.notes, *notes], measures=scores.measures)
            traces += walked.traces
        writer.note(traces=summed(traces).plain if traces else None)
    return Bundle.open(out)


def _check(collections: Sequence[TestCollection], header: Header, out: Path) -> None:
    """Whatever can be wrong is found before the answers are paid for."""
    if not collections:
        raise InputError("there is no test collection to evaluate on: name a suite whose files are there")
    check_target(out)
    for collection in collections:
        score({}, collection.qrels, header.measures)
        for _ in run_lines(collection.run, "first"):
            pass


@dataclass(slots=True, kw_only=True)
class _Walked:
    """A set under way: calls are written as soon as those of all topics before are, so that their order is always the same."""

    writer: BundleWriter
    collection: TestCollection
    texts: Mapping[str, Passage]
    template: PromptTemplate | None
    asked: dict[str, Asked] = field(default_factory=dict)
    traces: list[OneTrace] = field(default_factory=list)
    _waiting: dict[str, list[CallRow]] = field(default_factory=dict)
    _order: list[str] = field(default_factory=list)

    def topics(self) -> list[Topic]:
        """What there is to rank: judged topics with a text and a candidate, in the order of the judgements."""
        found = []
        for topic in self.collection.qrels:
            question = self.collection.topics.get(topic)
            if question is None or not question.text:
                continue
            scored = self.collection.run.get(topic, ())
            passages = [replace(self.texts[id_], score=score) for id_, score in scored if id_ in self.texts]
            if passages:
                found.append(Topic(id=topic, query=question.text, passages=tuple(passages)))
        self._order = [topic.id for topic in found]
        return found

    def add(self, ranked: Ranked) -> None:
        """A topic has ended."""
        topic = ranked.topic
        key = (self.collection.name, topic.id)
        ranking = ranked.ranking or Ranking(query=topic.query, passages=topic.passages, outcome="error")
        calls = [_call_row(key, number, call) for number, call in enumerate(sorted(ranking.calls, key=_place), start=1)]
        asked = Asked(
            order=ranking.ids,
            outcome=ranking.outcome,
            error=ranked.error or next((call.error for call in ranking.calls if call.error), ""),
            notes=ranking.notes,
            candidates=tuple(passage.id for passage in topic.passages),
            texts_hash=texts_hash(topic.passages),
            texts_words=sum(words(f"{passage.title} {passage.text}") for passage in topic.passages),
        )
        self.asked[topic.id] = asked.with_calls(calls)
        self._waiting[topic.id] = calls
        while self._order and self._order[0] in self._waiting:
            for call in self._waiting.pop(self._order.pop(0)):
                self.writer.add_call(call)
                self._judge(call)

    def _judge(self, call: CallRow) -> None:
        """How true the trace is to its answer, where there are both."""
        if self.template is not None and call.reasoning.strip() and call.outcome in ("clean", "repaired"):
            trace = Trace(template=self.template, reasoning=call.reasoning, shown=call.shown, order=call.order)
            self.traces.append(one_trace(trace))

    def parts(self) -> SetParts:
        """The set with its run: what was ranked, or the first stage as it is where nothing was asked.

        Beside topics that were ranked, one without a text keeps its incoming order and says so.
        """
        one, asked = self.collection, self.asked
        if asked:
            silent = [topic for topic in one.qrels if one.run.get(topic) and topic not in asked]
            asked = {**asked, **{topic: _not_asked([id_ for id_, _ in one.run[topic]]) for topic in silent}}
        return SetParts(
            name=one.name,
            title=one.title,
            in_source=one.in_source,
            qrels=one.qrels,
            first=one.run,
            run={topic: strictly(asked[topic].order) for topic in one.qrels if topic in asked} if asked else one.run,
            questions=one.topics,
            domains=one.domains,
            hashes=one.hashes,
            asked=asked,
        )


def _not_asked(ids: Sequence[str]) -> Asked:
    return Asked(order=tuple(ids), candidates=tuple(ids), outcome="error", error="the topic, or all of its candidates, have no text")


def _place(call: Call) -> tuple[int, list[tuple[int, str]]]:
    """Depth, then window: numbers of plans that go side by side depend on which answer came first, these don't."""
    return call.depth, [(int(part) if part.isdigit() else 0, part) for part in _DIGITS.split(call.window.id)]


def _call_row(key: Key, number: int, call: Call) -> CallRow:
    done, shown = call.completion, call.window.passages
    texts = [f"{passage.title} {passage.text}" for passage in shown]
    return CallRow(
        set=key[0],
        topic=key[1],
        number=number,
        depth=call.depth,
        shown=tuple(passage.id for passage in shown),
        prompt_hash=prompt_hash(call.prompt),
        prompt_words=sum(words(message.content) for message in call.prompt.messages),
        texts_hash=texts_hash(shown),
        text_words=sum(map(words, texts)),
        outcome=call.parsed.outcome,
        problems=tuple(sorted(call.parsed.problems)),
        finish=done.finish,
        forced=done.forced.reason if done.forced else "",
        requests=done.requests,
        tokens_in=done.tokens_in,
        tokens_out=done.tokens_out,
        seconds=round(done.seconds, 3),
        order=tuple(shown[position].id for position in call.parsed.order),
        reasoning=done.reasoning,
        answer=done.answer,
        error=call.error,
    )


def _texts(collection: TestCollection) -> tuple[Mapping[str, Passage], list[str]]:
    """Texts of all candidates, and a sentence about those that have none."""
    wanted = {id_ for scored in collection.run.values() for id_, _ in scored}
    if collection.passages is not None:
        found = {id_: collection.passages[id_] for id_ in wanted if id_ in collection.passages}
    elif collection.corpus is not None:
        found = read_texts(collection.corpus, wanted)
    else:
        found = {}
    silent = sum(1 for topic in collection.run if not (collection.topics.get(topic) and collection.topics[topic].text))
    if not found or silent == len(collection.run):
        what = "passages" if not found else "topics"
        raise InputError(f"set {collection.name!r} has no texts of its {what}: give its data folder, or evaluate the first stage alone")
    notes = [f"{collection.name}: {silent} topics have no text and were not ranked"] * bool(silent)
    lost = len(wanted) - len(found)
    return found, notes + [f"{collection.name}: {lost} candidates have no text in the corpus and were left out"] * bool(lost)
