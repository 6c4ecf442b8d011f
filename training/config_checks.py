"""What a training recipe must keep to beyond the types of its keys: words that exist, numbers in range, tables that fit each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .rewards import REWARDS

if TYPE_CHECKING:
    from .config import Lora, Recipe, Rl, Sft

SCHEDULES = ("constant", "constant_with_warmup", "cosine", "linear")
PRECISIONS = ("bf16", "fp32")
LOSSES = ("dapo", "grpo", "bnpo", "dr_grpo")
SCALES = ("group", "batch", "none")
KINDS = {"nano": ("expert", "grpo"), "hub": ("grpo",)}
"""Kinds of reinforcement learning by family: only the embedded model can be taught its own best answers (expert iteration)."""


def faults(recipe: Recipe) -> Iterator[str]:
    """Sentences about what is wrong, each naming its table; the first is enough to mend."""
    if recipe.cold is not None and recipe.family != "nano":
        yield f"has a [cold], which is of the embedded model alone: leave it out, {recipe.model} has weights to start from"
    if recipe.sft is not None:
        yield from (f"[sft]: {fault}" for fault in _sft(recipe.sft, recipe.family))
    if recipe.rl is not None:
        yield from (f"[rl]: {fault}" for fault in _rl(recipe.rl, recipe.family))


def _sft(sft: Sft, family: str) -> Iterator[str]:
    yield from _least(
        ("batch", sft.batch, 1), ("accumulation", sft.accumulation, 1), ("max_length", sft.max_length, 1), ("steps", sft.steps, 0)
    )
    yield from _least(
        ("rate", sft.rate, 0), ("epochs", sft.epochs, 0), ("replay", sft.replay, 0), ("checkpoint_every", sft.checkpoint_every, 0)
    )
    yield from _words(("schedule", sft.schedule, SCHEDULES), ("precision", sft.precision, PRECISIONS))
    yield from _share(sft.warmup)
    yield from _own(sft.own)
    yield from _lora(sft.lora, family)


def _rl(rl: Rl, family: str) -> Iterator[str]:
    yield from _words(("kind", rl.kind, KINDS[family]), ("reward", rl.reward, tuple(REWARDS)), ("scale", rl.scale, SCALES))
    yield from _words(("loss", rl.loss, LOSSES), ("schedule", rl.schedule, SCHEDULES), ("precision", rl.precision, PRECISIONS))
    yield from _least(
        ("steps", rl.steps, 1), ("prompts", rl.prompts, 1), ("group", rl.group, 2 if rl.kind == "grpo" else 1), ("micro", rl.micro, 1)
    )
    yield from _least(("rate", rl.rate, 0), ("kl", rl.kl, 0), ("clip", rl.clip, 0), ("top_k", rl.top_k, 0), ("replay", rl.replay, 0))
    yield from _least(("max_completion", rl.max_completion, 1), ("max_prompt", rl.max_prompt, 1), ("minibatch", rl.minibatch, 0))
    yield from _least(("temperature", rl.temperature, 0), ("softness", rl.softness, 0), ("checkpoint_every", rl.checkpoint_every, 0))
    yield from _share(rl.warmup)
    yield from _own(rl.own)
    yield from _lora(rl.lora, family)
    if rl.minibatch and rl.prompts % rl.minibatch:
        yield f"prompts is {rl.prompts} and minibatch {rl.minibatch}: the second must divide the first"
    if not 0 < rl.top_p <= 1:
        yield f"top_p is {rl.top_p:g}: give more than 0 and at most 1"
    yield from _views(rl)


def _own(value: float) -> Iterator[str]:
    if not 0.0 <= value <= 1.0:
        yield f"own is {value:g}: it is the share of a list's departure from all lists that counts, 0 to 1"


def _views(rl: Rl) -> Iterator[str]:
    if rl.reward not in REWARDS:
        return
    views = tuple(REWARDS[rl.reward]().views)
    yield from _words(*(("without", name, views) for name in rl.without))
    if set(rl.without) == set(views):
        yield f"without names every view of the reward {rl.reward!r}: leave at least one"


def _lora(lora: Lora | None, family: str) -> Iterator[str]:
    if lora is None:
        return
    if family == "nano":
        yield "the embedded model is trained whole: leave lora out"
    yield from _least(("lora r", lora.r, 1), ("lora alpha", lora.alpha, 1))
    if not 0 <= lora.dropout < 1:
        yield f"lora dropout is {lora.dropout:g}: give 0 or more, below 1"


def _share(warmup: float) -> Iterator[str]:
    if not 0 <= warmup < 1:
        yield f"warmup is {warmup:g}: give a share of the steps, 0 or more and below 1"


def _least(*bounds: tuple[str, float, float]) -> Iterator[str]:
    yield from (f"{name} is {value:g}: give {least:g} or more" for name, value, least in bounds if value < least)


def _words(*found: tuple[str, str, tuple[str, ...]]) -> Iterator[str]:
    yield from (f"{key} is {word!r}: use {' or '.join(known)}" for key, word, known in found if word not in known)
