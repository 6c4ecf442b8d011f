"""Jobs of the kind `update`: {"recipe": name, "seed": number or null, "from_scratch": bool}, and "again" (train although nothing is new).

The command adds "text", the recipe's TOML, so that one that is no file of the project's can be left to a worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.ranking.errors import InputError

from .context import Context

KIND = "update"


def run(context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Train, measure and decide; begun again, it goes on. Raises InputError for arguments that are none, and what `update` raises."""
    from training.config import load_recipe, read_recipe
    from training.loop.run import update
    from training.loop.values import Wanted

    name, text, seed = (arguments.get(key) for key in ("recipe", "text", "seed"))
    flags = {key: arguments.get(key, False) for key in ("from_scratch", "again")}
    whole = seed is None or (isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 2**31)
    if not isinstance(name, str) or not name or not whole or not all(isinstance(flag, bool) for flag in flags.values()):
        raise InputError("an update needs the name of a recipe, a whole number as its seed or none, and from_scratch as true or false")
    if not text and ("/" in name or "\\" in name or name.endswith(".toml")):
        raise InputError(f"the recipe {name[:80]!r} is a path: give the name of one that ships with the program, or its text")
    recipe = read_recipe(str(text), name) if text else load_recipe(name)
    return update(context, Wanted(recipe=recipe, seed=recipe.seed if seed is None else seed, **flags))
