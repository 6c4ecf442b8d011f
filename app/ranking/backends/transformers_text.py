"""Text on its way into and out of a transformers model: chat template, exact counts, tokens as they come, stop strings."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import BackendError, BackendUnavailable
from ..parsing import OPEN_THINK
from ..values import Prompt

_HALF = "\ufffd"  # what decoders write for the bytes of a letter that is not complete yet


class ModelTokenizer:
    """Implements `app.ranking.protocols.Tokenizer` over a tokenizer of the transformers library. Two over the same one are equal."""

    exact = True

    def __init__(self, words: Any) -> None:
        self._words = words

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModelTokenizer) and self._words is other._words

    def __hash__(self) -> int:
        return id(self._words)

    def count(self, text: str) -> int:
        """Tokens of `text` on its own."""
        return len(self._ids(text))

    def truncate(self, text: str, max_tokens: int) -> str:
        """A beginning of `text` of at most `max_tokens`: encode, cut, decode, shortened where the decoded text encodes to more."""
        ids = self._ids(text)
        if len(ids) <= max_tokens:
            return text
        for size in range(max_tokens, 0, -1):
            begin: str = self._words.decode(ids[:size], clean_up_tokenization_spaces=False).rstrip(_HALF)
            if self.count(begin) <= max_tokens:
                return begin
        return ""

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._words(text, add_special_tokens=False, verbose=False)["input_ids"]
        return ids


class TextOf:
    """Tokens to text one by one: each piece is what the last tokens add to the text of the ones before, so that blanks come out right."""

    def __init__(self, words: Any) -> None:
        self._words = words
        self._ids: list[int] = []
        self._shown = 0  # of `_ids`, how many are in the text given out already

    def feed(self, token: int) -> str:
        """The new text; empty while a letter is not complete."""
        self._ids.append(token)
        text = self._fresh()
        if text.endswith(_HALF):
            return ""
        # Only the tokens shown last are needed to place the next ones.
        self._ids, self._shown = self._ids[self._shown :], len(self._ids) - self._shown
        return text

    def close(self) -> str:
        """Text of an incomplete letter at the end."""
        return self._fresh()

    def _fresh(self) -> str:
        before = self._text(self._ids[: self._shown])
        return self._text(self._ids)[len(before) :]

    def _text(self, ids: Sequence[int]) -> str:
        text: str = self._words.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


class Until:
    """Passes text on up to the first stop string, holding back as much as could be the beginning of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self.reached = False
        self._stops = [stop for stop in stops if stop]
        self._hold = max(map(len, self._stops), default=1) - 1
        self._held = ""

    def feed(self, text: str) -> str:
        """What may be shown now."""
        if self.reached:
            return ""
        self._held += text
        found = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if found:
            self.reached = True
            return self._held[: min(found)]
        safe = max(0, len(self._held) - self._hold)
        out, self._held = self._held[:safe], self._held[safe:]
        return out

    def close(self) -> str:
        """The rest, where no stop string came."""
        return "" if self.reached else self._held


def chat_text(words: Any, prompt: Prompt, name: str) -> str:
    """The prompt as the model's chat template writes it, up to where the answer begins.

    Tokens that steer the model are broken up inside messages, so that a passage can't end its message and begin another. Raises
    BackendUnavailable where the model has no template, BackendError where the template refuses the messages.
    """
    if not words.chat_template:
        raise BackendUnavailable(f"model {name!r} has no chat template: choose an instruction-tuned model")
    from jinja2 import TemplateError

    messages = [{"role": message.role, "content": _harmless(words, message.content)} for message in prompt.messages]
    try:
        text: str = words.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    except TemplateError as error:
        raise BackendError(
            f"the chat template of model {name!r} refuses the messages ({error}): use a profile without a system text"
        ) from error
    return text


def begun_text(words: Any, prompt: Prompt, name: str) -> str:
    """`chat_text`, and after it the beginning of an answer where the prompt has one; raises as `chat_text` does.

    A template that opens the thinking itself has written the tag that the prefix begins with.
    """
    text, prefix = chat_text(words, prompt, name), prompt.prefix
    opened = text.rstrip().endswith(OPEN_THINK) and prefix.startswith(OPEN_THINK)
    return text.rstrip() + prefix.removeprefix(OPEN_THINK) if opened else text + prefix


def folder_revision(folder: Path) -> str:
    """16 hex digits that change with a model's files: names and sizes of config, tokenizer and weights, and the first MiB of each."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".safetensors") and path.is_file():
            digest.update(f"{path.name} {path.stat().st_size} ".encode())
            with path.open("rb") as file:
                digest.update(file.read(1 << 20))
    return digest.hexdigest()[:16]


def _harmless(words: Any, content: str) -> str:
    for token in words.all_special_tokens:
        if len(token) > 1:
            content = content.replace(token, f"{token[0]} {token[1:]}")
    return content
