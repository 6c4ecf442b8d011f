"""A collection made searchable: its word index, its vectors, and the retrievers and evidence that stand on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..cache import Cache, Watch
from ..errors import SettingsError
from ..protocols import Retriever
from ..signals import EvidenceSignals
from ..values import Passage
from .bm25 import Bm25, open_bm25
from .collection import Collection
from .dense import Dense, VectorStore, open_vectors
from .embedder import Embedder, Remembering
from .hybrid import Hybrid


@dataclass(frozen=True, kw_only=True)
class SearchIndex:
    """Ready to search, from any thread. `vectors` and `embedder` are None where no embedding model is installed."""

    collection: Collection
    words: Bm25
    vectors: VectorStore | None
    embedder: Embedder | None

    @classmethod
    def open(
        cls, collection: Collection, cache: Cache, embedder: Embedder | None, *, committed: Path | None = None, watch: Watch | None = None
    ) -> SearchIndex:
        """Open the indexes of a collection, making what is missing or damaged.

        `committed` is a folder of ready vectors, used where it fits the collection. Raises Cancelled where `watch` says so.
        """
        watch = watch or Watch()
        words = open_bm25(collection, cache, watch.part(0.0, 0.1))
        vectors = None
        if embedder is not None:
            vectors = open_vectors(collection, cache, embedder, committed=committed, watch=watch.part(0.1, 1.0))
        watch.tell(1.0)
        return cls(collection=collection, words=words, vectors=vectors, embedder=None if embedder is None else Remembering(embedder))

    def retriever(self, name: str = "hybrid") -> Retriever:
        """A search by its name in RETRIEVERS. Raises SettingsError for another name."""
        if name not in RETRIEVERS:
            raise SettingsError(f"retriever {name!r} is unknown: use {', '.join(RETRIEVERS)}")
        return RETRIEVERS[name](self)

    def search(self, query: str, k: int) -> list[Passage]:
        """The default search: words and meaning fused."""
        return self.retriever().search(query, k)

    @cached_property
    def signals(self) -> EvidenceSignals:
        """Evidence for any list, with this collection's word statistics and ready vectors."""
        return EvidenceSignals(self.embedder, self.words.statistics, self.vectors)

    def notes(self, query: str) -> tuple[str, ...]:
        """What a reader of the results for this query should know."""
        return self.signals.notes(query)


def _words(index: SearchIndex) -> Retriever:
    return index.words


def _meaning(index: SearchIndex) -> Retriever:
    if index.vectors is None or index.embedder is None:
        raise SettingsError("retriever 'dense' needs the embedding model: install requirements.txt, or use 'bm25'")
    return Dense(index.collection, index.vectors, index.embedder)


def _hybrid(index: SearchIndex) -> Retriever:
    return index.words if index.vectors is None else Hybrid(index.words, _meaning(index))


RETRIEVERS: dict[str, Callable[[SearchIndex], Retriever]] = {"bm25": _words, "dense": _meaning, "hybrid": _hybrid}
