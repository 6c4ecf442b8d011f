"""What has to be looked up while a file is streamed, in temporary SQLite files: they may be larger than the memory, and go in the end."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.ranking.errors import InputError
from app.ranking.values import Passage
from training.synthesis.sources.files import at, opened, raw_lines, text_of

_PRAGMAS = ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "temp_store=FILE", "cache_size=-8192")


class Disk:
    """A temporary database of one reader; used as a context, at whose end it is removed."""

    def __init__(self, *tables: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="reasonrank-source-")
        self._rows = sqlite3.connect(Path(self._folder.name) / "index.db", isolation_level=None, check_same_thread=False)
        for pragma in _PRAGMAS:
            self._rows.execute(f"PRAGMA {pragma}")
        for table in tables:
            self._rows.execute(f"CREATE TABLE {table}")
        self._rows.execute("BEGIN")

    def fill(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Run a statement for each of many rows, which are taken one by one."""
        self._rows.executemany(statement, rows)

    def put(self, statement: str, row: tuple[Any, ...]) -> None:
        """Run a statement once."""
        self._rows.execute(statement, row)

    def one(self, query: str, *values: Any) -> tuple[Any, ...] | None:
        """The first row of a query."""
        found: tuple[Any, ...] | None = self._rows.execute(query, values).fetchone()
        return found

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self._rows.execute(query, values).fetchall()

    def close(self) -> None:
        """Remove it."""
        self._rows.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Ids(Disk):
    """Ids that must differ, each with its line."""

    def __init__(self) -> None:
        super().__init__("ids(id TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")

    def check(self, id_: str, path: Path, number: int) -> None:
        """Keep an id. Raises InputError naming both lines where it was there before."""
        try:
            self.put("INSERT INTO ids VALUES (?, ?)", (id_, number))
        except sqlite3.IntegrityError as error:
            (before,) = self.one("SELECT line FROM ids WHERE id = ?", id_) or ("?",)
            raise at(path, number, f"id {id_!r} was there before, on line {before}: ids must differ") from error


ReadPassage = Callable[[Path, int, str], Passage]
"""The passage of a line, from the file, the line's number and its text. Raises InputError."""


class Corpus:
    """Passages of a file with one per line, by id: only their places are kept, texts are read where they stand."""

    def __init__(self, path: Path, read: ReadPassage) -> None:
        self._path, self._read, self._line = path, read, 0
        self._disk = Disk("places(id TEXT PRIMARY KEY, line INTEGER, start INTEGER, size INTEGER) WITHOUT ROWID")
        try:
            with opened(path) as file:
                if not file.seekable() or type(file.raw).__name__ == "GzipFile":  # type: ignore[attr-defined]
                    raise InputError(f"{path.name!r} is gzipped, and passages are looked up by their place in it: unpack it first")
            self._disk.fill("INSERT INTO places VALUES (?, ?, ?, ?)", self._places())
            self._file = path.open("rb")
        except sqlite3.IntegrityError as error:
            self._disk.close()
            raise at(path, self._line, "its id was there before: ids must differ") from error
        except BaseException:
            self._disk.close()
            raise

    def _places(self) -> Iterator[tuple[str, int, int, int]]:
        for number, start, raw in raw_lines(self._path):
            self._line = number
            yield self._read(self._path, number, text_of(self._path, number, raw)).id, number, start, len(raw)

    def get(self, id_: str) -> Passage | None:
        """The passage; None where there is none."""
        place = self._disk.one("SELECT line, start, size FROM places WHERE id = ?", id_)
        if place is None:
            return None
        line, start, size = place
        self._file.seek(start)
        return self._read(self._path, line, text_of(self._path, line, self._file.read(size)))

    def close(self) -> None:
        """Close the file and remove the places."""
        self._file.close()
        self._disk.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


Mark = tuple[str, str, float]
"""Topic, passage id, and its grade or score."""


class Marks:
    """Grades or scores by topic, in the order of their files."""

    def __init__(self, paths: Iterable[Path], read: Callable[[Path], Iterator[tuple[int, Mark]]]) -> None:
        self._disk = Disk("marks(topic TEXT, file TEXT, line INTEGER, id TEXT, value REAL)")
        try:
            for path in paths:
                rows = ((topic, path.name, number, id_, value) for number, (topic, id_, value) in read(path))
                self._disk.fill("INSERT INTO marks VALUES (?, ?, ?, ?, ?)", rows)
            self._disk.put("CREATE INDEX by_topic ON marks(topic)", ())
        except BaseException:
            self._disk.close()
            raise

    def of(self, topic: str) -> dict[str, float]:
        """Values by passage id. Raises InputError naming the line of an id that comes twice with two values."""
        found: dict[str, float] = {}
        for name, line, id_, value in self._disk.rows("SELECT file, line, id, value FROM marks WHERE topic = ? ORDER BY rowid", topic):
            if found.setdefault(id_, value) != value:
                raise at(Path(name), line, f"passage {id_!r} comes twice for its query with different values: keep one")
        return found

    def close(self) -> None:
        """Remove them."""
        self._disk.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
