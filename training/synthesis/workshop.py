"""Everything that makes items, put together from an order that can be sent to another process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from app.ranking.cache import Watch
from app.settings import ModelEntry, load_models
from db.session import Database

from .calls import Account, StoredCalls
from .recipe import EMBEDDED, BudgetTable, Recipe, read_synthesis_recipe
from .search import open_searches
from .steps import Synthesizer
from .teaching import Teaching, entry_for, teaching_for
from .values import Item, SourceItem
from .writer import Writer

_NEVER_STOPPED = Watch()
_OPEN: dict[str, Database] = {}


@contextmanager
def sharing(url: str, database: Database) -> Iterator[None]:
    """Workshops that this process opens meanwhile use this database.

    Writers of one `Database` queue for their turn; two on the same SQLite file would have to poll for it, in pauses of up to 0.1 s.
    """
    _OPEN[url] = database
    try:
        yield
    finally:
        _OPEN.pop(url, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a process needs to make items of a synthesis; can be pickled. `text` is the recipe's TOML, its paths relative to `folder`.

    `teacher` (a name) and `budget` stand in for the recipe's own where they are given. `session` names who asks the teacher: each process
    needs one of its own, or two of them would wait for each other's calls; empty makes a new one. `concurrency` is this process's share of
    the calls at once, 0 for all of them.
    """

    text: str
    folder: Path
    database_url: str
    data_dir: Path
    synthesis_id: str
    synchronous: str = "normal"
    models: Path | None = None
    teacher: str = ""
    budget: BudgetTable | None = None
    session: str = ""
    concurrency: int = 0

    def recipe(self) -> Recipe:
        """The recipe that is meant. Raises SettingsError where its text is wrong."""
        return changed(read_synthesis_recipe(self.text, self.folder), self.teacher, self.budget)


def changed(recipe: Recipe, teacher: str = "", budget: BudgetTable | None = None) -> Recipe:
    """A recipe with another teacher or budget, where one is given."""
    named = replace(recipe.teacher, model=teacher) if teacher else recipe.teacher
    return replace(recipe, teacher=named, budget=budget or recipe.budget)


class Workshop:
    """Makes items on one event loop; several at once, as many calls at once as the teacher takes."""

    def __init__(self, synthesizer: Synthesizer, teaching: Teaching, caller: StoredCalls, closing: ExitStack) -> None:
        self._synthesizer, self._teaching, self._closing = synthesizer, teaching, closing
        self.concurrency = caller.concurrency

    async def item(self, number: int, found: SourceItem) -> Item:
        """What becomes of one query of a source. Raises BudgetSpent."""
        return await self._synthesizer.item(number, found)

    async def aclose(self) -> None:
        """Close teacher and database, once everything that was begun is written."""
        await self._teaching.backend.aclose()
        await asyncio.to_thread(self._closing.close)


def open_workshop(order: Order, watch: Watch = _NEVER_STOPPED) -> Workshop:
    """Blocking: indexes that are not there yet are built. Raises SettingsError or InputError with the reason why it can't be opened."""
    entry = entry_for(load_models(order.models), order.recipe())
    teaching = teaching_for(entry, order.recipe())
    with ExitStack() as stack:
        database = _OPEN.get(order.database_url)
        if database is None:
            database = Database(order.database_url, order.synchronous)
            stack.callback(database.close)
        writer = Writer(database)
        stack.callback(writer.close)
        searches = open_searches(teaching.recipe, order.data_dir, watch)
        concurrency = order.concurrency or teaching.recipe.teacher.concurrency
        caller = StoredCalls(writer, teaching.backend, account_of(teaching, entry, order), concurrency)
        return Workshop(Synthesizer(teaching.recipe, searches, caller, teaching), teaching, caller, stack.pop_all())


def account_of(teaching: Teaching, entry: ModelEntry | None, order: Order) -> Account:
    """On whose account the calls of an order go."""
    priced = bool(teaching.price_in or teaching.price_out)
    return Account(
        synthesis_id=order.synthesis_id,
        tokens=teaching.recipe.budget.tokens,
        cost=teaching.recipe.budget.cost,
        price_in=teaching.price_in,
        price_out=teaching.price_out,
        daily_cap=entry.daily_cap if entry is not None and priced and entry.name != EMBEDDED else None,
        session=order.session,
    )
