"""Models on the sets of a suite, each into a bundle: costs said before, progress meanwhile, answers kept so that a killed run goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import typer

from app.cli.evaluate_request import Evaluate
from app.cli.rank_model import CommandRanker, Watch, Way, choose
from app.cli.rank_predict import must_ask, predict, predicted_line
from app.cli.rank_progress import showing
from app.cli.rank_report import Tally, visible
from app.ranking.batch import Ranked, Topic
from app.ranking.errors import BackendUnavailable, SettingsError
from app.ranking.estimate import Estimate
from app.ranking.evaluation.bundles.evaluating import Watching, evaluate_async
from app.ranking.evaluation.bundles.read import Bundle
from app.ranking.evaluation.bundles.values import Header
from app.ranking.evaluation.bundles.write import check_target
from app.ranking.evaluation.suites.demo import demo_evidence
from app.ranking.evaluation.suites.values import Suite, TestCollection
from app.ranking.evidence import by_evidence
from app.ranking.formats.topics import read_texts
from app.ranking.prompts import ProfileTemplate
from app.ranking.response_cache import ResponseCache
from app.ranking.signals import EvidenceSignals
from app.ranking.values import Passage, Ranking

FIRST_STAGE = "first_stage"
_FOLDER = Path("evaluations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which models are to be asked about which sets."""

    asked: Evaluate
    suite: Suite
    collections: tuple[TestCollection, ...]
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One model, ready to be asked. `way` is None for the first stage itself."""

    plan: Plan
    model: str
    collections: tuple[TestCollection, ...]
    way: Way | None
    predicted: Estimate | None
    topics: int

    @property
    def line(self) -> str:
        """What it will cost."""
        if self.way is None or self.predicted is None or self.way.ranker is None:
            return f"{self.topics} topics, no model is asked"
        return predicted_line(self.predicted, self.topics, self.way.price)


def dry_run(plan: Plan) -> None:
    """Say what the models would cost and ask nothing."""
    for job in _jobs(plan):
        why_not = job.way.why_not if job.way else ""
        if plan.asked.ranking.json and job.predicted is not None:
            typer.echo(json.dumps({"model": job.model, "why_not": why_not, **job.predicted.plain}))
        else:
            typer.echo(f"{job.model}: {job.line}" + (f"; {why_not}" if why_not else ""))


def bundles_of(plan: Plan) -> tuple[Bundle, ...]:
    """Ask the models one after the other. Raises BackendUnavailable for one that can't be asked, SettingsError for a target in use."""
    jobs, targets = _jobs(plan), _targets(plan)
    for job in jobs:
        if job.way is not None and job.way.why_not:
            raise BackendUnavailable(job.way.why_not)
    for job in jobs:
        check_target(targets[job.model])
        price, yes = job.way.price if job.way else None, plan.asked.ranking.yes
        if not plan.asked.ranking.quiet:
            typer.echo(f"{job.model}: {job.line}", err=True)
        if must_ask(price, yes) and not typer.confirm("Ask now? (--yes asks without this question)", err=True):
            raise SettingsError("nothing was asked")
    return tuple(_bundle(job, targets[job.model]) for job in jobs)


def _jobs(plan: Plan) -> list[_Job]:
    """Models with what they cost. Texts are read once for all of them, the first stage needs none."""
    asked = [model for model in plan.models if model != FIRST_STAGE]
    collections = tuple(_with_passages(one) for one in plan.collections) if asked else plan.collections
    topics = [topic for one in collections for topic in _topics(one)] if asked else []
    jobs = []
    for model in plan.models:
        way = _way(plan, model) if model != FIRST_STAGE else None
        predicted = predict(way, topics) if way is not None else None
        n = len(topics) if way is not None else sum(len(one.topics) for one in collections)
        jobs.append(_Job(plan=plan, model=model, collections=collections, way=way, predicted=predicted, topics=n))
    return jobs


def _way(plan: Plan, model: str) -> Way:
    """How the model is asked, passages cut by the suite's rule. Raises what `choose` raises."""
    way = _with_evidence(plan, choose(replace(plan.asked.ranking, model=model)))
    tokens = plan.asked.passage_tokens or plan.suite.passage_tokens
    if way.ranker is None or tokens is None:
        return way
    return replace(way, ranker=_cut_by(way.ranker, tokens))


def _with_evidence(plan: Plan, way: Way) -> Way:
    """The way with evidence of the demo's own index, where it reads evidence and the suite is the demo: as on the page, and much sooner."""
    if plan.suite.name != "demo":
        return way
    if way.ranker is None:
        return _ByEvidence(name=way.name, models=way.models, evidence=demo_evidence())
    return replace(way, ranker=replace(way.ranker, signals=demo_evidence())) if way.ranker.signals is not None else way


@dataclass(frozen=True, slots=True, kw_only=True)
class _ByEvidence(Way):
    """The model `signals` with evidence that is at hand."""

    evidence: EvidenceSignals

    async def rank(self, topics: Iterable[Topic], at_once: int, *, cache: ResponseCache | None, watch: Watch) -> AsyncGenerator[Ranked]:
        """See `Way.rank`."""
        for topic in topics:
            passages = by_evidence(await asyncio.to_thread(self.evidence.annotate, topic.query, topic.passages))
            notes = self.evidence.notes(topic.query)
            yield Ranked(topic=topic, ranking=Ranking(query=topic.query, passages=tuple(passages), notes=notes))


def _cut_by(ranker: CommandRanker, tokens: int) -> CommandRanker:
    """The ranker with passages cut after so many tokens, where its profile cuts by tokens at all."""
    template = ranker.template
    if not isinstance(template, ProfileTemplate) or template.profile.passages.words or template.profile.passages.tokens == tokens:
        return ranker
    passages = replace(template.profile.passages, tokens=tokens)
    return replace(ranker, template=ProfileTemplate(replace(template.profile, passages=passages)))


def _with_passages(one: TestCollection) -> TestCollection:
    """The set with the texts of its candidates at hand."""
    if one.passages is not None or one.corpus is None:
        return one
    return replace(one, passages=read_texts(one.corpus, {id_ for order in one.run.values() for id_, _ in order}))


def _topics(one: TestCollection) -> list[Topic]:
    texts: Mapping[str, Passage] = one.passages or {}
    topics = []
    for topic, question in one.topics.items():
        passages = tuple(replace(texts[id_], score=score) for id_, score in one.run.get(topic, ()) if id_ in texts)
        if question.text and passages:
            topics.append(Topic(id=topic, query=question.text, passages=passages))
    return topics


def _targets(plan: Plan) -> dict[str, Path]:
    """Where bundles go: as asked for, a folder inside it each where there are several models, or under a name with the time."""
    out = plan.asked.out
    if out is not None and len(plan.models) == 1:
        return {plan.models[0]: out}
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return {model: (out / model if out else _FOLDER / f"{_stem(plan.suite, model)}-{stamp}") for model in plan.models}


def _stem(suite: Suite, model: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in f"{suite.name}-{model}")


def _bundle(job: _Job, target: Path) -> Bundle:
    """Ask one model about everything. With a cache of answers, the same command after a kill asks only what was not answered."""
    asks = job.way is not None and job.way.ranker is not None
    default = target.with_name(target.name + ".answers") if job.plan.asked.out else _FOLDER / f"{_stem(job.plan.suite, job.model)}.answers"
    path = job.plan.asked.ranking.cache or default
    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    cache = ResponseCache(path) if asks else None
    try:
        return asyncio.run(_walk(job, target, cache))
    except KeyboardInterrupt:
        if cache is not None:
            typer.echo(f"what was answered is in {str(path)!r}, the same command goes on from there", err=True)
        raise
    finally:
        if cache is not None:
            cache.close()


async def _walk(job: _Job, target: Path, cache: ResponseCache | None) -> Bundle:
    asked, way = job.plan.asked.ranking, job.way
    planned = job.predicted.plan.calls[1] if job.predicted else 0
    tally = Tally()
    try:
        with showing(job.topics, planned, quiet=asked.quiet or way is None) as progress:

            def ended(ranked: Ranked) -> None:
                tally.add(ranked)
                progress.ended(tally)

            watch = Watching(event=progress.happened, topic=ended, at_once=asked.at_once)
            bundle = await evaluate_async(job.collections, way, _header(job), target, cache, watch)
    finally:
        if way is not None:
            await way.models.aclose()
    if not asked.quiet and way is not None and way.ranker is not None:
        outcomes = ", ".join(f"{number} {outcome}" for outcome, number in tally.by_outcome.items())
        typer.echo(
            f"{job.model}: {tally.topics} topics ({outcomes}), {tally.calls:,} calls, {tally.cached:,} of them from stored answers",
            err=True,
        )
        for reason, number in tally.reasons.most_common(3):
            typer.echo(f"error: {number:,} x {visible(reason)}", err=True)
    return bundle


def _header(job: _Job) -> Header:
    """What the ranker can't say of itself. A model of the models file may have an address or a path for its own name: ours goes in."""
    suite, asked = job.plan.suite, job.plan.asked.ranking
    return Header(
        name=f"{suite.name}-{job.model}",
        suite=suite.name,
        model={"name": job.model},
        depth=asked.depth,
        limit=asked.limit,
        measures=suite.measures,
        primary=suite.primary,
        notes=(suite.note,) if suite.note else (),
    )
