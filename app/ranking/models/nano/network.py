"""The forward pass of a Qwen3 causal language model in numpy: all that running the embedded model takes.

The weights are an ordinary `Qwen3ForCausalLM`, and a test holds every score against transformers' own. It is written out here because at
this size the cost of a step is the cost of calls, not of arithmetic: measured several times faster than the general implementation, and a
process that only serves needs neither torch nor transformers (docs/experiments.md, 2026-11-24).
Shapes: B rows, W new tokens, T tokens so far, H query heads, G key/value heads, D numbers a head.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import BackendUnavailable

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

# Added to the scores of tokens that must not be seen; finite, so that a row of padding gives numbers and no warning.
_HIDDEN = -1e9

Cache = list[tuple[Any, Any]]
"""Keys and values per layer, each (B, G, at least T, D) with the first T columns in use; empty before the first tokens."""

# Columns by which a full cache grows: copying it for every token would cost more than the attention itself.
_GROWTH = 64


@dataclass(frozen=True, kw_only=True)
class _Layer:
    """Weights of one layer, transposed for `x @ w`; queries, keys and values side by side, gate and up too."""

    norm: Array
    qkv: Array
    q_norm: Array
    k_norm: Array
    out: Array
    mlp_norm: Array
    gate_up: Array
    down: Array


class Network:
    """A model in a folder in Hugging Face's layout. Safe to call from several threads: a call changes nothing but its cache."""

    def __init__(self, config: Mapping[str, Any], weights: Mapping[str, Array]) -> None:
        self._heads, self._groups = int(config["num_attention_heads"]), int(config["num_key_value_heads"])
        self._size = int(config["head_dim"])
        self._eps = float(config["rms_norm_eps"])
        self._theta = float(config["rope_parameters"]["rope_theta"])
        self._positions = int(config["max_position_embeddings"])
        self._embed = weights["model.embed_tokens.weight"]
        self._norm = weights["model.norm.weight"]
        self._head = (self._embed if config["tie_word_embeddings"] else weights["lm_head.weight"]).T
        self._layers = [_layer(weights, f"model.layers.{number}.") for number in range(int(config["num_hidden_layers"]))]

    @classmethod
    def load(cls, folder: Path) -> Network:
        """Raises BackendUnavailable with what is missing or damaged."""
        try:
            from safetensors import SafetensorError
            from safetensors.numpy import load_file
        except ImportError as error:
            raise BackendUnavailable(f"the embedded model needs numpy and safetensors, {error.name} is missing: install them") from error
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            return cls(config, load_file(folder / "model.safetensors"))
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise BackendUnavailable(f"the embedded model's weights in {folder.name!r} can't be read: {error}") from error

    def __call__(self, ids: Array, places: Array, mask: Array, cache: Cache) -> Array:
        """Scores of the next token (B, vocabulary) after new tokens `ids` (B, W) at positions `places` (B, W).

        `mask` (B, T + W) is 1 for real tokens and 0 for padding, old and new; `cache` is extended by the new tokens.
        """
        import numpy as np

        x = self._embed[ids]
        cos, sin = (table[places][:, None] for table in self._turns)
        hidden = _unseen(mask, ids.shape[1])
        for number, layer in enumerate(self._layers):
            old = cache[number] if number < len(cache) else None
            attended, kept = self._attend(_rms(x, layer.norm, self._eps), layer, (cos, sin, hidden), old)
            cache[number : number + 1] = [kept]
            x = x + attended
            gate, up = np.split(_times(_rms(x, layer.mlp_norm, self._eps), layer.gate_up), 2, axis=-1)
            x = x + _times(gate / (1 + np.exp(-gate)) * up, layer.down)
        scores: Array = _rms(x[:, -1], self._norm, self._eps) @ self._head
        return scores

    def _attend(self, x: Array, layer: _Layer, shared: tuple[Array, Array, Array], old: tuple[Array, Array] | None) -> Any:
        """Attention of new tokens to all there are, and the extended keys and values."""
        import numpy as np

        cos, sin, hidden = shared
        rows, width, _ = x.shape
        heads = _times(x, layer.qkv).reshape(rows, width, self._heads + 2 * self._groups, self._size).transpose(0, 2, 1, 3)
        q, k, v = np.split(heads, (self._heads, self._heads + self._groups), axis=1)
        q = _turn(_rms(q, layer.q_norm, self._eps), cos, sin)
        k = _turn(_rms(k, layer.k_norm, self._eps), cos, sin)
        total = hidden.shape[-1]
        kept = _extended(old[0] if old else None, k, total), _extended(old[1] if old else None, v, total)
        k, v = (part[:, :, :total] for part in kept)
        # The query heads of a group one below the other: (B, G, H/G * W, D).
        grouped = q.reshape(rows, self._groups, -1, self._size)
        scores = (grouped @ k.swapaxes(2, 3)).reshape(rows, self._heads, width, -1) * np.float32(self._size**-0.5) + hidden
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        seen = (scores.reshape(rows, self._groups, -1, scores.shape[-1]) @ v).reshape(rows, self._heads, width, self._size)
        return _times(seen.transpose(0, 2, 1, 3).reshape(rows, width, -1), layer.out), kept

    @cached_property
    def _turns(self) -> tuple[Array, Array]:
        """Cosines and sines of rotary position embedding, (positions, D) each (Su et al. 2021, in the half-split layout of Llama)."""
        import numpy as np

        rates = self._theta ** (-np.arange(0, self._size, 2) / self._size)
        angles = np.outer(np.arange(self._positions), rates)
        both = np.concatenate([angles, angles], axis=1)
        return np.cos(both).astype(np.float32), np.sin(both).astype(np.float32)


def _layer(weights: Mapping[str, Array], name: str) -> _Layer:
    import numpy as np

    def side_by_side(*parts: str) -> Array:
        return np.ascontiguousarray(np.concatenate([weights[f"{name}{part}.weight"] for part in parts]).T)

    return _Layer(
        norm=weights[name + "input_layernorm.weight"],
        qkv=side_by_side("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        q_norm=weights[name + "self_attn.q_norm.weight"],
        k_norm=weights[name + "self_attn.k_norm.weight"],
        out=side_by_side("self_attn.o_proj"),
        mlp_norm=weights[name + "post_attention_layernorm.weight"],
        gate_up=side_by_side("mlp.gate_proj", "mlp.up_proj"),
        down=side_by_side("mlp.down_proj"),
    )


def _extended(old: Array | None, new: Array, total: int) -> Array:
    """`old` with `new` (B, G, W, D) in its columns up to `total`; in place where there is room."""
    import numpy as np

    start = total - new.shape[2]
    if old is None or old.shape[2] < total:
        rows, groups, _, size = new.shape
        roomy = np.zeros((rows, groups, total + _GROWTH, size), dtype=new.dtype)
        if old is not None:
            roomy[:, :, :start] = old[:, :, :start]
        old = roomy
    old[:, :, start:total] = new
    return old


def _times(x: Array, weight: Array) -> Array:
    """x @ weight over the last axis, as one product of two matrices: numpy would else make one small product per row."""
    product: Array = (x.reshape(-1, x.shape[-1]) @ weight).reshape(*x.shape[:-1], -1)
    return product


def _rms(x: Array, weight: Array, eps: float) -> Array:
    """Root mean square normalisation over the last axis (Zhang and Sennrich 2019)."""
    import numpy as np

    normed: Array = x * (1 / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + np.float32(eps))) * weight
    return normed


def _turn(x: Array, cos: Array, sin: Array) -> Array:
    """Rotary position embedding of (B, heads, W, D)."""
    import numpy as np

    first, second = np.split(x, 2, axis=-1)
    turned: Array = x * cos + np.concatenate([-second, first], axis=-1) * sin
    return turned


def _unseen(mask: Array, width: int) -> Array:
    """(B, 1, W, T + W): 0 where a new token may look, a large negative number at padding and at tokens after it."""
    import numpy as np

    total = mask.shape[1]
    causal = np.arange(total)[None, :] <= np.arange(total - width, total)[:, None]
    seen = (mask[:, None, :] != 0) & causal[None]
    return np.where(seen, np.float32(0), np.float32(_HIDDEN))[:, None]
