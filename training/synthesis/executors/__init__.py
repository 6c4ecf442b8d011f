"""Where items are made: in this process, or in several by Ray. A new way is one new file and one line here.

An executor is given numbered source items and yields items as they end, in any order: nothing in an item depends on when it was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from app.ranking.errors import SettingsError

if TYPE_CHECKING:
    from app.ranking.cache import Watch

    from ..recipe import ExecutorTable
    from ..values import Item, SourceItem
    from ..workshop import Order

# Name in a recipe -> "module:Class" beside this file.
EXECUTORS: dict[str, str] = {
    "local": "local:LocalExecutor",
    "ray": "ray:RayExecutor",
}


class Executor(Protocol):
    """Makes items. Memory stays flat: items are pulled only when there is room for them, and what ends is handed on at once."""

    def run(self, order: Order, items: Iterable[tuple[int, SourceItem]], watch: Watch) -> Iterator[Item]:
        """Items in any order; closing the iterator stops what is under way.

        Raises BudgetSpent once no further call fits the budget, after everything that could still be made was yielded, and Cancelled
        within about a second of the watch saying so. An error of `items` is raised as it is, after what was under way was yielded.
        """
        ...


def executor(table: ExecutorTable) -> Executor:
    """The executor that a recipe asks for. Raises SettingsError listing the names there are."""
    if table.kind not in EXECUTORS:
        raise SettingsError(f"no executor is called {table.kind!r}: there are {', '.join(sorted(EXECUTORS))}")
    module, _, name = EXECUTORS[table.kind].partition(":")
    made: Executor = getattr(import_module(f".{module}", __name__), name)(table)
    return made
