"""Projects: make one, change its rules, give it guidelines, and say how far it is."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from app.ranking.errors import InputError
from app.services.actors import STAFF, Actor, require
from app.services.tutorial import add_tutorial, default_guidelines
from db.models_projects import Guideline, Project
from db.session import Database
from db.store import log, projects, tasks

T = TypeVar("T")

DEFAULTS: Mapping[str, Any] = {
    "about": "",
    "grades": ["Does not help", "Shares the theme only", "Helps in part", "Answers"],
    "overlap": 2,
    "depth": 20,
    "view": "blind",
    "shown": "random",
    "gold_share": 0.1,
    "audit_share": 0.1,
    "tutorial": True,
    "lease_minutes": 60,
    "licence": "CC0-1.0",
}
_SHOWN = (
    "id", "name", "about", "grades", "overlap", "depth", "view", "shown", "gold_share", "audit_share", "tutorial", "lease_minutes",
    "licence", "state",
)  # fmt: skip
_OWN = ("submitted", "skipped", "flagged", "cannot_judge", "later")


class Projects:
    """All projects. `consent_version` names the text that annotators agreed to; it is kept with what they judge."""

    def __init__(self, database: Database, consent_version: str = "") -> None:
        self._database, self._consent_version = database, consent_version

    async def list(self, actor: Actor) -> Sequence[dict[str, Any]]:
        """All projects, oldest first, each as P of the HTTP interface."""
        require(actor, *STAFF)
        return await asyncio.to_thread(self._read, lambda session: views(session, actor, projects.every(session)))

    async def get(self, actor: Actor, project_id: str) -> dict[str, Any]:
        """One project. Raises NotFound."""
        require(actor, *STAFF)
        return await asyncio.to_thread(self._read, lambda session: one_view(session, actor, projects.get(session, project_id)))

    async def create(self, actor: Actor, values: Mapping[str, Any]) -> dict[str, Any]:
        """A new project with guidelines and, unless it is to have none, the tutorial. Raises InputError, and Conflict for a taken name."""
        require(actor, "admin")
        given = {**DEFAULTS, "consent_version": self._consent_version, **values}
        text = given.pop("guidelines", None) or default_guidelines()
        check_rules(given)

        def write(session: Session) -> dict[str, Any]:
            project = projects.create(session, actor.id, given)
            projects.add_guideline(session, project.id, text)
            if project.tutorial:
                add_tutorial(session, project.id)
            log.append(session, actor.id, "project.created", project.id, {"name_length": len(project.name), "view": project.view})
            return one_view(session, actor, project)

        return await asyncio.to_thread(self._write, write)

    async def update(self, actor: Actor, project_id: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Change some of a project's rules. Raises InputError, NotFound, Conflict for a taken name."""
        require(actor, "admin")
        check_rules(values)

        def write(session: Session) -> dict[str, Any]:
            before = projects.get(session, project_id, lock=True).overlap
            project = projects.update(session, project_id, values)
            if project.overlap != before:
                tasks.want(session, project_id, project.overlap)
            if values.get("tutorial") and not projects.progress(session, [project_id])[project_id].tutorial:
                add_tutorial(session, project_id)
            log.append(session, actor.id, "project.changed", project_id, {"fields": sorted(values)})
            return one_view(session, actor, project)

        return await asyncio.to_thread(self._write, write)

    async def add_guidelines(self, actor: Actor, project_id: str, text: str) -> dict[str, Any]:
        """The next version of the guidelines; what was judged before keeps its own. Raises InputError, NotFound."""
        require(actor, "admin")
        if not text.strip():
            raise InputError("the guidelines are empty: write what annotators should know")

        def write(session: Session) -> dict[str, Any]:
            projects.get(session, project_id, lock=True)
            row = projects.add_guideline(session, project_id, text)
            log.append(session, actor.id, "guidelines.added", project_id, {"guideline": row.id, "version": row.version})
            return guideline_view(row) or {}

        return await asyncio.to_thread(self._write, write)

    def _read(self, work: Callable[[Session], T]) -> T:
        with self._database.read() as session:
            return work(session)

    def _write(self, work: Callable[[Session], T]) -> T:
        with self._database.write() as session:
            return work(session)


def check_rules(values: Mapping[str, Any]) -> None:
    """Raises InputError for rules under which nobody could work. Only the values that are given are looked at."""
    bounds = {"overlap": (1, 100), "depth": (2, 200), "lease_minutes": (1, 10_080), "gold_share": (0, 0.9), "audit_share": (0, 1)}
    for name, (low, high) in bounds.items():
        if name in values and not low <= values[name] <= high:
            raise InputError(f"{name} is {values[name]}: it must be from {low} to {high}")
    if "grades" in values and not 2 <= len(values["grades"]) <= 10:
        raise InputError(f"the scale has {len(values['grades'])} grades: give labels for 2 to 10, the worst first")
    if "grades" in values and len(set(values["grades"])) < len(values["grades"]):
        raise InputError("two grades have the same label: labels must differ")


def one_view(session: Session, actor: Actor, project: Project) -> dict[str, Any]:
    """P of one project."""
    return views(session, actor, [project])[0]


def views(session: Session, actor: Actor, rows: Sequence[Project]) -> list[dict[str, Any]]:
    """P of the HTTP interface, for some projects."""
    ids = [row.id for row in rows]
    progress, mine = projects.progress(session, ids), projects.mine(session, actor.id, ids)
    return [
        {
            **{name: getattr(row, name) for name in _SHOWN},
            "created": row.created.isoformat(),
            "guidelines": guideline_view(projects.guideline(session, row.id)),
            "tasks": progress[row.id].tasks,
            "judged": progress[row.id].judged,
            "mine": _own_view(mine[row.id], progress[row.id].tutorial if row.tutorial else 0),
        }
        for row in rows
    ]


def _own_view(own: Counter[str], tutorial: int) -> dict[str, int]:
    return {**{state: own[state] for state in _OWN}, "tutorial_left": max(0, tutorial - own["tutorial"])}


def guideline_view(row: Guideline | None) -> dict[str, Any] | None:
    """Guidelines as JSON."""
    return None if row is None else {"id": row.id, "version": row.version, "text": row.text}
