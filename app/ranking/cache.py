"""Folders written once: named by what they hold, made aside, flushed to disk, then renamed into place.

A folder that exists under its final name is complete. `Cache` adds a manifest with sizes and hashes, so that a damaged entry is noticed
and made again; everything in it may be deleted at any moment.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import RankingError

MANIFEST = "manifest.json"
_ASIDE = ".making-"
_STALE = 86_400.0  # seconds


class Cancelled(RankingError):
    """Work was stopped on request; nothing of it was kept."""


def _ignore(_: float) -> None:
    return None


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How long work is followed and stopped: `progress` is called with 0..1, `cancelled` is asked between steps."""

    progress: Callable[[float], None] = _ignore
    cancelled: Callable[[], bool] = _never

    def tell(self, fraction: float) -> None:
        """Report how far the work is. Raises Cancelled where it should stop."""
        if self.cancelled():
            raise Cancelled("the work was stopped on request")
        self.progress(min(1.0, max(0.0, fraction)))

    def part(self, start: float, end: float) -> Watch:
        """The same watch for a piece of the work that leads from `start` to `end`."""
        return Watch(progress=lambda fraction: self.progress(start + (end - start) * fraction), cancelled=self.cancelled)


def content_hash(parts: Iterable[str | bytes]) -> str:
    """32 hexadecimal digits (128 bits of SHA-256) of a sequence of parts; parts can't run into each other."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()[:32]


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to fill, put in place as `target` if the block ends well, else removed.

    Where `target` already exists, in the end its content stays: names say what is inside, so both are the same.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target.parent)
    aside = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=target.parent))
    # mkdtemp makes folders that only their owner can read; the worker may be another user.
    aside.chmod(0o755)
    try:
        yield aside
        for path in sorted(aside.rglob("*")):
            flush(path)
        flush(aside)
        try:
            os.rename(aside, target)
        except OSError:
            # Two processes may make the same folder at once: the later one finds it there, and drops its own.
            if not target.exists():
                raise
        flush(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove what killed processes left half made. A day is longer than anything takes to make."""
    for left in root.glob(_ASIDE + "*"):
        if time.time() - left.stat().st_mtime > _STALE:
            shutil.rmtree(left, ignore_errors=True)


def flush(path: Path) -> None:
    """Force a file or a folder's entries to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Cache:
    """Made things by key under one root folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, key: str, make: Callable[[Path], None]) -> Path:
        """The folder of `key`, filled by `make(empty folder)` where it is missing or damaged."""
        target = self.root / key
        if target.exists() and not intact(target):
            shutil.rmtree(target, ignore_errors=True)
        if not target.exists():
            with new_folder(target) as aside:
                make(aside)
                write_manifest(aside)
        return target


def write_manifest(folder: Path) -> None:
    """List the files of a folder with size and hash in its manifest."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MANIFEST]
    files = {path.relative_to(folder).as_posix(): _print_of(path) for path in found}
    (folder / MANIFEST).write_text(json.dumps(files, indent=1), encoding="utf-8")


def intact(folder: Path) -> bool:
    """True where every file of the manifest is there with the same size and hash. Reads all files once."""
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return bool(files) and all(_print_of(folder / name) == expected for name, expected in files.items())
    except (OSError, ValueError, AttributeError):
        return False


def _print_of(path: Path) -> list[int | str]:
    with path.open("rb") as file:
        return [path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()]
