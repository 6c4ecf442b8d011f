"""Prompt profiles as data: what a `templates/*.toml` file may hold, read and checked. Rendering is in `prompts`.

A profile names its turns (a turn with `each` is said once per passage), the strings that turns refer to, how a passage is prepared, what
the answer looks like, how a begun answer would start, sampling, and how much a model typically writes for it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from .errors import TemplateError
from .values import Sampling, Unit

Role = Literal["system", "user", "assistant"]
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_FRAME = frozenset({"query", "num", "passages"})
_LINE = frozenset({"number", "text", "score"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message; `each` says that it is repeated for every passage, with the placeholders of a passage's line."""

    role: Role
    text: str
    each: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """How a passage becomes text, in this order: title joined, stripped, fixed, on one line, cut, brackets rounded.

    `tokens` cuts by the model's own tokenizer (by as many words where there is none), `words` cuts by words for any model.
    `fix_text` repairs mojibake, curly quotes and line ends (ftfy), and once more after cutting, as the official code does.
    `score_scale` shows first-stage scores as whole numbers from 0 to this, scaled between lowest and highest of the window.
    """

    line: str = "[{number}] {text}\n"
    titled: str = "Title: {title} Content: {text}"
    tokens: int = 512
    words: int = 0
    fix_text: bool = False
    one_line: bool = False
    round_brackets: bool = True
    score_scale: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What comes back: `tags` puts the answer into <answer>, `begin` starts one after a given trace (empty: there is no trace).

    `positive` and `negative` are the words of a judgement about one passage.
    """

    tags: bool = True
    begin: str = ""
    positive: str = "true"
    negative: str = "false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A whole profile. `typical` is (tokens written per call, and beyond that per passage shown)."""

    name: str
    unit: Unit
    turns: tuple[Turn, ...]
    passages: Preparation = Preparation()
    answer: Answer = Answer()
    sampling: Sampling = Sampling()
    typical: tuple[float, float] = (0.0, 6.0)
    strings: Mapping[str, str] = field(default_factory=dict)


def read_profile(source: str) -> Profile:
    """A profile from TOML text. Raises TemplateError naming the key that is missing, unknown or wrong."""
    try:
        data = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise TemplateError(f"the profile is not valid TOML: {error}") from error
    return profile_of(data)


def profile_of(data: Mapping[str, Any]) -> Profile:
    """A profile from plain values; raises as `read_profile` does."""
    name = data.get("name")
    if not isinstance(name, str) or not name:
        raise TemplateError("the profile lacks 'name': give it one, as templates/studio.toml does")
    _known(name, "the profile", data, {"name", "unit", "turns", "strings", "passages", "answer", "sampling", "typical"})
    if data.get("unit") not in ("list", "passage", "best"):
        raise TemplateError(f"profile {name!r}: unit is {data.get('unit')!r}, it must be list, passage or best")
    strings = _strings(name, data.get("strings", {}))
    typical = _table(name, "typical", data)
    _known(name, "typical", typical, {"per_call", "per_passage"})
    profile = Profile(
        name=name,
        unit=cast(Unit, data["unit"]),
        turns=tuple(_turn(name, item, strings) for item in _listed(name, data)),
        passages=_made(name, "passages", Preparation, _table(name, "passages", data)),
        answer=_made(name, "answer", Answer, _table(name, "answer", data)),
        sampling=_made(name, "sampling", Sampling, _table(name, "sampling", data)),
        typical=(float(typical.get("per_call", 0.0)), float(typical.get("per_passage", 6.0))),
        strings=strings,
    )
    _check(profile)
    return profile


def _listed(name: str, data: Mapping[str, Any]) -> list[Any]:
    turns = data.get("turns")
    if not isinstance(turns, list) or not turns:
        raise TemplateError(f"profile {name!r} lacks 'turns': give at least one [[turns]] with role and text")
    return turns


def _table(name: str, key: str, data: Mapping[str, Any]) -> dict[str, Any]:
    table = data.get(key, {})
    if not isinstance(table, dict):
        raise TemplateError(f"profile {name!r}: {key} must be a table [{key}]")
    return table


def _strings(name: str, strings: object) -> dict[str, str]:
    if not isinstance(strings, dict) or not all(isinstance(value, str) for value in strings.values()):
        raise TemplateError(f"profile {name!r}: strings must be a table of texts")
    taken = set(strings) & (_FRAME | _LINE)
    if taken:
        raise TemplateError(f"profile {name!r}: strings {sorted(taken)} have names of placeholders: choose others")
    return strings


def _turn(name: str, item: object, strings: Mapping[str, str]) -> Turn:
    if not isinstance(item, dict) or not {"role", "text"} <= set(item):
        raise TemplateError(f"profile {name!r}: every turn needs role and text, got {item!r}")
    _known(name, "a turn", item, {"role", "text", "each"})
    if item["role"] not in ("system", "user", "assistant"):
        raise TemplateError(f"profile {name!r}: role {item['role']!r} is unknown: use system, user or assistant")
    text = item["text"]
    for _ in range(2):  # strings may refer to strings, once
        text = _PLACEHOLDER.sub(lambda found: strings.get(found[1], found[0]), text)
    return Turn(role=item["role"], text=text, each=bool(item.get("each", False)))


def _made(name: str, key: str, kind: Any, table: dict[str, Any]) -> Any:
    """A dataclass from a table, each value of the type of its default."""
    defaults = {one: kind.__dataclass_fields__[one].default for one in kind.__dataclass_fields__}
    _known(name, key, table, set(defaults))
    values = {one: tuple(value) if isinstance(value, list) else value for one, value in table.items()}
    for one, value in values.items():
        default = defaults[one]
        good = isinstance(value, int | float) if isinstance(default, float) else default is None or type(value) is type(default)
        if not good:
            raise TemplateError(f"profile {name!r}: {key}.{one} is {value!r}, it must be of the kind of {default!r}")
    return kind(**values)


def _known(name: str, where: str, table: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise TemplateError(f"profile {name!r}: {where} has unknown keys {unknown}, known are {sorted(known)}")


def _check(profile: Profile) -> None:
    """Placeholders must be ones that can be filled, and every passage must be shown once."""
    for turn in profile.turns:
        allowed = (_LINE | {"query", "num"}) if turn.each else _FRAME
        wrong = sorted(set(_PLACEHOLDER.findall(turn.text)) - allowed)
        if wrong:
            raise TemplateError(f"profile {profile.name!r}: a turn has unknown placeholders {wrong}, known are {sorted(allowed)}")
    wrong = sorted(set(_PLACEHOLDER.findall(profile.passages.line)) - _LINE)
    if wrong:
        raise TemplateError(f"profile {profile.name!r}: the passage line has unknown placeholders {wrong}, known are {sorted(_LINE)}")
    shown = sum(turn.text.count("{passages}") + (turn.each and "{text}" in turn.text) for turn in profile.turns)
    if shown != 1:
        raise TemplateError(f"profile {profile.name!r} shows its passages {shown} times: use {{passages}} or one turn with each, once")
    if "{score}" in profile.passages.line and not profile.passages.score_scale:
        raise TemplateError(f"profile {profile.name!r} shows scores without a scale: set passages.score_scale, for example to 100")
    begin = profile.answer.begin
    if begin and "{reasoning}" not in begin:
        raise TemplateError(f"profile {profile.name!r}: answer.begin must hold {{reasoning}}, or be empty for a format without a trace")
