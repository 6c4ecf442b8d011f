"""Evidence for any list of passages: retrieved, pasted, from a run file, from the API.

Six scaled signals per passage (see `app.ranking.evidence` for their names and order; docs/method.md for the formulas) and the raw values
behind them: "bm25", "cosine", and "sentence_start", "sentence_end", the span of the best sentence in the text, in code points.
Without an embedding model "meaning", "sentence" and "cosine" are 0 and the best sentence is the one with most query terms.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .retrieval.bm25 import Statistics, score
from .retrieval.dense import VectorStore, digest, embed_half, sentence_texts
from .retrieval.embedder import Embedder
from .retrieval.language import notes as language_notes
from .retrieval.text import Term, full_text, known_terms, sentences, stems
from .values import Passage

SIGNALS_VERSION = "signals1"
NO_MODEL = "No embedding model is installed: evidence comes from shared words only, and the meaning signals are 0."

# Query stems that stand together are looked for at most this many words apart in a passage, in either order.
_NEAR = 2
# Vectors of passages outside the index that are kept for the next run over the same list (about 10 kB each).
_REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class _Meaning:
    """Cosines of one passage with the query: the whole, and each sentence."""

    whole: float
    sentences: tuple[float, ...]


class EvidenceSignals:
    """The `Signals` of this library. `statistics` and `vectors` are a collection's; without them the list speaks for itself.

    Safe to call from several threads.
    """

    version = SIGNALS_VERSION

    def __init__(self, embedder: Embedder | None, statistics: Statistics | None = None, vectors: VectorStore | None = None) -> None:
        self._embedder, self._statistics, self._store = embedder, statistics, vectors
        self._memory = _Memory()

    def notes(self, query: str) -> tuple[str, ...]:
        """What a reader of the evidence should know: no embedding model, or one that does not know the query's script."""
        return language_notes(query) if self._embedder is not None else (NO_MODEL,)

    def annotate(self, query: str, passages: Sequence[Passage]) -> list[Passage]:
        """The same passages in the same order; features that were there under other names are kept."""
        if not passages:
            return []
        asked = [term.stem for term in known_terms(query)]
        listed = [known_terms(full_text(passage)) for passage in passages]
        counted = [[term.stem for term in found] for found in listed]
        statistics = (self._statistics or Statistics.of(counted)).of_stems(asked)
        bm25 = [score(asked, found, statistics) for found in counted]
        meaning = self._meaning(query, passages)
        cosine = [item.whole for item in meaning]
        scaled = {
            "words": _min_max(bm25),
            "meaning": _min_max(cosine),
            "sentence": _min_max([max(item.sentences, default=0.0) for item in meaning]),
            "coverage": [_coverage(asked, found, statistics) for found in counted],
            "phrase": [_phrase(asked, found) for found in listed],
            "lead": [_coverage(asked, stems(_lead(passage)), statistics) for passage in passages],
            "bm25": bm25,
            "cosine": cosine,
        }
        spans = [_best_sentence(passage, item, asked) for passage, item in zip(passages, meaning, strict=True)]
        return [_with(passage, scaled, row, spans[row]) for row, passage in enumerate(passages)]

    def _meaning(self, query: str, passages: Sequence[Passage]) -> list[_Meaning]:
        if self._embedder is None:
            return [_Meaning(0.0, ()) for _ in passages]
        vector = embed_half(self._embedder, [query])[0]
        known = [self._known(passage) for passage in passages]
        missing = [passage for passage, found in zip(passages, known, strict=True) if found is None]
        fresh = iter(self._fresh(self._embedder, missing))
        pairs = [found if found is not None else next(fresh) for found in known]
        return [_Meaning(float(whole @ vector), tuple(float(value) for value in parts @ vector)) for whole, parts in pairs]

    def _known(self, passage: Passage) -> tuple[Any, Any] | None:
        """Vectors of a passage and its sentences, from the index or from memory."""
        if self._store is not None:
            whole, parts = self._store.passage(passage), self._store.sentences(passage)
            if whole is not None and parts is not None:
                return whole, parts
        return self._memory.get(digest(passage))

    def _fresh(self, embedder: Embedder, passages: Sequence[Passage]) -> Iterator[tuple[Any, Any]]:
        """Vectors made now, in one call for all passages and one for all sentences."""
        if not passages:
            return
        stored = [self._store.passage(passage) if self._store is not None else None for passage in passages]
        unknown = [full_text(passage) for passage, found in zip(passages, stored, strict=True) if found is None]
        made = iter(embed_half(embedder, unknown))
        texts = [sentence_texts(passage) for passage in passages]
        parts = embed_half(embedder, [text for group in texts for text in group])
        start = 0
        for passage, found, group in zip(passages, stored, texts, strict=True):
            pair = next(made) if found is None else found, parts[start : start + len(group)]
            start += len(group)
            self._memory.put(digest(passage), pair)
            yield pair


class _Memory:
    """The vectors used last, by the text's digest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: OrderedDict[int, tuple[Any, Any]] = OrderedDict()

    def get(self, key: int) -> tuple[Any, Any] | None:
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)

    def put(self, key: int, value: tuple[Any, Any]) -> None:
        with self._lock:
            self._items[key] = value
            if len(self._items) > _REMEMBERED:
                self._items.popitem(last=False)


def matched_spans(query: str, text: str) -> list[tuple[int, int]]:
    """Spans of `text` (code points) whose stems the query has, in order, overlapping ones joined."""
    asked = {term.stem for term in known_terms(query)}
    spans: list[tuple[int, int]] = []
    for term in known_terms(text):
        if term.stem not in asked:
            continue
        if spans and term.start < spans[-1][1]:
            spans[-1] = spans[-1][0], term.end
        else:
            spans.append((term.start, term.end))
    return spans


def matched_terms(query: str, passage: Passage) -> tuple[str, ...]:
    """The words of a passage, as they are written there, that share a stem with the query: title first, each form once."""
    found = [text[start:end] for text in (passage.title, passage.text) for start, end in matched_spans(query, text)]
    return tuple(dict.fromkeys(found))


def _with(passage: Passage, scaled: Mapping[str, Sequence[float]], row: int, span: tuple[int, int]) -> Passage:
    own = {name: values[row] for name, values in scaled.items()}
    return replace(passage, features={**passage.features, **own, "sentence_start": float(span[0]), "sentence_end": float(span[1])})


def _min_max(values: Sequence[float]) -> list[float]:
    """Scaled to 0..1 inside the list. Where all are equal, all are the best there is: 1, or 0 if there is nothing."""
    low, high = min(values), max(values)
    if high == low:
        return [1.0 if high > 0.0 else 0.0 for _ in values]
    return [(value - low) / (high - low) for value in values]


def _coverage(asked: Sequence[str], found: Sequence[str], statistics: Statistics) -> float:
    """Share of the query's distinct stems that are found, each weighted by its rarity."""
    weights = {stem: statistics.idf(stem) for stem in asked}
    total = sum(weights.values())
    there = set(found)
    return sum(weight for stem, weight in weights.items() if stem in there) / total if total else 0.0


def _phrase(asked: Sequence[str], found: Sequence[Term]) -> float:
    """Share of the query's neighbouring stems that also stand near each other in the passage."""
    pairs = {(first, second) for first, second in zip(asked, asked[1:], strict=False) if first != second}
    if not pairs:
        return 0.0
    places: dict[str, list[int]] = {}
    for term in found:
        places.setdefault(term.stem, []).append(term.place)
    near = sum(any(abs(a - b) <= _NEAR for a in places.get(first, ()) for b in places.get(second, ())) for first, second in pairs)
    return near / len(pairs)


def _lead(passage: Passage) -> str:
    """Title and first sentence."""
    spans = sentences(passage.text)
    return f"{passage.title}\n{passage.text[slice(*spans[0])]}" if spans else passage.title


def _best_sentence(passage: Passage, meaning: _Meaning, asked: Sequence[str]) -> tuple[int, int]:
    spans = sentences(passage.text)
    if not spans:
        return 0, 0
    if meaning.sentences:
        return spans[max(range(len(spans)), key=meaning.sentences.__getitem__)]
    wanted = set(asked)
    return max(spans, key=lambda span: len(wanted.intersection(stems(passage.text[slice(*span)]))))
