"""Prompts: a profile filled in for a query and a window. What a model is shown is data in `templates/*.toml`, not a branch on its name."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from importlib import import_module, resources
from pathlib import Path
from typing import Any

from .answers import parse_best, parse_passage
from .errors import TemplateError
from .parsing import parse_answer
from .profiles import Preparation, Profile, Turn, read_profile
from .protocols import PromptTemplate, Tokenizer
from .values import Completion, Message, Parsed, Passage, Prompt, Sampling, Unit

_CITATION = re.compile(r"\[(\d{1,4})\]")
_CHAIN = re.compile(r"\[\d{1,4}\](?:\s*>\s*\[\d{1,4}\])+")
_BRACKETED = re.compile(r"\[(\d+)\]")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
# Prepared passages kept per profile: about 10 MB of text, enough for a hundred lists under way at once.
_KEPT = 4096
# An id and its separator take about seven tokens; the rest is for tags.
_TOKENS_PER_ID, _TOKENS_AROUND = 8, 32


class ProfileTemplate:
    """Implements `protocols.PromptTemplate` over a profile.

    Bracketed numbers in query and passages are rewritten to round brackets, so that neither a citation nor a forged marker can pass for a
    passage number. Operations come in the order of the official ReasonRank code: see docs/method.md. Safe to use from several threads.
    """

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._prepared = _Prepared(profile.passages)

    @property
    def name(self) -> str:
        """Name of the profile."""
        return self.profile.name

    @property
    def unit(self) -> Unit:
        """What one call is about."""
        return self.profile.unit

    @property
    def sampling(self) -> Sampling:
        """How the model is meant to be decoded."""
        return self.profile.sampling

    @property
    def thinks(self) -> bool:
        """Whether the format has a trace before the answer."""
        return bool(self.profile.answer.begin)

    @property
    def typical(self) -> tuple[float, float]:
        """Tokens that a model writes per call, and beyond that per passage shown."""
        return self.profile.typical

    def render(self, query: str, window: Sequence[Passage], tokenizer: Tokenizer) -> Prompt:
        """Messages for the window in its given order. Raises TemplateError where the profile shows scores and a passage has none."""
        texts, cut = self._prepared.all(window, tokenizer)
        scores = _scores(self.profile, window)
        lines = [
            {"number": str(number), "text": text, "score": score} for number, (text, score) in enumerate(zip(texts, scores, strict=True), 1)
        ]
        fields = {"query": _round_brackets(query).strip(), "num": str(len(window))}
        messages = _messages(self.profile, fields, lines)
        notes = (_cut_note(self.profile.passages, cut, len(window), tokenizer.exact),) if cut else ()
        return Prompt(messages=messages, template=self.name, size=len(window), notes=notes)

    def parse(self, completion: Completion, size: int) -> Parsed:
        """The strict grammar of the unit."""
        answer = self.profile.answer
        if self.unit == "best":
            return parse_best(completion, size, tags=answer.tags)
        if self.unit == "passage":
            return parse_passage(completion, size, tags=answer.tags, words=(answer.positive, answer.negative))
        return parse_answer(completion, size, tags=answer.tags)

    def provisional(self, partial: str, size: int) -> tuple[int, ...] | None:
        """Passages of the latest chain `[3] > [1]` of the trace, then others as first cited, then the rest; None before any citation."""
        if self.unit != "list":
            return None
        chains = _CHAIN.findall(partial)
        cited = _CITATION.findall(chains[-1]) + _CITATION.findall(partial) if chains else _CITATION.findall(partial)
        known = [position for position in dict.fromkeys(int(number) - 1 for number in cited) if 0 <= position < size]
        return (*known, *(position for position in range(size) if position not in set(known))) if known else None

    def begin(self, reasoning: str) -> str:
        """The beginning of an answer after a given trace. Raises TemplateError where the format has none."""
        if not self.thinks:
            raise TemplateError(
                f"profile {self.name!r} asks for no trace, so an answer can't be begun after one: choose a reasoning profile"
            )
        return _fill(self.profile.answer.begin, {"reasoning": reasoning})

    def answer_tokens(self, size: int) -> int:
        """Enough for every id once, and tags."""
        return _TOKENS_AROUND + (_TOKENS_PER_ID * size if self.unit == "list" else 0)


class _Prepared:
    """Passages as text, remembered by content and tokenizer; the least recently used are forgotten."""

    def __init__(self, how: Preparation) -> None:
        self._how = how
        self._kept: OrderedDict[tuple[object, bytes], tuple[str, bool]] = OrderedDict()
        self._lock = threading.Lock()

    def all(self, window: Sequence[Passage], tokenizer: Tokenizer) -> tuple[list[str], int]:
        """The texts of a window and how many of them were cut."""
        found = [self._one(passage, tokenizer) for passage in window]
        return [text for text, _ in found], sum(cut for _, cut in found)

    def _one(self, passage: Passage, tokenizer: Tokenizer) -> tuple[str, bool]:
        content = f"{passage.title}\0{passage.text}".encode("utf-8", "surrogatepass")
        # The tokenizer itself is part of the key: two of them never share entries, and equal ones may.
        key = (tokenizer, hashlib.blake2b(content, digest_size=16).digest())
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = _prepare(self._how, passage, tokenizer)
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return made


def _prepare(how: Preparation, passage: Passage, tokenizer: Tokenizer) -> tuple[str, bool]:
    """A passage's text and whether it was cut."""
    text = _fill(how.titled, {"title": passage.title, "text": passage.text}) if passage.title else passage.text
    text = text.strip()
    if how.fix_text:
        text = _fixed(text, entities=True)
    if how.one_line:
        text = " ".join(text.split())
    if how.words:
        words = text.split()
        whole, text = text, " ".join(words[: how.words])
        cut = len(words) > how.words
        text = text if cut else whole
    else:
        kept = tokenizer.truncate(text, how.tokens)
        cut, text = len(kept) < len(text), kept
    text = _round_brackets(text) if how.round_brackets else text
    # The official code fixes the whole prompt once more. Lines are fixed one by one, so this can be done here and remembered; entities
    # stay, because the prompt's own "<" turns that part off.
    return (_fixed(text, entities=False) if how.fix_text else text), cut


def _fixed(text: str, *, entities: bool) -> str:
    """ftfy's defaults; `entities` False leaves HTML entities alone."""
    try:
        import ftfy
    except ImportError as error:
        raise TemplateError("this profile repairs text with the package ftfy, which is missing: install ftfy") from error
    fixed: str = ftfy.fix_text(text) if entities else ftfy.fix_text(text, unescape_html=False)
    return fixed


def _scores(profile: Profile, window: Sequence[Passage]) -> list[str]:
    """First-stage scores as whole numbers between 0 and the profile's scale, empty where it shows none."""
    scale = profile.passages.score_scale
    if not scale:
        return [""] * len(window)
    scores = [passage.score for passage in window if passage.score is not None]
    if len(scores) < len(window):
        missing = next(passage.id for passage in window if passage.score is None)
        raise TemplateError(
            f"profile {profile.name!r} shows first-stage scores and passage {missing!r} has none: give scores, or choose another"
        )
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    return [str(round(scale * (score - low) / (high - low))) if high > low else str(scale) for score in scores]


def _messages(profile: Profile, fields: Mapping[str, str], lines: Sequence[Mapping[str, str]]) -> tuple[Message, ...]:
    """All turns filled in; neighbouring turns with `each` are said together, once per passage."""
    out: list[Message] = []
    group: list[Turn] = []
    for turn in (*profile.turns, None):
        if turn is not None and turn.each:
            group.append(turn)
            continue
        out += [Message(role=one.role, content=_fill(one.text, {**fields, **line})) for line in lines for one in group]
        group = []
        if turn is not None:
            out.append(_said(profile, turn, fields, lines))
    return tuple(message for message in out if message.content)


def _said(profile: Profile, turn: Turn, fields: Mapping[str, str], lines: Sequence[Mapping[str, str]]) -> Message:
    before, shows, after = turn.text.partition("{passages}")
    frame = [_fill(part, fields) for part in (before, after)]
    if profile.passages.fix_text:
        frame = [_fixed(part, entities=False) if part else part for part in frame]
    shown = "".join(_fill(profile.passages.line, line) for line in lines) if shows else ""
    return Message(role=turn.role, content=frame[0] + shown + frame[1])


def _cut_note(how: Preparation, cut: int, shown: int, exact: bool) -> str:
    if how.words:
        return f"{cut} of {shown} passages were cut after {how.words} words"
    if exact:
        return f"{cut} of {shown} passages were cut after {how.tokens} tokens"
    return (
        f"{cut} of {shown} passages were cut after {how.tokens} words: without the model's own tokenizer its limit of {how.tokens} tokens "
        "can't be counted"
    )


def _round_brackets(text: str) -> str:
    return _BRACKETED.sub(r"(\1)", text)


def _fill(text: str, fields: Mapping[str, str]) -> str:
    """Replace {name} once, left to right, so that braces inside a query or a passage stay as they are."""
    return _PLACEHOLDER.sub(lambda found: fields.get(found[1], found[0]), text)


def template_hash(template: PromptTemplate) -> str:
    """16 hex digits that change with any byte a template shows: sha256 of a rendering of two fixed passages."""
    from .evidence import SIGNALS
    from .tokens import WordTokenizer

    features = dict.fromkeys(SIGNALS, 0.5)
    window = [Passage(id=name, title=name, text=name, score=1.0, features=features) for name in ("a", "b")]
    return prompt_hash(template.render("q", window, WordTokenizer()))[:16]


def prompt_text(prompt: Prompt) -> str:
    """A prompt as canonical JSON: what is stored and hashed."""
    messages = [[message.role, message.content] for message in prompt.messages]
    return json.dumps({"messages": messages, "prefix": prompt.prefix}, ensure_ascii=False, separators=(",", ":"))


def prompt_hash(prompt: Prompt) -> str:
    """sha256 of `prompt_text`, hex."""
    return hashlib.sha256(prompt_text(prompt).encode("utf-8", "surrogatepass")).hexdigest()


def load_profile(source: str) -> ProfileTemplate:
    """A template from a profile's TOML text. Raises TemplateError naming the key that is missing, unknown or wrong."""
    return ProfileTemplate(read_profile(source))


@functools.cache
def builtin_profile(name: str) -> ProfileTemplate:
    """A profile shipped with the library. Raises TemplateError listing the names there are."""
    text = _builtin(name)
    if _made_by(text):
        raise TemplateError(f"profile {name!r} is made by code: use template_for({name!r})")
    return load_profile(text)


def _builtin(name: str) -> str:
    folder = resources.files(__package__) / "templates"
    path = folder / f"{name}.toml"
    if not re.fullmatch(r"[a-z0-9-]+", name) or not path.is_file():
        names = sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))
        raise TemplateError(f"no profile {name!r}: there are {', '.join(names)}")
    return path.read_text(encoding="utf-8")


@functools.cache
def template_for(name: str) -> PromptTemplate:
    """A template by a built-in name, or by the path of a profile file (ours, RankLLM's YAML, the official TOML).

    Raises TemplateError listing the built-in names, or saying what is wrong with the file.
    """
    if name.endswith((".toml", ".yaml", ".yml")):
        from .profile_import import load_profile_file

        return load_profile_file(Path(name))
    made_by = _made_by(_builtin(name))
    if not made_by:
        return builtin_profile(name)
    module, _, attribute = made_by.partition(":")
    template: PromptTemplate = getattr(import_module(f".{module}", __package__), attribute)()
    return template


def _made_by(text: str) -> str:
    """The class that implements a built-in profile which is more than data, "module:Class" inside this package; empty for the others."""
    import tomllib

    data: dict[str, Any] = tomllib.loads(text)
    return str(data.get("made_by", ""))
