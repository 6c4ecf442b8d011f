"""Search by words: BM25 in Lucene's form over the stems of title and text (Kamphuis et al. 2020, "Which BM25 do you mean?").

    idf(t) = ln(1 + (N - n + 0.5) / (n + 0.5)),  score = sum idf(t) * tf / (tf + k1 * (1 - b + b * length / mean length))

`k1` 0.9 and `b` 0.4 are Anserini's defaults for passages.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cache import Cache, Watch, content_hash
from ..values import Passage
from .collection import Collection
from .text import TEXT_VERSION, full_text, stems
from .top import best

K1 = 0.9
B = 0.4
_VERSION = "bm25-1"
_STATISTICS = "statistics.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What BM25 knows of a collection: number of passages, mean length in terms, and in how many passages each stem occurs."""

    passages: int
    mean_length: float
    frequency: Mapping[str, int]

    @classmethod
    def of(cls, stemmed: Sequence[Sequence[str]]) -> Statistics:
        """Statistics of a list of passages given as stems."""
        frequency = Counter(stem for stems_ in stemmed for stem in set(stems_))
        total = sum(len(stems_) for stems_ in stemmed)
        return cls(passages=len(stemmed), mean_length=total / max(1, len(stemmed)), frequency=frequency)

    def of_stems(self, stems_: Sequence[str]) -> Statistics:
        """The same, of these stems only: looking them up in an index costs more than in a dictionary."""
        found = {stem: self.frequency.get(stem, 0) for stem in stems_}
        return Statistics(passages=self.passages, mean_length=self.mean_length, frequency=found)

    def idf(self, stem: str) -> float:
        """Rarity of a stem, above 0; highest for one that occurs nowhere."""
        found = self.frequency.get(stem, 0)
        return math.log(1.0 + (max(self.passages, found) - found + 0.5) / (found + 0.5))


def score(query: Sequence[str], passage: Sequence[str], statistics: Statistics) -> float:
    """BM25 of one passage, both given as stems; a stem that stands twice in the query counts twice."""
    counts = Counter(passage)
    length = len(passage) / statistics.mean_length if statistics.mean_length else 0.0
    damp = K1 * (1.0 - B + B * length)
    return sum(statistics.idf(stem) * counts[stem] / (counts[stem] + damp) for stem in query if stem in counts)


class Bm25:
    """A `Retriever` over the word index of a collection. Passages without any word of the query are not returned."""

    def __init__(self, collection: Collection, folder: Path) -> None:
        import bm25s

        self._collection = collection
        self._index: Any = bm25s.BM25.load(str(folder), mmap=True, show_progress=False)
        self._mean_length = float(json.loads((folder / _STATISTICS).read_text(encoding="utf-8"))["mean_length"])

    @property
    def statistics(self) -> Statistics:
        """Statistics of the collection, read from the index as they are asked for."""
        return Statistics(passages=len(self._collection), mean_length=self._mean_length, frequency=_Frequency(self._index))

    def scores(self, query: str) -> Any:
        """BM25 of every passage of the collection, float32 in its order."""
        import numpy as np

        known = [stem for stem in stems(query) if stem in self._index.vocab_dict]
        if not known:
            return np.zeros(len(self._collection), dtype=np.float32)
        return self._index.get_scores(known)

    def search(self, query: str, k: int) -> list[Passage]:
        """See `Retriever.search`."""
        return best(self._collection.passages, self.scores(query), k, above=0.0)


def open_bm25(collection: Collection, cache: Cache, watch: Watch | None = None) -> Bm25:
    """The word index of a collection, made where the cache has none."""
    import bm25s

    watch = watch or Watch()
    key = "bm25-" + content_hash((collection.id, _VERSION, TEXT_VERSION, bm25s.__version__, str(K1), str(B)))
    return Bm25(collection, cache.folder(key, lambda folder: _build(collection, folder, watch)))


def _build(collection: Collection, folder: Path, watch: Watch) -> None:
    import bm25s

    vocabulary: dict[str, int] = {}
    stemmed: list[list[int]] = []
    for number, passage in enumerate(collection.passages):
        if number % 200 == 0:
            watch.tell(0.9 * number / len(collection))
        stemmed.append([vocabulary.setdefault(stem, len(vocabulary)) for stem in stems(full_text(passage))])
    if not vocabulary:
        # bm25s can't index nothing at all (passages of stop words only); no query has this stem.
        stemmed[0] = [vocabulary.setdefault("\0", 0)]
    index = bm25s.BM25(k1=K1, b=B, method="lucene")
    index.index((stemmed, vocabulary), create_empty_token=False, show_progress=False)
    index.save(str(folder), show_progress=False)
    mean = sum(map(len, stemmed)) / max(1, len(stemmed))
    (folder / _STATISTICS).write_text(json.dumps({"mean_length": mean}), encoding="utf-8")
    watch.tell(1.0)


class _Frequency(Mapping[str, int]):
    """In how many passages a stem occurs: the length of its column in the index."""

    def __init__(self, index: Any) -> None:
        self._vocabulary: Mapping[str, int] = index.vocab_dict
        self._columns = index.scores["indptr"]

    def __getitem__(self, stem: str) -> int:
        column = self._vocabulary[stem]
        return int(self._columns[column + 1]) - int(self._columns[column])

    def __iter__(self) -> Iterator[str]:
        return iter(self._vocabulary)

    def __len__(self) -> int:
        return len(self._vocabulary)
