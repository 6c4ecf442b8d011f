"""The log: sealing events in the background, and verifying the whole of it for admins."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict
from typing import Any

from app.ranking.errors import StoreError
from app.services.actors import Actor, require
from db.session import Database
from db.store import log as events
from db.store import log_check

log = logging.getLogger(__name__)

_AT_ONCE = 500


class Log:
    """Gives events their place in the chain. Any number of processes may run a sealer: in the database only one is at it at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run_sealer(self, every: float = 2.0) -> None:
        """Seal what has come, every so many seconds, until cancelled. A database that is busy or away is tried again the next time."""
        adopted = False
        while True:
            try:
                if not adopted:
                    await asyncio.to_thread(self._adopt)
                    adopted = True
                await self.seal_now()
            except StoreError as error:
                log.warning("the log was not sealed, and will be in a moment: %s", error)
            await asyncio.sleep(every)

    async def seal_now(self) -> int:
        """Seal everything that waits; how many events it were. Judgements saved before then have their place."""
        return await asyncio.to_thread(self._seal)

    async def verify(self, actor: Actor, head: str | None = None) -> dict[str, Any]:
        """Look at every event; `head` is a hash that was written down earlier. Takes the role admin."""
        require(actor, "admin")

        def look() -> dict[str, Any]:
            with self._database.read() as session:
                return asdict(log_check.verify(session, head))

        return await asyncio.to_thread(look)

    def _seal(self) -> int:
        total = 0
        while True:
            # Looked at first: an idle studio takes no write lock every two seconds.
            with self._database.read() as session:
                if not events.unsealed(session):
                    return total
            with self._database.write() as session:
                sealed = events.seal(session, _AT_ONCE)
            total += sealed
            if not sealed:  # what is left is in somebody's hands
                return total

    def _adopt(self) -> None:
        with self._database.write() as session:
            if count := events.adopt(session):
                log.info("%d judgements from before the log were entered in it", count)
