"""Updates: which there are, how each learned step by step, what it wrote while it did, and what was decided."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.ranking.errors import StoreError
from app.services.actors import Actor, require
from db.models_loop import Job, Update
from db.session import Database
from db.store import jobs, updates, versions

Json = dict[str, Any]
MOST_POINTS = 2_000
"""So many points of its curves a page gets of one update at most; of more it gets an even sample."""
_COMPLETIONS = "completions.jsonl"
_READ = 50_000  # events of one update that are looked at


class Updates:
    """Reads updates. `folder_of` gives the folder of an artifact by its hash, and raises StoreError where it is gone."""

    def __init__(self, database: Database, folder_of: Callable[[str], Path]) -> None:
        self._database, self._folder_of = database, folder_of

    async def list(self, actor: Actor) -> Json:
        """Updates, newest first."""
        require(actor, "researcher")

        def read() -> Sequence[Json]:
            with self._database.read() as session:
                return [_view(session, row) for row in updates.every(session)]

        return {"updates": await asyncio.to_thread(read)}

    async def get(self, actor: Actor, update_id: str) -> Json:
        """One with its steps, the points of its curves and the decision. Raises NotFound."""
        require(actor, "researcher")

        def read() -> Json:
            with self._database.read() as session:
                row = updates.get(session, update_id)
                steps = [{"name": one.name, "seconds": one.seconds, "result": one.result} for one in updates.steps(session, update_id)]
                points = [event.data for event in jobs.last_events(session, update_id, "point", _READ)]
                return {**_view(session, row), "steps": steps, "points": _thinned(points), "decision": row.decision}

        return await asyncio.to_thread(read)

    async def completions(self, actor: Actor, update_id: str, step: int | None, after: int, limit: int) -> Json:
        """What the model wrote during reinforcement learning, in its order: of one step or of all, behind the number `after`.

        There is nothing before that part of the update has ended. Raises NotFound.
        """
        require(actor, "researcher")

        def read() -> Json:
            found = list(islice(self._written(update_id, step, after), limit + 1))
            return {"completions": found[:limit], "more": len(found) > limit}

        return await asyncio.to_thread(read)

    def _written(self, update_id: str, step: int | None, after: int) -> Iterator[Json]:
        path = self._path(update_id)
        if path is None:
            return
        with path.open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                if number > after and isinstance(told := _parsed(line), dict) and (step is None or told.get("step") == step):
                    yield {**told, "number": number}

    def _path(self, update_id: str) -> Path | None:
        """The file with what was written: in the folder that reinforcement learning left, or in that of the version."""
        with self._database.read() as session:
            row = updates.get(session, update_id)
            hashes = [one.artifact_hash for one in updates.steps(session, update_id) if one.name == "rl"]
            if row.candidate_id is not None:
                hashes.append(versions.get(session, row.candidate_id).artifact_hash)
        for digest in filter(None, hashes):
            try:
                path = self._folder_of(digest) / _COMPLETIONS
            except StoreError:
                continue
            if path.is_file():
                return path
        return None


def _view(session: Session, row: Update) -> Json:
    """U of the HTTP interface. `promoted` is null until there is a decision."""
    decision, job = row.decision or {}, session.get(Job, row.id)
    kept = {name: getattr(row, name) for name in ("id", "recipe", "model", "from_scratch", "seed")}
    return {
        **kept,
        "state": job.state if job is not None else "",
        "base": row.base_id,
        "candidate": row.candidate_id,
        "dataset": row.dataset_id,
        "created": row.created.isoformat(),
        "ended": row.ended.isoformat() if row.ended else None,
        "promoted": bool(decision["promote"]) if "promote" in decision else None,
        "reason": str(decision.get("reason") or (job.error if job is not None else "")),
    }


def _thinned(points: Sequence[Json]) -> Sequence[Json]:
    """An even sample that keeps the last point."""
    step = -(-len(points) // MOST_POINTS) or 1
    return points[::-1][::step][::-1]


def _parsed(line: str) -> Any:
    try:
        return json.loads(line, parse_constant=lambda _: None)
    except json.JSONDecodeError:  # a line that was being written when its process was killed
        return None
