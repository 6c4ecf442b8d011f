"""Rerank: a run over passages that were handed in, followed to its end and told in the shape that clients of rerank services know.

The run is an ordinary one, stored and with a link; a client that goes away stops it. Documents are known by their place in the request
(`index`), never by their text. Field names of the answer are those of Cohere's API v2 and Jina's reranker; what goes beyond them is ours.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.ranking.errors import BackendBusy, BackendError, NotFound, RankingError, SettingsError
from app.ranking.options import Options
from app.ranking.values import Passage
from app.services.actors import Actor
from app.services.runs import DEFECT, RunRequest
from app.services.runs_live import ServerEvent

log = logging.getLogger(__name__)

API_VERSION = "2"  # of Cohere's API, whose shape this is
# Kept until they have ended: the loop itself holds tasks only weakly.
_stopping: set[asyncio.Task[Any]] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankRequest:
    """What a client asks. `model` empty is the default one, `top_n` None is all.

    `documents` are the passages as the client gave them, to be handed back with the results; empty where it did not ask for them.
    `notes` are sentences about the request that the answer shall carry.
    """

    query: str
    passages: tuple[Passage, ...]
    model: str = ""
    top_n: int | None = None
    options: Options = field(default_factory=Options)
    documents: tuple[Mapping[str, str], ...] = ()
    notes: tuple[str, ...] = ()


class Runs(Protocol):
    """What is asked of `app.services.runs.Runs`."""

    async def start(self, actor: Actor, request: RunRequest) -> str:
        """Begin; the token of the new run."""
        ...

    async def stop(self, actor: Actor, token: str) -> dict[str, Any]:
        """RUN, stopped if it was running."""
        ...

    def events(self, actor: Actor, token: str, after: int) -> AsyncIterator[ServerEvent]:
        """Events above a number, until the run ends."""
        ...


class Models(Protocol):
    """What is asked of `app.services.models.Models`."""

    def list(self, actor: Actor) -> Sequence[dict[str, Any]]:
        """Models with `name` and `default`."""
        ...

    def reads_evidence(self, name: str) -> bool:
        """Whether a model's order depends on the evidence of its passages."""
        ...


def relevance(rank: int, n: int) -> float:
    """Score of a 1-based rank among n: (n - rank + 1) / n, from 1 down to 1/n in equal steps. It says the place and is no probability."""
    return (n - rank + 1) / n


class Rerank:
    """Begins reranks."""

    def __init__(self, runs: Runs, models: Models) -> None:
        self._runs, self._models = runs, models

    async def begin(self, actor: Actor, request: RerankRequest) -> Reranking:
        """Start the run. Raises NotFound for an unknown model, naming those offered, and all that `Runs.start` raises."""
        model = self._model(actor, request.model)
        run = RunRequest(
            query=request.query,
            model=model,
            # Embedding a thousand documents takes minutes, for nothing where the model reads them.
            evidence=self._models.reads_evidence(model),
            depth=len(request.passages),
            passages=request.passages,
            options=request.options,
        )
        return Reranking(self._runs, actor, request, await self._runs.start(actor, run))

    def _model(self, actor: Actor, name: str) -> str:
        offered = self._models.list(actor)
        if not name:
            return next(str(model["name"]) for model in offered if model["default"])
        if all(model["name"] != name for model in offered):
            names = ", ".join(str(model["name"]) for model in offered)
            raise NotFound(f"no model is called {name!r}: offered are {names}; without a model the default one is asked")
        return name


class Reranking:
    """One rerank at work. Either `events` or `result` is followed, once; whoever leaves before the end stops the run."""

    def __init__(self, runs: Runs, actor: Actor, request: RerankRequest, token: str) -> None:
        self.token = token
        self._runs, self._actor, self._request = runs, actor, request
        self._index = {passage.id: index for index, passage in enumerate(request.passages)}

    async def result(self) -> dict[str, Any]:
        """The whole answer. Raises BackendBusy where somebody stopped the run, SettingsError or BackendError where it failed."""
        async with aclosing(self.events()) as events:
            async for event in events:
                if event.name == "result":
                    return dict(event.data)
        raise BackendError("the run ended without a result: this is a defect of the server")

    async def events(self) -> AsyncGenerator[ServerEvent]:
        """`window`, `trace`, `standing`, `done` as they happen, then `result`; passages are told by index. Raises what `result` raises."""
        numbers, ended = itertools.count(1), False
        try:
            async for event in self._runs.events(self._actor, self.token, 0):
                ended = event.name == "end"
                told = _TOLD.get(event.name)
                if ended:
                    yield ServerEvent(number=next(numbers), name="result", data=answer(event.data["run"], self._request))
                elif told is not None:
                    yield ServerEvent(number=next(numbers), name=event.name, data=told(event.data, self._index))
        finally:
            if not ended:
                self._stop_soon()

    def _stop_soon(self) -> None:
        # In a task of its own: whoever leaves is often being cancelled itself, and could not wait.
        async def stop() -> None:
            try:
                await self._runs.stop(self._actor, self.token)
            except RankingError as error:
                log.warning("a run whose client went away could not be stopped: %s", error)

        task = asyncio.get_running_loop().create_task(stop(), name="stop a rerank")
        _stopping.add(task)
        task.add_done_callback(_stopping.discard)


def _standing(data: Mapping[str, Any], index: Mapping[str, int]) -> dict[str, Any]:
    return {"indices": [index[passage] for passage in data["ids"]], "provisional": data["provisional"]}


def _window(data: Mapping[str, Any], index: Mapping[str, int]) -> dict[str, Any]:
    return {**data, "passages": [index[passage] for passage in data["passages"]]}


def _trace(data: Mapping[str, Any], index: Mapping[str, int]) -> dict[str, Any]:
    return {name: data[name] for name in ("window", "channel", "text")}


def _done(data: Mapping[str, Any], index: Mapping[str, int]) -> dict[str, Any]:
    return dict(data)


_TOLD = {"standing": _standing, "window": _window, "trace": _trace, "done": _done}


def answer(run: Mapping[str, Any], request: RerankRequest) -> dict[str, Any]:
    """The answer of an ended run (RUN). Raises BackendBusy where it was stopped, SettingsError or BackendError where it failed."""
    if run["state"] == "stopped":
        raise BackendBusy("the run was stopped before all was ranked: ask again")
    if run["state"] != "finished":
        # A model that fails is an outcome; what fails a whole run is a window that the model can't be shown.
        raise BackendError(DEFECT) if run["error"] == DEFECT else SettingsError(run["error"])
    index = {passage.id: place for place, passage in enumerate(request.passages)}
    if sorted(run["order"]) != sorted(index):
        raise BackendError("the run did not rank the documents that were given: this is a defect of the server")
    notes = [*request.notes, *run["notes"]]
    unclean = [] if run["outcome"] == "clean" else [f"the outcome is {run['outcome']}, not clean: see outcome and trace"]
    return {
        "id": run["token"],
        "model": run["model"],
        "results": _results([index[passage] for passage in run["order"]], request),
        "usage": _usage(run),
        "meta": {
            "api_version": {"version": API_VERSION},
            "billed_units": {"search_units": 0},  # nobody is billed here
            **({"warnings": [*unclean, *notes]} if unclean or notes else {}),
        },
        "outcome": run["outcome"],
        "trace": [_call(window, index) for window in run["windows"]],
        "notes": notes,
        "intervals": _intervals(run, index),
        "run": run["token"],
    }


def _results(ranked: Sequence[int], request: RerankRequest) -> list[dict[str, Any]]:
    results = [
        {
            "index": index,
            "relevance_score": relevance(rank, len(ranked)),
            **({"document": request.documents[index]} if request.documents else {}),
        }
        for rank, index in enumerate(ranked, start=1)
    ]
    return results[: request.top_n]


def _usage(run: Mapping[str, Any]) -> dict[str, Any]:
    total = {"total_tokens": run["tokens_in"] + run["tokens_out"]}
    return total | {name: run[name] for name in ("tokens_in", "tokens_out", "calls", "requests", "counted")}


def _call(window: Mapping[str, Any], index: Mapping[str, int]) -> dict[str, Any]:
    names = ("window", "depth", "reasoning", "answer", "outcome", "problems", "error")
    return {**{name: window[name] for name in names}, "passages": [index[passage] for passage in window["passages"]]}


def _intervals(run: Mapping[str, Any], index: Mapping[str, int]) -> list[dict[str, int]]:
    """Best and worst 1-based rank over the orders of a consensus, in the order of the results; empty for other strategies."""
    held = [(passage, run["intervals"][passage]) for passage in run["order"] if passage in run["intervals"]]
    return [{"index": index[passage], "best": best, "worst": worst} for passage, (best, worst) in held]
