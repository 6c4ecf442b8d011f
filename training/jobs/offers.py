"""What a worker can do, for pages that import nothing of it: kinds of jobs, recipes, and teachers that can be used here."""

from __future__ import annotations

import logging
import tomllib
from pathlib import Path
from typing import Any

from app.ranking.backends.entries import why_not
from app.ranking.errors import SettingsError
from app.settings import Settings, load_models
from training.config import load_recipe
from training.config import recipes as names_of_training

from . import usable

log = logging.getLogger(__name__)

RECIPES = Path(__file__).parents[1] / "recipes" / "synthesis"
NANO = "nano"


def offers(settings: Settings) -> dict[str, Any]:
    """Kinds, recipes of syntheses and of updates with their text, and names of models that can teach.

    Raises SettingsError for a wrong models file.
    """
    entries = load_models(settings.models)
    teachers = [NANO, *(entry.name for entry in entries if entry.name != NANO and not why_not(entry))]
    return {"kinds": list(usable()), "recipes": recipes(), "teachers": teachers, "training": training_recipes()}


def training_recipes() -> list[dict[str, str]]:
    """Recipes of updates by name, with their family and text. One that can't be read is left out, with a line in the log."""
    found = []
    for name in names_of_training():
        try:
            recipe = load_recipe(name)
        except SettingsError as error:
            log.warning("the recipe %s can't be offered: %s", name, error)
            continue
        found.append({"name": name, "about": recipe.about, "family": recipe.family, "text": recipe.text})
    return found


def recipes(folder: Path = RECIPES) -> list[dict[str, str]]:
    """Recipes of a folder by name. One that can't be read is left out, with a line in the log."""
    found = []
    for path in sorted(folder.glob("*.toml")):
        try:
            text = path.read_text(encoding="utf-8")
            table = tomllib.loads(text)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            log.warning("the recipe %s can't be offered: %s", path.name, error)
            continue
        teacher = table.get("teacher")
        model = teacher.get("model", NANO) if isinstance(teacher, dict) else NANO
        found.append({"name": path.stem, "about": str(table.get("about", "")), "text": text, "teacher": str(model)})
    return found
