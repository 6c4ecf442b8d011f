"""What a recipe must keep to beyond the types of its keys: names that exist, numbers in their ranges, tables that fit each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, get_args

from app.ranking.errors import SettingsError
from training.synthesis.prompts import mining_prompt

if TYPE_CHECKING:
    from training.synthesis.recipe import MiningTable, Recipe, SourceTable

RETRIEVERS = ("bm25", "dense", "hybrid")
MAX_LIST = 40
"""More passages than a listwise prompt of this project shows at once."""


def faults(recipe: Recipe) -> Iterator[str]:
    """Sentences about what is wrong, each naming its table; the first is enough to mend."""
    yield from _numbers(recipe)
    for name, table in recipe.mining.items():
        yield from (f"[mining.{name}]: {fault}" for fault in _mining(table))
    for number, source in enumerate(recipe.sources, start=1):
        yield from (f"[[source]] {number}: {fault}" for fault in _source(source, recipe))
    twice = [pair for pair, count in Counter((source.kind, source.domain) for source in recipe.sources).items() if count > 1]
    if twice:
        yield f"has two [[source]] of kind {twice[0][0]!r} and domain {twice[0][1]!r}: give each its own domain"


def confine(recipe: Recipe) -> None:
    """Raises SettingsError where a recipe names a file outside of its folder: for recipes that came over the network."""
    for where, value in _paths(recipe):
        if PurePath(value).is_absolute() or ".." in PurePath(value).parts or "\\" in value:
            raise SettingsError(
                f"recipe {recipe.name!r} {where} is {value!r}: a recipe of the page names files of the folder 'sources' in the data "
                "folder, by paths relative to it; for others use python -m training synthesize"
            )


def _paths(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Every text of a recipe that may be a path, and where it stands. What sources take for paths is theirs, so all their texts count."""
    for number, source in enumerate(recipe.sources, start=1):
        yield from ((f"[[source]] {number} {key}", text) for key, value in source.options.items() for text in _texts(value))
    yield from ((f"[corpora.{name}] path", corpus.path) for name, corpus in recipe.corpora.items())
    yield from (("benchmarks", name) for name in recipe.benchmarks)
    yield "[ranking] template", recipe.ranking.template


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)


def _numbers(recipe: Recipe) -> Iterator[str]:
    ranking, teacher = recipe.ranking, recipe.teacher
    bounds = (
        ("[list] size", recipe.list.size, 2, MAX_LIST),
        ("[ranking] samples", ranking.samples, 1, 64),
        ("[teacher] temperature", teacher.temperature, 0, 2),
        ("[teacher] top_p", teacher.top_p, 0.01, 1),
        ("[teacher] max_tokens", teacher.max_tokens, 0, 1_000_000),
        ("[teacher] concurrency", teacher.concurrency, 1, 4096),
        ("[budget] tokens", recipe.budget.tokens, 0, float("inf")),
        ("[budget] cost", recipe.budget.cost, 0, float("inf")),
        ("[executor] actors", recipe.executor.actors, 0, 4096),
        ("[executor] batch", recipe.executor.batch, 1, 4096),
    )
    yield from (f"{key} is {value}: it must be from {low} to {high}" for key, value, low, high in bounds if not low <= value <= high)
    if not recipe.name:
        yield "has no name: give one"
    if ranking.samples > 1 and not ranking.shuffle and teacher.temperature == 0:
        yield "[ranking] asks the same question again: shuffle, give a temperature, or ask for 1 sample"


def _mining(table: MiningTable) -> Iterator[str]:
    from training.synthesis.recipe import Marks, Over

    for key, value, known in (("over", table.over, get_args(Over)), ("marks", table.marks, get_args(Marks))):
        if value not in known:
            yield f"{key} is {value!r}, it must be one of {', '.join(known)}"
    for key, number in (("samples", table.samples), ("window", table.window)):
        if not 1 <= number <= 100:
            yield f"{key} is {number}: it must be from 1 to 100"
    prompt = mining_prompt(table.prompt)
    if prompt.graded != table.graded:
        said = "grades" if prompt.graded else "no grades"
        yield f"prompt {table.prompt!r} asks for {said}: set graded = {str(prompt.graded).lower()}, or choose another prompt"
    if prompt.marks != table.marks:
        yield f"prompt {table.prompt!r} looks for {prompt.marks} passages: set marks = {prompt.marks!r}, or choose another prompt"


def _source(source: SourceTable, recipe: Recipe) -> Iterator[str]:
    if not source.kind:
        yield "kind must not be empty"
    if source.corpus and source.corpus not in recipe.corpora:
        yield f"corpus {source.corpus!r} is not there: write a table [corpora.{source.corpus}]"
    if source.k and not source.corpus:
        yield f"k is {source.k} and there is no corpus to retrieve from: name one, or set k = 0"
    if not 0 <= source.k <= 1000:
        yield f"k is {source.k}: it must be from 0 to 1000"
    if source.retriever not in RETRIEVERS:
        yield f"retriever {source.retriever!r} is unknown: use {', '.join(RETRIEVERS)}"
    for name in source.mining:
        if name not in recipe.mining:
            yield f"mining {name!r} is not there: write a table [mining.{name}]"
        elif recipe.mining[name].over == "retrieved" and not source.k:
            yield f"mining {name!r} asks about retrieved passages and k is 0: set k, or leave it out"
