"""Figures of a model on synthetic lists it has not seen, each word predicted with the true trace before it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from app.ranking.models.nano.vocabulary import GRADES, IDS, WORDS

from . import nano_data
from .config import Stage

if TYPE_CHECKING:
    from transformers import Qwen3ForCausalLM

_KINDS = {"first": "plan", "then": "plan", "+": "reason", "-": "reason", "g": "grade", ">": "order"}


def kind(word: str) -> str:
    """What a word of a trace is: plan, reason, grade, order or frame."""
    return next((name for start, name in _KINDS.items() if word.startswith(start)), "frame")


def figures(model: Qwen3ForCausalLM, stage: Stage, lists: int, seed: int) -> dict[str, float]:
    """`right_<kind>`: the share of words predicted exactly; `grade_error`: mean distance of predicted grades, 0..49."""
    import torch

    rng = random.Random(f"validation {seed}")
    grade_ids = torch.tensor([IDS[grade] for grade in GRADES])
    hits: dict[str, list[float]] = {}
    distances: list[int] = []
    model.eval()
    for number in range(lists):
        size = stage.least + number % (stage.most - stage.least + 1)
        # Half of the lists with given plans, half with the plan to be chosen.
        data = nano_data.row(nano_data.draw(rng, size, float(number % 2)), stage, 0.0)
        ids = torch.tensor(data["input_ids"])
        with torch.inference_mode():
            logits = model(input_ids=ids[None], use_cache=False).logits[0]
        softened = dict(zip(data["soft_at"], data["soft_ids"], strict=True))
        for at, weight in enumerate(data["weights"]):
            if weight <= 0:
                continue
            name = kind(WORDS[int(ids[at])])
            hits.setdefault(name, []).append(float(int(logits[at - 1].argmax()) == int(ids[at])))
            if at in softened:
                distances.append(abs(int(logits[at - 1][grade_ids].argmax()) - GRADES.index(WORDS[softened[at]])))
    model.train()
    shares = {f"right_{name}": round(sum(values) / len(values), 4) for name, values in sorted(hits.items())}
    return {**shares, "grade_error": round(sum(distances) / max(1, len(distances)), 4)}
