"""A version out of the items of a synthesis: what the job kind `dataset` does, and the end of every synthesis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources

from app.artifacts import ArtifactStore
from app.ranking.cache import Watch
from app.ranking.errors import InputError
from db.models_loop import Synthesis
from db.session import Database
from db.store import syntheses
from training.synthesis.prompts import mining_prompt
from training.synthesis.recipe import RECIPES, Recipe, read_synthesis_recipe
from training.synthesis.stored import StoredItem, every, load

from .freezing import publish
from .making import build
from .revision import code_revision
from .values import BuildOptions, Built

_TELL_EVERY = 200  # items


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which version: `thresholds` are those that differ from the recipe's. Without a name it gets the recipe's."""

    synthesis_id: str
    name: str = ""
    thresholds: Mapping[str, float] = field(default_factory=dict)


def version_of(database: Database, store: ArtifactStore, wanted: Wanted, watch: Watch) -> Built:
    """Build a version of what a synthesis has stored, and publish it. Doing it twice ends with the same one.

    Raises NotFound for an unknown synthesis, InputError for one without items, SettingsError for a wrong threshold.
    """
    with database.read() as session:
        row = syntheses.get(session, wanted.synthesis_id)
        first = load(session, row.id, -1, _TELL_EVERY)
        total = sum(sum(states.values()) for states in syntheses.counts(session, row.id).values())
    if not first:
        raise InputError(f"synthesis {row.name!r} has no items yet: a version can be built once there are some")
    recipe = read_synthesis_recipe(row.recipe, RECIPES)
    template = next((one.item.template for one in first if one.item.template), "")
    with store.aside() as folder:
        items = _watched(every(database, row.id), total, watch.part(0.0, 0.9))
        built = build(items, _options(row, recipe, wanted, template), folder / "version")
        publish(database, store, folder / "version", built, row.id)
    watch.tell(1.0)
    return built


def _options(row: Synthesis, recipe: Recipe, wanted: Wanted, template: str) -> BuildOptions:
    return BuildOptions(
        name=wanted.name or recipe.dataset.name or recipe.name,
        thresholds={**recipe.filters, **wanted.thresholds},
        stages=recipe.dataset.stages,
        recipe_name=recipe.name,
        recipe_text=row.recipe,
        prompts={**{name: mining_prompt(table.prompt).text for name, table in recipe.mining.items()}, **_profile(template)},
        teacher=row.teacher,
        revision=row.revision,
        embedded=row.embedded,
        code=code_revision(),
        synthesis_id=row.id,
        sources=tuple(dict.fromkeys(f"{one.kind} ({one.domain})" if one.domain else one.kind for one in recipe.sources)),
    )


def _profile(template: str) -> dict[str, str]:
    """The text of the profile that ranked, where it is one of the library's."""
    path = resources.files("app.ranking") / "templates" / f"{template}.toml"
    return {f"ranking: {template}": path.read_text(encoding="utf-8")} if template.replace("-", "").isalnum() and path.is_file() else {}


def _watched(items: Iterator[StoredItem], total: int, watch: Watch) -> Iterator[StoredItem]:
    for done, item in enumerate(items):
        if done % _TELL_EVERY == 0:
            watch.tell(done / max(total, 1))
        yield item
