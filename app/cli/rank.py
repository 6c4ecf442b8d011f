"""`rank`: one query over a file of passages, or a TREC run over a corpus, by any model and strategy."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import typer

from app.cli import INTERRUPTED, WRONG, sentences
from app.cli.rank_inputs import Inputs, read_inputs
from app.cli.rank_model import Way, choose
from app.cli.rank_outputs import Outputs
from app.cli.rank_predict import must_ask, predict, predicted_line
from app.cli.rank_progress import showing
from app.cli.rank_report import Report, Tally, facts_line, one_plain, print_table, visible
from app.cli.rank_request import Request, with_flags
from app.cli.rank_trace import ranked_or_kept
from app.ranking.batch import Ranked
from app.ranking.errors import BackendUnavailable, SettingsError
from app.ranking.estimate import Estimate
from app.ranking.response_cache import ResponseCache

NOT_RANKED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A request whose files were read and whose model was chosen: nothing has been asked yet."""

    request: Request
    inputs: Inputs
    way: Way
    predicted: Estimate

    @property
    def cache_file(self) -> Path | None:
        """Where answers are kept: as asked for, beside the run of a batch, or nowhere."""
        request = self.request
        beside = request.out.with_name(request.out.name + ".answers") if request.is_batch and request.out else None
        return None if self.way.ranker is None else request.cache or beside


def rank(request: Request) -> int:
    """Do what was asked; the exit status: 1 where a topic was not ranked. Raises RankingError or OSError where nothing could be done."""
    if request.is_batch and request.out is None and not request.dry_run:
        raise SettingsError("a batch writes a run: name its file with --out, or ask what it would cost with --dry-run")
    inputs = read_inputs(request)
    way = choose(request)
    job = Job(request=request, inputs=inputs, way=way, predicted=predict(way, inputs.topics))
    prediction = predicted_line(job.predicted, len(inputs.topics), way.price)
    if request.dry_run:
        _say_notes([*inputs.notes, *([way.why_not] if way.why_not else [])])
        typer.echo(json.dumps(job.predicted.plain) if request.json else prediction)
        return 0
    if way.why_not:
        raise BackendUnavailable(way.why_not)
    if request.is_batch and not request.quiet:
        typer.echo(prediction, err=True)
    _say_notes(inputs.notes)
    if request.is_batch and must_ask(way.price, request.yes) and not typer.confirm("Ask now? (--yes asks without this question)", err=True):
        typer.echo("nothing was asked", err=True)
        return WRONG
    return _work(job)


def _work(job: Job) -> int:
    began = time.monotonic()
    with contextlib.ExitStack() as open_until_end:
        outputs = open_until_end.enter_context(Outputs(job.request, job.way, job.inputs))
        cache = ResponseCache(job.cache_file) if job.cache_file else None
        open_until_end.callback(cache.close if cache else lambda: None)
        try:
            tally, last = asyncio.run(_walk(job, outputs, cache))
        except KeyboardInterrupt:
            kept = f": what was answered is in {str(job.cache_file)!r}, the same command goes on from there" if cache else ""
            typer.echo(f"interrupted{kept}", err=True)
            return INTERRUPTED
        outputs.finish()
    if job.request.is_batch:
        counts, seconds = cache.counts if cache else None, time.monotonic() - began
        _tell(job, Report(tally=tally, predicted=job.predicted, counts=counts, price=job.way.price, seconds=seconds))
    else:
        _show(job.request, last, tally)
    return NOT_RANKED if tally.outcomes["error"] else 0


async def _walk(job: Job, outputs: Outputs, cache: ResponseCache | None) -> tuple[Tally, Ranked]:
    """Rank all topics, each written as soon as it has ended; counts, and the topic that ended last."""
    tally, planned = Tally(), job.predicted.plan.calls[1]
    last: Ranked | None = None
    try:
        with showing(len(job.inputs.topics), planned, quiet=job.request.quiet or not job.request.is_batch) as progress:
            rankings = job.way.rank(job.inputs.topics, job.request.at_once, cache=cache, watch=progress.happened)
            async with contextlib.aclosing(rankings):
                async for last in rankings:
                    tally.add(last)
                    outputs.add(last)
                    progress.ended(tally)
    finally:
        await job.way.models.aclose()
    assert last is not None  # there is at least one topic
    return tally, last


def _tell(job: Job, report: Report) -> None:
    """The report of a batch: for people on standard error, for programs on standard output."""
    for line in report.lines:
        typer.echo(line, err=True)
    if report.tally.outcomes["error"]:
        typer.echo("run the same command again to ask only what failed", err=True)
    if job.request.json:
        typer.echo(json.dumps(report.plain))


def _show(request: Request, ranked: Ranked, tally: Tally) -> None:
    """The ranking of one query."""
    if request.json:
        typer.echo(json.dumps(one_plain(ranked, tally)))
        return
    print_table(ranked)
    ranking = ranked_or_kept(ranked)
    typer.echo(facts_line(ranking, tally))
    for said in (*ranking.notes, *([ranked.error] if ranked.error else []), *tally.reasons):
        typer.echo(f"note: {visible(said)}")


def _say_notes(notes: list[str] | tuple[str, ...]) -> None:
    for note in notes:
        typer.echo(f"note: {visible(note)}", err=True)


def _rank(request: Request) -> None:
    """Rank the passages of one query (a table), or the topics of a TREC run (a run and traces)."""
    with sentences():
        status = rank(request)
    raise typer.Exit(status)


command = with_flags(_rank)
