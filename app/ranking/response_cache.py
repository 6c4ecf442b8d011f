"""Stored answers by exact match: no call whose answer had arrived is ever made again, after any kill.

One SQLite file. A call is entered before it is made and its answer committed before it is used; what is entered without an answer when
the file is opened was in flight when a process died, and only that can be asked twice: `Counts.repeated` says how often it was.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import threading
import uuid
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from .errors import SettingsError
from .prompts import prompt_text
from .protocols import Backend
from .thinking import Around, pieces
from .values import Completion, Delta, Forcing, Prompt, Sampling

_TABLE = """
CREATE TABLE IF NOT EXISTS calls (
    key TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    asked INTEGER NOT NULL DEFAULT 1,
    completion TEXT
)"""


@dataclass(slots=True)
class Counts:
    """What became of the calls of this process: answered from the file, asked anew, and asked again after a kill.

    `repeated_before` is how often earlier processes on this file had to ask again.
    """

    hits: int = 0
    misses: int = 0
    repeated: int = 0
    repeated_before: int = 0

    @property
    def repeated_ever(self) -> int:
        """Calls made twice because a process died with them in flight, over all processes."""
        return self.repeated_before + self.repeated


class ResponseCache:
    """The file. Opened once and shared by any number of backends; safe from any thread.

    Raises SettingsError for a path that can't be a cache file.
    """

    def __init__(self, path: Path | str) -> None:
        self.counts = Counts()
        self._session = uuid.uuid4().hex
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        # One thread owns the connection: commits wait for the disk, and the event loop must not.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="responses")
        self._closed = threading.Event()
        try:
            self._connection = self._thread.submit(_open, Path(path)).result()
        except (sqlite3.Error, OSError) as error:
            self._thread.shutdown()
            raise SettingsError(
                f"{str(path)!r} can't be a cache of answers ({error}): name a file in a folder that can be written"
            ) from error
        self.counts.repeated_before = int(self._thread.submit(lambda: self._connection.execute(_REPEATED).fetchone()[0]).result())

    @property
    def stored(self) -> int:
        """Answers in the file."""
        return int(self._thread.submit(lambda: self._connection.execute(_COUNT).fetchone()[0]).result())

    def lock(self, key: str) -> asyncio.Lock:
        """Held while a call is made, so that the same call made twice at once is asked once. Use on one event loop at a time."""
        found = self._locks.get(key)
        if found is None:
            found = self._locks[key] = asyncio.Lock()
        return found

    async def find(self, key: str) -> Completion | None:
        """The stored answer, or None; then the call is entered as being made."""
        return await asyncio.wrap_future(self._thread.submit(self._find, key))

    async def keep(self, key: str, completion: Completion) -> None:
        """Commit an answer; on disk when this returns."""
        text = json.dumps(asdict(completion), ensure_ascii=True)
        await asyncio.wrap_future(self._thread.submit(self._write, "UPDATE calls SET completion = ? WHERE key = ?", (text, key)))

    async def forget(self, key: str) -> None:
        """A call ended without an answer, by failure or on request: nothing is in flight any more."""
        await asyncio.wrap_future(self._thread.submit(self._write, "DELETE FROM calls WHERE key = ? AND completion IS NULL", (key,)))

    def close(self) -> None:
        """Close the file. Harmless when repeated."""
        if not self._closed.is_set():
            self._closed.set()
            self._thread.submit(self._connection.close).result()
            self._thread.shutdown()

    def _find(self, key: str) -> Completion | None:
        row = self._connection.execute("SELECT session, completion FROM calls WHERE key = ?", (key,)).fetchone()
        if row is not None and row[1] is not None:
            self.counts.hits += 1
            return _completion(row[1])
        self.counts.misses += 1
        self.counts.repeated += row is not None and row[0] != self._session
        again = "ON CONFLICT (key) DO UPDATE SET session = excluded.session, asked = asked + 1"
        self._write(f"INSERT INTO calls (key, session) VALUES (?, ?) {again}", (key, self._session))
        return None

    def _write(self, statement: str, values: tuple[str, ...]) -> None:
        with self._connection:
            self._connection.execute(statement, values)


class CachedBackend(Around):
    """A backend whose answers are stored; itself a `protocols.Backend`. Failures are never stored.

    `variant` names whatever else shapes an answer, such as thinking controls.
    """

    def __init__(self, inner: Backend, cache: ResponseCache, *, variant: str = "") -> None:
        super().__init__(inner)
        self._cache, self._variant = cache, variant

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
        """See `protocols.Backend`; a stored answer comes as one delta per channel, its completion marked `cached`."""
        key = self._key(prompt, sampling)
        async with self._cache.lock(key):
            found = await self._cache.find(key)
            if found is not None:
                for delta in (Delta(channel="reasoning", text=found.reasoning), Delta(channel="answer", text=found.answer)):
                    if delta.text:
                        yield delta
                yield found
                return
            arrived = False
            try:
                async with aclosing(pieces(self._inner, prompt, sampling)) as stream:
                    async for piece in stream:
                        if isinstance(piece, Completion):
                            await self._cache.keep(key, piece)
                            arrived = True
                        yield piece
            finally:
                if not arrived:
                    await asyncio.shield(self._cache.forget(key))

    def _key(self, prompt: Prompt, sampling: Sampling) -> str:
        """Changes with anything that can change the answer."""
        parts = [self._inner.name, self._inner.revision, prompt_text(prompt), asdict(sampling), self._variant]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=True, sort_keys=True).encode()).hexdigest()


_REPEATED = "SELECT coalesce(sum(asked - 1), 0) FROM calls"
_COUNT = "SELECT count(*) FROM calls WHERE completion IS NOT NULL"


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=30.0)
    try:
        with closing(connection.execute("PRAGMA journal_mode = WAL")) as mode:
            mode.fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        with connection:
            connection.execute(_TABLE)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _completion(text: str) -> Completion:
    """A stored answer as it was, marked as such."""
    fields: dict[str, Any] = json.loads(text)
    forced = fields.pop("forced")
    if forced is not None:
        guess = forced.pop("guess")
        fields["forced"] = Forcing(guess=None if guess is None else tuple(guess), **forced)
    return Completion(**{**fields, "logprobs": tuple(fields["logprobs"]), "cached": True})
