"""Objections of visitors: taken after a consent line, kept apart with trust 0, until a reviewer accepts or rejects them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.ranking.errors import Conflict, Forbidden, InputError
from app.ranking.evaluation.rank_agreement import tau_b
from app.ranking.evaluation.weak_orders import WeakOrder
from app.services import consent
from app.services.actors import LOCAL, VISITOR, Actor, require
from app.services.panel import Judge, plain
from db.models import now
from db.session import Database
from db.store import actors, disagreements, log, rated, reviews, runs
from db.store.disagreements import NewDisagreement, Objection

_THANKS = (
    "Thank you. Your objection is kept apart from the judgements of annotators; a reviewer reads it, and nothing is trained on it before "
    "they have accepted it."
)
_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An objection as its author sees it; `created` is False where the same one had arrived before."""

    disagreement: dict[str, Any]
    created: bool


class Disagreements:
    """Takes objections and lets reviewers decide on them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def object(self, actor: Actor, token: str, draft: Mapping[str, Any]) -> Kept:
        """Keep an objection to a finished run. Raises NotFound, InputError (passages, consent), Conflict (too many, not finished)."""
        require(actor, "visitor")
        return await asyncio.to_thread(self._object, actor, token, draft)

    def _object(self, actor: Actor, token: str, draft: Mapping[str, Any]) -> Kept:
        agreed = consent.known(draft["consent_version"])
        with self._database.write() as session:
            run = runs.by_token(session, token)
            if run.state != "finished":
                raise Conflict("this ranking has not finished: there is no order yet to object to")
            _check(draft, disagreements.passages(session, run.list_id))
            actors.ensure(session, actor.id, actor.name, actor.roles)
            actors.pseudonym(session, actor.id)
            new = NewDisagreement(
                actor_id=actor.id,
                run_id=run.id,
                list_id=run.list_id,
                idempotency_key=draft["idempotency_key"],
                order=draft.get("order"),
                not_relevant=draft.get("not_relevant", ()),
                note=draft.get("note", ""),
                consent_version=agreed.version,
                licence=agreed.licence,
            )
            row, created = disagreements.save(session, new)
            if created:
                data = {"run": run.id, "consent": agreed.version, "corrected": row.order is not None}
                log.append(session, actor.id, "disagreement.saved", row.id, data)
            told = {"id": row.id, "run": run.token, "state": row.state, "created": row.created.isoformat(), "message": _THANKS}
            return Kept(disagreement=told, created=created)

    async def list(self, actor: Actor, *, state: str | None = None, before: str | None = None, limit: int = 100) -> dict[str, Any]:
        """Objections for review, newest first, at most 200 at once, those before an id."""
        require(actor, "reviewer")
        return await asyncio.to_thread(self._list, actor, state, before, min(limit, _MOST))

    def _list(self, actor: Actor, state: str | None, before: str | None, limit: int) -> dict[str, Any]:
        with self._database.read() as session:
            found = disagreements.listed(session, state=state, before=before, limit=limit + 1)
            counts = disagreements.counts(session)
            views = self._views(session, actor, found[:limit])
        return {"disagreements": views, "counts": counts, "more": len(found) > limit}

    async def decide(self, actor: Actor, disagreement_id: str, state: str, trust: float | None = None) -> dict[str, Any]:
        """Accept with a trust in (0, 1], or reject. A decision can be changed; each is logged. Raises NotFound, InputError, Forbidden."""
        require(actor, "reviewer")
        return await asyncio.to_thread(self._decide, actor, disagreement_id, state, trust)

    def _decide(self, actor: Actor, disagreement_id: str, state: str, trust: float | None) -> dict[str, Any]:
        if state == "accepted" and (trust is None or not 0.0 < trust <= 1.0):
            raise InputError(f"trust is {trust}: to accept an objection say how far it is trusted, above 0 and up to 1")
        if state == "rejected" and trust:
            raise InputError("a rejected objection has no trust: leave it out")
        with self._database.write() as session:
            row = disagreements.by_id(session, disagreement_id)
            if row.actor_id == actor.id and actor.id not in (LOCAL.id, VISITOR.id):
                raise Forbidden("this objection is your own: somebody else has to decide on it")
            actors.pseudonym(session, actor.id)
            row.state, row.trust = state, trust or 0.0
            row.reviewer_id, row.reviewed = actor.id, now()
            log.append(session, actor.id, f"disagreement.{state}", row.id, {"trust": row.trust})
            session.flush()
            (view,) = self._views(session, actor, disagreements.listed(session, one=row.id))
        return view

    def _views(self, session: Session, actor: Actor, found: Sequence[Objection]) -> Sequence[dict[str, Any]]:
        titles = disagreements.titles(session, sorted({one.row.list_id for one in found}))
        reviewers = reviews.people(session, {one.row.reviewer_id for one in found if one.row.reviewer_id})
        return [
            _view(one, actor, titles.get(one.row.list_id, {}), reviewers.get(one.row.reviewer_id or "", ("", None))[0]) for one in found
        ]


def _check(draft: Mapping[str, Any], titles: Mapping[str, str]) -> None:
    """Each passage in one place, none of another list."""
    order = WeakOrder.of(draft.get("order") or (), draft.get("not_relevant", ()))
    if strange := sorted(order.levels().keys() - titles.keys()):
        raise InputError(f"passage {strange[0]!r} is not in the list that this run ranked")


def _view(one: Objection, actor: Actor, titles: Mapping[str, str], reviewer: str) -> dict[str, Any]:
    """D of the HTTP interface, as /api/v1/openapi.json describes it."""
    row, run = one.row, one.run
    label = rated.model_label(run.model, run.model_version_id or run.revision)
    order = run.order or []
    against = None if row.order is None else plain(tau_b(WeakOrder.of(row.order, row.not_relevant), WeakOrder.of([[i] for i in order])))
    told = Judge(who=one.who, label=one.who, kind="person", actor_id=row.actor_id).shown_to(actor)
    return {
        "id": row.id, "run": run.token, "query": one.query, "holdout": one.holdout, "model": label, "model_order": order,
        "titles": dict(titles), "order": row.order, "not_relevant": row.not_relevant, "note": row.note,
        **{name: told[name] for name in ("who", "label", "mine")},
        "created": row.created.isoformat(), "state": row.state, "trust": row.trust, "consent_version": row.consent_version,
        "licence": row.licence, "tau_b": against, "newer": one.newer, "reviewer": reviewer or None,
        "reviewed": None if row.reviewed is None else row.reviewed.isoformat(),
    }  # fmt: skip
