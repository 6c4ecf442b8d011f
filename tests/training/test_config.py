"""Recipes: what is read, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.ranking.errors import SettingsError
from training.config import RECIPES, load_recipe

SMOKE = (RECIPES / "smoke.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["nano", "smoke"])
def test_shipped_recipes_load(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.stages[-1].most == 20


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
        ("batch = 4", "batches = 4", r"\[\[stage\]\] 1: unknown key batches"),
        ("hidden = 96", "hidden = 96\ndepth = 2", r"\[shape\]: unknown key depth"),
        ("[shape]", "[shape", "not valid TOML"),
    ],
)
def test_a_wrong_recipe_is_refused_by_name(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SMOKE
    with pytest.raises(SettingsError, match=message):
        load_recipe(written(tmp_path, SMOKE.replace(old, new)))


def test_a_recipe_without_stages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no \[\[stage\]\]"):
        load_recipe(written(tmp_path, SMOKE[: SMOKE.index("[[stage]]")]))


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(SettingsError, match="nano, smoke"):
        load_recipe("grande")
