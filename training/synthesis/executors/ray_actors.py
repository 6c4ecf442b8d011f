"""What runs in Ray's processes: one actor that hands out shards of the source, and a pool of actors that make items."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from db.models import new_id
from db.session import Database
from db.store import teacher_calls

from ..calls import BudgetSpent
from ..values import item_json, read_source
from ..workshop import Order, Workshop, open_workshop
from .spool import read_shard


class Feed:
    """Hands out shards. It lives on the host of the spool and remembers who took which shard, so that a second taker knows who died."""

    def __init__(self, path: str, offsets: Sequence[int]) -> None:
        self._path, self._offsets = Path(path), offsets
        self._taken: dict[int, str] = {}
        self._stopped = False

    def take(self, shard: int, session: str) -> tuple[list[str], str]:
        """Lines of a shard, none once stopped; and the session that had taken it before, empty for the first taker."""
        if self._stopped:
            return [], ""
        before = self._taken.get(shard, "")
        self._taken[shard] = session
        return read_shard(self._path, self._offsets[shard], self._offsets[shard + 1]), before if before != session else ""

    def done(self, shard: int) -> None:
        """A shard was made; should it be asked for again, nothing of its maker is in flight."""
        self._taken.pop(shard, None)

    def stop(self) -> None:
        """Hand out no more."""
        self._stopped = True


class Maker:
    """Makes the items of a shard, several at once. Ray Data makes one of these per actor and calls it with one shard at a time."""

    def __init__(self, order: Order, feed: Any) -> None:
        self._order, self._feed = replace(order, session=new_id()), feed
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="items", daemon=True).start()
        self._workshop: Workshop | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Rows of JSON: an item each, or why no more could be made."""
        import ray

        rows: list[str] = []
        for shard in (int(number) for number in batch["id"]):
            lines, before = ray.get(self._feed.take.remote(shard, self._order.session))
            if before:
                self._give_up(before)
            if lines:
                rows += asyncio.run_coroutine_threadsafe(self._shard(lines), self._loop).result()
            self._feed.done.remote(shard)
        return {"row": rows}

    async def _shard(self, lines: Sequence[str]) -> list[str]:
        if self._workshop is None:
            # On a thread: it reads files and loads models, and opens a database, which the event loop's thread may not.
            self._workshop = await asyncio.to_thread(open_workshop, self._order)
        return await asyncio.gather(*(self._item(self._workshop, *json.loads(line)) for line in lines))

    async def _item(self, workshop: Workshop, number: int, data: dict[str, Any]) -> str:
        try:
            return json.dumps(item_json(await workshop.item(number, read_source(data))))
        except BudgetSpent as error:
            return json.dumps({"spent": str(error)})

    def _give_up(self, session: str) -> None:
        """What an actor that died had in flight is nobody's call any more."""
        database = Database(self._order.database_url, self._order.synchronous)
        try:
            with database.write() as opened:
                teacher_calls.lose_all(opened, self._order.synthesis_id, session)
        finally:
            database.close()
