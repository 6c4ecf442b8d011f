"""From the flags of a command line to a ranker that is ready to be asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from app.cli.rank_request import Request
from app.ranking.batch import Ranked, Topic, rank_all
from app.ranking.errors import BackendUnavailable, SettingsError
from app.ranking.estimate import Price
from app.ranking.evidence import by_evidence
from app.ranking.prompts import template_for
from app.ranking.ranker import Ranker
from app.ranking.response_cache import ResponseCache
from app.ranking.retrieval.embedder import default_embedder
from app.ranking.signals import EvidenceSignals
from app.ranking.thinking import Thinking
from app.ranking.units import template_for_unit
from app.ranking.values import Event, Finished, Passage, Ranking
from app.services.models import UNTRAINED, Models
from app.settings import ModelEntry, load_models

Watch = Callable[[Event], None]


def unwatched(event: Event) -> None:
    """Nobody looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRanker(Ranker):
    """A ranker of the command line: gives passages their evidence where the profile shows evidence, and tells `watch` what happens."""

    signals: EvidenceSignals | None = None
    watch: Watch = unwatched

    async def stream_rank(self, query: str, passages: Sequence[Passage]) -> AsyncGenerator[Event]:
        """See `Ranker.stream_rank`."""
        shown, said = passages, tuple[str, ...]()
        if self.signals is not None:
            # On a thread: embedding a hundred passages takes a second or two, and other topics go on meanwhile.
            shown, said = await asyncio.to_thread(self.signals.annotate, query, passages), self.signals.notes(query)
        async with contextlib.aclosing(Ranker.stream_rank(self, query, shown)) as events:
            async for event in events:
                if isinstance(event, Finished) and said:
                    event = Finished(ranking=replace(event.ranking, notes=(*said, *event.ranking.notes)))
                self.watch(event)
                yield event


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff(Price):
    """What a model costs, by its entry in the models file."""

    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a request is ranked. `ranker` is None for the models without a model. `why_not` says why it can't be asked now.

    `price` is None where the models file gives none.
    """

    name: str
    models: Models
    ranker: CommandRanker | None = None
    price: Tariff | None = None
    why_not: str = ""

    def rank(self, topics: Iterable[Topic], at_once: int, *, cache: ResponseCache | None, watch: Watch) -> AsyncGenerator[Ranked]:
        """Rankings as they end; see `batch.rank_all`."""
        if self.ranker is None:
            return _untrained(self.name, topics)
        return rank_all(replace(self.ranker, cache=cache, watch=watch), topics, at_once)


def choose(request: Request) -> Way:
    """The model of a request under its options; nothing is loaded. Raises SettingsError, InputError or TemplateError."""
    entries = load_models(request.models)
    models, options = Models(entries), request.options
    why_not = _why_not(models, request.model)
    entry = next((entry for entry in entries if entry.name == request.model), None)
    if request.profile and entry is None:
        raise SettingsError(f"model {request.model!r} is built in with what it is shown: leave out --profile, or name a model of --models")
    if request.model in UNTRAINED:
        return Way(name=request.model, models=models)
    # Thinking is checked against the profile that will be used, which need not be the model's own.
    plain = models.ranker(request.model, replace(options, thinking=Thinking()))
    profile = template_for(request.profile) if request.profile else models.template(request.model)
    template = template_for_unit(profile, options.strategy.unit)
    reads_evidence = bool(getattr(profile, "reads_evidence", False))
    ranker = CommandRanker(
        backend=plain.backend,
        template=template,
        strategy=plain.strategy,
        sampling=replace(template.sampling, max_tokens=plain.sampling.max_tokens) if plain.sampling else None,
        thinking=options.thinking.routed(entry.router if entry else ""),
        fusion=options.fusion,
        signals=EvidenceSignals(default_embedder()) if reads_evidence else None,
    )
    return Way(name=request.model, models=models, ranker=ranker, price=_tariff(entry), why_not=why_not)


def _why_not(models: Models, name: str) -> str:
    """Why a model can't be asked now. Raises InputError for a name that isn't offered."""
    try:
        models.check(name)
    except BackendUnavailable as error:
        return str(error)
    return ""


def _tariff(entry: ModelEntry | None) -> Tariff | None:
    if entry is None or not (entry.price_in or entry.price_out):
        return None
    return Tariff(tokens_in=entry.price_in, tokens_out=entry.price_out, currency=entry.currency)


async def _untrained(name: str, topics: Iterable[Topic]) -> AsyncGenerator[Ranked]:
    """The orders that need no model: the first stage's own, and the sum of the evidence."""
    signals = EvidenceSignals(default_embedder()) if name != UNTRAINED[1] else None
    for topic in topics:
        passages = list(topic.passages)
        if signals is not None:
            passages = by_evidence(await asyncio.to_thread(signals.annotate, topic.query, passages))
        notes = signals.notes(topic.query) if signals is not None else ()
        yield Ranked(topic=topic, ranking=Ranking(query=topic.query, passages=tuple(passages), notes=notes))
