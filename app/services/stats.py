"""Counts for the Data tab."""

from __future__ import annotations

import asyncio
from typing import Any

from app.services.actors import Actor, require
from db.session import Database
from db.store import judgements, runs


class Stats:
    """Counts over the whole database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, actor: Actor) -> dict[str, Any]:
        """Runs, runs by outcome, submitted judgements, judged queries and people."""
        require(actor, "visitor")

        def read() -> dict[str, Any]:
            with self._database.read() as session:
                by_outcome = runs.counts(session)
                return {"runs": sum(by_outcome.values()), "by_outcome": by_outcome, **judgements.counts(session)}

        return await asyncio.to_thread(read)
