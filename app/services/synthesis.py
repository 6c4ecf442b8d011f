"""Syntheses: what a worker offers, starting one, how it stands, its items and their scores, and freezing a dataset version of it."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from app.ranking.errors import InputError, NotFound
from app.services import offers, synthesis_view
from app.services.actors import Actor, require
from app.services.jobs import Started, job_view
from db.session import Database
from db.store import jobs, lists, synthesis_views

MOST_SCORES = 20_000
"""So many items a page gets scores of at most; of more it gets an even sample."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be synthesized: a recipe by name, or another text (TOML) for it; no teacher is the recipe's own, limit 0 is none."""

    recipe: str
    idempotency_key: str
    text: str = ""
    teacher: str = ""
    limit: int = 0


class Syntheses:
    """Reads syntheses, and puts jobs into the queue that make them and datasets of them. The work itself is a worker's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recipes(self, actor: Actor) -> dict[str, Any]:
        """Recipes and teachers of the workers that are alive; `worker` says whether there is one."""
        require(actor, "researcher")
        return await self._read(offers.told)

    async def start(self, actor: Actor, order: Order) -> Started:
        """Put a synthesis into the queue. Raises InputError for what can't be used, Conflict for a key that was used."""
        require(actor, "admin")
        if order.text:
            _check_toml(order.text)
        return await asyncio.to_thread(self._start, actor, order)

    def _start(self, actor: Actor, order: Order) -> Started:
        with self._database.write() as session:
            offered = offers.told(session)
            text = order.text or _text_of(order.recipe, offered)
            _check_teacher(order.teacher, offered)
            arguments = {"recipe": order.recipe, "text": text, "teacher": order.teacher, "limit": order.limit}
            return _enqueue(session, "synthesize", arguments, order.idempotency_key, actor)

    async def build(self, actor: Actor, synthesis_id: str, name: str, thresholds: Mapping[str, float], key: str) -> Started:
        """Put a dataset version into the queue. Raises NotFound, and InputError for a threshold that can't be."""
        require(actor, "admin")

        def write() -> Started:
            with self._database.write() as session:
                row = synthesis_views.synthesis(session, synthesis_id)
                _check_thresholds(row.filters, thresholds)
                arguments = {"synthesis": row.id, "name": name, "thresholds": dict(thresholds)}
                return _enqueue(session, "dataset", arguments, key, actor)

        return await asyncio.to_thread(write)

    async def list(self, actor: Actor) -> Sequence[dict[str, Any]]:
        """Syntheses, newest first: S."""
        require(actor, "researcher")

        def read(session: Session) -> Sequence[dict[str, Any]]:
            rows = synthesis_views.syntheses(session)
            ids = [row.id for row in rows]
            states, made = synthesis_views.states(session, ids), synthesis_views.dataset_ids(session, ids)
            return [synthesis_view.synthesis(row, states[row.id], made[row.id]) for row in rows]

        return await self._read(read)

    async def get(self, actor: Actor, synthesis_id: str) -> dict[str, Any]:
        """One with the text of its recipe, and what each domain took. Raises NotFound."""
        require(actor, "researcher")

        def read(session: Session) -> dict[str, Any]:
            row = synthesis_views.synthesis(session, synthesis_id)
            states, made = synthesis_views.states(session, [row.id]), synthesis_views.dataset_ids(session, [row.id])
            view = synthesis_view.synthesis(row, states[row.id], made[row.id])
            return {**view, "recipe": row.recipe, "spent": synthesis_view.spent(synthesis_views.spent(session, row.id))}

        return await self._read(read)

    async def scores(self, actor: Actor, synthesis_id: str) -> dict[str, Any]:
        """Scores of its items by filter, as columns; of more than MOST_SCORES an even sample. Raises NotFound."""
        require(actor, "researcher")

        def read(session: Session) -> dict[str, Any]:
            row = synthesis_views.synthesis(session, synthesis_id)
            names = [str(one["name"]) for one in row.filters]
            return synthesis_view.scores(synthesis_views.scores(session, row.id, names, MOST_SCORES))

        return await self._read(read)

    async def items(self, actor: Actor, synthesis_id: str, wanted: Sequence[int] | None, after: int | None, limit: int) -> dict[str, Any]:
        """Items without their texts: those wanted by number, or those behind a number; without either the newest first. Raises NotFound."""
        require(actor, "researcher")

        def read(session: Session) -> dict[str, Any]:
            row = synthesis_views.synthesis(session, synthesis_id)
            if wanted is not None:
                found = synthesis_views.briefs(session, row.id, wanted)
            elif after is None:
                found = synthesis_views.newest(session, row.id, limit)
            else:
                found = synthesis_views.page(session, row.id, after, limit)
            return {"items": [synthesis_view.brief(one) for one in found]}

        return await self._read(read)

    async def item(self, actor: Actor, synthesis_id: str, number: int) -> dict[str, Any]:
        """A whole item with its passages and samples. Raises NotFound."""
        require(actor, "researcher")

        def read(session: Session) -> dict[str, Any]:
            row = synthesis_views.item(session, synthesis_id, number)
            passages = lists.get(session, row.list_id).passages if row.list_id else ()
            return synthesis_view.item(row, passages)

        return await self._read(read)

    async def _read(self, what: Callable[[Session], _T]) -> _T:
        def read() -> _T:
            with self._database.read() as session:
                return what(session)

        return await asyncio.to_thread(read)


def _enqueue(session: Session, kind: str, arguments: Mapping[str, Any], key: str, actor: Actor) -> Started:
    row, created = jobs.enqueue(session, jobs.NewJob(kind=kind, arguments=arguments, idempotency_key=key, actor_id=actor.id))
    session.flush()
    return Started(job=job_view(row), created=created)


def _check_toml(text: str) -> None:
    """What the recipe means is for the worker to judge, which knows all its words; that it can be read at all is said at once."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"the recipe is not TOML: {error}; mend that place, or take the recipe as it was") from error


def _text_of(recipe: str, offered: Mapping[str, Any]) -> str:
    found = next((one for one in offered["recipes"] if one["name"] == recipe), None)
    if found is None and not offered["worker"]:
        raise InputError(f"no worker is alive to say what the recipe {recipe!r} is: start one with {offers.COMMAND}, or send its text")
    if found is None:
        names = ", ".join(one["name"] for one in offered["recipes"]) or "none"
        raise NotFound(f"no worker has a recipe called {recipe!r}: there is {names}")
    return str(found["text"])


def _check_teacher(teacher: str, offered: Mapping[str, Any]) -> None:
    if teacher and offered["worker"] and teacher not in offered["teachers"]:
        names = ", ".join(offered["teachers"]) or "none"
        raise InputError(f"no worker can use a teacher called {teacher!r}: there is {names}")


def _check_thresholds(filters: Sequence[Mapping[str, Any]], thresholds: Mapping[str, float]) -> None:
    known = {str(one["name"]): one for one in filters}
    for name, value in thresholds.items():
        if name not in known:
            raise InputError(f"there is no filter called {name!r}: there is {', '.join(known) or 'none yet'}")
        if known[name].get("fixed") and value != known[name]["threshold"]:
            raise InputError(f"the threshold of {name!r} can't be moved: it keeps the held-out queries out of every training set")
        low, high = known[name]["low"], known[name]["high"]
        if not low <= value <= high:
            raise InputError(f"the threshold of {name!r} is {value:g}: it goes from {low:g} to {high:g}")
