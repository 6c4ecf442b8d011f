"""A folder of web pages, one file per address, which is filled where fetching is allowed and read otherwise.

A page's file is named by the first 32 hex digits of the sha256 of its address, with .html or .txt; an optional index.jsonl of {url, file}
names others. Beside them .none says why an address will never be there, so that a run that is started again finds what it found before.
"""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from app.ranking.errors import InputError
from training.synthesis.fetch import Fetched, Fetcher, Refused
from training.synthesis.sources import pages
from training.synthesis.sources.disk import Disk
from training.synthesis.sources.files import at, json_rows, needed
from training.synthesis.sources.pages import Block

INDEX = "index.jsonl"
ENDINGS = (".html", ".htm", ".txt")
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page's own content."""

    url: str
    title: str
    blocks: list[Block]


def name_of(url: str) -> str:
    """Name of a page's file, without its ending."""
    return hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()[:32]


class Crawl:
    """Pages of a folder; with a fetcher, those it lacks are fetched and kept. Files larger than `most` bytes are read up to there."""

    def __init__(self, folder: Path, fetcher: Fetcher | None = None, *, most: int = 2_000_000) -> None:
        self._folder, self._fetcher, self._most = folder, fetcher, most
        self._disk = Disk("files(url TEXT PRIMARY KEY, file TEXT) WITHOUT ROWID")
        try:
            if (index := folder / INDEX).is_file():
                rows = ((needed(row, "url", index, number), self._named(row, index, number)) for number, row in json_rows(index))
                self._disk.fill("INSERT OR REPLACE INTO files VALUES (?, ?)", rows)
        except BaseException:
            self._disk.close()
            raise

    def page(self, url: str) -> Page | str:
        """A page, or why there is none: in few words, without the address."""
        path = self._path(url)
        if path is None and self._fetcher is not None:
            none = self._folder / f"{name_of(url)}.none"
            if none.is_file():
                return none.read_text(encoding="utf-8")
            try:
                path = self._keep(url, self._fetcher.get(url))
            except Refused as error:
                if error.final:
                    self._write(none, error.reason)
                return error.reason
        if path is None:
            return "a linked page is not in the crawl folder"
        return self._read(url, path)

    def _path(self, url: str) -> Path | None:
        listed = self._disk.one("SELECT file FROM files WHERE url = ?", url)
        names = [listed[0]] if listed else [name_of(url) + ending for ending in ENDINGS]
        return next((path for name in names if (path := self._folder / name).is_file()), None)

    def _read(self, url: str, path: Path) -> Page:
        try:
            with path.open("rb") as file:
                data = file.read(self._most)
        except OSError as error:
            raise InputError(f"{path.name!r} of the crawl folder can't be read: {error.strerror}") from error
        if path.suffix == ".txt":
            return Page(url=url, title="", blocks=pages.paragraphs(pages.decoded(data).replace("\r\n", "\n").replace("\0", "")))
        title, blocks = pages.page(data)
        return Page(url=url, title=title, blocks=blocks)

    def _keep(self, url: str, found: Fetched) -> Path:
        """Write a page as UTF-8 with a byte order mark, which goes before what the page says of itself."""
        path = self._folder / (name_of(url) + (".txt" if found.kind == "text/plain" else ".html"))
        self._write(path, _BOM + pages.decoded(found.data, found.charset))
        return path

    def _write(self, path: Path, text: str) -> None:
        """Whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.half")  # of its own: others may fetch the same page now
        half.write_bytes(text.encode("utf-8", "replace"))
        os.replace(half, path)

    def _named(self, row: dict[str, object], index: Path, number: int) -> str:
        name = needed(row, "file", index, number)
        if not (self._folder / name).resolve().is_relative_to(self._folder.resolve()):
            raise at(index, number, f"file {name!r} lies outside of the crawl folder: put it inside")
        return name

    def close(self) -> None:
        """Remove the index."""
        self._disk.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
