"""Profiles of others: RankLLM's YAML templates and the TOML file of the official ReasonRank code.

Their regular expressions are read and left aside: an answer is read by one strict grammar here, whoever wrote the prompt.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import TemplateError
from .profiles import Answer, Preparation, Profile, Turn, profile_of
from .prompts import ProfileTemplate, builtin_profile
from .values import Sampling

_RANKLLM = {
    "method",
    "system_message",
    "prefix",
    "prefix_assistant",
    "body",
    "body_assistant",
    "suffix",
    "output_validation_regex",
    "output_extraction_regex",
}
_OFFICIAL = {"system_prompt", "system_prompt_reasoning", "pattern"}
# RankLLM cuts passages after 300 words, whatever the model.
_RANKLLM_WORDS = 300
_BEGIN = "<think>{reasoning}</think>\n"


def load_profile_file(path: Path) -> ProfileTemplate:
    """A template from a file: our TOML, RankLLM's YAML, or the official `listwise_prompt_r1.toml`.

    Raises TemplateError naming the file and the key that is missing, unknown or wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(f"profile file {str(path)!r} can't be read: {error}") from error
    try:
        if path.suffix in (".yaml", ".yml"):
            return ProfileTemplate(from_rankllm(_yaml(text), path.stem))
        data = tomllib.loads(text)
        return ProfileTemplate(from_official(data) if set(data) <= _OFFICIAL else profile_of(data))
    except (TemplateError, tomllib.TOMLDecodeError) as error:
        raise TemplateError(f"profile file {str(path)!r}: {error}") from error


def from_rankllm(data: Mapping[str, Any], name: str) -> Profile:
    """A profile from RankLLM's keys: `{rank}` and `{candidate}` in bodies, one user message or one per passage with `body_assistant`.

    Raises TemplateError for an unknown key or method, and for methods that rank otherwise (pairwise, T5).
    """
    unknown = sorted(set(data) - _RANKLLM)
    if unknown:
        raise TemplateError(f"keys {unknown} are not of RankLLM's listwise templates, known are {sorted(_RANKLLM)}")
    method = data.get("method", "")
    if method not in ("singleturn_listwise", "multiturn_listwise", "listwise"):
        raise TemplateError(f"method {method!r} can't be imported: only singleturn_listwise and multiturn_listwise templates rank lists")
    missing = [key for key in ("prefix", "body", "suffix") if not isinstance(data.get(key), str)]
    if missing:
        raise TemplateError(f"{', '.join(missing)} must be texts")
    whole = " ".join(str(data.get(key, "")) for key in ("system_message", "prefix", "suffix"))
    tags, thinks = "<answer>" in whole, "<think>" in whole
    body = str(data["body"]).replace("{rank}", "{number}").replace("{candidate}", "{text}")
    prefix, suffix = str(data["prefix"]), str(data["suffix"])
    if "body_assistant" in data:
        said = str(data["body_assistant"]).replace("{rank}", "{number}")
        middle = (Turn(role="user", text=body, each=True), Turn(role="assistant", text=said, each=True))
        opened = (Turn(role="assistant", text=str(data["prefix_assistant"])),) if data.get("prefix_assistant") else ()
        turns = (Turn(role="user", text=prefix), *opened, *middle, Turn(role="user", text=suffix))
        how = Preparation(words=_RANKLLM_WORDS, fix_text=True)
    else:
        turns = (Turn(role="user", text=f"{prefix}{{passages}}{suffix}"),)
        how = Preparation(line=body, words=_RANKLLM_WORDS, fix_text=True)
    if data.get("system_message"):
        turns = (Turn(role="system", text=str(data["system_message"])), *turns)
    begin = (_BEGIN + ("<answer>" if tags else "")) if thinks else ""
    return Profile(name=name, unit="list", turns=turns, passages=how, answer=Answer(tags=tags, begin=begin), sampling=Sampling())


def from_official(data: Mapping[str, Any]) -> Profile:
    """The `reasonrank` profile with the system text of an official prompt file; the other strings are in that project's code.

    Raises TemplateError where there is no system text, or its pattern does not look for <answer>.
    """
    system = data.get("system_prompt_reasoning") or data.get("system_prompt")
    if not isinstance(system, str):
        raise TemplateError("system_prompt_reasoning or system_prompt must be a text")
    pattern = str(data.get("pattern", "<answer>"))
    if not re.search("<answer>", pattern):
        raise TemplateError(
            f"pattern {pattern!r} does not look for <answer>, so answers would not be found where this profile asks for them"
        )
    base = builtin_profile("reasonrank" if "<think>" in system else "reasonrank-qwen3").profile
    turns = tuple(dataclasses.replace(turn, text=system) if turn.role == "system" else turn for turn in base.turns)
    return dataclasses.replace(base, turns=turns)


def _yaml(text: str) -> dict[str, Any]:
    try:
        import yaml
    except ImportError as error:
        raise TemplateError("a YAML profile needs the package pyyaml, which is missing: install pyyaml") from error
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise TemplateError(f"is not valid YAML: {error}") from error
    if not isinstance(data, dict):
        raise TemplateError("is no mapping of keys to texts")
    return data
