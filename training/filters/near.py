"""Which of many queries is closest to a query: Jaccard similarity of their runs of three words.

MinHash signatures (Broder 1997) in bands (datasketch's LSH) find those worth comparing, and the similarity itself is exact, from hashes of
the runs. Kept per query: a signature's bands and 8 bytes per word. With 20 bands of 4, a query of similarity s is found with a probability
of 1 - (1 - s^4)^20: 0.73 at 0.5, 0.94 at 0.6, 0.996 at 0.7, 0.99997 at 0.8. Below 0.5 the similarity told may therefore be too low.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Iterator

from app.ranking.holdout import normalised

RUN = 3
_BANDS, _ROWS = 20, 4
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
        from datasketch import MinHashLSH  # type: ignore[import-untyped]

        self._bands = MinHashLSH(num_perm=_BANDS * _ROWS, params=(_BANDS, _ROWS))
        self._hashes: dict[int, array[int]] = {}

    def __len__(self) -> int:
        return len(self._hashes)

    def add(self, number: int, query: str) -> None:
        """Keep a query under a number that is new; one without words is not kept."""
        if hashes := _hashed(query):
            self._bands.insert(number, _signature(hashes))
            self._hashes[number] = array("Q", sorted(hashes))

    def closest(self, query: str) -> tuple[float, int | None]:
        """Similarity 0 to 1 and number of the closest query; (0, None) where none is near."""
        best, found = 0.0, None
        if (hashes := _hashed(query)) and self._hashes:
            for number in sorted(self._bands.query(_signature(hashes))):
                other = self._hashes[number]
                shared = len(hashes.intersection(other))
                similarity = shared / (len(hashes) + len(other) - shared)
                if similarity > best:
                    best, found = similarity, number
        return best, found


def _hashed(query: str) -> set[int]:
    return {int.from_bytes(hashlib.blake2b(run.encode(), digest_size=8).digest(), "big") for run in runs(query)}


def _signature(hashes: set[int]) -> object:
    from datasketch import MinHash

    made = MinHash(num_perm=_BANDS * _ROWS, seed=1)
    made.update_batch([value.to_bytes(8, "big") for value in sorted(hashes)])
    return made
