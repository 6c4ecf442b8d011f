"""Reciprocal rank fusion of two searches (Cormack, Clarke and Buettcher, SIGIR 2009): score = sum over lists of 1 / (60 + rank)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..protocols import Retriever
from ..values import Passage
from .language import is_known

RRF_K = 60
# How deep each list is read at least: a passage low in one list may still be high in the other.
_DEPTH = 100


def fuse(lists: Sequence[Sequence[Passage]], k: int) -> list[Passage]:
    """At most k passages by their fused score, ties by id. Passages are matched by id."""
    scores: dict[str, float] = {}
    passages: dict[str, Passage] = {}
    for found in lists:
        for rank, passage in enumerate(found, start=1):
            scores[passage.id] = scores.get(passage.id, 0.0) + 1.0 / (RRF_K + rank)
            passages.setdefault(passage.id, passage)
    ordered = sorted(scores, key=lambda id_: (-scores[id_], id_))
    return [replace(passages[id_], score=scores[id_]) for id_ in ordered[: max(0, k)]]


class Hybrid:
    """A `Retriever` that fuses words and meaning; by words alone where the embedding model can't read the query and words find anything."""

    def __init__(self, words: Retriever, meaning: Retriever) -> None:
        self._words, self._meaning = words, meaning

    def search(self, query: str, k: int) -> list[Passage]:
        """See `Retriever.search`."""
        depth = max(k, _DEPTH)
        by_words = self._words.search(query, depth)
        if by_words and not is_known(query):
            return fuse([by_words], k)
        return fuse([by_words, self._meaning.search(query, depth)], k)
