"""A small Qwen3 that recites: every call writes a trace and an answer of a length that was laid down, whatever it is asked.

It has the parts of a real model and computes them all, but attention and MLP add nothing to the residual stream, so that the next token
follows from the last one alone: a chain of tokens of its own, which no training could teach as surely. Two chains, chosen by the chat
template's argument `manner`: `list` (a trace, then the numbers 1..20 in tags) and `point` (a trace, then the word true). For timings only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WINDOW = 20
_BEGIN, _END = "<|im_start|>", "<|im_end|>"
_STARTS = {"list": "<|list|>", "point": "<|point|>"}
_CHAT = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if manner == 'point' %}<|point|>{% else %}<|list|>{% endif %}{% endif %}"
)
_SURE = 40.0  # logit of the next token of a chain; of the others at most a few


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The model: hidden size, layers, and tokens written per call, trace, answer and end together."""

    hidden: int = 256
    layers: int = 4
    list_tokens: int = 170
    point_tokens: int = 62


def chains(size: Size) -> dict[str, list[str]]:
    """The tokens of each manner from the first to the last before the end, each token unique over both."""
    answer = [*(f"{' > ' if number > 1 else ''}[{number}]" for number in range(1, WINDOW + 1)), "</answer>"]
    frame = len(answer) + 3  # think tag, closing tags, end
    told = [f" l{number}." for number in range(size.list_tokens - frame)]
    asked = [f" p{number}." for number in range(size.point_tokens - 4)]
    return {"list": ["<think>", *told, "</think> <answer>", *answer], "point": ["<think>\n", *asked, "</think>\n", "true"]}


def make_model(folder: Path, texts: Sequence[str], size: Size) -> None:
    """Write weights and tokenizer; the words of the tokenizer are learned from `texts`."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    words = _tokenizer(texts, size)
    config = Qwen3Config(
        vocab_size=len(words),
        hidden_size=size.hidden,
        intermediate_size=3 * size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=8192,
        tie_word_embeddings=False,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.eos_token_id,
        bos_token_id=None,
    )
    model = Qwen3ForCausalLM(config)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        embedding = torch.nn.functional.normalize(torch.randn(len(words), size.hidden), dim=1)
        model.model.embed_tokens.weight.copy_(embedding)
        head = model.lm_head.weight
        head.zero_()
        ids = words.convert_tokens_to_ids
        for manner, chain in chains(size).items():
            for last, following in zip([_STARTS[manner], *chain], [*chain, _END], strict=True):
                # The final norm makes the hidden state sqrt(hidden) long.
                head[ids(following)] += embedding[ids(last)] * (_SURE / size.hidden**0.5)
        head[ids("false")] += 0.9 * head[ids("true")]
    model.save_pretrained(folder)
    words.save_pretrained(folder)


def _tokenizer(texts: Sequence[str], size: Size) -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    special = [_BEGIN, _END, *_STARTS.values()]
    trainer = trainers.BpeTrainer(
        vocab_size=4000, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    words.train_from_iterator(texts, trainer)
    told = [token for chain in chains(size).values() for token in chain]
    words.add_tokens([AddedToken(token, normalized=False) for token in (*told, "false")])
    fast = PreTrainedTokenizerFast(tokenizer_object=words, eos_token=_END, additional_special_tokens=[_BEGIN, *_STARTS.values()])
    fast.chat_template = _CHAT
    return fast
