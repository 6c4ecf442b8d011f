"""Source items on disk, in shards that can be read in any order."""

from __future__ import annotations

import json
import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.ranking.cache import Watch

from ..values import SourceItem, source_json


class Spool:
    """A file of lines, one source item with its number each. `offsets` has one byte offset per shard and the file's end.

    `error` is what ended the source early; what came before is in the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offsets: array[int] = array("q")
        self.error: Exception | None = None

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return max(0, len(self.offsets) - 1)

    @classmethod
    @contextmanager
    def filled(cls, items: Iterable[tuple[int, SourceItem]], size: int, watch: Watch) -> Iterator[Spool]:
        """All items in shards of `size`; the file is gone afterwards. Raises Cancelled."""
        handle, name = tempfile.mkstemp(prefix="reasonrank-source-", suffix=".jsonl")
        spool = cls(Path(name))
        try:
            with os.fdopen(handle, "wb") as file:
                count = 0
                try:
                    for number, found in items:
                        if count % size == 0:
                            spool.offsets.append(file.tell())
                            watch.tell(0.0)
                        file.write(json.dumps([number, source_json(found)], ensure_ascii=True).encode() + b"\n")
                        count += 1
                except Exception as error:
                    if watch.cancelled():
                        raise
                    spool.error = error
                spool.offsets.append(file.tell())
            yield spool
        finally:
            with suppress(OSError):
                spool.path.unlink()


def read_shard(path: Path, start: int, end: int) -> list[str]:
    """The lines of a shard."""
    with path.open("rb") as file:
        file.seek(start)
        return file.read(end - start).decode().splitlines()
