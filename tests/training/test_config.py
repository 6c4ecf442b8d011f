"""Recipes: what is read, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.ranking.errors import SettingsError
from app.ranking.prompts import template_for
from training.config import RECIPES, load_recipe, read_recipe, recipes

SMOKE = (RECIPES / "smoke.toml").read_text(encoding="utf-8")
LARGE = (RECIPES / "reasonrank-32b-lora.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", recipes())
def test_shipped_recipes_load(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name and recipe.about
    assert recipe.sft is not None and recipe.rl is not None
    assert template_for(recipe.template).name == recipe.template
    assert recipe.text == (RECIPES / f"{name}.toml").read_text(encoding="utf-8")
    assert recipe.family == ("nano" if recipe.cold else "hub")


def test_the_cold_start_of_the_embedded_model_ends_with_whole_windows() -> None:
    assert [load_recipe(name).start.stages[-1].most for name in ("nano", "smoke")] == [20, 20]


def test_the_published_recipe_has_the_published_numbers() -> None:
    """arXiv 2508.07050 v3 and the released configuration: see the comments of the recipe for where they differ."""
    recipe = load_recipe("reasonrank-7b")
    sft, rl = recipe.sft, recipe.rl
    assert sft is not None and rl is not None
    assert (sft.rate, sft.epochs, sft.batch, sft.accumulation, sft.warmup, sft.schedule) == (5e-6, 5, 1, 8, 0.1, "cosine")
    assert (sft.max_length, sft.precision, sft.lora) == (23552, "bf16", None)
    assert (rl.group, rl.prompts, rl.minibatch, rl.steps, rl.rate, rl.kl, rl.clip) == (8, 16, 8, 200, 1e-6, 0.001, 0.2)
    assert (rl.temperature, rl.top_p, rl.top_k, rl.max_prompt, rl.max_completion) == (1.0, 1.0, 0, 20480, 3072)
    assert (rl.weight_decay, rl.max_grad_norm, rl.schedule, rl.warmup, rl.scale, rl.reward) == (
        0.01,
        1.0,
        "constant",
        0.0,
        "group",
        "paper",
    )
    large = load_recipe("reasonrank-32b-lora")
    assert large.sft is not None and large.rl is not None and large.sft.lora == large.rl.lora
    assert large.sft.lora is not None and (large.sft.lora.r, large.sft.lora.alpha) == (32, 32)
    assert (large.sft.rate, large.rl.rate, large.sft.epochs) == (1e-4, 1e-5, 4)


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 7", "sede = 7", "unknown key sede"),
        ("seed = 7\n", "", "missing key seed"),
        ("seed = 7", 'seed = "7"', "seed must be int"),
        ("batch = 4", "batches = 4", r"\[\[cold.stage\]\] 1: unknown key batches"),
        ("hidden = 96", "hidden = 96\ndepth = 2", r"\[cold.shape\]: unknown key depth"),
        ("betas = [0.9, 0.98]", "betas = [0.9]", r"\[cold\]: betas must be two numbers"),
        ("[cold.shape]", "[cold.shape", "not valid TOML"),
        ('kind = "expert"', 'kind = "ppo"', r"\[rl\]: kind is 'ppo': use expert or grpo"),
        ('reward = "studio"', 'reward = "mine"', r"\[rl\]: reward is 'mine': use paper or studio"),
        ("group = 2", 'group = 2\nwithout = ["length"]', r"\[rl\]: without is 'length': use ndcg or recall"),
        ("group = 2", "group = 2\nwithout = [1]", r"\[rl\]: without must be a list of texts"),
        ("group = 2", 'group = 2\nwithout = ["ndcg", "recall", "rbo", "faithful", "brevity"]', "leave at least one"),
        ("prompts = 2", "prompts = 2\nminibatch = 3", "the second must divide the first"),
        ("steps = 1", "steps = 0", r"\[rl\]: steps is 0: give 1 or more"),
        ("max_length = 320\nsteps", "warmup = 1\nmax_length = 320\nsteps", r"\[sft\]: warmup is 1: give a share"),
        ("max_length = 320\nsteps", "lora = {r = 4, alpha = 8}\nmax_length = 320\nsteps", "the embedded model is trained whole"),
        ('model = "nano"', 'model = "some/model"', r"has a \[cold\], which is of the embedded model alone"),
        ('synthesis = "update"', 'sythesis = "update"', r"\[data\]: unknown key sythesis"),
        ("[data]", "[gate]\nslower = -1\n[data]", "the gate's slower is -1.0"),
    ],
)
def test_a_wrong_recipe_is_refused_by_name(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert SMOKE.count(old) == 1
    with pytest.raises(SettingsError, match=message):
        load_recipe(written(tmp_path, SMOKE.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "grpo"', 'kind = "expert"', r"\[rl\]: kind is 'expert': use grpo"),
        ("group = 8", "group = 1", r"\[rl\]: group is 1: give 2 or more"),
        ("top_p = 1.0", "top_p = 0", "top_p is 0: give more than 0"),
        ("[sft.lora]\nr = 32", "[sft.lora]\nr = 0", r"\[sft\]: lora r is 0"),
        ("[sft.lora]\nr = 32", "[sft.lora]\nrank = 32", r"\[sft\] lora: unknown key rank"),
        ('precision = "bf16"\ncheckpoint_every = 0', 'precision = "fp8"', r"\[sft\]: precision is 'fp8': use bf16 or fp32"),
        ('loss = "dapo"', 'loss = "ppo"', r"\[rl\]: loss is 'ppo'"),
    ],
)
def test_a_wrong_recipe_of_a_hub_model_is_refused_by_name(old: str, new: str, message: str) -> None:
    assert LARGE.count(old) == 1
    with pytest.raises(SettingsError, match=message):
        read_recipe(LARGE.replace(old, new), "mine")


def test_a_recipe_without_stages_is_refused(tmp_path: Path) -> None:
    begun, ended = SMOKE.index("[[cold.stage]]"), SMOKE.index("[data]")
    with pytest.raises(SettingsError, match=r"no \[\[cold.stage\]\]"):
        load_recipe(written(tmp_path, SMOKE[:begun] + SMOKE[ended:]))


def test_a_recipe_may_leave_stages_out() -> None:
    recipe = read_recipe(LARGE[: LARGE.index("[sft]")], "mine")
    assert (recipe.sft, recipe.rl, recipe.gate.min_people) == (None, None, 40)
    with pytest.raises(SettingsError, match=r"has no \[cold\]"):
        _ = recipe.start


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(SettingsError, match="nano, qwen3-8b, reasonrank-32b-lora, reasonrank-7b, smoke"):
        load_recipe("grande")
