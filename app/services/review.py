"""Review: which tasks people disagree on most, who said what of one, and what a reviewer decides."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.ranking.errors import Conflict, Forbidden, InputError
from app.ranking.evaluation.panels import MEASURES, of_topic
from app.ranking.evaluation.weak_orders import WeakOrder
from app.services import panel
from app.services.actors import LOCAL, Actor, require
from app.services.review_view import adjudication_view, heat, model_view, other_view, person_view
from db.models_projects import Adjudication, Task
from db.session import Database
from db.store import actors, lists, log, rated, reviews
from db.store import tasks as stored_tasks
from db.store.rated import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision as it stands in the database; `created` is False where the same save had arrived before."""

    adjudication: dict[str, Any]
    created: bool


class StaleAdjudication(Conflict):
    """Somebody decided meanwhile, or a judge changed the picked judgement: both decisions, for a choice."""

    def __init__(self, message: str, yours: Mapping[str, Any], newest: Mapping[str, Any] | None) -> None:
        super().__init__(message)
        self.yours, self.newest = yours, newest


class Review:
    """Reads tasks for review and takes decisions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tasks(self, actor: Actor, project_id: str) -> dict[str, Any]:
        """Tasks of a project, those with most disagreement first. Raises NotFound."""
        require(actor, "reviewer")
        return await asyncio.to_thread(self._tasks, project_id)

    def _tasks(self, project_id: str) -> dict[str, Any]:
        scope = Scope(project=project_id)
        with self._database.read() as session:
            project = reviews.project(session, project_id)
            decided = reviews.newest_in(session, project_id)
            flagged = Counter(row.task_id for row in rated.not_submitted(session, scope) if row.state == "flagged")
        found = panel.load(self._database, scope)
        rows = [
            {
                **{name: getattr(task, name) for name in ("number", "query", "kind", "topic", "state", "holdout")},
                "task": task.id,
                "judgements": len(found.people[task.id]),
                "models": len(found.models[task.id]),
                "disagreement": disagreement(found.people[task.id]),
                "flagged": flagged[task.id],
                "adjudicated": task.id in decided,
                "gold": task.gold is not None,
            }
            for task in found.tasks.values()
        ]
        rows.sort(key=lambda row: (row["disagreement"] is None, -(row["disagreement"] or 0.0), -row["flagged"], row["number"]))
        return {"project": {"id": project.id, "name": project.name, "grades": project.grades}, "tasks": rows}

    async def task(self, actor: Actor, task_id: str) -> dict[str, Any]:
        """One task with all that was said of it. Raises NotFound."""
        require(actor, "reviewer")
        return await asyncio.to_thread(self._task, actor, task_id)

    def _task(self, actor: Actor, task_id: str) -> dict[str, Any]:
        scope = Scope(task=task_id)
        found = panel.load(self._database, scope)
        with self._database.read() as session:
            task = stored_tasks.get(session, task_id)
            project = reviews.project(session, task.project_id or "")
            guideline = reviews.guideline(session, project.id)
            candidates = lists.get(session, task.list_id)
            whole = reviews.whole(session, [row.id for row in found.judged])
            others, decisions = rated.not_submitted(session, scope), reviews.versions(session, task_id)
            names = reviews.people(session, {row.actor_id for row in others} | {row.actor_id for row in decisions})
            may = _refusal(actor, {row.actor_id for row in found.judged})
        judgements = [person_view(row, whole[row.id], actor) for row in found.judged if row.who]
        judgements += [model_view(run) for run in found.modelled]
        people = found.people.get(task_id, {})
        return {
            **{name: getattr(found.tasks[task_id], name) for name in ("number", "kind", "topic", "state", "holdout", "query", "gold")},
            "task": task_id,
            "project": {"id": project.id, "name": project.name},
            "grades": project.grades,
            "guidelines": guideline and {"id": guideline.id, "version": guideline.version, "text": guideline.text},
            "passages": [
                {"id": one.id, "title": one.title, "text": one.text, "first_rank": at}
                for at, one in enumerate(candidates.passages, start=1)
            ],
            "judgements": judgements,
            "others": [other_view(row, names[row.actor_id][0], actor) for row in others],
            "positions": heat([one.id for one in candidates.passages], judgements),
            "agreement": [panel.plain(of_topic(measure, people)) for measure in MEASURES],
            "adjudications": (told := [adjudication_view(row, names[row.actor_id][0], actor, judgements) for row in decisions]),
            "adjudication": told[0] if told else None,
            "base_version": decisions[0].version if decisions else 0,
            "may": {"adjudicate": not may, "why": may},
        }

    async def adjudicate(self, actor: Actor, task_id: str, draft: Mapping[str, Any]) -> Decided:
        """Save a decision. Raises InputError (says what), NotFound, Forbidden (four eyes), StaleAdjudication, Conflict."""
        require(actor, "reviewer")
        return await asyncio.to_thread(self._adjudicate, actor, task_id, draft)

    def _adjudicate(self, actor: Actor, task_id: str, draft: Mapping[str, Any]) -> Decided:
        scope = Scope(task=task_id)
        with self._database.write() as session:
            task = reviews.lock(session, task_id)
            project = reviews.project(session, task.project_id or "")
            judged, runs = rated.judged(session, scope), rated.modelled(session, scope)
            if refusal := _refusal(actor, {row.actor_id for row in judged}):
                raise Forbidden(refusal) if judged else InputError(refusal)
            _check(draft, rated.first_stage(session, scope).get(task.list_id, ()), len(project.grades))
            seen = [*(row.id for row in judged), *(run.id for run in runs)]
            picked = draft.get("picked_id")
            stale = picked is not None and picked not in seen
            if stale and reviews.thread_of(session, str(picked), task_id) is None:
                raise InputError("picked_id names no judgement and no run of this task: pick one of those shown, or none")
            new = reviews.NewAdjudication(
                task_id=task_id, actor_id=actor.id, seen=seen, **{name: draft[name] for name in _GIVEN if name in draft}
            )
            me = actors.pseudonym(session, actor.id)
            try:
                row, created = reviews.save(session, new)
            except reviews.Stale as error:
                name = reviews.people(session, [error.newest.actor_id])[error.newest.actor_id][0]
                raise StaleAdjudication(str(error), dict(draft), adjudication_view(error.newest, name, actor)) from error
            if created and stale:
                raise StaleAdjudication("the judgement you picked was changed meanwhile: look at the task again", dict(draft), None)
            if created:
                self._after(session, actor, task, row, gold=bool(draft.get("gold")))
            return Decided(adjudication=adjudication_view(row, me, actor), created=created)

    def _after(self, session: Session, actor: Actor, task: Task, row: Adjudication, *, gold: bool) -> None:
        """Log the decision, and let it be gold where that was asked for, or where the gold is an older decision on the same task."""
        data = {"adjudication": row.id, "version": row.version, "picked": row.picked_id}
        log.append(session, actor.id, "adjudication.saved", task.id, data)
        if gold or reviews.came_from_review(session, task):
            target = reviews.become_gold(session, task, row)
            log.append(session, actor.id, "task.gold", target.id, {"adjudication": row.id})


_GIVEN = ("idempotency_key", "base_version", "picked_id", "order", "not_relevant", "unranked", "grades", "reason")


def disagreement(people: Mapping[str, WeakOrder]) -> float | None:
    """Mean over pairs of people of (1 - tau-b) / 2; None where no two ranked two passages in common."""
    found = [panel.apart(one, other) for one, other in itertools.combinations(people.values(), 2)]
    known = [value for value in found if value is not None]
    return sum(known) / len(known) if known else None


def _refusal(actor: Actor, judges: set[str]) -> str:
    """Why somebody may not decide on a task: four eyes. Empty where they may. On the local studio one person is everybody."""
    if not judges:
        return "nobody has submitted a judgement of this task: there is nothing to decide yet"
    if judges == {actor.id} and actor.id != LOCAL.id:
        return "you are the only judge of this task: somebody else has to judge it or decide on it"
    return ""


def _check(draft: Mapping[str, Any], ids: Sequence[str], grades: int) -> None:
    """Each passage in one place, none of another list, grades of the project, and a reason."""
    order = WeakOrder.of(draft["order"], draft.get("not_relevant", ()), draft.get("unranked", ()))
    given = draft.get("grades", {})
    named = {*order.levels(), *order.unranked, *given}
    if strange := sorted(named - set(ids)):
        raise InputError(f"passage {strange[0]!r} is not in the list of this task")
    if wrong := sorted(one for one, grade in given.items() if not 0 <= grade < grades):
        raise InputError(f"passage {wrong[0]!r} has grade {given[wrong[0]]}: this project has 0 to {grades - 1}")
    if not draft["reason"].strip():
        raise InputError("the reason is empty: say in a sentence why you decided so")
