"""The dashboard: where people and models disagree, by topic and model version, and the way from each bar to its items."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from app.services import charts, panel
from app.services.actors import Actor, require
from app.services.buckets import holds
from app.services.comparisons import Comparison, compare, topic_of
from app.services.memo import Memo
from app.services.panel import Judge
from db.models import now
from db.session import Database
from db.store import dashboard, rated, reviews
from db.store.dashboard import Objected
from db.store.rated import Scope

HOW = (
    "Each person's newest submitted judgement of a list against the newest answered run of each model version over the same list; "
    "tutorial tasks are left out. Disagreement is (1 - tau-b) / 2 and 1 - RBO over the passages that both ranked: 0 the same order, 1 the "
    "opposite one. A cell is the mean over lists of the mean over people; 95 % percentile bootstrap over lists. Judgements of people who "
    "saw the model's order before, and of holdout queries, are counted in and told beside. Objections of visitors are told apart and are "
    "in no score."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to show: all parts may be left out. `model` is a label, `bucket` comes from a bar."""

    project: str | None = None
    model: str | None = None
    topic: str | None = None
    bucket: str | None = None


class Dashboard:
    """Data of charts, kept until something is judged, ranked or objected to."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._comparisons: Memo[list[Comparison]] = Memo(4)
        self._answers: Memo[dict[str, Any]] = Memo()

    async def get(self, actor: Actor, wanted: Wanted) -> dict[str, Any]:
        """Data of all charts. Raises NotFound for a project that is not there."""
        require(actor, "researcher")
        return await asyncio.to_thread(self._get, replace(wanted, topic=None, bucket=None))

    def _get(self, wanted: Wanted) -> dict[str, Any]:
        scope = Scope(project=wanted.project)
        with self._database.read() as session:
            if wanted.project is not None:
                reviews.project(session, wanted.project)
            stamp = (rated.stamp(session, scope), dashboard.stamp(session))
            names = dashboard.projects(session)

        def make() -> dict[str, Any]:
            found = self._compared(scope)
            with self._database.read() as session:
                return self._answer(session, wanted, found)

        return self._answers.get((wanted.project, wanted.model), stamp, make) | {
            "projects": [{"id": id_, "name": name} for id_, name in names]
        }

    def _answer(self, session: Session, wanted: Wanted, found: Sequence[Comparison]) -> dict[str, Any]:
        scope = Scope(project=wanted.project)
        shown = [one for one in found if wanted.model in (None, one.model)]
        objected, runs = dashboard.objected(session, scope), dashboard.runs(session, scope)
        contested = charts.contested(shown, wanted.project)
        titles = rated.titles(session, [(row["list"], row["passage_id"]) for row in contested])
        return {
            "how": HOW,
            "computed": now().isoformat(),
            "project": wanted.project,
            "model": wanted.model,
            "models": sorted({one.model for one in found}),
            "topics": sorted({one.topic for one in found}),
            "totals": totals(shown),
            "overall": _cells(shown, wanted.project, objected, by_topic=False),
            "cells": _cells(shown, wanted.project, objected, by_topic=True),
            "moves": charts.moves(shown, wanted.project, wanted.model),
            "flow": charts.flow(shown, wanted.project, wanted.model),
            "contested": [row | {"title": titles.get((row["list"], row["passage_id"]), "")} for row in contested],
            "days": charts.days(shown, wanted.project),
            "objections": _objections(objected, runs, wanted.model),
        }

    def _compared(self, scope: Scope) -> list[Comparison]:
        panel.name_all(self._database, scope)
        with self._database.read() as session:
            stamp = rated.stamp(session, scope)

        def make() -> list[Comparison]:
            with self._database.read() as session:
                return compare(rated.judged(session, scope), rated.modelled(session, scope), rated.first_stage(session, scope))

        return self._comparisons.get(scope, stamp, make)

    async def items(self, actor: Actor, wanted: Wanted, limit: int = 200) -> dict[str, Any]:
        """Judgements behind a bar, most disagreement first. Raises InputError for a bucket that is none."""
        require(actor, "researcher")
        return await asyncio.to_thread(self._items, actor, wanted, limit)

    def _items(self, actor: Actor, wanted: Wanted, limit: int) -> dict[str, Any]:
        test, words = holds(wanted.bucket) if wanted.bucket else ((lambda _: True), "")
        found = [
            one
            for one in self._compared(Scope(project=wanted.project))
            if wanted.model in (None, one.model) and wanted.topic in (None, one.topic) and test(one)
        ]
        found.sort(key=lambda one: (one.disagreement is None, -(one.disagreement or 0.0), one.judgement))
        said = [*([f"model {wanted.model}"] if wanted.model else []), *([f"topic {wanted.topic}"] if wanted.topic else [])]
        return {
            "n": len(found),
            "left_out": max(0, len(found) - limit),
            "what": ", ".join([*said, *([words] if words else [])]) or "all judgements with a run of a model beside them",
            "items": [_item(one, actor) for one in found[:limit]],
        }


def totals(found: Sequence[Comparison]) -> dict[str, int]:
    """How much stands behind the charts."""
    return {
        "judgements": len({one.judgement for one in found}),
        "people": len({one.who for one in found}),
        "lists": len({one.list_id for one in found}),
        "comparisons": len(found),
        "holdout": sum(one.holdout for one in found),
        "visible": sum(one.visible for one in found),
    }


def _cells(found: Sequence[Comparison], project: str | None, objected: Sequence[Objected], *, by_topic: bool) -> list[dict[str, Any]]:
    """Cells of each topic (or of all topics together) and model, topics by name, models by name."""
    out = []
    for topic, some in sorted(charts.grouped(found, lambda one: one.topic if by_topic else "").items()):
        states: dict[str, Counter[str]] = {}
        for each in objected:
            if not by_topic or topic_of(each.topic, each.query) == topic:
                states.setdefault(each.model, Counter())[each.state] += each.n
        models = sorted(charts.grouped(some, lambda one: one.model).items())
        cells = [charts.cell(those, project, topic if by_topic else None, states.get(model, {})) for model, those in models]
        out += charts.with_fragility(cells)
    return out


def _objections(objected: Sequence[Objected], runs: dict[str, int], model: str | None) -> list[dict[str, Any]]:
    """Objections by model version, with how often each ranked."""
    states: dict[str, Counter[str]] = {label: Counter() for label in runs}
    for each in objected:
        states.setdefault(each.model, Counter())[each.state] += each.n
    return [
        {"model": label, "runs": runs.get(label, 0), **{state: counts[state] for state in ("new", "accepted", "rejected")}}
        for label, counts in sorted(states.items())
        if model in (None, label)
    ]


def _item(one: Comparison, actor: Actor) -> dict[str, Any]:
    told = Judge(who=one.who, label=one.who, kind="person", actor_id=one.actor_id).shown_to(actor)
    return {
        **{name: getattr(one, name) for name in ("task", "run", "judgement", "query", "topic", "model", "disagreement", "rbo", "holdout")},
        **{name: told[name] for name in ("who", "label")},
        "created": one.created.isoformat(),
    }
