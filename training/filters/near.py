"""Which of many queries is closest to a query: Jaccard similarity of their runs of three words.

MinHash signatures (Broder 1997, by datasketch) in bands find those worth comparing, and the similarity itself is exact, from hashes of the
runs. Bands and hashes lie in a temporary file and not in memory, because a set may have a million queries: about 500 bytes a query of 16
words. With 20 bands of 4, a query of similarity s is found with a probability of 1 - (1 - s^4)^20: 0.73 at 0.5, 0.94 at 0.6, 0.996 at 0.7,
0.99997 at 0.8. Below 0.5 the similarity told may therefore be too low.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from app.ranking.holdout import normalised
from training.synthesis.sources.disk import Disk

RUN = 3
_BANDS, _ROWS = 20, 4
_SHARING = (
    f"SELECT number, runs FROM hashes WHERE number IN (SELECT number FROM bands WHERE band IN ({', '.join('?' * _BANDS)})) ORDER BY number"
)
# Scripts without blanks: every character is a word.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")


def runs(query: str) -> Iterator[str]:
    """Runs of three words of the normalised query; a query of fewer words is one run, so that it is like its equals alone."""
    words = _WORD.findall(normalised(query))
    if words:
        for start in range(max(1, len(words) - RUN + 1)):
            yield " ".join(words[start : start + RUN])


class Near:
    """Queries by number, and the closest of them. Deterministic: hashes have fixed seeds; of equally close ones the smaller number."""

    def __init__(self) -> None:
        self._disk = Disk(
            "bands(band INTEGER, number INTEGER, PRIMARY KEY (band, number)) WITHOUT ROWID",
            "hashes(number INTEGER PRIMARY KEY, runs BLOB)",
        )
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, number: int, query: str) -> None:
        """Keep a query under a number that is new; one without words is not kept."""
        if hashes := _hashed(query):
            self._disk.put("INSERT INTO hashes VALUES (?, ?)", (number, array("Q", sorted(hashes)).tobytes()))
            self._disk.fill("INSERT OR IGNORE INTO bands VALUES (?, ?)", ((band, number) for band in _bands(hashes)))
            self._size += 1

    def closest(self, query: str) -> tuple[float, int | None]:
        """Similarity 0 to 1 and number of the closest query; (0, None) where none is near."""
        best, found = 0.0, None
        if self._size and (hashes := _hashed(query)):
            for number, kept in self._disk.rows(_SHARING, *_bands(hashes)):
                other = array("Q", kept)
                shared = len(hashes.intersection(other))
                similarity = shared / (len(hashes) + len(other) - shared)
                if similarity > best:
                    best, found = similarity, number
        return best, found

    def close(self) -> None:
        """Remove the file."""
        self._disk.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _hashed(query: str) -> set[int]:
    return {int.from_bytes(hashlib.blake2b(run.encode(), digest_size=8).digest(), "big") for run in runs(query)}


def _bands(hashes: set[int]) -> list[int]:
    """One number per band of the signature, in the range of SQLite's integers."""
    from datasketch import MinHash  # type: ignore[import-untyped]

    made = MinHash(num_perm=_BANDS * _ROWS, seed=1)
    made.update_batch([value.to_bytes(8, "big") for value in sorted(hashes)])
    values = made.hashvalues.reshape(_BANDS, _ROWS)
    named = (hashlib.blake2b(bytes([at]) + values[at].tobytes(), digest_size=8).digest() for at in range(_BANDS))
    return [int.from_bytes(one, "big", signed=True) for one in named]
