"""The queue: which task a person gets next, and their own assignments. See app/ranking/draw.py for the chances."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from app.ranking.draw import Random, Reason, Shares, chance, choose
from app.ranking.errors import Conflict
from app.services.actors import Actor, require
from app.services.assignment_view import assignment_view
from db.models_projects import Assignment, Project, Task
from db.session import Database
from db.store import assignments, log, projects, tasks
from db.store.assignments import NewAssignment

T = TypeVar("T")
_MINE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A task that was drawn, and with which chance."""

    task_id: str
    reason: Reason
    probability: float
    pool: int


class Queue:
    """Gives tasks to people: at most as many people to a task as wanted, nobody twice. `source` is where chance comes from."""

    def __init__(self, database: Database, source: Random | None = None) -> None:
        self._database = database
        self._random: Random = source or random.SystemRandom()

    async def next(self, actor: Actor, project_id: str) -> dict[str, Any]:
        """The task in hand, or a new one: {"task": T or null, "left", "why"}. Raises NotFound."""
        require(actor, "annotator")
        return await asyncio.to_thread(self._next, actor, project_id)

    def _next(self, actor: Actor, project_id: str) -> dict[str, Any]:
        with self._database.write() as session:
            # The lock: whoever counts rooms and takes one does so alone, so that no task is given too often and chances are exact.
            project = projects.get(session, project_id, lock=True)
            row, left = None, 0
            if project.state == "open":
                row = self._in_hand(session, project, actor) or self._give(session, project, actor)
                left = _left(session, project, actor)
        if row is not None and project.view == "model":
            self._write(lambda session: tasks.attach_run(session, row.task_id))
        if row is None:
            return {"task": None, "left": left, "why": _why(project)}
        return {"task": self._view(actor, row.id), "left": left, "why": ""}

    def _in_hand(self, session: Session, project: Project, actor: Actor) -> Assignment | None:
        """The task a person began and has not finished. One whose lease ran out stays theirs where nobody else took the place."""
        row = assignments.unfinished(session, project.id, actor.id)
        if row is not None and tasks.has_room(session, tasks.get(session, row.task_id), actor.id):
            assignments.renew(session, row, project.lease_minutes)
        else:
            row = None
        assignments.expire(session, project.id)
        return row

    def _give(self, session: Session, project: Project, actor: Actor) -> Assignment | None:
        drawn = self._draw(session, project, actor.id)
        if drawn is None:
            return self._take_back(session, project, actor)
        task, fresh = tasks.get(session, drawn.task_id), assignments.fresh_id()
        instructions = projects.guideline(session, project.id)
        new = NewAssignment(
            id=fresh,
            task_id=task.id,
            actor_id=actor.id,
            reason=drawn.reason,
            probability=drawn.probability,
            pool=drawn.pool,
            shown_order=_shown_order(session, project, task, fresh),
            guideline_id=None if instructions is None else instructions.id,
            minutes=project.lease_minutes,
        )
        row = assignments.lease(session, new)
        log.append(session, actor.id, "assignment.leased", row.id, {"task": task.id, "reason": row.reason, "pool": row.pool})
        return row

    def _draw(self, session: Session, project: Project, actor_id: str) -> Drawn | None:
        if project.tutorial and (teaching := tasks.unseen(session, project.id, actor_id, "tutorial")):
            return Drawn(task_id=teaching[0], reason="tutorial", probability=1.0, pool=1)
        pool, shares = tasks.pool(session, project.id, actor_id), Shares(gold=project.gold_share, audit=project.audit_share)
        gold = tasks.unseen(session, project.id, actor_id, "gold") if shares.gold else []
        choice = choose(self._random, plain=pool.size, gold=len(gold), shares=shares)
        if choice is None:
            return None
        if choice.place is None:
            task_id = pool.top or ""
        else:
            task_id = gold[choice.place] if choice.reason == "gold" else tasks.at(session, project.id, actor_id, choice.place)
        probability = chance(choice, gold=len(gold), top=task_id == pool.top, shares=shares)
        return Drawn(task_id=task_id, reason=choice.reason, probability=probability, pool=choice.size)

    def _take_back(self, session: Session, project: Project, actor: Actor) -> Assignment | None:
        """When nothing else is left: what the person put off, or had no time to finish, where there is still room."""
        for row, task in assignments.put_off(session, project.id, actor.id):
            if tasks.has_room(session, task, actor.id):
                log.append(session, actor.id, "assignment.resumed", row.id, {"task": task.id})
                return assignments.renew(session, row, project.lease_minutes)
        return None

    def _view(self, actor: Actor, assignment_id: str) -> dict[str, Any]:
        with self._database.read() as session:
            return assignment_view(session, assignments.own(session, assignment_id, actor.id, guideline=True), actor.name)

    async def get(self, actor: Actor, assignment_id: str) -> dict[str, Any]:
        """T of a person's own assignment, whatever its state. Raises NotFound."""
        require(actor, "annotator")
        return await asyncio.to_thread(self._view, actor, assignment_id)

    async def later(self, actor: Actor, assignment_id: str) -> dict[str, Any]:
        """Put a task off: it comes back when nothing else is left. Raises NotFound, and Conflict for one that is finished."""
        require(actor, "annotator")

        def write(session: Session) -> dict[str, Any]:
            held = assignments.own(session, assignment_id, actor.id)
            assignments.lock(session, held.assignment)
            if held.assignment.state not in ("leased", "later", "expired"):
                raise Conflict("this task is finished: open it to correct what you said, it needn't be put off")
            assignments.finish(session, held.assignment, "later")
            log.append(session, actor.id, "assignment.later", assignment_id, {"task": held.task.id})
            return {}

        return await asyncio.to_thread(self._write, write)

    async def renew(self, actor: Actor, assignment_id: str) -> dict[str, Any]:
        """Keep a task for longer. Raises NotFound, and Conflict where others took it, or it is finished; saving still works then."""
        require(actor, "annotator")

        def write(session: Session) -> dict[str, Any]:
            held = assignments.own(session, assignment_id, actor.id)
            projects.get(session, held.project.id, lock=True)
            assignments.lock(session, held.assignment)
            if held.assignment.state not in ("leased", "later", "expired"):
                raise Conflict("this task is finished: it can still be corrected, and needs no more time")
            if not tasks.has_room(session, held.task, actor.id):
                raise Conflict("the time for this task ran out and others took it: what you save still counts")
            row = assignments.renew(session, held.assignment, held.project.lease_minutes)
            return {"lease_until": row.lease_until.isoformat()}

        return await asyncio.to_thread(self._write, write)

    async def mine(self, actor: Actor, project_id: str) -> Sequence[dict[str, Any]]:
        """A person's assignments of a project, newest first. Raises NotFound."""
        require(actor, "annotator")

        def read() -> list[dict[str, Any]]:
            with self._database.read() as session:
                projects.get(session, project_id)
                return [_own(*found) for found in assignments.mine(session, project_id, actor.id, _MINE)]

        return await asyncio.to_thread(read)

    def _write(self, work: Callable[[Session], T]) -> T:
        with self._database.write() as session:
            return work(session)


def _own(row: Assignment, task: Task, query: str) -> dict[str, Any]:
    """One line of a person's own list; a gold task looks like any other."""
    kind = "tutorial" if task.kind == "tutorial" else "task"
    ended = None if row.ended is None else row.ended.isoformat()
    return {"assignment": row.id, "query": query, "state": row.state, "ended": ended, "kind": kind}


def _left(session: Session, project: Project, actor: Actor) -> int:
    """Tasks that this person could still be given after the one in hand: new ones, those that teach, and those put off."""
    put_off = sum(tasks.has_room(session, task, actor.id) for _, task in assignments.put_off(session, project.id, actor.id))
    teaching = len(tasks.unseen(session, project.id, actor.id, "tutorial")) if project.tutorial else 0
    return tasks.pool(session, project.id, actor.id).size + teaching + put_off


def _why(project: Project) -> str:
    """Why there is no task."""
    if project.state != "open":
        return "this project is closed: nothing more is judged in it"
    return "you have had every task of this project, or others are at work on the rest: come back later, or choose another project"


def _shown_order(session: Session, project: Project, task: Task, seed: str) -> list[str]:
    """In which order the passages are shown. A random one is seeded with the assignment's id, so that it can be made again."""
    ids = tasks.passage_ids(session, task.list_id)
    if project.shown == "random" or task.kind == "tutorial":
        random.Random(seed).shuffle(ids)
    elif project.shown == "model" and (run := tasks.newest_run(session, task)) is not None and run.order:
        ranked = [id_ for id_ in run.order if id_ in set(ids)]
        return ranked + [id_ for id_ in ids if id_ not in set(ranked)]
    return ids
