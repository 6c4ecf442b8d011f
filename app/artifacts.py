"""The artifact store: immutable folders of files, named by what they hold.

A folder is filled aside, flushed to the disk, then renamed to the hash of its content; only then may a row name it, so that a row whose
folder is missing can't come to be. What began with a dot is being made and belongs to nobody else. No row and no manifest holds a path:
the hash is all that is needed to find an artifact, on this machine or after a restore on another.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.ranking.cache import flush
from app.ranking.errors import InputError, StoreError

_ASIDE = ".making-"
_STALE = 86_400.0  # seconds; nothing takes that long to make
_HASH = re.compile(r"[0-9a-f]{64}")
_PIECE = 1 << 20  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What the store holds: `hash` is 64 hex digits, `size` the bytes of all its files."""

    hash: str
    kind: str
    size: int


class ArtifactStore:
    """Artifacts under one root folder. Safe to use from several threads and processes; nothing is opened or made before the first put."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, make: Callable[[Path], None], kind: str) -> Artifact:
        """Keep what `make` writes into the empty folder that it is given; several puts of the same content end as one artifact.

        Raises InputError where it wrote nothing, or anything that is neither a file nor a folder; StoreError where the disk refuses.
        """
        try:
            with self.aside() as aside:
                make(aside)
                digest, size = content(aside)
                _harden(aside)
                self._place(aside, digest)
        except OSError as error:
            raise StoreError(f"the artifact can't be written: {error.strerror or error}. Free some space or mend the folder") from error
        return Artifact(hash=digest, kind=kind, size=size)

    def path(self, digest: str) -> Path:
        """The folder of an artifact. Raises StoreError where it isn't there, InputError for what is no hash."""
        if not _HASH.fullmatch(digest):
            raise InputError(f"{digest[:80]!r} names no artifact: it must be 64 hexadecimal digits")
        found = self.root / digest
        if not found.is_dir():
            raise StoreError(f"artifact {digest[:12]} is not in the artifact store: restore its folder from a backup")
        return found

    def verify(self, digest: str) -> None:
        """Read an artifact once. Raises StoreError where it is missing or no longer what its name says."""
        if content(self.path(digest))[0] != digest:
            raise StoreError(f"artifact {digest[:12]} is damaged: restore its folder from a backup, or make it again")

    def _place(self, aside: Path, digest: str) -> None:
        """Give it its name. Whoever was first wins, unless what lies there is damaged."""
        target = self.root / digest
        if target.exists() and not _whole(target, digest):
            gone = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=self.root))
            os.rename(target, gone / digest)
            shutil.rmtree(gone, ignore_errors=True)
        try:
            os.rename(aside, target)
        except OSError:
            if not target.exists():  # another process put the same content meanwhile: it stays
                raise
        flush(self.root)

    @contextmanager
    def aside(self) -> Iterator[Path]:
        """An empty folder on the store's disk to work in; it is gone at the end, and a day after a process that was killed."""
        self.root.mkdir(parents=True, exist_ok=True)
        for left in self.root.glob(_ASIDE + "*"):
            if _age(left) > _STALE:
                shutil.rmtree(left, ignore_errors=True)
        aside = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=self.root))
        # mkdtemp makes folders that only their owner can read; the server may be another user than the worker.
        aside.chmod(0o755)
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def content(folder: Path) -> tuple[str, int]:
    """(sha256 hex, bytes) of a folder: over each file's relative name, size and bytes, in the order of the names.

    Raises InputError for an empty folder and for links and other things that are not plain files.
    """
    digest, total = hashlib.sha256(), 0
    for name, path in _files(folder):
        size = path.stat().st_size
        for part in (len(name).to_bytes(8, "big"), name, size.to_bytes(8, "big")):
            digest.update(part)
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
        total += size
    return digest.hexdigest(), total


def _files(folder: Path) -> list[tuple[bytes, Path]]:
    """(name, path) of each file, sorted by name."""
    found: list[tuple[bytes, Path]] = []
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise InputError(f"{path.name!r} is a link or a device: an artifact holds plain files alone")
        if path.is_file():
            found.append((path.relative_to(folder).as_posix().encode(), path))
    if not found:
        raise InputError("an artifact without any file can't be kept: write something into its folder first")
    return sorted(found)


def _harden(folder: Path) -> None:
    """Files nobody writes to any more, all of it on the disk."""
    for path in sorted(folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o444)
        flush(path)
    flush(folder)


def _age(folder: Path) -> float:
    """Seconds since it was last written to; 0 for one that its maker took away meanwhile."""
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _whole(folder: Path, digest: str) -> bool:
    try:
        return content(folder)[0] == digest
    except (InputError, OSError):
        return False
