"""What the routes of projects and tasks ask of the services; see `app.web.ports`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from app.services.actors import Actor
from app.services.task_imports import ListFiles, Queries

Json = dict[str, Any]


class Projects(Protocol):
    """Lists judged under one set of rules."""

    async def list(self, actor: Actor) -> Sequence[Json]:
        """All of them."""
        ...

    async def get(self, actor: Actor, project_id: str) -> Json:
        """One."""
        ...

    async def create(self, actor: Actor, values: Json) -> Json:
        """A new one."""
        ...

    async def update(self, actor: Actor, project_id: str, values: Json) -> Json:
        """With other rules."""
        ...

    async def add_guidelines(self, actor: Actor, project_id: str, text: str) -> Json:
        """The next version."""
        ...


class Queue(Protocol):
    """Who gets which task."""

    async def next(self, actor: Actor, project_id: str) -> Json:
        """The task in hand, or a new one."""
        ...

    async def get(self, actor: Actor, assignment_id: str) -> Json:
        """An own assignment."""
        ...

    async def later(self, actor: Actor, assignment_id: str) -> Json:
        """Put it off."""
        ...

    async def renew(self, actor: Actor, assignment_id: str) -> Json:
        """Keep it for longer."""
        ...

    async def mine(self, actor: Actor, project_id: str) -> Sequence[Json]:
        """The actor's, newest first."""
        ...


class TaskImports(Protocol):
    """Lists that become tasks."""

    async def add_file(self, actor: Actor, project_id: str, given: ListFiles) -> Json:
        """Of files."""
        ...

    async def add_lists(self, actor: Actor, project_id: str, kind: str, lists: Sequence[Json]) -> Json:
        """As they are."""
        ...

    async def add_queries(self, actor: Actor, project_id: str, asked: Queries) -> Json:
        """With candidates of a collection."""
        ...
