"""Judgements: save a version of what a person says of a list, of a run or an assigned task, and read them back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.ranking.errors import Conflict
from app.services import contested, tutorial
from app.services.actors import Actor, require
from app.services.judging import Target, check, target_of
from db.models_people import Judgement
from db.session import Database
from db.store import judgements, log, runs

_FIELDS = (
    "id", "version", "base_version", "idempotency_key", "state", "order", "not_relevant", "unranked", "grades", "shown_order", "claims",
    "spans", "disagree", "note", "confidence", "active_seconds", "model_visible",
)  # fmt: skip
_GIVEN = (
    "idempotency_key", "base_version", "state", "order", "shown_order", "not_relevant", "unranked", "grades", "claims", "spans",
    "disagree", "note", "confidence", "active_seconds",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A judgement as it stands in the database; `created` is False where the same save had arrived before.

    `feedback` says how a submitted task of the tutorial compares with its known answer.
    """

    judgement: dict[str, Any]
    created: bool
    feedback: dict[str, Any] | None = None


class StaleJudgement(Conflict):
    """Somebody (the same person in another tab) saved meanwhile: both versions, for a choice."""

    def __init__(self, message: str, yours: Mapping[str, Any], newest: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.yours, self.newest = yours, newest


class Judgements:
    """Saves and reads judgements."""

    def __init__(self, database: Database, licence: str = "CC0-1.0") -> None:
        self._database, self._licence = database, licence

    async def save(self, actor: Actor, draft: Mapping[str, Any]) -> Saved:
        """Save one version, of a `run` or an `assignment`. Raises InputError (says which field), NotFound, StaleJudgement, Conflict."""
        require(actor, "annotator")
        return await asyncio.to_thread(self._save, actor, draft)

    def _save(self, actor: Actor, draft: Mapping[str, Any]) -> Saved:
        with self._database.write() as session:
            target = target_of(session, actor, run=draft.get("run"), assignment=draft.get("assignment"), licence=self._licence)
            check(session, target, draft)
            given = {name: draft[name] for name in _GIVEN if name in draft}
            new = judgements.NewJudgement(actor_id=actor.id, list_id=target.list_id, **target.added, **given)
            try:
                row, created = judgements.save(session, new)
            except judgements.Stale as stale:
                raise StaleJudgement(str(stale), dict(draft), view(stale.newest, target, actor.name)) from stale
            if created:
                _record(session, actor, row)
                if target.held is not None:
                    contested.follow(session, target.held, row.state)
            told = tutorial.feedback(session, target.held, row) if target.held is not None else None
            return Saved(judgement=view(row, target, actor.name), created=created, feedback=told)

    async def for_run(self, actor: Actor, token: str) -> dict[str, Any] | None:
        """The actor's newest judgement of the list that a run ranked."""
        return await self._one(actor, run=token)

    async def for_assignment(self, actor: Actor, assignment: str) -> dict[str, Any] | None:
        """The actor's newest judgement of a task of theirs."""
        return await self._one(actor, assignment=assignment)

    async def _one(self, actor: Actor, *, run: str | None = None, assignment: str | None = None) -> dict[str, Any] | None:
        require(actor, "annotator")

        def read() -> dict[str, Any] | None:
            with self._database.read() as session:
                target = target_of(session, actor, run=run, assignment=assignment)
                row = judgements.newest_of(session, actor.id, target.list_id, task_id=target.task_id)
                return None if row is None else view(row, target, actor.name)

        return await asyncio.to_thread(read)

    async def versions(self, actor: Actor, *, run: str | None = None, assignment: str | None = None) -> list[dict[str, Any]]:
        """All versions of the actor's judgement of a run's list or of a task of theirs, newest first."""
        require(actor, "annotator")

        def read() -> list[dict[str, Any]]:
            with self._database.read() as session:
                target = target_of(session, actor, run=run, assignment=assignment)
                rows = judgements.versions(session, actor.id, target.list_id, task_id=target.task_id)
                return [view(row, target, actor.name) for row in rows]

        return await asyncio.to_thread(read)

    async def mine(self, actor: Actor) -> list[dict[str, Any]]:
        """The actor's judgements, newest first, one per list."""
        require(actor, "annotator")
        return await asyncio.to_thread(self._newest, actor.id)

    async def recent(self, actor: Actor) -> list[dict[str, Any]]:
        """Everybody's judgements, newest first, one per person and list."""
        require(actor, "researcher")
        return await asyncio.to_thread(self._newest, None)

    def _newest(self, actor_id: str | None) -> list[dict[str, Any]]:
        with self._database.read() as session:
            found = judgements.newest(session, actor_id=actor_id)
            tokens = {row.run_id: runs.by_id(session, row.run_id).token for row, _, _ in found if row.run_id}
            return [
                view(row, Target(list_id=row.list_id, query=query, run=tokens.get(row.run_id or "", "")), name)
                for row, query, name in found
            ]


def _record(session: Session, actor: Actor, row: Judgement) -> None:
    """Every save stands in the log, drafts too: exports count by it."""
    told: dict[str, Any] = {"thread": row.thread, "version": row.version, "state": row.state, "task": row.task_id, "list": row.list_id}
    told["content"] = row.content_hash  # so that the chain covers what was judged, too
    log.append(session, actor.id, "judgement.saved", row.id, told)


def view(row: Judgement, target: Target, person: str) -> dict[str, Any]:
    """J of the HTTP interface, as /api/v1/openapi.json describes it."""
    return {
        **{name: getattr(row, name) for name in _FIELDS},
        "run": target.run,
        "assignment": row.assignment_id,
        "created": row.created.isoformat(),
        "actor": person,
        "query": target.query,
    }
