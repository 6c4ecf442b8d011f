"""Rows for models of the transformers library: rendered by the profile, counted by the model's own tokenizer in its chat template.

The trainers would cut what is too long. Here a row over a limit is refused and counted instead: half a list teaches a wrong answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.ranking.backends.transformers_text import ModelTokenizer
from app.ranking.errors import InputError, SettingsError
from app.ranking.parsing import OPEN_THINK
from app.ranking.prompts import ProfileTemplate, template_for
from app.ranking.protocols import PromptTemplate
from training.config import Recipe
from training.datasets.rendering import Refused, Rendering, rows
from training.datasets.version import Version

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows that fit, examples left out by reason, and the tokens of the longest row (of the longest prompt for `rl`)."""

    rows: list[Row]
    refused: Mapping[str, int]
    longest: int


def sft_rows(recipe: Recipe, version: Version, words: Any) -> Rows:
    """Prompt and completion, at most `[sft] max_length` tokens together. Raises InputError where none is left."""
    assert recipe.sft is not None

    def size(row: Row) -> int:
        return len(tokens(words, [*row["prompt"], *row["completion"]]))

    limit = recipe.sft.max_length
    reason = f"longer than {limit} tokens in the model's chat template: raise [sft] max_length, or take shorter lists"
    return _fitting(recipe, version, words, "sft", (size, limit, reason))


def rl_rows(recipe: Recipe, version: Version, words: Any) -> Rows:
    """Prompts of at most `[rl] max_prompt` tokens, with what a reward needs. Raises InputError where a rollout takes more than are left."""
    assert recipe.rl is not None
    template_with_trace(recipe)

    def size(row: Row) -> int:
        return len(tokens(words, row["prompt"], begin=True))

    limit, prompts = recipe.rl.max_prompt, recipe.rl.prompts
    reason = f"their prompt is longer than {limit} tokens in the model's chat template: raise [rl] max_prompt, or take shorter lists"
    found = _fitting(recipe, version, words, "rl", (size, limit, reason))
    if len(found.rows) < prompts:
        raise InputError(
            f"the dataset version has {len(found.rows)} prompts for reinforcement learning and the recipe takes {prompts} at once: "
            "gather more examples, or lower [rl] prompts"
        )
    return found


def tokens(words: Any, messages: list[dict[str, str]], *, begin: bool = False) -> list[int]:
    """Token ids of messages in the model's chat template; `begin` adds the beginning of an answer."""
    made = words.apply_chat_template(messages, add_generation_prompt=begin, tokenize=True, return_dict=True)
    ids: list[int] = made["input_ids"]
    return ids


def opens_thinking(words: Any) -> bool:
    """Whether the chat template writes `<think>` at the end of the prompt, so that answers come without it."""
    text: str = words.apply_chat_template([{"role": "user", "content": "?"}], add_generation_prompt=True, tokenize=False)
    return text.rstrip().endswith(OPEN_THINK)


def template_with_trace(recipe: Recipe) -> PromptTemplate:
    """The recipe's profile. Raises SettingsError where its answers are not `<think> trace </think> <answer> list </answer>`."""
    template = template_for(recipe.template)
    if not template.thinks or not isinstance(template, ProfileTemplate) or not template.profile.answer.tags:
        raise SettingsError(
            f"profile {template.name!r} asks for no trace and answer in tags, which the rewards read: choose a reasoning profile for [rl]"
        )
    return template


def _fitting(recipe: Recipe, version: Version, words: Any, stage: str, limit: tuple[Callable[[Row], int], int, str]) -> Rows:
    size, most, reason = limit
    how = Rendering(tokenizer=ModelTokenizer(words), refused=Refused())
    kept, left, longest = list[Row](), Counter[str](), 0
    for row in rows(version, recipe.template, stage, how):
        length = size(row)
        if length > most:
            left[reason] += 1
            continue
        kept.append(row)
        longest = max(longest, length)
    left.update({why: len(ids) for why, ids in how.refused.by_reason.items()})
    if not kept:
        said = "; ".join(f"{count}: {why}" for why, count in left.items()) or "it has no examples of this stage"
        raise InputError(f"the dataset version {version.id[:12]} has no row for the stage {stage!r} that can be used ({said})")
    return Rows(rows=kept, refused=dict(left), longest=longest)
