"""Where candidates and evidence come from: the corpora of a recipe made searchable, and lists that come from no corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

from app.ranking.cache import Cache, Watch
from app.ranking.errors import InputError, SettingsError
from app.ranking.formats.collections import read_collection
from app.ranking.formats.decode import Limits
from app.ranking.retrieval.collection import Collection, make_collection
from app.ranking.retrieval.demo import VECTORS, load_collection_of
from app.ranking.retrieval.embedder import Embedder, Remembering, default_embedder
from app.ranking.retrieval.index import SearchIndex
from app.ranking.signals import EvidenceSignals
from app.ranking.values import Passage

from .recipe import CorpusTable, Recipe

# A corpus is chosen by whoever runs the pipeline, not uploaded by a stranger; it is held in memory, so there is an end to it all the same.
_LIMITS = Limits(bytes=16 << 30, passages=20_000_000, characters=2_000_000)


class Search(Protocol):
    """Finds candidates and measures evidence. Blocking, and safe to call from several threads."""

    def candidates(self, query: str, k: int, retriever: str) -> list[Passage]:
        """At most k passages, best first, each with its score."""
        ...

    def annotate(self, query: str, passages: Sequence[Passage]) -> list[Passage]:
        """The same passages in the same order with evidence against `query`, relative to each other."""
        ...


class CorpusSearch:
    """`Search` over an index. Evidence depends on the corpus and the list alone.

    The index keeps vectors of passages that it met before, and whether a vector was made in a batch of its own or with others can change
    its last bit; here nothing is remembered between lists, so that an item is the same whatever was made before it.
    """

    def __init__(self, index: SearchIndex) -> None:
        self._index = index

    def candidates(self, query: str, k: int, retriever: str) -> list[Passage]:
        """See `Search`. Raises SettingsError for a retriever that can't be had."""
        return self._index.retriever(retriever).search(query, k)

    def annotate(self, query: str, passages: Sequence[Passage]) -> list[Passage]:
        """See `Search`."""
        index = self._index
        return EvidenceSignals(index.embedder, index.words.statistics, index.vectors).annotate(query, passages)


class NoCorpus:
    """`Search` for lists that the source brings: evidence with the list's own word statistics, and nothing to retrieve."""

    def __init__(self, embedder: Embedder | None) -> None:
        self._embedder = Remembering(embedder) if embedder is not None else None

    def candidates(self, query: str, k: int, retriever: str) -> list[Passage]:
        """Raises SettingsError."""
        raise SettingsError(f"there is no corpus to find {k} passages in: name one in [[source]], or set k = 0")

    def annotate(self, query: str, passages: Sequence[Passage]) -> list[Passage]:
        """See `Search`."""
        return EvidenceSignals(self._embedder).annotate(query, passages)


def open_searches(recipe: Recipe, data_dir: Path, watch: Watch | None = None) -> dict[str, Search]:
    """A search for every corpus that a source of the recipe uses, and one under "" for lists that come from none.

    Indexes are made under `data_dir/cache` where they are not there yet, which takes time by the size of the corpus. Raises InputError
    for a corpus that can't be read, SettingsError for a kind that is not in CORPORA, Cancelled where `watch` says so.
    """
    embedder, cache = default_embedder(), Cache(data_dir / "cache")
    found: dict[str, Search] = {"": NoCorpus(embedder)}
    used = [recipe.corpora[name] for name in dict.fromkeys(source.corpus for source in recipe.sources if source.corpus)]
    watch = watch or Watch()
    for number, corpus in enumerate(used):
        part = watch.part(number / len(used), (number + 1) / len(used))
        committed = VECTORS if corpus.kind == "demo" else None
        index = SearchIndex.open(collection_of(corpus, recipe.folder), cache, embedder, committed=committed, watch=part)
        found[corpus.name] = CorpusSearch(index)
    return found


def collection_of(corpus: CorpusTable, folder: Path) -> Collection:
    """The passages of a corpus table; its path is relative to `folder`. Raises as `open_searches`."""
    if corpus.kind == "demo":
        return load_collection_of()
    if corpus.kind not in CORPORA:
        raise SettingsError(f"corpus {corpus.name!r} is of the kind {corpus.kind!r}: use {', '.join(('demo', *CORPORA))}")
    path = folder / corpus.path
    if not corpus.path or not path.exists():
        raise InputError(f"corpus {corpus.name!r}: there is nothing at {corpus.path!r}: set its path, relative to the recipe's file")
    return make_collection(CORPORA[corpus.kind](path), corpus.name)


def _beir(path: Path) -> Iterator[Passage]:
    if not (path / "corpus.jsonl").is_file():
        raise InputError(f"{path.name!r} is no BEIR folder: it has no corpus.jsonl")
    return read_collection(path / "corpus.jsonl", format="beir", limits=_LIMITS)


def _jsonl(path: Path) -> Iterator[Passage]:
    return read_collection(path, format="jsonl", limits=_LIMITS)


def _made_by(name: str) -> Callable[[Path], Iterable[Passage]]:
    """A reader that lives with a source: "module:function"."""

    def passages(path: Path) -> Iterable[Passage]:
        module, _, function = name.partition(":")
        found: Iterable[Passage] = getattr(import_module(module), function)(path)
        return found

    return passages


CORPORA: dict[str, Callable[[Path], Iterable[Passage]]] = {
    "beir": _beir,
    "jsonl": _jsonl,
    "theorems": _made_by("training.synthesis.sources.theorems:passages"),
}
"""Kind of a corpus -> its passages, read from a path. `demo` is the collection that comes with the library."""
