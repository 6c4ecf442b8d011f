"""Runs: start one, follow it, stop it, open it again by its link."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from app.ranking.errors import BackendBusy, Forbidden, InputError, RankingError
from app.ranking.estimate import NO_COST, Estimate, estimate
from app.ranking.evidence import by_evidence
from app.ranking.options import Options, strategy_args
from app.ranking.prompts import prompt_text, template_hash
from app.ranking.ranker import Ranker
from app.ranking.values import Finished, Passage, Ranking, Standing, TraceDelta, WindowDone, WindowStarted
from app.services.actors import LOCAL, VISITOR, Actor, require
from app.services.backends import Lease
from app.services.models import UNTRAINED, Models
from app.services.run_events import Live, OpenWindow, calls_ahead, done_view, open_call, told, trace_event
from app.services.run_view import StoredRun, run_view
from app.services.runs_live import ServerEvent, TraceBuffer
from app.services.spending import Spending
from db.session import Database
from db.store import actors, lists, runs
from db.store.lists import Candidates

log = logging.getLogger(__name__)

DEPTHS = (20, 50, 100)
DEFECT = "the server met a defect of its own; it is in the log"
_MAX_QUERY = 4_000
_MOST_CALLS = 1_000
# Unfinished calls are kept in the database at most this often.
_KEEP_EVERY_SECONDS = 1.0
# The log of an ended run stays in memory that long, so that pages which follow it can catch up.
_LINGER_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a visitor asks: a query over a collection, or over pasted passages. Without `evidence` pasted passages are taken as they are."""

    query: str
    model: str
    depth: int = 20
    collection: str | None = None
    passages: tuple[Passage, ...] | None = None
    options: Options = field(default_factory=Options)
    evidence: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Candidates for a query with their evidence, and plain sentences about how they were found."""

    candidates: Candidates
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A run's link, what ranks (None for an untrained model), and the version of its weights."""

    token: str
    ranker: Ranker | None
    version: str | None


class Finder(Protocol):
    """Finds candidates (blocking); `app.services.library.Library` is the real one."""

    def find(self, request: RunRequest) -> Found:
        """Candidates with signals. Raises InputError, NotFound or BackendBusy."""
        ...


class Runs:
    """All runs of this process, and the stored ones."""

    def __init__(self, database: Database, models: Models, finder: Finder, max_active: int) -> None:
        self._database, self._models, self._finder, self._max_active = database, models, finder, max_active
        self._spending = Spending(database, models)
        self._live: dict[str, Live] = {}
        self._counts: Counter[str] = Counter()
        self._starting = 0

    @property
    def active(self) -> int:
        """Runs at work now, those included whose candidates are still being found."""
        return self._starting + sum(1 for live in self._live.values() if live.task is not None and not live.task.done())

    async def start(self, actor: Actor, request: RunRequest) -> str:
        """Begin a run; its token. Raises InputError, NotFound, BackendUnavailable, BackendBusy."""
        require(actor, "visitor")
        self._check(request)
        self._check_share(actor)
        await asyncio.to_thread(self._spending.check, actor, request.model)
        self._ranker(request)  # what can't be is refused before anything is searched
        found = await self._find(request)
        lease = None if request.model in UNTRAINED else await self._models.lease(request.model)
        try:
            token, live = await self._begin(actor, request, found, lease)
            live.task = asyncio.create_task(self._work(token, live, request.model), name=f"run {live.run_id}")
        except BaseException:
            if lease is not None:
                lease.release()
            raise
        live.task.add_done_callback(_log_defect)
        if lease is not None:
            # The weights stay until the run's last word is written, whatever is promoted meanwhile.
            live.task.add_done_callback(lambda _: lease.release())
        return token

    async def _begin(self, actor: Actor, request: RunRequest, found: Found, lease: Lease | None) -> tuple[str, Live]:
        """The row of a run and what its pages follow; the version it names is that of the weights which will answer."""
        ranker = self._ranker(request, lease)
        token = secrets.token_urlsafe(18)
        plan = _Plan(token=token, ranker=ranker, version=lease.version if lease else None)
        run_id = await asyncio.to_thread(self._create, actor, request, found, plan)
        live = Live(
            run_id=run_id, owner=actor.id, model=request.model, query=request.query, ranker=ranker, passages=found.candidates.passages
        )
        live.log.append("start", {"run": await self.get(actor, token)})
        self._live[token] = live
        return token, live

    async def _find(self, request: RunRequest) -> Found:
        """Candidates, on a thread; the evidence of a long list takes a while, so this counts as work."""
        self._starting += 1
        try:
            return await asyncio.to_thread(self._finder.find, request)
        finally:
            self._starting -= 1

    def _check(self, request: RunRequest) -> None:
        if not request.query.strip():
            raise InputError("the query is empty: write a question")
        if len(request.query) > _MAX_QUERY:
            raise InputError(f"the query has {len(request.query)} characters: keep it under {_MAX_QUERY}")
        if request.passages is None and request.depth not in DEPTHS:  # pasted passages are as many as they are
            raise InputError(f"depth {request.depth} is not offered: choose {', '.join(map(str, DEPTHS))}")
        self._models.check(request.model)
        if self.active >= self._max_active:
            raise BackendBusy(f"{self.active} runs are at work already: try again in a moment")

    def _check_share(self, actor: Actor) -> None:
        """One person's runs never fill the queue of all: a quarter of it is theirs at most."""
        own = sum(live.owner == actor.id for live in self._live.values() if live.task is not None and not live.task.done())
        if actor is not LOCAL and own >= max(1, self._max_active // 4):
            raise BackendBusy(f"{own} runs of yours are at work already: wait until one ends, or stop one")

    def _ranker(self, request: RunRequest, lease: Lease | None = None) -> Ranker | None:
        if request.model in UNTRAINED:
            return None
        n = len(request.passages) if request.passages is not None else request.depth
        calls = request.options.strategy.cost(n).calls[1]
        if calls > _MOST_CALLS:
            raise InputError(f"this plan may take {calls:,} calls and {_MOST_CALLS:,} are allowed: choose a smaller one, or fewer passages")
        return self._models.ranker(request.model, request.options, lease.backend if lease else None)

    async def predict(self, actor: Actor, request: RunRequest) -> dict[str, Any]:
        """What a run would cost: calls, depth and passages read; tokens too where a query is given. Raises what `start` raises."""
        require(actor, "visitor")
        self._models.check(request.model)
        ranker = self._ranker(request)
        if ranker is None:
            return NO_COST.plain
        n = len(request.passages) if request.passages is not None else request.depth
        if not request.query.strip():
            return Estimate(plan=ranker.strategy.cost(n)).plain
        self._check(request)
        found = await self._find(request)
        predicted = await asyncio.to_thread(estimate, ranker, request.query, found.candidates.passages)
        return predicted.plain

    def _create(self, actor: Actor, request: RunRequest, found: Found, plan: _Plan) -> str:
        ranker = plan.ranker
        with self._database.write() as session:
            if actor.roles == VISITOR.roles:  # a visitor is known to the database from the first run on
                actors.ensure(session, actor.id, actor.name, actor.roles)
            list_id = lists.put(session, found.candidates)
            new = runs.NewRun(
                token=plan.token,
                actor_id=actor.id,
                list_id=list_id,
                model=request.model,
                backend=ranker.backend.name if ranker else "",
                model_version_id=plan.version,
                strategy=ranker.strategy.name if ranker else "none",
                strategy_args=strategy_args(ranker.strategy) if ranker else {},
                options=request.options.plain if ranker else {},
                predicted=estimate(ranker, request.query, found.candidates.passages).plain if ranker else {},
                revision=ranker.backend.revision if ranker else "",
                template=ranker.template.name if ranker else "",
                template_hash=template_hash(ranker.template) if ranker else "",
                sampling=asdict(ranker.effective_sampling) if ranker else {},
                depth=request.depth,
                notes=found.notes,
            )
            return runs.create(session, new)

    async def get(self, actor: Actor, token: str) -> dict[str, Any]:
        """RUN by its token, from the database. Raises NotFound."""
        require(actor, "visitor")
        return await asyncio.to_thread(lambda: run_view(self._stored(token)))

    def _stored(self, token: str) -> StoredRun:
        with self._database.read() as session:
            run = runs.by_token(session, token)
            return StoredRun(
                run=run,
                candidates=lists.get(session, run.list_id),
                calls=runs.calls(session, run.id),
                label=self._models.label(run.model),
            )

    async def stop(self, actor: Actor, token: str) -> dict[str, Any]:
        """Stop a run; one that has ended stays as it is. RUN as it then is. Raises Forbidden for somebody else's run."""
        require(actor, "visitor")
        live = self._live.get(token)
        if live is not None and live.owner != actor.id and "admin" not in actor.roles:
            raise Forbidden("this run was begun by somebody else: only they or an admin can stop it")
        if live is not None and live.task is not None and not live.task.done():
            live.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await live.task
        return await self.get(actor, token)

    async def events(self, actor: Actor, token: str, after: int = 0) -> AsyncIterator[ServerEvent]:
        """Events of a run from number `after` on; an ended one is told from the database. Raises NotFound."""
        require(actor, "visitor")
        live = self._live.get(token)
        if live is None:
            for event in await asyncio.to_thread(lambda: told(self._stored(token))):
                yield event
            return
        async for event in live.log.follow(after):
            yield event

    def counters(self) -> dict[str, float]:
        """Since the process started: active_runs, model_calls, tokens_in, tokens_out, and runs.OUTCOME (or state) of ended runs."""
        return {**self._counts, "active_runs": float(self.active)}

    async def aclose(self) -> None:
        """Stop all runs, as a shutdown does."""
        tasks = [live.task for live in self._live.values() if live.task is not None and not live.task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # From here on: the life of one run.

    async def _work(self, token: str, live: Live, model: str) -> None:
        end = runs.RunEnd(state="failed", error=DEFECT)
        try:
            ranking = await self._rank(live, model)
            end = runs.RunEnd(
                state="finished",
                outcome=ranking.outcome,
                order=ranking.ids,
                unfused=ranking.unfused,
                intervals=ranking.intervals,
                notes=ranking.notes,
                seconds=time.monotonic() - live.began,
            )
        except asyncio.CancelledError:
            end = runs.RunEnd(state="stopped", seconds=time.monotonic() - live.began)
        except RankingError as error:
            end = runs.RunEnd(state="failed", error=str(error), seconds=time.monotonic() - live.began)
        finally:
            # A second cancellation (shutdown) must not lose the end of the run.
            await asyncio.shield(self._close(token, live, end))

    async def _close(self, token: str, live: Live, end: runs.RunEnd) -> None:
        def keep() -> dict[str, Any]:
            with self._database.write() as session:
                for window in live.open.values():
                    runs.write_open_call(session, live.run_id, open_call(window))
                runs.end(session, live.run_id, end)
            return run_view(self._stored(token))

        self._counts[f"runs.{end.outcome or end.state}"] += 1
        try:
            live.log.append("end", {"run": await asyncio.to_thread(keep)})
        finally:
            live.log.close()  # whatever the database says, nobody waits for ever
        log.info("run %s %s: %s", live.run_id, end.state, end.outcome or end.error or "-")
        asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._live.pop, token, None)

    async def _rank(self, live: Live, model: str) -> Ranking:
        passages = live.passages
        if live.ranker is None:
            order = by_evidence(passages) if model == "signals" else list(passages)
            return Ranking(query=live.query, passages=tuple(order))
        planned = live.ranker.strategy.cost(len(passages)).calls[1]
        ranking: Ranking | None = None
        buffer = TraceBuffer(lambda window, channel, text: trace_event(live, window, channel, text))
        try:
            async with contextlib.aclosing(live.ranker.stream_rank(live.query, passages)) as events:
                async for event in events:
                    if isinstance(event, TraceDelta):
                        self._written(live, buffer, event)
                        await self._keep(live, event.window_id)
                        continue
                    buffer.flush()
                    if isinstance(event, Finished):
                        ranking = event.ranking
                    else:
                        await self._happened(live, event, planned)
        finally:
            buffer.close()
        assert ranking is not None  # stream_rank ends with Finished
        return ranking

    def _written(self, live: Live, buffer: TraceBuffer, event: TraceDelta) -> None:
        window = live.open[event.window_id]
        if event.channel == "reasoning":
            window.reasoning += event.text
        else:
            window.answer += event.text
        buffer.add(event.window_id, event.channel, event.text)

    async def _happened(self, live: Live, event: WindowStarted | Standing | WindowDone, planned: int) -> None:
        if isinstance(event, Standing):
            live.log.append("standing", {"ids": list(event.ids), "provisional": event.provisional})
        elif isinstance(event, WindowStarted):
            live.open[event.window.id] = OpenWindow(started=event, kept_at=time.monotonic())
            shown = [passage.id for passage in event.window.passages]
            ahead = calls_ahead(live.ranker.backend) if live.ranker else 0
            where = {"window": event.window.id, "number": event.number, "depth": event.depth}
            data = {**where, "passages": shown, "of": planned, "ahead": ahead}
            live.log.append("window", data)
        else:
            window = live.open[event.call.window.id]
            await asyncio.to_thread(self._write_call, live, window.started.number, event)
            del live.open[event.call.window.id]
            live.log.append("done", done_view(event))
            completion = event.call.completion
            self._counts.update(model_calls=1, tokens_in=completion.tokens_in, tokens_out=completion.tokens_out)

    def _write_call(self, live: Live, number: int, event: WindowDone) -> None:
        completion = event.call.completion
        with self._database.write() as session:
            runs.write_call(session, live.run_id, number, prompt_text(event.call.prompt), event.call)
            if not completion.cached:
                self._spending.add(session, live.model, completion.tokens_in, completion.tokens_out)

    async def _keep(self, live: Live, window_id: str) -> None:
        """Keep what a call wrote so far, at most once a second."""
        window = live.open[window_id]
        if time.monotonic() - window.kept_at < _KEEP_EVERY_SECONDS:
            return
        window.kept_at = time.monotonic()

        def keep() -> None:
            with self._database.write() as session:
                runs.write_open_call(session, live.run_id, open_call(window))

        await asyncio.to_thread(keep)


def _log_defect(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("%s died", task.get_name(), exc_info=task.exception())
