"""How judgements and decisions are told to a reviewer: pseudonyms, never names, except one's own. Shapes: /api/v1/openapi.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.ranking.evaluation.weak_orders import WeakOrder
from app.services.actors import Actor
from app.services.panel import Judge, middle_ranks
from db.models_people import Judgement
from db.models_projects import Adjudication
from db.store.rated import Judged, Modelled

Json = dict[str, Any]

_SAID = (
    "id", "version", "order", "not_relevant", "unranked", "grades", "claims", "spans", "note", "confidence", "active_seconds",
    "shown_order",
)  # fmt: skip


def _person(actor_id: str, pseudonym: str, actor: Actor) -> Json:
    told = Judge(who=pseudonym, label=pseudonym, kind="person", actor_id=actor_id).shown_to(actor)
    return {name: told[name] for name in ("who", "label", "mine")}


def person_view(row: Judged, whole: Judgement, actor: Actor) -> Json:
    """A person's judgement."""
    return {
        **{name: getattr(whole, name) for name in _SAID},
        **_person(row.actor_id, row.who or "", actor),
        "kind": "person",
        "created": row.created.isoformat(),
        "visible": row.model_visible,
        "run": None,
        "outcome": None,
    }


def model_view(run: Modelled) -> Json:
    """A model's order in the shape of a judgement."""
    return {
        "id": run.id, "version": 1, "who": run.who, "label": run.label, "mine": False, "kind": "model",
        "order": [[one] for one in run.order], "not_relevant": [], "unranked": [], "grades": {}, "claims": [], "spans": [],
        "note": "", "confidence": None, "active_seconds": None, "shown_order": [],
        "created": run.created.isoformat(), "visible": None, "run": run.token, "outcome": run.outcome,
    }  # fmt: skip


def other_view(row: Judgement, pseudonym: str, actor: Actor) -> Json:
    """Somebody who did not submit, and why."""
    return {
        **_person(row.actor_id, pseudonym, actor),
        "state": row.state,
        "note": row.note,
        "created": row.created.isoformat(),
    }


def adjudication_view(row: Adjudication, pseudonym: str, actor: Actor, judgements: Sequence[Mapping[str, Any]] = ()) -> Json:
    """A of the HTTP interface; `edited` is null where the picked judgement is not among those given."""
    names = ("id", "version", "picked_id", "order", "not_relevant", "unranked", "grades", "reason", "seen")
    picked = next((one for one in judgements if one["id"] == row.picked_id), None)
    return {
        **{name: getattr(row, name) for name in names},
        **_person(row.actor_id, pseudonym, actor),
        "edited": None if picked is None else _differs(row, picked),
        "created": row.created.isoformat(),
    }


def _differs(row: Adjudication, picked: Mapping[str, Any]) -> bool:
    """Whether a decision says something else than the judgement that it started from."""
    mine = WeakOrder.of(row.order, row.not_relevant, row.unranked)
    theirs = WeakOrder.of(picked["order"], picked["not_relevant"], picked["unranked"])
    return mine.levels() != theirs.levels() or set(mine.not_relevant) != set(theirs.not_relevant) or row.grades != picked["grades"]


def heat(ids: Sequence[str], judgements: Sequence[Mapping[str, Any]]) -> dict[str, list[float | None]]:
    """For each passage its middle rank under each judge, null where a judge made no statement on it."""
    ranks = [middle_ranks(WeakOrder.of(one["order"], one["not_relevant"], one["unranked"])) for one in judgements]
    return {passage: [each.get(passage) for each in ranks] for passage in ids}
