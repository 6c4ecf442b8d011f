"""The queries of a recipe, numbered: its sources take turns, so that any beginning of the stream holds all domains alike.

A number depends on nothing but the sources, so that a run that was killed, one with a limit and one without mean the same items by it.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from app.ranking.errors import RankingError
from db.session import Database
from db.store import labelled, log

from .recipe import Recipe
from .sources import Where, read
from .values import SourceItem

Numbered = tuple[int, SourceItem]
JUDGEMENTS = "judgements"


def settled(recipe: Recipe, database: Database) -> Recipe:
    """The recipe with the present place in the log where it asks for judgements, so that its numbers mean the same items for ever.

    Judgements of later days, and withdrawals, make another synthesis; what the teacher answered is found again by either.
    """
    if not any(source.kind == JUDGEMENTS and "until" not in source.options for source in recipe.sources):
        return recipe
    with database.read() as session:
        here = {"until": log.head(session)[0], "withdrawn": labelled.withdrawn(session)}
    sources = tuple(
        replace(source, options={**here, **source.options}) if source.kind == JUDGEMENTS else source for source in recipe.sources
    )
    return replace(recipe, sources=sources)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """All that a recipe's sources hold, at most `limit` items of it (0: all). Raises what `sources.read` raises."""

    recipe: Recipe
    database: Database
    limit: int = 0

    def items(self, without: Collection[int] = ()) -> Iterator[Numbered]:
        """Numbered items from the first on, but those `without`. Options are checked before this returns."""
        wheres = [
            Where(folder=self.recipe.folder, database=self.database, domain=table.domain, licence=table.licence)
            for table in self.recipe.sources
        ]
        streams = [read(table.kind, table.options, where) for table, where in zip(self.recipe.sources, wheres, strict=True)]
        numbered = islice(enumerate(_turns(streams)), self.limit or None)
        return ((number, found) for number, found in numbered if number not in without)


def _turns(streams: list[Iterator[SourceItem]]) -> Iterator[SourceItem]:
    """One item of each stream in turn; a stream that has ended is left out."""
    waiting = list(streams)
    while waiting:
        for stream in list(waiting):
            found = next(stream, None)
            if found is None:
                waiting.remove(stream)
            else:
                yield found


class Length:
    """How many items a feed has, counted on a thread meanwhile: `known` is None until it is, and for sources that fetch pages."""

    def __init__(self, feed: Feed) -> None:
        self.known: int | None = None
        self._stopped = threading.Event()
        # A source that fetches pages would fetch them for being counted.
        if not any(source.options.get("fetch") for source in feed.recipe.sources):
            threading.Thread(target=self._count, args=(feed,), name="count", daemon=True).start()

    def stop(self) -> None:
        """Nobody wants to know any more."""
        self._stopped.set()

    def _count(self, feed: Feed) -> None:
        count = 0
        try:
            for _ in feed.items():
                count += 1
                if self._stopped.is_set():
                    return
        except RankingError:  # told where the items are used
            return
        self.known = count
