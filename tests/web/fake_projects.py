"""Projects, the queue and imports of the studio that answers from memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.services.actors import Actor
from app.services.projects import DEFAULTS
from app.services.task_imports import ListFiles, Queries

if TYPE_CHECKING:
    from .fakes import FakeStudio

ASSIGNMENT = "0198c7a2-0000-7000-8000-00000000000a"
GUIDELINES = {"id": "g1", "version": 1, "text": "# <script>alert(1)</script>"}
PROJECT: dict[str, Any] = {
    **DEFAULTS, "id": "0198c7a2-0000-7000-8000-00000000000b", "name": "</script>", "state": "open", "created": "2026-11-28T00:00:00+00:00",
    "guidelines": GUIDELINES, "tasks": 3, "judged": 1,
    "mine": dict.fromkeys(("submitted", "skipped", "flagged", "cannot_judge", "later", "tutorial_left"), 0),
}  # fmt: skip
TASK: dict[str, Any] = {
    "assignment": ASSIGNMENT, "task": "t1", "project": {name: PROJECT[name] for name in ("id", "name", "grades", "view", "overlap")},
    "kind": "task", "number": 1, "of": 3, "query": "why?", "passages": [{"id": "a/1", "title": "", "text": "x"}], "shown_order": ["a/1"],
    "run": None, "model": None, "guidelines": GUIDELINES, "lease_until": "2026-11-28T00:00:00+00:00", "state": "leased", "judgement": None,
}  # fmt: skip


@dataclass(frozen=True)
class FakeProjects:
    studio: FakeStudio

    async def list(self, actor: Actor) -> Sequence[dict[str, Any]]:
        self.studio.fail()
        return [PROJECT]

    async def get(self, actor: Actor, project_id: str) -> dict[str, Any]:
        self.studio.fail()
        return PROJECT

    async def create(self, actor: Actor, values: Mapping[str, Any]) -> dict[str, Any]:
        self.studio.fail()
        self.studio.asked.append(("create", dict(values)))
        return PROJECT

    async def update(self, actor: Actor, project_id: str, values: Mapping[str, Any]) -> dict[str, Any]:
        self.studio.fail()
        self.studio.asked.append(("update", dict(values)))
        return PROJECT

    async def add_guidelines(self, actor: Actor, project_id: str, text: str) -> dict[str, Any]:
        self.studio.fail()
        return GUIDELINES | {"text": text}


@dataclass(frozen=True)
class FakeQueue:
    studio: FakeStudio

    async def next(self, actor: Actor, project_id: str) -> dict[str, Any]:
        self.studio.fail()
        return {"task": TASK, "left": 2, "why": ""}

    async def get(self, actor: Actor, assignment_id: str) -> dict[str, Any]:
        self.studio.fail()
        return TASK

    async def later(self, actor: Actor, assignment_id: str) -> dict[str, Any]:
        self.studio.fail()
        return {}

    async def renew(self, actor: Actor, assignment_id: str) -> dict[str, Any]:
        self.studio.fail()
        return {"lease_until": TASK["lease_until"]}

    async def mine(self, actor: Actor, project_id: str) -> Sequence[dict[str, Any]]:
        self.studio.fail()
        return [{"assignment": ASSIGNMENT, "query": "why?", "state": "leased", "ended": None, "kind": "task"}]


@dataclass(frozen=True)
class FakeTaskImports:
    studio: FakeStudio

    async def add_file(self, actor: Actor, project_id: str, given: ListFiles) -> dict[str, Any]:
        files = {name: path.read_bytes() for name in ("file", "corpus", "topics", "qrels") if (path := getattr(given, name)) is not None}
        self.studio.asked.append(("add_file", {"name": given.name, "format": given.format, "kind": given.kind, **files}))
        return self._answer()

    async def add_lists(self, actor: Actor, project_id: str, kind: str, lists: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        self.studio.asked.append(("add_lists", {"kind": kind, "lists": [dict(one) for one in lists]}))
        return self._answer()

    async def add_queries(self, actor: Actor, project_id: str, asked: Queries) -> dict[str, Any]:
        self.studio.asked.append(("add_queries", {"asked": asked}))
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        self.studio.fail()
        problems = list(self.studio.problems)
        return {"added": 0 if problems else 1, "known": 0, "problems": problems}
