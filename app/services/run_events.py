"""What pages are told of a run: trace, window and end events, from a run at work or from the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from app.ranking.prompts import prompt_text
from app.ranking.protocols import Backend
from app.ranking.ranker import Ranker
from app.ranking.sentences import WordsOwnTrace
from app.ranking.values import Channel, Passage, WindowDone, WindowStarted
from app.services.run_view import StoredRun, run_view, sentences_view, windows
from app.services.runs_live import EventLog, ServerEvent
from db.store import runs


@dataclass(slots=True, kw_only=True)
class Live:
    """A run at work; `owner` is the id of the actor who began it."""

    run_id: str
    owner: str
    model: str
    query: str
    ranker: Ranker | None
    passages: tuple[Passage, ...]
    log: EventLog = field(default_factory=EventLog)
    task: asyncio.Task[None] | None = None
    open: dict[str, OpenWindow] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)


@dataclass(slots=True)
class OpenWindow:
    """A call that is being written."""

    started: WindowStarted
    reasoning: str = ""
    answer: str = ""
    kept_at: float = 0.0
    sentences: int = 0


def calls_ahead(backend: Backend) -> int:
    """How many calls must end before the next one can begin, where a backend knows: its place in a fair queue."""
    slots = getattr(backend, "slots", 0)
    return max(0, getattr(backend, "waiting", 0) - slots + 1) if slots else 0


def trace_event(live: Live, window_id: str, channel: Channel, text: str) -> None:
    """One trace event; new sentences ride along where the template words its own trace."""
    data: dict[str, Any] = {"window": window_id, "channel": channel, "text": text}
    window = live.open.get(window_id)
    if window is not None and channel == "reasoning" and live.ranker is not None and isinstance(live.ranker.template, WordsOwnTrace):
        said = sentences_view(live.ranker.template, window.reasoning, window.started.window.passages, live.query)
        data["sentences"] = said[window.sentences :]
        window.sentences = len(said)
    live.log.append("trace", data)


def open_call(window: OpenWindow) -> runs.OpenCall:
    started = window.started
    return runs.OpenCall(
        number=started.number,
        window=started.window.id,
        depth=started.depth,
        passages=tuple(passage.id for passage in started.window.passages),
        prompt=prompt_text(started.prompt),
        reasoning=window.reasoning,
        answer=window.answer,
    )


def done_view(event: WindowDone) -> dict[str, Any]:
    call = event.call
    return {
        "window": call.window.id,
        "outcome": call.parsed.outcome,
        "problems": sorted(call.parsed.problems),
        "order": list(call.parsed.order),
        "tokens_in": call.completion.tokens_in,
        "tokens_out": call.completion.tokens_out,
        "seconds": call.completion.seconds,
        "requests": call.completion.requests,
        "cached": call.completion.cached,
        "forced": None if call.completion.forced is None else asdict(call.completion.forced),
        "finish": call.completion.finish,
        "error": call.error,
    }


def told(stored: StoredRun) -> Sequence[ServerEvent]:
    """The events of an ended run, told from the database."""
    view = run_view(stored)
    events: list[tuple[str, dict[str, Any]]] = [("start", {"run": {**view, "windows": []}})]
    for window in windows(stored):
        head = {**{key: window[key] for key in ("window", "number", "depth", "passages")}, "of": len(stored.calls)}
        trace = {"window": window["window"], "channel": "reasoning", "text": window["reasoning"], "sentences": window["sentences"]}
        events += [("window", head), ("trace", trace), ("done", {key: window[key] for key in _DONE_KEYS})]
    events.append(("end", {"run": view}))
    return [ServerEvent(number=number, name=name, data=data) for number, (name, data) in enumerate(events, start=1)]


_DONE_KEYS = (
    "window",
    "outcome",
    "problems",
    "order",
    "tokens_in",
    "tokens_out",
    "seconds",
    "finish",
    "error",
    "requests",
    "cached",
    "forced",
)
