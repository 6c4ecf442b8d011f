"""A random Qwen3 of a few thousand weights with a tokenizer of its own, a dataset version and a recipe to train it with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from app.ranking.cache import Watch
from tests.training.datasets.made import item, query, stored, version
from training.config import Recipe, Rl, Sft, read_recipe
from training.datasets import Version, load
from training.fitting.values import Fit

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
RECIPE = """
name = "tiny"
about = "A test"
seed = 3
model = "tiny"
template = "reasonrank"
"""


def recipe(sft: Sft | None = None, rl: Rl | None = None) -> Recipe:
    """A recipe of those stages; its text names them, as a read one's would."""
    made = read_recipe(RECIPE, "tiny")
    return replace(made, sft=sft, rl=rl, text=f"{RECIPE}# {sft}\n# {rl}\n")


def make_sft(**changes: Any) -> Sft:
    return replace(Sft(rate=3e-3, batch=2, max_length=700, epochs=4.0, schedule="constant", checkpoint_every=2), **changes)


def make_rl(**changes: Any) -> Rl:
    made = Rl(kind="grpo", reward="paper", steps=2, group=2, prompts=2, rate=1e-3, micro=2, kl=0.001, max_completion=8, max_prompt=700)
    return replace(made, **changes)


def make_words(template: str = TEMPLATE) -> Any:
    """A byte-level BPE tokenizer that knows the words of the prompt profile, so that rows are a few hundred tokens long."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    from app.ranking.prompts import template_for
    from app.ranking.tokens import WordTokenizer

    asked = template_for("reasonrank").render(item(0).query, item(0).passages, WordTokenizer())
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    words.train_from_iterator([message.content for message in asked.messages] * 3, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    fast.chat_template = template
    return fast


def make_model(folder: Path, template: str = TEMPLATE) -> Path:
    """A folder with random weights and their tokenizer."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    words = make_words(template)
    torch.manual_seed(1)
    config = Qwen3Config(
        vocab_size=len(words), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        head_dim=16, max_position_embeddings=2048, tie_word_embeddings=True, eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id, bos_token_id=None,
    )  # fmt: skip
    Qwen3ForCausalLM(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def make_version(folder: Path, stage: str, size: int = 4, long: int = 0) -> Version:
    """A version of `size` examples in one stage; those of the first `long` have passages of 300 words."""
    items = [stored(at, query=query(at)) for at in range(size)]
    for at in range(long):
        passages = tuple(replace(one, text="heat " * 300) for one in item(at).passages)
        items[at] = stored(at, query=query(at), passages=passages)
    version(folder, items, stages={stage: 1.0})
    return load(folder)


def make_fit(root: Path, made: Recipe, data: Version, base: Path, **changes: Any) -> Fit:
    """A fit whose folders are below `root`."""
    fit = Fit(recipe=made, version=data, base=base, out=root / "out", scratch=root / "scratch", seed=3, watch=Watch())
    return replace(fit, **changes)


ANSWERS = (
    "<think>why</think> <answer> [3] > [4] > [2] > [1] </answer>",
    "<think>why</think> <answer> [1] > [2] > [4] > [3] </answer>",
    "<answer> [1] > [2] </answer>",
)


def teach_answers(folder: Path, prompts: list[list[dict[str, str]]]) -> None:
    """Make a model write one of ANSWERS to any prompt, each a word of its own, so that rewards differ within a group."""
    import torch
    from transformers import AutoTokenizer, Qwen3ForCausalLM

    words = AutoTokenizer.from_pretrained(folder)
    words.add_tokens(list(ANSWERS))
    model = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.resize_token_embeddings(len(words), mean_resizing=False)
    ids = [words.convert_tokens_to_ids(answer) for answer in ANSWERS]
    torch.manual_seed(2)
    step = torch.optim.Adam(model.parameters(), lr=2e-2)
    for at in range(30):
        asked = words.apply_chat_template(prompts[at % len(prompts)], add_generation_prompt=True, tokenize=True, return_dict=True)[
            "input_ids"
        ]
        whole = torch.tensor([[*asked, ids[at % len(ids)], words.eos_token_id]])
        scores = torch.log_softmax(model(input_ids=whole).logits[0, -3:-1], dim=-1)
        step.zero_grad()
        (-scores[0, ids].mean() - scores[1, words.eos_token_id]).backward()
        step.step()
    model.save_pretrained(folder)
    words.save_pretrained(folder)
