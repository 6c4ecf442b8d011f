"""One thread that writes: what is asked of it meanwhile goes into one transaction, so that many small commits cost as much as one."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from app.ranking.errors import StoreError
from db.session import Database

_T = TypeVar("_T")
# Most operations of one transaction, and how often one that the database refuses is tried again: two writers may want the same rows.
_MOST, _TRIES = 64, 3
_PAUSE = 0.1  # seconds


@dataclass(order=True)
class _Work:
    order: tuple[int, str]
    operation: Callable[[Session], Any] = field(compare=False)
    future: Future[Any] = field(compare=False)


class Writer:
    """Runs operations on the database in transactions of many. Safe from any thread; results are handed on after the commit.

    Operations of one transaction run in the order of their keys, so that two writers take the rows that both want in the same order.
    Each must do the same again when it is run again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()
        self._closed = False

    def submit(self, order: tuple[int, str], operation: Callable[[Session], _T]) -> Future[_T]:
        """Run an operation soon. The future has its result once that is committed, or StoreError."""
        future: Future[_T] = Future()
        if self._closed:
            future.set_exception(StoreError("the writer is closed: nothing more can be kept"))
            return future
        self._queue.put(_Work(order, operation, future))
        return future

    def close(self) -> None:
        """End after everything that was submitted is written. Harmless when repeated."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        ended = False
        while not ended:
            taken, ended = self._take()
            works = sorted(work for work in taken if work.future.set_running_or_notify_cancel())
            if not works:
                continue
            try:
                results = self._write(works)
            except BaseException as error:  # the future carries it to whoever asked
                for work in works:
                    work.future.set_exception(error)
                continue
            for work, result in zip(works, results, strict=True):
                work.future.set_result(result)

    def _take(self) -> tuple[list[_Work], bool]:
        """Everything that waits, at least one thing; and whether that is the end."""
        taken: list[_Work] = []
        while len(taken) < _MOST:
            try:
                work = self._queue.get(block=not taken)
            except queue.Empty:
                break
            if work is None:
                return taken, True
            taken.append(work)
        return taken, False

    def _write(self, works: list[_Work]) -> list[Any]:
        for attempt in range(1, _TRIES + 1):
            try:
                with self._database.write() as session:
                    return [work.operation(session) for work in works]
            except StoreError:
                if attempt == _TRIES:
                    raise
                time.sleep(_PAUSE * attempt)
        raise AssertionError("unreachable")
