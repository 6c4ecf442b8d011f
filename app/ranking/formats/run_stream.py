"""Runs of any size, topic by topic: one topic in memory, whatever the file holds.

A file whose topics stand in groups, as nearly all do, is read as it is. A first look, at the topics alone, tells where one comes back
after others; then the lines are sorted on disk by an external merge sort (Knuth, The Art of Computer Programming 3, 5.4): sorted pieces
of a bounded number of lines, merged some dozens at a time.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from ..errors import InputError
from .decode import bad_line
from .topics import naming, opened
from .trec import put, run_line

_BOM, _UTF16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")

Line = tuple[str, int, str, float]
"""Topic, number of the line in the file, passage id, score: sorted as it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorting:
    """Bounds of a sort on disk: lines of a piece in memory (about 300 bytes each), and pieces that are merged at once."""

    lines: int = 200_000
    together: int = 64


def run_topics(path: Path, sorting: Sorting | None = None) -> Generator[tuple[str, dict[str, float]]]:
    """(topic, scores by passage id) of a run file, gzipped or not, each topic once: as the file has them, or sorted where it mixes them.

    Raises InputError naming the file, and the line that is malformed or repeats a passage of its topic.
    """
    grouped = is_grouped(path)
    with naming(path):
        lines = _parsed(path)
        yield from _by_topic(lines) if grouped else _sorted(lines, sorting or Sorting())


def is_grouped(path: Path) -> bool:
    """Whether all lines of each topic stand together. Looks at the first word of the lines only, and no further than it must."""
    done, topic = set[bytes](), b"\n"  # of no line but an empty one
    with naming(path), _open(path) as file:
        for line in file:
            if line.startswith(topic):
                continue
            found = line.replace(b"\t", b" ").lstrip(b" ").partition(b" ")[0] + b" "
            if found == topic or not line.strip():
                continue
            if found in done:
                return False
            done.add(found)
            topic = found
    return True


def _open(path: Path) -> IO[bytes]:
    """The file behind a byte order mark."""
    file = opened(path)
    start = file.read(len(_BOM))
    if start.startswith(_UTF16):
        file.close()
        raise InputError("the file is encoded as UTF-16: save it as UTF-8 and try again")
    if start != _BOM:
        file.seek(0)
    return file


def _parsed(path: Path) -> Iterator[Line]:
    with _open(path) as file:
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode().rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise bad_line(number, f"byte 0x{raw[error.start]:02x} is not UTF-8: save the file as UTF-8 and try again") from error
            if not line or line.isspace():
                continue
            if "\0" in line:
                raise bad_line(number, "holds a zero byte: this is not a text file")
            topic, id_, score = run_line(line, number)
            yield topic, number, id_, score


def _by_topic(lines: Iterable[Line]) -> Iterator[tuple[str, dict[str, float]]]:
    topic, scores = "", dict[str, float]()
    for name, number, id_, score in lines:
        if name != topic:
            if scores:
                yield topic, scores
            topic, scores = name, {}
        put(scores, id_, score, number)
    if scores:
        yield topic, scores


def _sorted(lines: Iterator[Line], sorting: Sorting) -> Iterator[tuple[str, dict[str, float]]]:
    with tempfile.TemporaryDirectory(prefix="reasonrank-run-") as folder:
        pieces = list[Path]()
        while piece := sorted(islice(lines, sorting.lines)):
            pieces.append(_write(piece, Path(folder) / f"{len(pieces)}"))
        made = len(pieces)
        while len(pieces) > sorting.together:
            few, pieces = pieces[: sorting.together], pieces[sorting.together :]
            pieces.append(_write(heapq.merge(*map(_read, few)), Path(folder) / f"{made}"))
            made += 1
            for one in few:
                one.unlink()
        yield from _by_topic(heapq.merge(*map(_read, pieces)))


def _write(lines: Iterable[Line], target: Path) -> Path:
    """One line each; the passage id stands last, because it may hold anything but a line end."""
    with target.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{topic}\t{number}\t{score!r}\t{id_}\n" for topic, number, id_, score in lines)
    return target


def _read(piece: Path) -> Iterator[Line]:
    with piece.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            topic, number, score, id_ = line[:-1].split("\t", 3)
            yield topic, int(number), id_, float(score)
