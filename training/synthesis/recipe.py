"""Recipes of the data pipeline: TOML files that say where queries come from, what a teacher is asked about them, and what is kept.

A recipe is data: `read_synthesis_recipe` checks every key and value, so that a wrong one is a sentence before anything runs. `recipe_id`
names all that can change an item, and nothing else: a larger budget, other filters or another executor go on with the same items.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from app.ranking.errors import SettingsError
from app.ranking.prompts import template_for, template_hash
from app.ranking.protocols import PromptTemplate
from training.config import Value, build
from training.synthesis.prompts import mining_prompt

RECIPES = Path(__file__).parent.parent / "recipes" / "synthesis"
EMBEDDED = "nano"
"""The teacher that needs no models file."""

Over = Literal["given", "linked", "retrieved"]
Marks = Literal["positive", "hard"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """Where queries of one domain come from; without a `domain` the source tells that of each.

    `k` passages of `corpus` are added to each query (0 for none), `mining` names the tables that are asked, and `options` are all other
    keys, checked by the source. A corpus with `k` 0 still gives its word statistics to the evidence.
    """

    kind: str
    domain: str = ""
    corpus: str = ""
    retriever: str = "hybrid"
    k: int = 0
    mining: tuple[str, ...] = ()
    licence: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusTable:
    """Passages to retrieve from: `kind` is a key of `training.synthesis.search.CORPORA`, `path` is relative to the recipe's folder."""

    name: str
    kind: str
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MiningTable:
    """A pointwise question about passages of one origin, `window` at a time, asked `samples` times; what it names is `marks`.

    `prompt` is a file of `prompts/`; `graded` asks for 0-3 and needs a prompt that says so.
    """

    name: str
    prompt: str
    over: Over = "retrieved"
    marks: Marks = "positive"
    samples: int = 1
    window: int = 40
    graded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTable:
    """Most passages of a list. `evidence` keeps the evidence values with it also where the teacher does not read them."""

    size: int = 20
    evidence: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingTable:
    """The listwise question: `template` is a profile (empty: the teacher's own), asked `samples` times, all but the first shuffled."""

    template: str = ""
    samples: int = 3
    shuffle: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherTable:
    """Who is asked and how: a name of the models file or `nano`. `max_tokens` 0 is what the profile or the mining prompt says."""

    model: str = EMBEDDED
    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 0
    concurrency: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetTable:
    """Most tokens (read and written) and money of the whole synthesis; 0 is no cap."""

    tokens: int = 0
    cost: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetTable:
    """Name of the dataset that is built in the end, and the share of its queries in each stage of training."""

    name: str = ""
    stages: Mapping[str, float] = field(default_factory=lambda: {"sft": 0.5, "rl": 0.5})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorTable:
    """Where items are made: `kind` is a key of EXECUTORS, `actors` processes (0: as many as fit), `batch` items handed over at once."""

    kind: str = "local"
    actors: int = 0
    batch: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A whole recipe. `filters` are thresholds that differ from the filters' own; `benchmarks` files of queries that no item may repeat.

    `text` is the TOML as it was read; paths in it are relative to `folder`.
    """

    name: str
    about: str = ""
    seed: int = 0
    sources: tuple[SourceTable, ...]
    corpora: Mapping[str, CorpusTable] = field(default_factory=dict)
    mining: Mapping[str, MiningTable] = field(default_factory=dict)
    list: ListTable = ListTable()
    ranking: RankingTable = RankingTable()
    teacher: TeacherTable = TeacherTable()
    budget: BudgetTable = BudgetTable()
    filters: Mapping[str, float] = field(default_factory=dict)
    dataset: DatasetTable = field(default_factory=DatasetTable)
    executor: ExecutorTable = ExecutorTable()
    benchmarks: tuple[str, ...] = ()
    folder: Path = Path()
    text: str = ""


def synthesis_recipes() -> tuple[str, ...]:
    """Names of the recipes that ship with the project."""
    return tuple(sorted(path.stem for path in RECIPES.glob("*.toml")))


def load_synthesis_recipe(name: str | Path) -> Recipe:
    """A recipe by name (a file of `recipes/synthesis/`) or by path. Raises SettingsError naming the file and the key."""
    path = Path(name) if str(name).endswith(".toml") else RECIPES / f"{name}.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        known = ", ".join(synthesis_recipes())
        raise SettingsError(f"there is no recipe {str(name)!r}: choose one of {known}, or give a path to a .toml file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"recipe {path.name} can't be read ({error}): give a TOML file in UTF-8") from error
    return read_synthesis_recipe(text, path.parent)


def read_synthesis_recipe(text: str, folder: Path) -> Recipe:
    """A recipe from TOML text. Raises SettingsError naming the table and the key that is missing, unknown or wrong."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the recipe is not valid TOML: {error}") from error
    where = f"recipe {data.get('name', '')!r}"
    sources = data.pop("source", [])
    if not isinstance(sources, list) or not sources:
        raise SettingsError(f"{where} has no [[source]]: name at least one")
    singles = {"list": ListTable, "ranking": RankingTable, "teacher": TeacherTable, "budget": BudgetTable}
    singles |= {"dataset": DatasetTable, "executor": ExecutorTable}
    made: dict[str, Any] = {key: build(kind, _table(data.pop(key, {}), where, key), f"{where} [{key}]") for key, kind in singles.items()}
    made["sources"] = tuple(_source(_table(one, where, "source"), f"{where} [[source]] {n}") for n, one in enumerate(sources, start=1))
    made["corpora"] = _named(CorpusTable, data.pop("corpora", {}), where, "corpora")
    made["mining"] = _named(MiningTable, data.pop("mining", {}), where, "mining")
    made["filters"] = _numbers(data.pop("filters", {}), f"{where} [filters]")
    made["benchmarks"] = _strings(data.pop("benchmarks", []), where, "benchmarks")
    _unknown(data, {"name", "about", "seed"}, where, (*made, "name", "about", "seed"))
    recipe = build(Recipe, {**data, **made}, where)
    recipe = replace(recipe, folder=folder, text=text, dataset=replace(recipe.dataset, stages=_stages(recipe.dataset.stages, where)))
    _check(recipe, where)
    return recipe


def recipe_id(recipe: Recipe, revision: str) -> str:
    """64 hex digits (sha256) that change with whatever can change an item: sources, corpora, prompts, list, ranking, teacher, seed.

    `revision` says which model answers. Where the recipe leaves the profile or the token limit to the teacher, give the recipe that
    `training.synthesis.teaching.resolved` returns. Raises TemplateError for a profile that does not exist.
    """
    teacher = {key: value for key, value in asdict(recipe.teacher).items() if key != "concurrency"}
    template = ranking_template(recipe)
    shown = [template.name, template_hash(template), asdict(template.sampling)] if template else []
    parts = {
        "seed": recipe.seed,
        "sources": [asdict(source) for source in recipe.sources],
        "corpora": {name: asdict(corpus) for name, corpus in recipe.corpora.items()},
        "mining": {name: [asdict(table), mining_prompt(table.prompt).text] for name, table in recipe.mining.items()},
        "list": asdict(recipe.list),
        "ranking": [recipe.ranking.samples, recipe.ranking.shuffle, shown],
        "teacher": teacher,
        "revision": revision,
    }
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True, sort_keys=True, default=str).encode()).hexdigest()


def ranking_template(recipe: Recipe) -> PromptTemplate | None:
    """The profile of the listwise question; None where the recipe leaves it to a teacher of the models file."""
    name = recipe.ranking.template or (EMBEDDED if recipe.teacher.model == EMBEDDED else "")
    if not name:
        return None
    return template_for(str(recipe.folder / name) if name.endswith((".toml", ".yaml", ".yml")) else name)


def _source(table: Mapping[str, Any], where: str) -> SourceTable:
    known = {one.name for one in fields(SourceTable)} - {"options"}
    own = {key: value for key, value in table.items() if key in known}
    own["mining"] = _strings(own.get("mining", []), where, "mining")
    return build(SourceTable, {**own, "options": {key: value for key, value in table.items() if key not in known}}, where)


def _named(kind: type[Value], tables: object, where: str, key: str) -> dict[str, Value]:
    """Tables such as [mining.qa], by their names."""
    found = _table(tables, where, key)
    return {
        name: build(kind, {**_table(one, where, f"{key}.{name}"), "name": name}, f"{where} [{key}.{name}]") for name, one in found.items()
    }


def _table(value: object, where: str, key: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(f"{where}: {key} must be a table, got {value!r}")
    return value


def _strings(value: object, where: str, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise SettingsError(f"{where}: {key} must be a list of texts, got {value!r}")
    return tuple(value)


def _numbers(value: object, where: str) -> dict[str, float]:
    if not isinstance(value, dict) or not all(isinstance(one, int | float) and not isinstance(one, bool) for one in value.values()):
        raise SettingsError(f"{where} must give a number for each name, got {value!r}")
    return {name: float(one) for name, one in value.items()}


def _stages(value: object, where: str) -> dict[str, float]:
    shares = _numbers(value, f"{where} [dataset] stages")
    if not shares or min(shares.values()) < 0 or abs(sum(shares.values()) - 1.0) > 1e-6:
        raise SettingsError(f"{where} [dataset]: the shares of the stages are {shares}, they must be 0 or more and add up to 1")
    return shares


def _unknown(data: Mapping[str, Any], known: set[str], where: str, say: tuple[str, ...]) -> None:
    wrong = sorted(set(data) - known)
    if wrong:
        raise SettingsError(f"{where}: unknown key {', '.join(wrong)}; known are {', '.join(sorted({*say, 'source'} - {'sources'}))}")


def _check(recipe: Recipe, where: str) -> None:
    """What no single table can know. Raises SettingsError with the first fault, TemplateError for a profile that does not exist."""
    from training.synthesis.recipe_checks import faults

    for fault in faults(recipe):
        raise SettingsError(f"{where} {fault}")
    ranking_template(recipe)
