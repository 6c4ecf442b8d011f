"""Search by meaning: cosine of embeddings, exact, over float16 vectors that are mapped from disk.

A store also keeps the vectors of every sentence where the collection is small enough to afford them, so that evidence cards cost no model
call but the query's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..cache import Cache, Watch, content_hash, intact
from ..values import Passage
from .collection import Collection
from .embedder import Embedder
from .text import TEXT_VERSION, full_text, sentences
from .top import best

if TYPE_CHECKING:
    import numpy as np

    Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]

_VERSION = "vectors-1"
_KEY = "key.txt"
_PASSAGES, _DIGESTS, _SENTENCES, _STARTS = "passages.npy", "digests.npy", "sentences.npy", "starts.npy"
# Above this many passages sentence vectors are made when a passage is shown, not when it is indexed: they take five times as long.
SENTENCES_UP_TO = 2000
_STEP = 64  # texts between two looks at whether to stop
_CHUNK = 8192  # rows turned to float32 at once


def digest(passage: Passage) -> int:
    """64 bits that tell a passage's title and text from others, whatever its id."""
    return int(content_hash((passage.title, passage.text))[:16], 16)


def embed_half(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """Vectors rounded to float16 as stored ones are, so that a passage scores the same from disk and fresh from the model."""
    import numpy as np

    return embedder.embed(texts).astype(np.float16).astype(np.float32)


def sentence_texts(passage: Passage) -> list[str]:
    """The sentences of a passage's text."""
    return [passage.text[start:end] for start, end in sentences(passage.text)]


class VectorStore:
    """Vectors of a collection's passages, and of their sentences where they were kept."""

    def __init__(self, folder: Path) -> None:
        import numpy as np

        self.passages: Any = np.load(folder / _PASSAGES, mmap_mode="r")
        self._digests: Any = np.load(folder / _DIGESTS)
        has_sentences = (folder / _SENTENCES).exists()
        self._sentences: Any = np.load(folder / _SENTENCES, mmap_mode="r") if has_sentences else None
        self._starts: Any = np.load(folder / _STARTS) if has_sentences else None

    @cached_property
    def _rows(self) -> dict[int, int]:
        return {int(value): row for row, value in enumerate(self._digests)}

    def passage(self, passage: Passage) -> Any | None:
        """float32 vector of a passage, found by its text; None where the store has none."""
        row = self._rows.get(digest(passage))
        return None if row is None else self.passages[row].astype("float32")

    def sentences(self, passage: Passage) -> Any | None:
        """float32 [sentences, size] of a passage's text; None where the store has none."""
        row = self._rows.get(digest(passage))
        if row is None or self._sentences is None:
            return None
        return self._sentences[self._starts[row] : self._starts[row + 1]].astype("float32")


class Dense:
    """A `Retriever` by cosine over all passages of a collection."""

    def __init__(self, collection: Collection, store: VectorStore, embedder: Embedder) -> None:
        self._collection, self._store, self._embedder = collection, store, embedder

    def scores(self, query: str) -> Any:
        """Cosine of every passage with the query, float32 in the collection's order."""
        import numpy as np

        vector = embed_half(self._embedder, [query])[0]
        rows = self._store.passages
        parts = [rows[start : start + _CHUNK].astype(np.float32) @ vector for start in range(0, len(rows), _CHUNK)]
        return np.concatenate(parts)

    def search(self, query: str, k: int) -> list[Passage]:
        """See `Retriever.search`."""
        return best(self._collection.passages, self.scores(query), k)


def vectors_key(collection: Collection, embedder: Embedder) -> str:
    """Names the vectors of a collection: same key, same vectors."""
    return "vectors-" + content_hash((collection.id, _VERSION, TEXT_VERSION, embedder.name, str(SENTENCES_UP_TO)))


def open_vectors(
    collection: Collection, cache: Cache, embedder: Embedder, *, committed: Path | None = None, watch: Watch | None = None
) -> VectorStore:
    """The vectors of a collection: from `committed` where that folder is intact and of the same key, else from the cache, else made."""
    key = vectors_key(collection, embedder)
    if committed is not None and has_key(committed, key):
        return VectorStore(committed)
    return VectorStore(cache.folder(key, lambda folder: build_vectors(collection, embedder, folder, watch or Watch())))


def has_key(folder: Path, key: str) -> bool:
    """True where the folder holds undamaged vectors of this key."""
    try:
        return (folder / _KEY).read_text(encoding="utf-8").strip() == key and intact(folder)
    except OSError:
        return False


def build_vectors(collection: Collection, embedder: Embedder, folder: Path, watch: Watch) -> None:
    """Embed all passages, and their sentences where the collection is small, into `folder`."""
    import numpy as np

    passages = collection.passages
    keep_sentences = len(passages) <= SENTENCES_UP_TO
    # A passage costs about as much as its sentences together.
    middle = 0.5 if keep_sentences else 1.0
    np.save(folder / _PASSAGES, _embed_all(embedder, [full_text(p) for p in passages], watch.part(0.0, middle)))
    np.save(folder / _DIGESTS, np.array([digest(p) for p in passages], dtype=np.uint64))
    if keep_sentences:
        texts = [sentence_texts(p) for p in passages]
        np.save(folder / _STARTS, np.cumsum([0, *map(len, texts)], dtype=np.int64))
        np.save(folder / _SENTENCES, _embed_all(embedder, [text for group in texts for text in group], watch.part(middle, 1.0)))
    (folder / _KEY).write_text(vectors_key(collection, embedder) + "\n", encoding="utf-8")
    watch.tell(1.0)


def _embed_all(embedder: Embedder, texts: Sequence[str], watch: Watch) -> Any:
    import numpy as np

    vectors = np.zeros((len(texts), embedder.size), dtype=np.float16)
    for start in range(0, len(texts), _STEP):
        watch.tell(start / len(texts))
        vectors[start : start + _STEP] = embedder.embed(texts[start : start + _STEP])
    return vectors
