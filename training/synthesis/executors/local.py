"""Items made in this process: one event loop on a thread of its own, where waiting for the teacher costs nothing.

More items are walked at once than the teacher takes calls, so that one that is searching or waits for its last sample leaves no slot
empty. Sources are read on a thread of their own: they may read files and databases.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from app.ranking.cache import Cancelled, Watch

from ..calls import BudgetSpent
from ..recipe import ExecutorTable
from ..values import Item, SourceItem

# Items under way beyond the calls that fit: each waits for its slowest sample once in a while.
_WALKED, _SPARE = 2, 4
# Seconds between two looks whether the work was cancelled.
_LOOK = 0.2


class Maker(Protocol):
    """What an executor makes items with; `training.synthesis.workshop.Workshop`."""

    concurrency: int

    async def item(self, number: int, found: SourceItem) -> Item:
        """One item."""
        ...

    async def aclose(self) -> None:
        """Close it."""
        ...


def _open(order: object, watch: Watch) -> Maker:
    from ..workshop import Order, open_workshop

    assert isinstance(order, Order)
    return open_workshop(order, watch)


class LocalExecutor:
    """Implements `Executor`. `opened` makes the workshop of an order."""

    def __init__(self, table: ExecutorTable, opened: Callable[..., Maker] = _open) -> None:
        self._opened = opened

    def run(self, order: object, items: Iterable[tuple[int, SourceItem]], watch: Watch) -> Iterator[Item]:
        """See `Executor`."""
        line = _Line(self._opened, order, items)
        thread = threading.Thread(target=line.work, name="synthesis", daemon=True)
        thread.start()
        try:
            while True:
                if watch.cancelled():
                    raise Cancelled("the synthesis was stopped on request")
                try:
                    said = line.said.get(timeout=_LOOK)
                except queue.Empty:
                    continue
                if isinstance(said, _End):
                    if said.error is not None:
                        raise said.error
                    return
                line.taken()
                yield said
        finally:
            line.stop()
            thread.join()


@dataclass(frozen=True, slots=True)
class _End:
    """The last word of a line."""

    error: BaseException | None


class _Line:
    """The event loop's side. `said` hands items over; one that was not fetched yet still takes its room."""

    def __init__(self, opened: Callable[..., Maker], order: object, items: Iterable[tuple[int, SourceItem]]) -> None:
        self.said: queue.SimpleQueue[Item | _End] = queue.SimpleQueue()
        self._opened, self._order, self._items = opened, order, items
        self._stopped = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._room: asyncio.Semaphore | None = None
        self._error: BaseException | None = None
        # One thread for the source: what it opens may belong to the thread that opened it.
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="source")

    def work(self) -> None:
        """The whole of it, on the thread; ends with an `_End`."""
        try:
            asyncio.run(self._all())
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # told to whoever fetches the items
            self._error = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error
        finally:
            self._reader.shutdown()
            self.said.put(_End(self._error))

    def stop(self) -> None:
        """Cut off what is under way; harmless once it has ended."""
        self._stopped.set()
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            try:
                loop.call_soon_threadsafe(task.cancel)
            except RuntimeError:  # closed: it has ended
                return

    def taken(self) -> None:
        """An item was fetched: there is room for another."""
        loop, room = self._loop, self._room
        assert loop is not None and room is not None
        try:
            loop.call_soon_threadsafe(room.release)
        except RuntimeError:
            return

    async def _all(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        maker = await asyncio.to_thread(self._opened, self._order, Watch(cancelled=self._stopped.is_set))
        try:
            if not self._stopped.is_set():
                await self._walk(maker)
        finally:
            await self._read(lambda: getattr(self._items, "close", lambda: None)())
            await maker.aclose()

    async def _walk(self, maker: Maker) -> None:
        """Begin items as long as there is room, and see all of them to their end."""
        self._room = asyncio.Semaphore(_WALKED * maker.concurrency + _SPARE)
        source = iter(self._items)
        async with asyncio.TaskGroup() as group:
            while self._error is None:
                await self._room.acquire()
                found = await self._read(lambda: next(source, None)) if self._error is None else None
                if found is None:
                    return
                group.create_task(self._make(maker, *found))

    async def _make(self, maker: Maker, number: int, found: SourceItem) -> None:
        try:
            self.said.put(await maker.item(number, found))
        except BudgetSpent as error:
            # Others may still end with what they have; nothing new is begun.
            self._error = self._error or error
            if self._room is not None:
                self._room.release()

    async def _read(self, step: Callable[[], tuple[int, SourceItem] | None]) -> tuple[int, SourceItem] | None:
        """A step of the source; its error ends the walk as a spent budget does, after what was begun."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reader, step)
        except Exception as error:
            self._error = self._error or error
            return None
