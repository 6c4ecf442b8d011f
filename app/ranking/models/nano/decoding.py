"""Batched greedy decoding of the embedded model under its grammar, with one key/value cache for all rows.

Rows join and leave between steps (continuous batching). A token that the grammar forces is not asked for: it is fed together with the
next one that has to be, which saves about half of the model calls. Rows are right-aligned: whatever is shorter is padded on the left and
masked, and each row keeps its own positions, so that a row's scores do not depend on its neighbours (beyond float rounding).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .grammar import card_numbers, grammar
from .vocabulary import IDS, PAD

if TYPE_CHECKING:
    from .network import Cache, Network

Finish = str | None
Sink = Callable[[Sequence[int], Finish], None]
"""Called with the tokens written since the last call, and with how the row ended: None while it goes on, then `stop` or `length`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The beginning of an answer: its tokens from the think tag to the answer tag, and the grade tokens by card that its trace holds."""

    tokens: tuple[int, ...]
    grades: Mapping[int, int]


class Row:
    """One generation: its grammar, the tokens not yet fed to the model, and where its words go.

    `begun` is a trace that was written before, up to the tag that opens the answer: the row goes on from there.
    """

    def __init__(self, prompt: Sequence[int], max_tokens: int, sink: Sink, begun: Begun | None = None) -> None:
        self.pending: list[int] = [*prompt, *(begun.tokens if begun else ())]
        self.fed = 0
        self.written = 0
        self.cancelled = False
        self.finish: Finish = None
        self._max_tokens = max_tokens
        self._sink = sink
        self._grammar = grammar(card_numbers(prompt), begun.grades if begun else None)
        self._allowed = next(self._grammar)

    def take(self, scores: Sequence[float]) -> None:
        """Write the allowed token with the highest score, and all forced ones that follow."""
        self._write([max(self._allowed, key=scores.__getitem__)])

    def begin(self) -> None:
        """Write what the grammar forces before the model is asked for the first time."""
        self._write([])

    def _write(self, chosen: list[int]) -> None:
        fresh: list[int] = []
        while self.finish is None:
            if self.written == self._max_tokens:
                self.finish = "length"
                break
            if not chosen and len(self._allowed) > 1:
                break
            token = chosen.pop() if chosen else self._allowed[0]
            fresh.append(token)
            self.written += 1
            try:
                self._allowed = self._grammar.send(token)
            except StopIteration:
                self.finish = "stop"
        self.pending += fresh
        self._sink(fresh, self.finish)


@dataclass
class _Cache:
    """Keys and values per layer, and which of their T columns are real (B, T)."""

    layers: Cache
    mask: Any
    rows: list[Row] = field(default_factory=list)


class Batch:
    """All rows that are being generated. Not thread-safe: one thread owns it."""

    def __init__(self, model: Network) -> None:
        self._model = model
        self._cache: _Cache | None = None

    @property
    def rows(self) -> list[Row]:
        """Rows under way."""
        return self._cache.rows if self._cache else []

    def join(self, rows: Sequence[Row]) -> None:
        """Read the prompts of new rows and let them write their first word; they take part in the next step."""
        import numpy as np

        for row in rows:
            row.begin()
        fresh = [row for row in rows if row.finish is None]
        if not fresh:
            return
        cache = _Cache([], np.zeros((len(fresh), 0), dtype=np.int64), fresh)
        self._forward(cache)
        self._cache = _merge(self._cache, cache)
        self._drop_finished()

    def step(self) -> None:
        """One model call: every row writes one word and what the grammar forces after it."""
        self._drop_finished()
        if self._cache:
            self._forward(self._cache)
            self._drop_finished()

    def _forward(self, cache: _Cache) -> None:
        import numpy as np

        width = max(len(row.pending) for row in cache.rows)
        ids = np.full((len(cache.rows), width), IDS[PAD])
        new, places = np.zeros_like(ids), np.zeros_like(ids)
        for number, row in enumerate(cache.rows):
            size = len(row.pending)
            ids[number, width - size :] = row.pending
            new[number, width - size :] = 1
            places[number, width - size :] = np.arange(row.fed, row.fed + size)
            row.fed += size
            row.pending = []
        cache.mask = np.concatenate([cache.mask, new], axis=1)
        for row, scores in zip(cache.rows, self._model(ids, places, cache.mask, cache.layers).tolist(), strict=True):
            row.take(scores)

    def _drop_finished(self) -> None:
        if not self._cache:
            return
        keep = [number for number, row in enumerate(self._cache.rows) if row.finish is None and not row.cancelled]
        if not keep:
            self._cache = None
        elif len(keep) < len(self._cache.rows):
            self._cache = _select(self._cache, keep)


def _select(cache: _Cache, keep: Sequence[int]) -> _Cache:
    """The rows `keep` of a cache, without the columns on the left that none of them uses."""
    chosen = list(keep)
    mask = cache.mask[chosen]
    start = int(mask.any(axis=0).argmax())
    used = slice(start, mask.shape[1])
    layers = [(keys[chosen, :, used], values[chosen, :, used]) for keys, values in cache.layers]
    return _Cache(layers, mask[:, start:], [cache.rows[number] for number in keep])


def _merge(old: _Cache | None, new: _Cache) -> _Cache:
    """Both caches as one, the shorter padded on the left."""
    if old is None:
        return new
    import numpy as np

    used = old.mask.shape[1], new.mask.shape[1]
    width = max(used)

    def joined(*parts: Any) -> Any:
        trimmed = [part[:, :, :columns] for part, columns in zip(parts, used, strict=True)]
        return np.concatenate([np.pad(part, ((0, 0), (0, 0), (width - part.shape[2], 0), (0, 0))) for part in trimmed])

    layers = [(joined(k, more_k), joined(v, more_v)) for (k, v), (more_k, more_v) in zip(old.layers, new.layers, strict=True)]
    mask = np.concatenate([np.pad(part, ((0, 0), (width - part.shape[1], 0))) for part in (old.mask, new.mask)])
    return _Cache(layers, mask, old.rows + new.rows)


def generate(model: Network, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
    """Write whole traces for prompts (token ids) as one batch: the tokens written, end token included. For training and benchmarks."""
    written: list[list[int]] = [[] for _ in prompts]

    def sink(number: int) -> Sink:
        return lambda tokens, _finish: written[number].extend(tokens)

    batch = Batch(model)
    batch.join([Row(prompt, 1 << 20, sink(number)) for number, prompt in enumerate(prompts)])
    while batch.rows:
        batch.step()
    return written
