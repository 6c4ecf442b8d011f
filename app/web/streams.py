"""Server-sent events: formatting, keep-alive, and an end when the client or the server goes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any, TypeVar
from weakref import WeakSet

from prometheus_client import Gauge
from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse

from app.ranking.errors import BackendBusy, RankingError
from app.services.runs_live import ServerEvent

from .errors import of_ranking_error

KEEP_ALIVE_SECONDS = 15.0
# So long an answer waits for its first event, for "no such run" to become a 404 rather than a broken stream.
_FIRST_SECONDS = 2.0
_T = TypeVar("_T")
_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


def last_event_id(header: str | None) -> int:
    """The number to go on after; 0 for none or nonsense, which replays all."""
    text = (header or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else 0


def event_bytes(event: ServerEvent) -> bytes:
    """One event on the wire. JSON has no line breaks of its own, so the text of a passage can't forge a second event."""
    data = json.dumps(event.data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"id: {event.number}\nevent: {event.name}\ndata: {data}\n\n".encode("utf-8", "replace")


class Follower:
    """One page that follows one run: pulls an event at a time and says something every 15 s, so that a dead line is noticed.

    Made and used on the event loop. `keep_alive` is seconds.
    """

    def __init__(self, events: AsyncIterator[ServerEvent], keep_alive: float = KEEP_ALIVE_SECONDS) -> None:
        self._events = events
        self._keep_alive = keep_alive
        self._closing = asyncio.Event()
        self._next = asyncio.ensure_future(anext(events))

    def close(self) -> None:
        """End the stream after what has already come."""
        self._closing.set()

    async def begin(self) -> None:
        """Wait a little for the first event. Raises what the service raises, while it can still become a status."""
        done, _ = await asyncio.wait({self._next}, timeout=_FIRST_SECONDS)
        if done and (error := self._next.exception()) is not None and not isinstance(error, StopAsyncIteration):
            raise error

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The stream's bytes; ends after the last event, when it is closed, or when the reader goes."""
        closed = asyncio.ensure_future(self._closing.wait())
        try:
            while True:
                done, _ = await asyncio.wait({self._next, closed}, timeout=self._keep_alive, return_when=asyncio.FIRST_COMPLETED)
                if self._next in done:
                    yield event_bytes(self._next.result())
                    self._next = asyncio.ensure_future(anext(self._events))
                elif closed in done:
                    return
                else:
                    yield b": still here\n\n"
        except StopAsyncIteration:
            return
        except RankingError as error:
            yield b"event: error\ndata: " + bytes(of_ranking_error(error).body) + b"\n\n"
        finally:
            closed.cancel()
            await self._let_go()

    async def _let_go(self) -> None:
        # A pull that is under way ends the service's iterator from inside when it is cancelled; an idle iterator has to be closed.
        if not self._next.done():
            self._next.cancel()
            return
        if not self._next.cancelled():
            self._next.exception()
        close = getattr(self._events, "aclose", None)
        if close is not None:
            await close()


class Streams:
    """All pages that follow runs now, and all answers that wait for the end of one."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._open: WeakSet[Follower] = WeakSet()
        self._waits: WeakSet[asyncio.Task[Any]] = WeakSet()

    async def answer(self, events: AsyncIterator[ServerEvent]) -> StreamingResponse:
        """The answer that follows some events. Raises what the service raises at once, NotFound for one."""
        follower = Follower(events)
        await follower.begin()
        self._open.add(follower)
        return StreamingResponse(self._counted(follower), media_type="text/event-stream", headers=_HEADERS)

    async def wait(self, request: Request, work: Coroutine[Any, Any, _T]) -> _T:
        """The result of long work for a request whose body was read. The work is cancelled where the client or the server goes.

        Raises ClientDisconnect or BackendBusy then, and what the work raises.
        """
        working, gone = asyncio.ensure_future(work), asyncio.ensure_future(_until_gone(request))
        self._waits.add(working)
        try:
            await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise ClientDisconnect
            if working.cancelled():
                raise BackendBusy("the server is stopping: ask again in a moment")
            return working.result()
        finally:
            working.cancel()
            gone.cancel()

    async def _counted(self, follower: Follower) -> AsyncIterator[bytes]:
        with self._gauge.track_inprogress():
            async with contextlib.aclosing(follower.chunks()) as chunks:
                async for chunk in chunks:
                    yield chunk

    def close(self) -> None:
        """End them all: the server is going."""
        for follower in list(self._open):
            follower.close()
        for working in list(self._waits):
            working.cancel()


async def _until_gone(request: Request) -> None:
    """Returns when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
