"""Prompt profiles: what a model is shown and how its answer is read, as data in `templates/*.toml`, never as branches on a model's name."""

from __future__ import annotations

import hashlib
import json
import re
import string
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from .errors import TemplateError
from .parsing import parse_answer
from .protocols import PromptTemplate, Tokenizer
from .values import Completion, Message, Parsed, Passage, Prompt, Sampling, Unit

_CITATION = re.compile(r"\[(\d{1,4})\]")
_BRACKETED = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileTemplate:
    """A listwise prompt built from a profile. `passage_tokens` bounds each passage in the model's own tokens.

    Bracketed numbers in the query and in passages are rewritten to round brackets, so that neither a citation nor a forged
    marker can pass for a passage number (the official ReasonRank order of operations: cut first, then rewrite).
    """

    name: str
    system: str
    before: str
    passage: str
    after: str
    tags: bool
    passage_tokens: int
    sampling: Sampling
    unit: Unit = "list"

    def render(self, query: str, window: Sequence[Passage], tokenizer: Tokenizer) -> Prompt:
        """System and user message for the window in its given order."""
        fields = {"query": _round_brackets(query).strip(), "num": str(len(window))}
        lines = "".join(self._line(number, passage, tokenizer) for number, passage in enumerate(window, start=1))
        user = _fill(self.before, fields) + lines + _fill(self.after, fields)
        messages = (Message(role="system", content=self.system),) if self.system else ()
        return Prompt(messages=(*messages, Message(role="user", content=user)), template=self.name)

    def parse(self, completion: Completion, size: int) -> Parsed:
        """The strict grammar of `parsing`."""
        return parse_answer(completion, size, tags=self.tags)

    def provisional(self, partial: str, size: int) -> tuple[int, ...] | None:
        """Passages in the order in which the reasoning first cites them, the others after; None before any citation."""
        cited = dict.fromkeys(int(number) - 1 for number in _CITATION.findall(partial))
        known = [position for position in cited if 0 <= position < size]
        return (*known, *(position for position in range(size) if position not in cited)) if known else None

    def _line(self, number: int, passage: Passage, tokenizer: Tokenizer) -> str:
        text = f"Title: {passage.title} Content: {passage.text}" if passage.title else passage.text
        cut = tokenizer.truncate(" ".join(text.split()), self.passage_tokens)
        return _fill(self.passage, {"number": str(number), "text": _round_brackets(cut)})


def _round_brackets(text: str) -> str:
    return _BRACKETED.sub(r"(\1)", text)


def _fill(text: str, fields: Mapping[str, str]) -> str:
    """Replace {name} once, left to right, so that braces inside a query or a passage stay as they are."""
    return re.sub(r"\{(\w+)\}", lambda found: fields.get(found[1], found[0]), text)


def template_hash(template: PromptTemplate) -> str:
    """16 hex digits that change with any byte a template shows: sha256 of a rendering of two fixed passages."""
    from .evidence import SIGNALS
    from .tokens import WordTokenizer

    features = dict.fromkeys(SIGNALS, 0.5)
    window = [Passage(id=name, title=name, text=name, features=features) for name in ("a", "b")]
    prompt = template.render("q", window, WordTokenizer())
    return prompt_hash(prompt)[:16]


def prompt_text(prompt: Prompt) -> str:
    """A prompt as canonical JSON: what is stored and hashed."""
    messages = [[message.role, message.content] for message in prompt.messages]
    return json.dumps({"messages": messages, "prefix": prompt.prefix}, ensure_ascii=False, separators=(",", ":"))


def prompt_hash(prompt: Prompt) -> str:
    """sha256 of `prompt_text`, hex."""
    return hashlib.sha256(prompt_text(prompt).encode()).hexdigest()


def load_profile(source: str) -> ProfileTemplate:
    """A profile from TOML text. Raises TemplateError naming the key that is missing, unknown or wrong."""
    try:
        data = tomllib.loads(source)
        return _profile(data)
    except tomllib.TOMLDecodeError as error:
        raise TemplateError(f"the profile is not valid TOML: {error}") from error
    except (KeyError, TypeError) as error:
        raise TemplateError(f"the profile lacks {error} or gives it a wrong type: compare with templates/studio.toml") from error


def _profile(data: dict[str, Any]) -> ProfileTemplate:
    unknown = set(data) - {"name", "unit", "tags", "passage_tokens", "text", "sampling"}
    unknown |= set(data["text"]) - {"system", "before", "passage", "after"}
    if unknown:
        raise TemplateError(f"profile {data.get('name')!r} has unknown keys {sorted(unknown)}: remove or correct them")
    for part in ("before", "passage", "after"):
        names = {name for _, name, _, _ in string.Formatter().parse(data["text"][part]) if name}
        if names - {"query", "num", "number", "text"}:
            raise TemplateError(f"profile {data['name']!r}: {part} has unknown placeholders {sorted(names)}")
    sampling: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in data["sampling"].items()}
    return ProfileTemplate(
        name=data["name"],
        unit=data["unit"],
        tags=data["tags"],
        passage_tokens=data["passage_tokens"],
        sampling=Sampling(**sampling),
        **data["text"],
    )


def builtin_profile(name: str) -> ProfileTemplate:
    """A profile shipped with the library. Raises TemplateError listing the names there are."""
    folder = resources.files(__package__) / "templates"
    path = folder / f"{name}.toml"
    if not re.fullmatch(r"[a-z0-9-]+", name) or not path.is_file():
        names = sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))
        raise TemplateError(f"no profile {name!r}: there are {', '.join(names)}")
    return load_profile(path.read_text(encoding="utf-8"))


def template_for(name: str) -> PromptTemplate:
    """A template by the name stored with a run. Raises TemplateError listing the names there are."""
    if name == "nano":
        from .models.nano.template import NanoTemplate

        return NanoTemplate()
    return builtin_profile(name)
