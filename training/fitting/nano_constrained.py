"""Answers of the embedded model drawn at random under its grammar, and their log-probabilities under that same policy.

Rollouts go through the decoder that serves the model: forced words cost nothing, a key/value cache is kept, and what is trained is what
will answer. A policy gradient needs the probability with which a word was drawn: among the words that the grammar allowed there, not among
all. `log_chances` gives it; a forced word has the probability 1 and teaches nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.ranking.models.nano.decoding import Batch, Row, Sink
from app.ranking.models.nano.grammar import card_numbers, grammar
from app.ranking.models.nano.network import Network

if TYPE_CHECKING:
    import random

    import torch
    from transformers import Qwen3ForCausalLM

_NEVER = -1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How a word is drawn: `temperature` above 0; the likeliest `top_k` words (0: all), of these those that make up `top_p`."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0


class DrawnRow(Row):
    """A generation whose words are drawn, not chosen."""

    def __init__(self, prompt: Sequence[int], max_tokens: int, sink: Sink, drawing: Drawing, rng: random.Random) -> None:
        super().__init__(prompt, max_tokens, sink)
        self._drawing, self._rng = drawing, rng

    def take(self, scores: Sequence[float]) -> None:
        """Write a word drawn from the allowed ones, and all forced ones that follow."""
        self._write([draw([scores[token] for token in self._allowed], self._allowed, self._drawing, self._rng)])


def draw(scores: Sequence[float], tokens: Sequence[int], drawing: Drawing, rng: random.Random) -> int:
    """One of `tokens` by its score."""
    top = max(scores)
    weights = [math.exp((score - top) / drawing.temperature) for score in scores]
    if drawing.top_k or drawing.top_p < 1:
        weights = _cut(weights, drawing)
    return rng.choices(tokens, weights)[0]


def _cut(weights: Sequence[float], drawing: Drawing) -> list[float]:
    """Weights with 0 for what `top_k` and `top_p` leave out; the likeliest always stays."""
    falling = sorted(range(len(weights)), key=lambda at: -weights[at])[: drawing.top_k or len(weights)]
    left = drawing.top_p * sum(weights[at] for at in falling)
    kept: list[float] = [0.0] * len(weights)
    for at in falling:
        kept[at] = weights[at]
        left -= weights[at]
        if left <= 0:
            break
    return kept


def network_of(model: Qwen3ForCausalLM) -> Network:
    """The serving network over the weights as they are now; it sees later changes only where arrays are shared, so make it anew."""
    weights = {name: tensor.detach().cpu().numpy() for name, tensor in model.state_dict().items()}
    return Network(model.config.to_dict(), weights)


def roll_out(model: Network, prompts: Sequence[Sequence[int]], max_tokens: int, drawing: Drawing, seed: str) -> list[list[int]]:
    """One drawn answer per prompt (token ids), the end token included where it was reached. Each answer has a generator of its own, so that
    it depends on its place and the seed alone.
    """
    import random

    written: list[list[int]] = [[] for _ in prompts]

    def sink(number: int) -> Sink:
        return lambda tokens, _finish: written[number].extend(tokens)

    batch = Batch(model)
    batch.join(
        [DrawnRow(prompt, max_tokens, sink(at), drawing, random.Random(f"{seed} {at}")) for at, prompt in enumerate(prompts)]
    )  # fmt: skip
    while batch.rows:
        batch.step()
    return written


def forbidden(ids: torch.Tensor, mask: torch.Tensor, keep: int, size: int) -> torch.Tensor:
    """(B, keep, size) True for words that the grammar rules out at each of the last `keep` places; all False where a row has ended.

    `ids` and `mask` are (B, T): prompt and answer, padding masked. Answers have to follow the grammar.
    """
    import torch

    start = ids.shape[1] - keep
    rows: list[int] = []
    places: list[int] = []
    allowed_ids: list[int] = []
    ruled = torch.zeros(ids.shape[0], keep, dtype=torch.bool)
    answers, heads = ids[:, start:].tolist(), ids[:, :start].tolist()
    lengths = mask[:, start:].sum(dim=1).tolist()
    for row, (head, answer) in enumerate(zip(heads, answers, strict=True)):
        walk = grammar(card_numbers(head))
        allowed = next(walk)
        for place in range(lengths[row]):
            rows += [row] * len(allowed)
            places += [place] * len(allowed)
            allowed_ids += allowed
            ruled[row, place] = True
            if place + 1 < lengths[row]:
                allowed = walk.send(answer[place])
    out = ruled[:, :, None].expand(-1, -1, size).clone()
    out[rows, places, allowed_ids] = False
    return out


def log_chances(logits: torch.Tensor, answers: torch.Tensor, ruled: torch.Tensor, temperature: float) -> tuple[Any, Any]:
    """(log-probabilities, entropies), (B, keep) each, of answers (B, keep) under the grammar; `logits` (B, keep, V) are of their places."""
    import torch

    scores = torch.log_softmax((logits.float() / temperature).masked_fill(ruled, _NEVER), dim=-1)
    chosen = scores.gather(-1, answers[..., None]).squeeze(-1)
    with torch.no_grad():
        entropies = -(scores.exp() * scores.masked_fill(ruled, 0.0)).sum(dim=-1)
    return chosen, entropies
