"""The backends that answer now: one per model, made at first use, changed while runs are at work, freed after their last run.

All of it is called on the event loop's thread, so that nothing needs a lock.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from app.ranking.protocols import Backend

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False, kw_only=True)
class _Held:
    """Weights in use. `users` counts leases; once `retired`, the last of them frees the backend."""

    backend: Backend
    version: str | None
    users: int = 0
    retired: bool = False


class Lease:
    """A run's hold on the weights that answer it: they are not freed before `release`. `version` is None where none is known."""

    def __init__(self, held: _Held, ended: Callable[[_Held], None]) -> None:
        self.version, self.backend = held.version, held.backend
        self._held: _Held | None = held
        self._ended = ended
        held.users += 1

    def release(self) -> None:
        """Let go; a second time does nothing."""
        held, self._held = self._held, None
        if held is not None:
            held.users -= 1
            self._ended(held)


class Backends:
    """Backends by model name. `make` makes the one that a model begins with."""

    def __init__(self, make: Callable[[str], Backend]) -> None:
        self._make = make
        self._held: dict[str, _Held] = {}
        self._retired: set[_Held] = set()
        self._closing: set[asyncio.Task[None]] = set()

    def current(self, name: str) -> Backend:
        """What answers now, without holding it: for questions that need no weights, such as numbers of tokens."""
        return self._of(name).backend

    def version(self, name: str) -> str | None:
        """Which version that is."""
        return self._held[name].version if name in self._held else None

    def lease(self, name: str) -> Lease:
        """Hold what answers now."""
        return Lease(self._of(name), self._ended)

    def put(self, name: str, backend: Backend, version: str | None) -> None:
        """Let another backend answer from now on. The old one is freed at once, or after its last lease."""
        old = self._held.get(name)
        self._held[name] = _Held(backend=backend, version=version)
        if old is not None:
            old.retired = True
            self._retired.add(old)
            self._ended(old)

    def name_version(self, name: str, version: str | None) -> None:
        """Say which version the backend is that a model begins with."""
        self._of(name).version = version

    async def aclose(self) -> None:
        """Free all, leased or not."""
        await asyncio.gather(*self._closing, return_exceptions=True)
        held, self._held, self._retired = [*self._held.values(), *self._retired], {}, set()
        for one in held:
            await one.backend.aclose()

    def _of(self, name: str) -> _Held:
        if name not in self._held:
            self._held[name] = _Held(backend=self._make(name), version=None)
        return self._held[name]

    def _ended(self, held: _Held) -> None:
        if held.retired and not held.users and held in self._retired:
            self._retired.discard(held)
            closing = asyncio.get_running_loop().create_task(held.backend.aclose(), name="freeing old weights")
            self._closing.add(closing)
            closing.add_done_callback(self._closed)

    def _closed(self, closing: asyncio.Task[None]) -> None:
        self._closing.discard(closing)
        if not closing.cancelled() and (error := closing.exception()) is not None:
            log.error("old weights could not be freed", exc_info=error)
