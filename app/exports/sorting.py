"""Lines sorted on the disk: what is put in by key comes out in the order of the keys, however many there are; memory stays flat."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

_CACHE_KB = 16_384


class Sorter:
    """Tables of (key, line) in a SQLite file that is gone at the end. Keys are text, or whole numbers as `number_key` writes them.

    A key that is there already keeps its first line. For one thread.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._made = tempfile.TemporaryDirectory(prefix=".sorting-", dir=folder, ignore_cleanup_errors=True)
        self._rows = sqlite3.connect(Path(self._made.name) / "lines.db", isolation_level=None)
        # Nothing here outlives the process, so nothing needs to survive it.
        for pragma in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KB}", "locking_mode=EXCLUSIVE"):
            self._rows.execute(f"PRAGMA {pragma}")
        self._rows.execute("CREATE TABLE lines (kind TEXT, key TEXT, line BLOB, PRIMARY KEY (kind, key)) WITHOUT ROWID")
        self._rows.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._rows.close()
        self._made.cleanup()

    def put(self, kind: str, key: str, line: bytes) -> bool:
        """Keep a line; False where the key was there, whose line then stays."""
        return self._rows.execute("INSERT OR IGNORE INTO lines VALUES (?, ?, ?)", (kind, key, line)).rowcount == 1

    def get(self, kind: str, key: str) -> bytes | None:
        """The line of a key, None where there is none."""
        found = self._rows.execute("SELECT line FROM lines WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return None if found is None else bytes(found[0])

    def sorted(self, kind: str) -> Iterator[tuple[str, bytes]]:
        """All keys of a kind with their lines, sorted by the bytes of the keys."""
        for key, line in self._rows.execute("SELECT key, line FROM lines WHERE kind = ? ORDER BY key", (kind,)):
            yield key, bytes(line)


def number_key(number: int) -> str:
    """A whole number, 0 or more, as a key that sorts like it."""
    return f"{number:012d}"
