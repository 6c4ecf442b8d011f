"""Jobs of the kind `synthesize`: {"recipe": name, "text": TOML, "teacher": name or "", "limit": number or 0}.

The command adds "folder" (what the recipe's paths are relative to), "tokens" and "cost" (the budget), "build" (a dataset although the
budget is spent) and "dry_run" (so many queries only, and an estimate of the whole). Without a folder a text came from a page: it may name
files of the folder `sources` of the data folder and no others.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.ranking.errors import InputError

from .context import Context

SOURCES = "sources"
"""Folder of the data folder with what recipes of the page may read."""


def run(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Make the items of a recipe and their dataset; begun again, it goes on. Raises InputError for arguments that are none."""
    from training.synthesis.estimate import estimate
    from training.synthesis.feed import settled
    from training.synthesis.recipe import BudgetTable, load_synthesis_recipe, read_synthesis_recipe
    from training.synthesis.recipe_checks import confine
    from training.synthesis.run import Wishes, synthesize
    from training.synthesis.workshop import changed

    text, name = str(arguments.get("text") or ""), str(arguments.get("recipe") or "")
    if not text and not name:
        raise InputError("a synthesis needs a recipe: give its name or its text")
    folder = Path(str(arguments["folder"])) if arguments.get("folder") else None
    recipe = read_synthesis_recipe(text, folder or context.settings.data_dir / SOURCES) if text else load_synthesis_recipe(name)
    if text and folder is None:
        confine(recipe)
    cost = arguments.get("cost")
    budget = BudgetTable(
        tokens=_number(arguments, "tokens", recipe.budget.tokens), cost=recipe.budget.cost if cost is None else float(cost)
    )
    wishes = Wishes(limit=_number(arguments, "limit", 0), build=bool(arguments.get("build")))
    recipe = settled(changed(recipe, str(arguments.get("teacher") or ""), budget), context.database)
    if arguments.get("dry_run") is not None:
        return {"estimate": estimate(context, recipe, _number(arguments, "dry_run", 0)).text}
    return synthesize(context.settings, context.database, recipe, context, wishes)


def _number(arguments: Mapping[str, Any], name: str, default: int) -> int:
    value = default if arguments.get(name) is None else arguments[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InputError(f"{name} is {value!r}: it must be a whole number, 0 for no bound")
    return value
