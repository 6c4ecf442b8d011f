"""What workers that are alive say they can do. The app imports nothing of theirs: they meet in the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from db.store import workers

COMMAND = "python -m training worker"


def told(session: Session) -> dict[str, Any]:
    """Recipes of syntheses and of training by name, of the newest worker that has one, names of usable teachers, and whether there is any
    worker.
    """
    # A command that makes data in the foreground is a worker too, and takes nobody else's jobs.
    living = [row for row in workers.living(session) if row.offers.get("kinds")]
    recipes: dict[str, dict[str, Any]] = {}
    training: dict[str, dict[str, Any]] = {}
    teachers: dict[str, None] = {}
    for row in living:
        for recipe in row.offers.get("recipes", ()):
            recipes.setdefault(str(recipe["name"]), recipe)
        for recipe in row.offers.get("training", ()):
            training.setdefault(str(recipe["name"]), recipe)
        teachers.update(dict.fromkeys(str(name) for name in row.offers.get("teachers", ())))
    return {
        "recipes": [recipes[name] for name in sorted(recipes)],
        "training": [training[name] for name in sorted(training)],
        "teachers": list(teachers),
        "worker": bool(living),
    }
