"""Folders as one stream: parts are spooled to disk, because a tar says the size of a file before its bytes."""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_IN_MEMORY = 1 << 20
_CHUNK = 1 << 20


class Spool:
    """Bytes of a part that is being written: in memory while small, else in an unnamed file that is gone with it."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  closed by __exit__
        self._hash = hashlib.sha256()
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def write(self, data: bytes) -> None:
        """Add bytes."""
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    def line(self, text: str) -> None:
        """Add a line."""
        self.write(text.encode() + b"\n")

    @property
    def sha256(self) -> str:
        """Hash of all that was written."""
        return self._hash.hexdigest()

    def chunks(self) -> Iterator[bytes]:
        """All of it, from the beginning."""
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK):
            yield chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file of a folder."""

    name: str
    spool: Spool


def tar(parts: Iterable[Part]) -> Iterator[bytes]:
    """A POSIX tar without times, owners or anything else that could differ between two makings."""
    for part in parts:
        head = tarfile.TarInfo(part.name)
        head.size, head.mode = part.spool.size, 0o644
        yield head.tobuf(tarfile.PAX_FORMAT)
        yield from part.spool.chunks()
        yield b"\0" * (-part.spool.size % tarfile.BLOCKSIZE)
    yield b"\0" * (2 * tarfile.BLOCKSIZE)
