"""Mining prompts: pointwise questions to a teacher as data. It is shown the query, the gold answer and numbered passages, and names ids.

A prompt is a file of `prompts/`. Passages are prepared as the listwise profiles prepare them (`app.ranking.prompts`), so that bracketed
numbers in a text can't pass for a passage number; the same is done to query and answer.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from app.ranking.errors import TemplateError
from app.ranking.profiles import Preparation, Profile, Turn
from app.ranking.prompts import ProfileTemplate
from app.ranking.protocols import Tokenizer
from app.ranking.values import Message, Passage, Prompt

PROMPTS = Path(__file__).parent / "prompts"
NO_ANSWER_KNOWN = "(none is known: judge by the query alone)"

_FIELDS = ("query", "answer", "num", "passages")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_BRACKETED = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class MiningPrompt:
    """One question. `marks` says what it looks for, `graded` whether it asks for grades 0-3, `text` is its file.

    `max_tokens` bounds reasoning and answer together; the teacher table of a recipe wins over it.
    """

    name: str
    about: str
    marks: Literal["positive", "hard"]
    turns: tuple[Turn, ...]
    graded: bool = False
    max_tokens: int = 4096
    passages: Preparation = Preparation(one_line=True)
    text: str = ""

    def render(self, query: str, answer: str, window: Sequence[Passage], tokenizer: Tokenizer) -> Prompt:
        """The prompt about `window`, numbered from [1] in its given order."""
        lines = _lines(self.passages).render("", window, tokenizer)
        shown = {
            "query": _round_brackets(query).strip(),
            "answer": _round_brackets(answer).strip() or NO_ANSWER_KNOWN,
            "num": str(len(window)),
            "passages": lines.messages[0].content if lines.messages else "",
        }
        messages = tuple(Message(role=turn.role, content=_fill(turn.text, shown)) for turn in self.turns)
        return Prompt(messages=messages, template=f"mining/{self.name}", size=len(window), notes=lines.notes)


def mining_prompts() -> tuple[str, ...]:
    """Names of the prompts there are."""
    return tuple(sorted(path.stem for path in PROMPTS.glob("*.toml")))


@functools.cache
def mining_prompt(name: str) -> MiningPrompt:
    """A prompt by name. Raises TemplateError listing the names there are."""
    path = PROMPTS / f"{name}.toml"
    if not re.fullmatch(r"[a-z0-9-]+", name) or not path.is_file():
        raise TemplateError(f"no mining prompt {name!r}: there are {', '.join(mining_prompts())}")
    return read_mining_prompt(path.read_text(encoding="utf-8"), name)


def read_mining_prompt(text: str, name: str) -> MiningPrompt:
    """A prompt from TOML text. Raises TemplateError naming the key that is missing, unknown or wrong."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TemplateError(f"mining prompt {name!r} is not valid TOML: {error}") from error
    known = {"about": str, "marks": str, "graded": bool, "max_tokens": int, "turns": list, "passages": dict}
    unknown = sorted(set(data) - set(known))
    wrong = sorted(key for key, value in data.items() if key in known and type(value) is not known[key])
    if unknown or wrong or not {"about", "marks", "turns"} <= set(data):
        raise TemplateError(
            f"mining prompt {name!r}: unknown keys {unknown}, keys of a wrong type {wrong}; it needs about, marks and turns, "
            f"and may have {', '.join(known)}"
        )
    if data["marks"] not in ("positive", "hard"):
        raise TemplateError(f"mining prompt {name!r}: marks is {data['marks']!r}, it must be positive or hard")
    turns = tuple(_turn(one, name) for one in data.pop("turns"))
    passages = Preparation(one_line=True, **_preparation(data.pop("passages", {}), name))
    prompt = MiningPrompt(**data, name=name, turns=turns, passages=passages, text=text)
    _check(prompt)
    return prompt


def _turn(one: object, name: str) -> Turn:
    if not isinstance(one, dict) or set(one) != {"role", "text"} or one["role"] not in ("system", "user", "assistant"):
        raise TemplateError(f"mining prompt {name!r}: every turn needs a role (system, user, assistant) and a text, got {one!r}")
    return Turn(role=one["role"], text=str(one["text"]))


def _preparation(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Keys of [passages] that may be set: passages always stand on one line each."""
    defaults = {one.name: one.default for one in fields(Preparation) if one.name in ("titled", "tokens", "words", "fix_text")}
    wrong = sorted(key for key, value in table.items() if key not in defaults or type(value) is not type(defaults[key]))
    if wrong:
        raise TemplateError(f"mining prompt {name!r}: [passages] has wrong keys {wrong}, known are {', '.join(defaults)}")
    return dict(table)


def _check(prompt: MiningPrompt) -> None:
    """Query, answer and passages are shown, and nothing is asked for that can't be filled in."""
    found = [name for turn in prompt.turns for name in _PLACEHOLDER.findall(turn.text)]
    unknown, missing = sorted(set(found) - set(_FIELDS)), sorted({"query", "answer", "passages"} - set(found))
    if unknown or missing or found.count("passages") != 1:
        raise TemplateError(
            f"mining prompt {prompt.name!r}: unknown placeholders {unknown}, missing ones {missing}; passages must stand there once"
        )


@functools.cache
def _lines(how: Preparation) -> ProfileTemplate:
    """Renders passages alone, with the listwise profiles' own preparation and its memory."""
    return ProfileTemplate(Profile(name="mining", unit="list", turns=(Turn(role="user", text="{passages}"),), passages=how))


def _round_brackets(text: str) -> str:
    return _BRACKETED.sub(r"(\1)", text)


def _fill(text: str, shown: Mapping[str, str]) -> str:
    """Replace {name} once, left to right, so that braces inside a query, an answer or a passage stay as they are."""
    return _PLACEHOLDER.sub(lambda found: shown.get(found[1], found[0]), text)
