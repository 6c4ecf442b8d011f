"""Stand-ins that load nothing heavy."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from app.ranking.retrieval.text import stems


class FakeEmbedder:
    """Unit vectors of hashed stems: texts that share words are near each other. Counts the texts it was given."""

    name = "fake"
    size = 64

    def __init__(self) -> None:
        self.texts = 0

    def embed(self, texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        self.texts += len(texts)
        vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]] = np.zeros((len(texts), self.size), dtype=np.float32)
        for row, text in enumerate(texts):
            for stem in stems(text):
                vectors[row, zlib.crc32(stem.encode()) % self.size] += 1.0
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.maximum(length, 1e-9)
        return vectors
