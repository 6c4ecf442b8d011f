"""One thread that owns the embedded model: takes requests from anywhere, decodes them together, hands words back as they are written."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...errors import BackendBusy, BackendError
from .decoding import Batch, Begun, Finish, Row

if TYPE_CHECKING:
    from .network import Network

Piece = tuple[Sequence[int], Finish]
Listener = Callable[[Piece | BackendError], None]
"""Called on the model's thread, so it must only hand over."""

# A prompt of 20 cards takes about as long to read as 20 words take to write: more new ones at once would make running rows stutter.
_JOIN_AT_ONCE = 8


class Ticket:
    """A request that can be withdrawn."""

    def __init__(self, row: Row, listener: Listener) -> None:
        self.row, self.listener = row, listener

    def cancel(self) -> None:
        """Stop writing. Harmless on a finished one; takes effect before the next model call."""
        self.row.cancelled = True


class Engine:
    """Continuous batching over one model. `submit` may be called from any thread.

    `rows` bounds how many are decoded together, `waiting` how many may wait beyond that.
    """

    def __init__(self, model: Network, *, rows: int = 32, waiting: int = 256) -> None:
        self._model, self._rows, self._waiting = model, rows, waiting
        self._queue: deque[Ticket] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def submit(self, prompt: Sequence[int], max_tokens: int, listener: Listener, begun: Begun | None = None) -> Ticket:
        """Queue a prompt (token ids), and the beginning of its answer where there is one.

        Raises BackendBusy when too many wait, BackendError after `close`.
        """
        ticket = Ticket(Row(prompt, max_tokens, lambda tokens, finish: listener((tokens, finish)), begun), listener)
        with self._changed:
            if self._closed:
                raise BackendError("the embedded model was closed: start a new backend")
            if len(self._queue) >= self._waiting:
                raise BackendBusy(f"{len(self._queue)} requests wait for the embedded model already: try again in a few seconds")
            self._queue.append(ticket)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="nano", daemon=True)
                self._thread.start()
            self._changed.notify()
        return ticket

    def close(self) -> None:
        """End the thread; unfinished requests hear a BackendError."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _work(self) -> None:
        batch, tickets = Batch(self._model), list[Ticket]()
        while True:
            fresh = self._next(len(batch.rows))
            if fresh is None:
                break
            tickets = [ticket for ticket in tickets if ticket.row.finish is None and not ticket.row.cancelled] + fresh
            try:
                batch.join([ticket.row for ticket in fresh])
                batch.step()
            except (RuntimeError, IndexError, ValueError, MemoryError) as error:
                # What numpy raises on a broken model or a full memory: the rows fail, the thread goes on.
                _tell(tickets, BackendError(f"the embedded model failed: {error}"))
                batch, tickets = Batch(self._model), []
        _tell([*tickets, *self._queue], BackendError("the embedded model was closed while it was writing"))

    def _next(self, busy: int) -> list[Ticket] | None:
        """New requests to take in; waits for one when nothing is under way. None when closed."""
        with self._changed:
            while not busy and not self._queue and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            free = min(_JOIN_AT_ONCE, self._rows - busy, len(self._queue))
            taken = [self._queue.popleft() for _ in range(free)]
        return [ticket for ticket in taken if not ticket.row.cancelled]


def _tell(tickets: Sequence[Ticket], error: BackendError) -> None:
    for ticket in tickets:
        if ticket.row.finish is None and not ticket.row.cancelled:
            ticket.listener(error)
