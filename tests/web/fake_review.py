"""Review, quality, objections and the dashboard of the studio that answers from memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.ranking.errors import NotFound
from app.services.actors import Actor
from app.services.dashboard import Wanted
from app.services.review import StaleAdjudication

if TYPE_CHECKING:
    from .fakes import FakeStudio

WHEN = "2026-11-28T00:00:00+00:00"
HOSTILE = "</script><script>alert(1)</script>"
TASK_ID = "0198c7a2-0000-7000-8000-00000000000d"
ADJUDICATION: dict[str, Any] = {
    "id": "a1", "version": 1, "who": "pabc", "label": "pabc", "mine": False, "picked_id": None, "edited": None, "order": [["a/1"]],
    "not_relevant": [], "unranked": [], "grades": {}, "reason": HOSTILE, "seen": [], "created": WHEN,
}  # fmt: skip
DISAGREEMENT: dict[str, Any] = {
    "id": TASK_ID, "run": "a-run-token_0123", "query": HOSTILE, "holdout": False, "model": "nano 11111111", "model_order": ["a/1"],
    "titles": {"a/1": HOSTILE}, "order": None, "not_relevant": [], "note": HOSTILE, "who": "pabc", "label": "pabc", "mine": False,
    "created": WHEN, "state": "new", "trust": 0.0, "consent_version": "2026-11-28", "licence": "CC0-1.0", "tau_b": None, "newer": False,
    "reviewer": None, "reviewed": None,
}  # fmt: skip


@dataclass(frozen=True)
class Done:
    adjudication: dict[str, Any]
    disagreement: dict[str, Any]
    created: bool


@dataclass(frozen=True)
class FakeReview:
    """All four services in one; what they were asked is kept in the studio's `asked`."""

    studio: FakeStudio

    def _ask(self, what: str, told: Mapping[str, Any]) -> bool:
        """Keep what was asked; whether it is new."""
        self.studio.fail()
        new = (what, dict(told)) not in self.studio.asked
        self.studio.asked.append((what, dict(told)))
        return new

    async def tasks(self, actor: Actor, project_id: str) -> dict[str, Any]:
        self._ask("tasks", {"project": project_id})
        return {"project": {"id": project_id, "name": HOSTILE, "grades": ["No", "Yes"]}, "tasks": []}

    async def task(self, actor: Actor, task_id: str) -> dict[str, Any]:
        self._ask("task", {"task": task_id})
        raise NotFound("no such task")

    async def adjudicate(self, actor: Actor, task_id: str, draft: Mapping[str, Any]) -> Done:
        new = self._ask("adjudicate", {"task": task_id, **draft})
        if draft["base_version"] > 0:
            raise StaleAdjudication("version 1 of this decision was saved meanwhile", draft, ADJUDICATION)
        return Done(ADJUDICATION, {}, new)

    async def agreement(self, actor: Actor, project_id: str) -> dict[str, Any]:
        self._ask("agreement", {"project": project_id})
        counts = dict.fromkeys(("tasks", "judges", "judgements", "holdout", "pairs_left_out"), 0)
        return {"how": "so", "computed": WHEN, **counts, "statistics": [], "models": [], "pairs": [], "raters": []}

    async def annotators(self, actor: Actor, project_id: str) -> dict[str, Any]:
        self._ask("annotators", {"project": project_id})
        return {"how": "so", "annotators": []}

    async def annotator(self, actor: Actor, project_id: str, who: str) -> dict[str, Any]:
        self._ask("annotator", {"project": project_id, "who": who})
        raise NotFound("nobody is called that")

    async def object(self, actor: Actor, token: str, draft: Mapping[str, Any]) -> Done:
        new = self._ask("object", {"token": token, **draft})
        kept = {"id": TASK_ID, "run": token, "state": "new", "created": WHEN, "message": "Thank you."}
        return Done({}, kept, new)

    async def list(self, actor: Actor, *, state: str | None = None, before: str | None = None, limit: int = 100) -> dict[str, Any]:
        self._ask("list", {"state": state, "before": before, "limit": limit})
        return {"disagreements": [DISAGREEMENT], "counts": {"new": 1, "accepted": 0, "rejected": 0}, "more": False}

    async def decide(self, actor: Actor, disagreement_id: str, state: str, trust: float | None = None) -> dict[str, Any]:
        self._ask("decide", {"id": disagreement_id, "state": state, "trust": trust})
        return DISAGREEMENT | {"state": state, "trust": trust or 0.0}

    async def get(self, actor: Actor, wanted: Wanted) -> dict[str, Any]:
        self._ask("dashboard", {"project": wanted.project, "model": wanted.model})
        names = ("models", "topics", "overall", "cells", "contested", "days", "objections", "projects")
        lists: dict[str, list[Any]] = {name: [] for name in names}
        return {"how": "so", "computed": WHEN, "totals": {}, "moves": {}, "flow": {}, **lists}

    async def items(self, actor: Actor, wanted: Wanted, limit: int) -> dict[str, Any]:
        self._ask("items", {"topic": wanted.topic, "bucket": wanted.bucket, "limit": limit})
        return {"n": 0, "left_out": 0, "what": "all", "items": []}
