"""The words of the embedded model: whole words split at blanks, one token each, so that a list of 20 costs about 90 + 108 tokens.

`WORDS` is the one source. Encoding and decoding need nothing but this file; `save_tokenizer` writes the same vocabulary as an ordinary
Hugging Face tokenizer with a chat template, for training and for other engines.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ...evidence import SIGNALS
from .cards import BASIC, BEST, CHOICES, LETTERS, MAX_CARDS, NONE

PAD, END, UNKNOWN, USER, ASSISTANT = "<pad>", "<end>", "<unk>", "<user>", "<assistant>"
THINK, THOUGHT, ANSWER, ANSWERED = "<think>", "</think>", "<answer>", "</answer>"
NUMBERS = range(1, MAX_CARDS + 1)

GRADES: tuple[str, ...] = tuple(f"g{grade:02d}" for grade in range(BEST + 1))
FIRST: tuple[str, ...] = tuple(f"first:{choice}" for choice in CHOICES)
THEN: tuple[str, ...] = tuple(f"then:{choice}" for choice in CHOICES)
PLUS: tuple[str, ...] = tuple(f"+{name}" for name in (*SIGNALS, NONE))
MINUS: tuple[str, ...] = tuple(f"-{name}" for name in (*BASIC, NONE))

WORDS: tuple[str, ...] = (
    *(PAD, END, UNKNOWN, USER, ASSISTANT, THINK, THOUGHT, ANSWER, ANSWERED, "weigh", "asks", "names"),
    *(f"{LETTERS[at]}{one}{LETTERS[at + 1]}{two}" for at in (0, 2, 4) for one in range(10) for two in range(10)),
    *(f"{mark}[{number}]" for mark in ("=", "", ">") for number in NUMBERS),
    *(f"N{number}" for number in NUMBERS),
    *(*GRADES, *FIRST, *THEN, *PLUS, *MINUS),
    *(f"{name}{value}" for name, top in (("len", 5), ("agree", 5), ("cover", 9)) for value in range(top + 1)),
)
IDS: dict[str, int] = {word: number for number, word in enumerate(WORDS)}

# Same words as `chat_text`; a test holds the two together.
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'assistant' -%}{{ ' <assistant> ' + message['content'] + ' <end>' }}"
    "{%- else -%}{{ ('' if loop.first else ' ') + '<user> ' + message['content'] }}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ ' <assistant>' }}{%- endif -%}"
)


def chat_text(content: str) -> str:
    """A user message as the model reads it, ready for its answer."""
    return f"{USER} {content} {ASSISTANT}"


def encode(text: str) -> list[int]:
    """Token ids of a text; words that are not in the vocabulary become UNKNOWN."""
    unknown = IDS[UNKNOWN]
    return [IDS.get(word, unknown) for word in text.split()]


def decode(ids: Sequence[int]) -> str:
    """The text of token ids, joined by blanks."""
    return " ".join(WORDS[number] for number in ids)


class NanoTokenizer:
    """Exact counts for this model: words between blanks. Implements `app.ranking.protocols.Tokenizer`."""

    exact = True

    def count(self, text: str) -> int:
        """Number of tokens in `text`."""
        return len(text.split())

    def truncate(self, text: str, max_tokens: int) -> str:
        """The first `max_tokens` words, joined by single blanks where anything is cut."""
        words = text.split()
        return text if len(words) <= max_tokens else " ".join(words[: max(0, max_tokens)])


def save_tokenizer(folder: Path) -> None:
    """Write tokenizer.json, tokenizer_config.json and chat_template.jinja into `folder` (needs `transformers`)."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.WordLevel(vocab=IDS, unk_token=UNKNOWN))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        padding_side="left",
        model_max_length=1024,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(folder)
    # The newest transformers writes a class name here that older ones and other engines do not know.
    settings = folder / "tokenizer_config.json"
    written = json.loads(settings.read_text(encoding="utf-8"))
    written["tokenizer_class"] = "PreTrainedTokenizerFast"
    settings.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
