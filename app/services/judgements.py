"""Judgements: save a version of what a person says of a list, and read them back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.ranking.errors import Conflict, InputError
from app.services.actors import Actor, require
from db.models_people import Judgement
from db.session import Database
from db.store import judgements, lists, runs

_FIELDS = (
    "id", "version", "base_version", "idempotency_key", "state", "order", "not_relevant", "unranked", "grades", "shown_order", "claims",
    "disagree", "note", "confidence", "active_seconds", "model_visible",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A judgement as it stands in the database; `created` is False where the same save had arrived before."""

    judgement: dict[str, Any]
    created: bool


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
        """Save one version. Raises InputError (says which field), NotFound, StaleJudgement, Conflict."""
        require(actor, "annotator")
        return await asyncio.to_thread(self._save, actor, draft)

    def _save(self, actor: Actor, draft: Mapping[str, Any]) -> Saved:
        with self._database.write() as session:
            run = runs.by_token(session, draft["run"])
            candidates = lists.get(session, run.list_id)
            _check(draft, [passage.id for passage in candidates.passages])
            new = judgements.NewJudgement(
                actor_id=actor.id,
                list_id=run.list_id,
                run_id=run.id,
                model_visible=run.model,
                model_version_id=run.model_version_id,
                licence=self._licence,
                **{name: draft[name] for name in _GIVEN if name in draft},
            )
            try:
                row, created = judgements.save(session, new)
            except judgements.Stale as stale:
                newest = _view(stale.newest, candidates.query, actor.name, run.token)
                raise StaleJudgement(str(stale), dict(draft), newest) from stale
            return Saved(judgement=_view(row, candidates.query, actor.name, run.token), created=created)

    async def for_run(self, actor: Actor, token: str) -> dict[str, Any] | None:
        """The actor's newest judgement of the list that a run ranked."""
        require(actor, "annotator")

        def read() -> dict[str, Any] | None:
            with self._database.read() as session:
                run = runs.by_token(session, token)
                row = judgements.newest_of(session, actor.id, run.list_id)
                return None if row is None else _view(row, lists.get(session, run.list_id).query, actor.name, run.token)

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
            return [_view(row, query, name, tokens.get(row.run_id or "", "")) for row, query, name in found]


_GIVEN = (
    "idempotency_key", "base_version", "state", "order", "shown_order", "not_relevant", "unranked", "grades", "claims", "disagree", "note",
    "confidence", "active_seconds",
)  # fmt: skip


def _view(row: Judgement, query: str, person: str, token: str) -> dict[str, Any]:
    """J of the HTTP interface: see docs/architecture.md."""
    return {
        **{name: getattr(row, name) for name in _FIELDS},
        "run": token,
        "created": row.created.isoformat(),
        "actor": person,
        "query": query,
    }


def _check(draft: Mapping[str, Any], ids: Sequence[str]) -> None:
    """Every passage at most once over order, not relevant and unranked; nothing that is not in the list."""
    placed = [*(i for group in draft["order"] for i in group), *draft.get("not_relevant", ()), *draft.get("unranked", ())]
    twice = sorted({i for i in placed if placed.count(i) > 1})
    if twice:
        raise InputError(f"order, not_relevant and unranked name passage {twice[0]!r} more than once: each has one place")
    named = {*placed, *draft.get("grades", {}), *draft["shown_order"]}
    named |= {claim["passage_id"] for claim in draft.get("claims", ()) if claim.get("passage_id")}
    strange = sorted(named - set(ids))
    if strange:
        raise InputError(f"passage {strange[0]!r} is not in the list that this run ranked")
    if any(not group for group in draft["order"]):
        raise InputError("order holds an empty group: leave it out")
