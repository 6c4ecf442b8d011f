"""Supervised fine-tuning end to end on the smoke recipe, and its loss by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from app.ranking.errors import InputError
from app.ranking.models.nano.vocabulary import IDS

pytestmark = pytest.mark.model


def test_loss_by_hand() -> None:
    """Two words count: one hard with weight 1, one soft with weight 3 split half and half."""
    import torch

    from training.sft import collate, weighted_loss

    row = {
        "input_ids": [5, 6, 7],
        "weights": [0.0, 1.0, 3.0],
        "soft_at": [2, 2],
        "soft_ids": [7, 8],
        "soft_shares": [0.5, 0.5],
    }
    short = {"input_ids": [5], "weights": [0.0], "soft_at": [], "soft_ids": [], "soft_shares": []}
    batch = collate([row, short])
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    logits = torch.zeros(2, 3, 10)
    logits[0, 0, 6] = math.log(9.0)
    logits[0, 1, 7] = math.log(11.0)
    # p(6) = 9/18; p(7) = 11/20 and p(8) = 1/20.
    expected = -(1 * math.log(0.5) + 3 * 0.5 * (math.log(0.55) + math.log(0.05))) / 4
    assert float(weighted_loss(logits, batch)) == pytest.approx(expected, rel=1e-5)


def test_rows_over_the_limit_are_refused() -> None:
    from training import nano_data
    from training.config import load_recipe
    from training.nano_model import new_model
    from training.sft import make_trainer

    smoke = load_recipe("smoke")
    recipe = replace(smoke, cold=replace(smoke.start, max_length=40))
    rows = list(nano_data.stage_rows(recipe, 1, 1))
    with pytest.raises(InputError, match="the recipe allows 40"):
        make_trainer(new_model(recipe.start.shape, 1), rows, recipe, 1, 1)


def test_smoke_recipe_twice_gives_the_same_weights(tmp_path: Path) -> None:
    from app.ranking.backends.nano import load_model
    from app.ranking.models.nano.decoding import generate
    from training.config import load_recipe
    from training.sft import train

    recipe = load_recipe("smoke")
    reports = [train(recipe, 3, tmp_path / name) for name in ("one", "two")]
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two")]
    assert weights[0] == weights[1]
    assert [stage["steps"] for stage in reports[0]["stages"]] == [3, 2]
    kept = {path.name for path in (tmp_path / "one").iterdir()}
    assert kept == {
        *("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
        *("chat_template.jinja", "README.md", "training.json"),
    }
    saved = json.loads((tmp_path / "one" / "training.json").read_text(encoding="utf-8"))
    assert saved["seed"] == 3 and "grade_error" in saved["stages"][-1]["validation"]
    assert "does not read" in (tmp_path / "one" / "README.md").read_text(encoding="utf-8")
    written = generate(load_model(tmp_path / "one"), [[IDS["<user>"], IDS["=[1]"], IDS["=[2]"], IDS["<assistant>"]]])[0]
    assert len(written) == 18
