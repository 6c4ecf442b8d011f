"""The embedded model before training: an ordinary small Qwen3 that starts from knowing how its words hang together.

Nothing in the weights is fixed and nothing of the arithmetic is put in: but a model this small, trained for minutes, does not find by
itself that digits have an order or that `[7]` and `=[7]` speak of one passage (measured: docs/experiments.md). So its start is arranged:

* embeddings: `LAYOUT` gives the digits of a card, the numbers, the signals named by a plan and the rest each their own entries;
* layer 1: three heads look one, two and three words back and copy digits and numbers, so that `=[7]` holds its whole card;
* layer 2: one head looks from `[7]` to `=[7]` and copies the card, one looks at the plan and copies it.

All other weights are random. What is done with card and plan (weights, sums, grades, reasons, order) is learned.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from app.ranking.evidence import SIGNALS
from app.ranking.models.nano.cards import CHOICES, LETTERS, MAX_CARDS
from app.ranking.models.nano.vocabulary import END, IDS, PAD, WORDS

from .config import Shape

if TYPE_CHECKING:
    import torch
    from transformers import Qwen3ForCausalLM

_NUMBERED = re.compile(r"(?P<scale>=\[|\[|>\[|N|g|len|agree|cover)(?P<value>\d+)\]?")
_PAIR = re.compile(r"(?P<a>[WSP])(?P<one>\d)(?P<b>[MCL])(?P<two>\d)")
_PLAN = re.compile(r"(?P<slot>first|then):(?P<name>[a-z]+)")
_TOP = {"g": 49, "len": 5, "agree": 5, "cover": 9, "N": MAX_CARDS}
_MARKS = ("=[", "[", ">[")

# Entries of the residual stream: name -> (start, size). REST is for everything else.
LAYOUT = {
    "always": (0, 1),
    "is_card": (1, 1),
    "is_plan": (2, 1),
    "number": (8, 16),
    "digits": (24, 6),
    "first": (32, 7),
    "then": (40, 7),
    "card_here": (48, 6),
    "card_meant": (56, 6),
    "plan_first": (64, 7),
    "plan_then": (72, 7),
}
REST = 80
_THETA = 1e6
_HEAD = 32
# Pairs of entries of a head that turn fast enough to tell neighbours apart, and entries that hardly turn over a whole prompt.
_FAST = (0, 1, 2, 3)
_STILL = (*range(7, 15), *range(23, 31))
_FLAG = (15, 31)


def new_model(shape: Shape, seed: int) -> Qwen3ForCausalLM:
    """A Qwen3ForCausalLM of `shape` in float32 with tied embeddings, arranged as above. `shape.head_dim` has to be 32."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=len(WORDS),
        hidden_size=shape.hidden,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        head_dim=_HEAD,
        max_position_embeddings=shape.positions,
        rope_theta=_THETA,
        tie_word_embeddings=True,
        pad_token_id=IDS[PAD],
        eos_token_id=IDS[END],
        bos_token_id=None,
        dtype="float32",
    )
    model = Qwen3ForCausalLM(config)
    with torch.no_grad():
        _arrange_words(model.get_input_embeddings().weight, torch.Generator().manual_seed(seed))
        _arrange_first_layer(model.model.layers[0].self_attn)
        _arrange_second_layer(model.model.layers[1].self_attn)
    return model


def _entries(name: str) -> slice:
    start, size = LAYOUT[name]
    return slice(start, start + size)


def _arrange_words(table: torch.Tensor, generator: torch.Generator) -> None:
    """Fill the embeddings (V, width); all rows end with norm 0.5."""
    import torch

    width = table.shape[1]
    numbers = _spread_out(MAX_CARDS + 1, LAYOUT["number"][1], generator)
    kinds: dict[str, torch.Tensor] = {}
    table.normal_(0, 0.01, generator=generator)

    def kind(name: str) -> torch.Tensor:
        return kinds.setdefault(name, torch.randn(width - REST, generator=generator) / math.sqrt(width - REST))

    for word, index in IDS.items():
        row = table[index]
        row[0] = 0.15
        numbered, pair, plan = _NUMBERED.fullmatch(word), _PAIR.fullmatch(word), _PLAN.fullmatch(word)
        if numbered and numbered["scale"] in _MARKS:
            row[_entries("number")] = 0.3 * numbers[int(numbered["value"])]
            row[REST:] += 0.15 * kind(numbered["scale"])
            row[_entries("is_card")] = 0.3 * (numbered["scale"] == "=[")
        elif numbered:
            row[REST:] += 0.15 * kind(numbered["scale"]) + 0.4 * _smooth(int(numbered["value"]) / _TOP[numbered["scale"]], width - REST)
        elif pair:
            for letter, digit in ((pair["a"], pair["one"]), (pair["b"], pair["two"])):
                row[LAYOUT["digits"][0] + LETTERS.index(letter)] = 0.12 * (int(digit) - 4.5) / 2.87
            row[REST:] += 0.15 * kind(pair["a"])
        elif plan:
            row[_entries("is_plan")] = 0.3
            row[LAYOUT[plan["slot"]][0] + CHOICES.index(plan["name"])] = 0.3
        else:
            row[REST:] += 0.4 * kind(word)
        # The remainder of the length lies in the entry that says nothing, so that the first norm scales all words alike.
        row[0] = max(0.15, math.sqrt(max(0.0, 0.25 - float(row[1:].square().sum()))))


def _spread_out(count: int, size: int, generator: torch.Generator) -> torch.Tensor:
    """`count` unit vectors (count, size) pushed away from each other."""
    import torch

    points = torch.nn.functional.normalize(torch.randn(count, size, generator=generator), dim=-1)
    for _ in range(200):
        near = torch.exp(6 * (points @ points.T)) * (1 - torch.eye(count))
        push = near @ points / near.sum(dim=-1, keepdim=True)
        points = torch.nn.functional.normalize(points - 0.1 * push, dim=-1)
    return points


def _smooth(share: float, size: int) -> torch.Tensor:
    """A unit code (size,) of a value 0..1 whose neighbours are close: cosines of 1, 2, 3, ... half turns, falling in size."""
    import torch

    steps = torch.arange(1, size + 1, dtype=torch.float32)
    return torch.nn.functional.normalize(torch.cos(math.pi * share * steps) / steps, dim=0)


def _arrange_first_layer(attention: Any) -> None:
    """Heads 0, 1, 2 look 1, 2, 3 words back: their queries are the keys turned back by that many places."""
    attention.q_norm.weight.fill_(1.5)
    attention.k_norm.weight.fill_(1.5)
    digits, number, here = LAYOUT["digits"][0], LAYOUT["number"][0], LAYOUT["card_here"][0]
    for head in range(3):
        base = head * _HEAD
        for pair in _FAST:
            angle = (head + 1) * _THETA ** (-2 * pair / _HEAD)
            attention.k_proj.weight[base + pair, 0] = 1.0
            attention.q_proj.weight[base + pair, 0] = math.cos(angle)
            attention.q_proj.weight[base + pair + _HEAD // 2, 0] = -math.sin(angle)
        for entry in range(6):
            attention.v_proj.weight[base + entry, digits + entry] = 0.3
            attention.o_proj.weight[here + entry, base + entry] = 0.3
        for entry in range(16):
            attention.v_proj.weight[base + 8 + entry, number + entry] = 0.2
            attention.o_proj.weight[number + entry, base + 8 + entry] = 0.2


def _arrange_second_layer(attention: Any) -> None:
    """Head 0 looks at the card with the same number, head 1 at the words of the plan."""
    attention.q_norm.weight.fill_(2.0)
    attention.k_norm.weight.fill_(2.0)
    number = LAYOUT["number"][0]
    for entry, place in enumerate(_STILL):
        attention.q_proj.weight[place, number + entry] = 0.5
        attention.k_proj.weight[place, number + entry] = 0.5
    for place in _FLAG:
        attention.q_proj.weight[place, 0] = 0.5
        attention.k_proj.weight[place, LAYOUT["is_card"][0]] = 0.35
        attention.q_proj.weight[_HEAD + place, 0] = 1.0
        attention.k_proj.weight[_HEAD + place, LAYOUT["is_plan"][0]] = 1.0
    for entry in range(6):
        attention.v_proj.weight[entry, LAYOUT["card_here"][0] + entry] = 0.35
        attention.o_proj.weight[LAYOUT["card_meant"][0] + entry, entry] = 0.35
    for slot, start in (("first", 0), ("then", 8)):
        for entry in range(len(CHOICES)):
            attention.v_proj.weight[_HEAD + start + entry, LAYOUT[slot][0] + entry] = 0.35
            attention.o_proj.weight[LAYOUT[f"plan_{slot}"][0] + entry, _HEAD + start + entry] = 0.35


assert len(WORDS) == len(IDS), "two words of the vocabulary are the same"
assert len(SIGNALS) == len(LETTERS) == LAYOUT["digits"][1]
