"""Ways to rank the topics of a suite in a worker: the embedded model with a version's weights, a model of the models file, or no model."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from app.ranking.backends.entries import MAKERS, why_not
from app.ranking.backends.nano import WEIGHTS, NanoBackend
from app.ranking.batch import Ranked, Topic, rank_all
from app.ranking.errors import InputError, SettingsError
from app.ranking.evidence import by_evidence
from app.ranking.options import Options
from app.ranking.prompts import ProfileTemplate, template_for
from app.ranking.protocols import Backend, PromptTemplate
from app.ranking.ranker import Ranker
from app.ranking.response_cache import ResponseCache
from app.ranking.signals import EvidenceSignals
from app.ranking.units import template_for_unit
from app.ranking.values import Event, Passage, Ranking
from app.settings import ModelEntry

FIRST_STAGE, SIGNALS, EMBEDDED = "first_stage", "signals", "nano"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How topics are ranked. `ranker` None sums the evidence instead of asking a model; `signals` gives passages their evidence.

    With `shuffle` the candidates of a topic are shown in an order drawn from that seed and the topic's id, so that orders of several seeds
    show how far a model follows the place in which a passage stands. What was given stays in the first stage's order.
    """

    ranker: Ranker | None
    signals: EvidenceSignals | None = None
    shuffle: int | None = None

    async def rank(
        self, topics: Iterable[Topic], at_once: int, *, cache: ResponseCache | None, watch: Callable[[Event], None]
    ) -> AsyncGenerator[Ranked]:
        """Rankings as they end; nobody is told what happens meanwhile."""
        given: dict[str, Topic] = {}

        def shown() -> Iterable[Topic]:
            for topic in topics:
                given[topic.id] = topic
                yield self._shown(topic)

        if self.ranker is None:
            for topic in shown():
                passages = await asyncio.to_thread(self._by_evidence, topic)
                yield Ranked(topic=given.pop(topic.id), ranking=Ranking(query=topic.query, passages=passages))
            return
        async with aclosing(rank_all(replace(self.ranker, cache=cache), shown(), at_once)) as ended:
            async for ranked in ended:
                yield replace(ranked, topic=given.pop(ranked.topic.id))

    def _shown(self, topic: Topic) -> Topic:
        """Annotated, and in the order in which the model sees its passages."""
        passages = list(topic.passages)
        if self.signals is not None and self.ranker is not None:
            passages = self.signals.annotate(topic.query, passages)
        if self.shuffle is not None:
            random.Random(f"{self.shuffle} {topic.id}").shuffle(passages)
        return replace(topic, passages=tuple(passages))

    def _by_evidence(self, topic: Topic) -> tuple[Passage, ...]:
        passages = list(topic.passages)
        return tuple(by_evidence(self.signals.annotate(topic.query, passages) if self.signals is not None else passages))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to rank: a name, the folder of its weights for the embedded model (None: those that ship), and how it is asked.

    `served_as` is the name of a version at the model's own server. `passage_tokens` cuts passages where the profile cuts by tokens.
    """

    model: str
    options: Options
    weights: Path | None = None
    served_as: str = ""
    shuffle: int | None = None
    passage_tokens: int | None = None


def way_for(wanted: Wanted, entries: Iterable[ModelEntry], evidence: Callable[[], EvidenceSignals] | None = None) -> Way | None:
    """The way to rank; None for the first stage's own order. Nothing is loaded; close it with `close`.

    `evidence` makes the signals where some are at hand for the suite; else each list speaks for itself.

    Raises SettingsError for a model that can't be used or can't be asked so, InputError for one that is not known or costs money.
    """
    evidence = evidence or _of_the_list
    if wanted.model == FIRST_STAGE:
        return None
    if wanted.model == SIGNALS:
        return Way(ranker=None, signals=evidence())
    entry = next((one for one in entries if one.name == wanted.model), None)
    backend = _backend(wanted, entry)
    profile = template_for(entry.profile if entry is not None else EMBEDDED)
    template = _cut(template_for_unit(profile, wanted.options.strategy.unit), wanted.passage_tokens)
    sampling = replace(template.sampling, max_tokens=entry.max_tokens) if entry is not None and entry.max_tokens else None
    thinking = wanted.options.thinking.routed(entry.router if entry is not None else "")
    ranker = Ranker(
        backend=backend, template=template, strategy=wanted.options.strategy, sampling=sampling, thinking=thinking,
        fusion=wanted.options.fusion,
    )  # fmt: skip
    reads = bool(getattr(profile, "reads_evidence", False))
    return Way(ranker=ranker, signals=evidence() if reads else None, shuffle=wanted.shuffle)


async def close(way: Way | None) -> None:
    """Free what a way holds."""
    if way is not None and way.ranker is not None:
        await way.ranker.backend.aclose()


def _of_the_list() -> EvidenceSignals:
    from app.ranking.retrieval.embedder import default_embedder

    return EvidenceSignals(default_embedder())


def _cut(template: PromptTemplate, tokens: int | None) -> PromptTemplate:
    """The profile with passages cut after so many tokens, where it cuts by tokens at all."""
    if tokens is None or not isinstance(template, ProfileTemplate) or template.profile.passages.words:
        return template
    return ProfileTemplate(replace(template.profile, passages=replace(template.profile.passages, tokens=tokens)))


def _backend(wanted: Wanted, entry: ModelEntry | None) -> Backend:
    if entry is None:
        if wanted.model != EMBEDDED:
            raise InputError(
                f"no model is called {wanted.model[:80]!r}: use {EMBEDDED}, {SIGNALS}, {FIRST_STAGE} or one of the models file"
            )
        return NanoBackend(wanted.weights or WEIGHTS)
    if entry.backend not in MAKERS or why_not(entry):
        reason = why_not(entry) if entry.backend in MAKERS else f"backend {entry.backend!r} is unknown"
        raise SettingsError(f"the model {entry.name!r} can't be used: {reason}")
    if entry.price_in or entry.price_out:
        raise InputError(f"the model {entry.name!r} costs money: evaluate it by the command, which says first what that would be")
    return MAKERS[entry.backend](replace(entry, model=wanted.served_as) if wanted.served_as else entry)
