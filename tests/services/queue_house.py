"""The services of annotation over one database, with two people, for the tests of queue, projects and imports."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.services.actors import LOCAL, Actor
from app.services.judgements import Judgements
from app.services.projects import Projects
from app.services.queue import Queue
from app.services.runs import Runs
from app.services.task_imports import TaskImports
from db.models_projects import Assignment, Task
from db.store import actors
from tests.conftest import passages
from tests.services.test_runs import ANSWER, Three, make

BEN = Actor(id="00000000-0000-7000-8000-0000000000bb", name="Ben", roles=frozenset({"visitor", "annotator"}))


class Waiting:
    """A service whose answers are waited for: the tests look into the database between calls, which no event loop allows."""

    def __init__(self, service: Any) -> None:
        self.service = service

    def __getattr__(self, name: str) -> Any:
        return lambda *given, **named: asyncio.run(getattr(self.service, name)(*given, **named))


class House:
    """Services over one database, with two people: the local one and Ben."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.runs: Runs = make(folder, ANSWER)
        self.database = self.runs._database
        with self.database.write() as session:
            actors.ensure(session, BEN.id, BEN.name, BEN.roles)
        self.projects, self.queue = Waiting(Projects(self.database)), Waiting(Queue(self.database, random.Random(seed)))
        self.imports = Waiting(TaskImports(self.database, Three(), self.runs, 1_000_000))
        self.judgements = Waiting(Judgements(self.database))

    def project(self, n: int, **rules: Any) -> str:
        made = self.projects.create(LOCAL, {"name": "A", "tutorial": False, "gold_share": 0.0, **rules})
        if n:
            self.add(made["id"], n)
        return str(made["id"])

    def add(self, project_id: str, n: int, kind: str = "plain", start: int = 0) -> None:
        gold = {"order": [["p2"], ["p1"]], "not_relevant": ["p3"], "grades": {"p2": 3}, "why": "So."} if kind != "plain" else None
        given = [{"id": one.id, "title": one.title, "text": one.text} for one in passages(3)]
        lists = [{"query": f"why {kind} {number}?", "passages": given, "gold": gold} for number in range(start, start + n)]
        assert (self.imports.add_lists(LOCAL, project_id, kind, lists))["added"] == n

    def next(self, project_id: str, actor: Actor = LOCAL) -> dict[str, Any]:
        found: dict[str, Any] = (self.queue.next(actor, project_id))["task"]
        return found

    def save(self, task: dict[str, Any], actor: Actor = LOCAL, **changes: Any) -> Any:
        return self.judgements.save(actor, draft(task, **changes))

    def row(self, assignment: str) -> Assignment:
        with self.database.read() as session:
            return session.get_one(Assignment, assignment)

    def set_tasks(self, **values: object) -> None:
        with self.database.write() as session:
            session.execute(sa.update(Task).values(values))


def draft(task: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "assignment": task["assignment"], "idempotency_key": task["assignment"], "base_version": 0, "state": "submitted",
        "order": [["p2"], ["p1"]], "not_relevant": ["p3"], "shown_order": task["shown_order"], **changes,
    }  # fmt: skip
