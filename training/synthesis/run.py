"""A synthesis from its recipe to its dataset. It may be killed anywhere and begun again: what is there is never made or asked for twice,
and the dataset comes out the same.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.artifacts import ArtifactStore
from app.settings import Settings, load_models
from db.models_loop import Synthesis
from db.session import Database
from db.store import syntheses, teacher_calls

from ..datasets.of_synthesis import Wanted, version_of
from ..filters import described, item_scores, thresholds
from ..jobs.context import Context
from .calls import BudgetSpent
from .executors import executor
from .feed import Feed, Length, Numbered
from .recipe import Recipe
from .stored import keep, state_of
from .teaching import Teaching, entry_for, teaching_for
from .values import Item
from .workshop import Order, sharing
from .writer import Writer

# Share of the progress that making the items is; the rest is scores of the whole set and the dataset.
_MAKING = 0.9
# Items that may wait to be written before the next one does.
_UNWRITTEN = 50
_SHOWN = 200  # characters of a query in an event


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """At most `limit` items of the sources (0: all); `build` a dataset also where the budget is spent before all are made."""

    limit: int = 0
    build: bool = False


EVERYTHING = Wishes()


def synthesize(settings: Settings, database: Database, recipe: Recipe, context: Context, wishes: Wishes = EVERYTHING) -> dict[str, Any]:
    """Make what is missing of a synthesis; then its report and its dataset. The job's result: see `_result`.

    Raises Conflict where another job works on it, SettingsError and InputError for what is wrong in recipe, models file or sources, and
    Cancelled. What was made until then is kept in any case.
    """
    teaching = open_teaching(settings, recipe)
    synthesis_id = register(database, recipe, teaching, context)
    feed = Feed(recipe=recipe, database=database, limit=wishes.limit)
    with database.read() as session:
        done = syntheses.numbers(session, synthesis_id)
    stopped = ""
    pending = feed.items(done)
    with Keeper(context, synthesis_id, len(done), Length(feed)) as keeper:
        try:
            for item in made(settings, recipe, synthesis_id, pending, context):
                keeper.add(item)
        except BudgetSpent as error:
            stopped = str(error)
            context.say(f"stopped: {stopped}")
    dataset = "" if stopped and not wishes.build else _conclude(settings, teaching, context)
    with database.read() as session:
        return _result(session, synthesis_id) | {
            "currency": teaching.currency, "new": keeper.kept, "stopped": stopped, "dataset": dataset or None
        }  # fmt: skip


def made(settings: Settings, recipe: Recipe, synthesis_id: str, pending: Iterable[Numbered], context: Context) -> Iterator[Item]:
    """Items as they are made, by the recipe's executor."""
    order = Order(
        text=recipe.text, folder=recipe.folder, database_url=settings.url, data_dir=settings.data_dir, synthesis_id=synthesis_id,
        synchronous=settings.synchronous, models=settings.models, teacher=recipe.teacher.model, budget=recipe.budget,
    )  # fmt: skip
    with sharing(settings.url, context.database):
        yield from executor(recipe.executor).run(order, pending, context.watch)


def synthesis_of(settings: Settings, recipe: Recipe) -> str:
    """The id that a recipe's synthesis has or will have. Raises SettingsError where its teacher can't be used."""
    return open_teaching(settings, recipe).synthesis_id


def open_teaching(settings: Settings, recipe: Recipe) -> Teaching:
    """The teacher of a recipe, its backend closed again: to look at. Raises SettingsError where it can't be used."""
    teaching = teaching_for(entry_for(load_models(settings.models), recipe), recipe)
    asyncio.run(teaching.backend.aclose())  # whoever makes items opens one of their own
    return teaching


def register(database: Database, recipe: Recipe, teaching: Teaching, context: Context) -> str:
    """The id of a synthesis, whose row is there and the job's own then; calls that a dead session left in flight are in flight no more."""
    new = syntheses.NewSynthesis(
        id=teaching.synthesis_id,
        name=recipe.name,
        recipe=recipe.text,
        teacher=teaching.name,
        revision=teaching.revision,
        embedded=teaching.embedded,
        filters=described(thresholds(recipe.filters)),
    )
    with database.write() as session:
        context.confirm(session)
        syntheses.register(session, new)
        syntheses.claim(session, new.id, context.job_id)
        lost = teacher_calls.lose_all(session, new.id)
    if lost:
        context.say(f"{lost} calls were in flight when the last run ended: they are asked again")
    return new.id


class Keeper:
    """Writes items as they come, many in a transaction, and says so once they are written; `before` were there, of `length` in all."""

    def __init__(self, context: Context, synthesis_id: str, before: int, length: Length) -> None:
        self.kept = 0
        self._context, self._synthesis_id, self._before, self._length = context, synthesis_id, before, length
        self._writer = Writer(context.database)
        self._waiting: deque[tuple[Future[None], dict[str, Any]]] = deque()

    def __enter__(self) -> Keeper:
        return self

    def __exit__(self, *_: object) -> None:
        self._length.stop()
        try:
            while self._waiting:
                self._settle()
        finally:
            self._writer.close()

    def add(self, item: Item) -> None:
        """Keep an item soon. Raises what the database refused before, and Cancelled where the job is another worker's now."""
        scores = item_scores(item)

        def write(session: Session) -> None:
            self._context.confirm(session)
            keep(session, self._synthesis_id, item, scores)

        consistency = scores["consistency"].value if "consistency" in scores else None
        said = {
            "number": item.number, "domain": item.domain, "state": state_of(item), "query": item.query[:_SHOWN], "consistency": consistency
        }  # fmt: skip
        self._waiting.append((self._writer.submit((0, f"{item.number:012}"), write), said))
        while self._waiting and (self._waiting[0][0].done() or len(self._waiting) > _UNWRITTEN):
            self._settle()

    def _settle(self) -> None:
        future, said = self._waiting.popleft()
        future.result()
        self.kept += 1
        self._context.event("item", said)
        made, whole = self._before + self.kept, self._length.known
        self._context.doing(f"{made:,} of {whole:,} items" if whole else f"{made:,} items")
        if whole:
            self._context.watch.part(0.0, _MAKING).progress(min(1.0, made / whole))


def _conclude(settings: Settings, teaching: Teaching, context: Context) -> str:
    """Scores of the whole set and the report, then the dataset; its id, empty where there are no items."""
    from ..filters.run import finish

    context.doing("scores of the whole set, and the report")
    database, watch, recipe, synthesis_id = context.database, context.watch, teaching.recipe, teaching.synthesis_id
    with database.read() as session:
        if not syntheses.counts(session, synthesis_id):
            return ""
    benchmarks = [recipe.folder / name for name in recipe.benchmarks]
    finish(database, synthesis_id, thresholds(recipe.filters), benchmarks, watch.part(_MAKING, 0.95), teaching.currency)
    context.doing("the dataset")
    built = version_of(database, ArtifactStore(settings.artifacts_dir), Wanted(synthesis_id=synthesis_id), watch.part(0.95, 1.0))
    return built.id


def _result(session: Session, synthesis_id: str) -> dict[str, Any]:
    """What a synthesis has come to, over all its runs. Tokens, calls and money are what was asked, not what items would take."""
    row: Synthesis = syntheses.get(session, synthesis_id)
    domains = syntheses.counts(session, synthesis_id)
    items = {state: sum(states.get(state, 0) for states in domains.values()) for state in ("made", "empty", "failed")}
    return {
        "synthesis": row.id, "name": row.name, "items": items, "domains": domains, "calls": row.calls, "repeats": row.repeats,
        "tokens_in": row.tokens_in, "tokens_out": row.tokens_out, "cost": row.cost, "held_tokens": row.held_tokens,
    }  # fmt: skip
