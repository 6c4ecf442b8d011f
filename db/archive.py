"""A set of named files with their hashes, as one tar file or as a folder: written aside, synced to disk, then renamed into place."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from app.ranking.errors import StoreError

_PIECE = 1 << 20  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of an archive: bytes, and their sha256."""

    size: int
    sha256: str


class Writer(Protocol):
    """Takes files in, one after the other."""

    def add(self, name: str, pieces: Iterable[bytes]) -> Member:
        """Write a file piece by piece."""
        ...


class Reader(Protocol):
    """Gives files by name."""

    def open(self, name: str) -> IO[bytes]:
        """A file from its beginning. Raises StoreError where there is none of this name."""
        ...


@contextmanager
def create(target: Path) -> Iterator[Writer]:
    """A new archive; a tar file where the name ends in .tar, else a folder. Nothing is left of one that was not finished.

    Raises StoreError where the target exists: a backup is never overwritten.
    """
    _refuse_existing(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        made = aside / "made"
        if target.suffix == ".tar":
            with tarfile.open(made, "w") as tar:
                yield _TarWriter(tar, aside / "member")
        else:
            made.mkdir()
            yield _FolderWriter(made)
        for path in sorted(made.rglob("*")):
            sync(path)
        sync(made)
        _refuse_existing(target)
        made.rename(target)
        sync(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def reading(source: Path) -> Iterator[Reader]:
    """An archive that was made by `create`. Raises StoreError where it is neither a tar file nor a folder."""
    if source.is_dir():
        yield _FolderReader(source)
        return
    try:
        tar = tarfile.open(source, "r:")  # noqa: SIM115  closed below; only opening it is inside this try
    except FileNotFoundError as error:
        raise StoreError(f"there is no backup {str(source)!r}: give the file or folder that was written") from error
    except tarfile.TarError as error:
        raise StoreError(f"{str(source)!r} is not a backup, or its end is missing: take another one") from error
    with tar:
        yield _TarReader(tar)


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """A file's bytes in pieces of bounded size."""
    while piece := file.read(_PIECE):
        yield piece


def hashed(chunks: Iterable[bytes], target: IO[bytes] | None = None) -> Member:
    """Size and hash of bytes, which are written on where a target is given."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        if target is not None:
            target.write(chunk)
    return Member(size=size, sha256=digest.hexdigest())


def safe(name: str) -> str:
    """The name of a member, once it is sure that it stays below a folder. Raises StoreError."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name or "\x00" in name:
        raise StoreError(f"the backup names a file {name!r} that would lie outside of its folder: it was not made by this program")
    return name


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse_existing(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise StoreError(f"{str(target)!r} exists already, and a backup never overwrites: choose another name")


class _TarWriter:
    def __init__(self, tar: tarfile.TarFile, spool: Path) -> None:
        self._tar, self._spool = tar, spool

    def add(self, name: str, pieces: Iterable[bytes]) -> Member:
        """A tar file names the size before the bytes, so they are kept aside until it is known."""
        with self._spool.open("wb") as file:
            member = hashed(pieces, file)
        info = tarfile.TarInfo(safe(name))
        info.size, info.mtime, info.mode = member.size, int(time.time()), 0o600
        with self._spool.open("rb") as file:
            self._tar.addfile(info, file)
        self._spool.unlink()
        return member


class _FolderWriter:
    def __init__(self, root: Path) -> None:
        self._root = root

    def add(self, name: str, pieces: Iterable[bytes]) -> Member:
        path = self._root / safe(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            return hashed(pieces, file)


class _TarReader:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def open(self, name: str) -> IO[bytes]:
        try:
            found = self._tar.extractfile(safe(name))
        except (KeyError, tarfile.TarError) as error:
            raise StoreError(f"the backup lacks {name!r}, or its end is missing: take another one") from error
        if found is None:
            raise StoreError(f"{name!r} in the backup is not a file: take another one")
        return found


class _FolderReader:
    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self, name: str) -> IO[bytes]:
        path = self._root / safe(name)
        if not path.is_file():
            raise StoreError(f"the backup lacks {name!r}: take another one")
        return path.open("rb")
