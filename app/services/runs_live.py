"""Runs at work: each has an append-only log of numbered events that any number of pages can follow, from any number on.

A run lives in the server and not in a request: closing a tab does not end it, Stop does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.ranking.values import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One event as a page gets it; `number` counts from 1 within a run."""

    number: int
    name: str
    data: Mapping[str, Any]


class EventLog:
    """Events of one run. Appended on the event loop's thread only."""

    def __init__(self) -> None:
        self._events: list[ServerEvent] = []
        self._closed = False
        self._changed = asyncio.Event()

    def append(self, name: str, data: Mapping[str, Any]) -> None:
        """Add an event and wake all followers."""
        self._events.append(ServerEvent(number=len(self._events) + 1, name=name, data=data))
        self._wake()

    def close(self) -> None:
        """No more events will come."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        # Followers wait on the event of the moment; the next ones wait on a new one.
        self._changed.set()
        self._changed = asyncio.Event()

    async def follow(self, after: int) -> AsyncIterator[ServerEvent]:
        """Events with a number above `after`, past ones at once, then new ones until the log is closed."""
        at = max(0, after)
        while True:
            changed = self._changed
            while at < len(self._events):
                yield self._events[at]
                at += 1
            if self._closed and at >= len(self._events):
                return
            if at >= len(self._events):
                await changed.wait()


class TraceBuffer:
    """Joins small pieces of a trace into one event per `wait` seconds, so that a fast model doesn't flood the page.

    `emit(window_id, channel, text)` is called at once for the first piece after a silence, and never holds text longer than `wait`.
    """

    def __init__(self, emit: Callable[[str, Channel, str], None], wait: float = 0.06) -> None:
        self._emit, self._wait = emit, wait
        self._held: dict[tuple[str, Channel], str] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, window_id: str, channel: Channel, text: str) -> None:
        """Take a piece."""
        key = (window_id, channel)
        self._held[key] = self._held.get(key, "") + text
        if self._timer is None:
            self.flush()
            self._timer = asyncio.get_running_loop().call_later(self._wait, self._tick)

    def flush(self) -> None:
        """Emit what is held, in the order in which it came."""
        held, self._held = self._held, {}
        for (window_id, channel), text in held.items():
            self._emit(window_id, channel, text)

    def close(self) -> None:
        """Emit the rest and stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.flush()

    def _tick(self) -> None:
        self._timer = None
        if self._held:
            self.flush()
            self._timer = asyncio.get_running_loop().call_later(self._wait, self._tick)
