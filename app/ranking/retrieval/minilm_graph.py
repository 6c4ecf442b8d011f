"""all-MiniLM-L6-v2 as an OpenVINO graph, built from the safetensors weights: no torch, no conversion, no second copy on disk.

Layer for layer the BERT encoder of Devlin et al. (arXiv 1810.04805, section 3): post-norm, GELU by erf, 12 heads of 32.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import BackendUnavailable

_MASKED = -1e4  # added to attention scores of padding; far below any real score, and finite, so that no NaN can come of it


def openvino_engine(folder: Path) -> Callable[[Any, Any], Any]:
    """(int64 ids [n, t], float32 mask [n, t]) -> float32 unit vectors [n, 384]. One thread; each calling thread has its own request."""
    try:
        import openvino
        from safetensors.numpy import load_file
    except ImportError as error:
        raise BackendUnavailable(f"openvino or safetensors can't be imported ({error}): install requirements.txt") from error
    shape = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    model = _Bert(load_file(str(folder / "model.safetensors")), shape).model()
    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    local = threading.local()

    def run(ids: Any, mask: Any) -> Any:
        if not hasattr(local, "request"):
            local.request = compiled.create_infer_request()
        return local.request.infer([ids, mask])[0].copy()

    return run


class _Bert:
    """Builds the graph. Tensors are named as in the weights file; `n` texts of `t` tokens."""

    def __init__(self, weights: Mapping[str, Any], shape: Mapping[str, Any]) -> None:
        import numpy as np
        from openvino import opset13

        self._weights, self._np, self._ops = weights, np, opset13
        self._heads, self._layers = int(shape["num_attention_heads"]), int(shape["num_hidden_layers"])
        self._width, self._epsilon = int(shape["hidden_size"]), float(shape["layer_norm_eps"])

    def model(self) -> Any:
        """ids, mask -> normalised mean of the last layer's states over the unmasked tokens."""
        import openvino

        ops, np = self._ops, self._np
        ids = ops.parameter([-1, -1], np.int64, name="ids")
        mask = ops.parameter([-1, -1], np.float32, name="mask")
        bias = ops.unsqueeze(ops.multiply(ops.subtract(self._number(1.0), mask), self._number(_MASKED)), self._index([1, 2]))
        states = self._embeddings(ids)
        for layer in range(self._layers):
            states = self._layer(states, bias, f"encoder.layer.{layer}.")
        weights = ops.unsqueeze(mask, self._index([2]))
        total = ops.reduce_sum(ops.multiply(states, weights), self._index([1]))
        pooled = ops.divide(total, ops.maximum(ops.reduce_sum(mask, self._index([1]), keep_dims=True), self._number(1.0)))
        unit = ops.normalize_l2(pooled, self._index([1]), 1e-24, "max")
        return openvino.Model([ops.result(unit)], [ids, mask], "minilm")

    def _embeddings(self, ids: Any) -> Any:
        ops, np = self._ops, self._np
        words = ops.gather(self._weight("embeddings.word_embeddings.weight"), ids, self._index(0))
        length = ops.gather(ops.shape_of(ids), self._index(1), self._index(0))
        places = ops.range(self._index(0), length, self._index(1), "i64")
        positions = ops.gather(self._weight("embeddings.position_embeddings.weight"), places, self._index(0))
        # Every text is a single segment, so the segment embedding is the same row for each token.
        segment = ops.constant(np.asarray(self._weights["embeddings.token_type_embeddings.weight"][0], dtype=np.float32))
        return self._norm(ops.add(ops.add(words, positions), segment), "embeddings.LayerNorm")

    def _layer(self, states: Any, bias: Any, name: str) -> Any:
        ops = self._ops
        query, key, value = (self._split(self._linear(states, f"{name}attention.self.{part}")) for part in ("query", "key", "value"))
        mixed = ops.scaled_dot_product_attention(query, key, value, bias)
        joined = ops.reshape(ops.transpose(mixed, self._index([0, 2, 1, 3])), self._index([0, 0, self._width]), True)
        states = self._norm(ops.add(states, self._linear(joined, f"{name}attention.output.dense")), f"{name}attention.output.LayerNorm")
        inner = ops.gelu(self._linear(states, f"{name}intermediate.dense"), "erf")
        return self._norm(ops.add(states, self._linear(inner, f"{name}output.dense")), f"{name}output.LayerNorm")

    def _split(self, states: Any) -> Any:
        """[n, t, width] -> [n, heads, t, width / heads]."""
        parted = self._ops.reshape(states, self._index([0, 0, self._heads, self._width // self._heads]), True)
        return self._ops.transpose(parted, self._index([0, 2, 1, 3]))

    def _linear(self, states: Any, name: str) -> Any:
        product = self._ops.matmul(states, self._weight(f"{name}.weight"), False, True)
        return self._ops.add(product, self._weight(f"{name}.bias"))

    def _norm(self, states: Any, name: str) -> Any:
        ops = self._ops
        scaled = ops.mvn(states, self._index([-1]), True, self._epsilon, "inside_sqrt")
        return ops.add(ops.multiply(scaled, self._weight(f"{name}.weight")), self._weight(f"{name}.bias"))

    def _weight(self, name: str) -> Any:
        return self._ops.constant(self._weights[name])

    def _number(self, value: float) -> Any:
        return self._ops.constant(self._np.array(value, dtype=self._np.float32))

    def _index(self, value: int | list[int]) -> Any:
        return self._ops.constant(self._np.array(value, dtype=self._np.int64))
