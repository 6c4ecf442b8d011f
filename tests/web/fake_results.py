"""Evaluations of the studio that answers from memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from app.services.actors import Actor
from app.services.result_topics import Page

if TYPE_CHECKING:
    from .fakes import FakeExport, FakeStudio

HOSTILE = "</script><script>alert(1)</script>"
WHEN = "2026-11-28T00:00:00+00:00"
RESULT_ID = "e" * 64
TOPIC: dict[str, Any] = {
    "set": "biology", "topic": HOSTILE, "query": HOSTILE, "domain": HOSTILE, "value": 0.5, "first": None, "gain": None, "ceiling": 1.0,
    "outcome": "clean", "calls": 1, "tokens": 30, "seconds": 0.5, "relevant": 2, "missing": False, "error": HOSTILE,
}  # fmt: skip
RESULT: dict[str, Any] = {
    "id": RESULT_ID, "name": HOSTILE, "suite": "small", "model": HOSTILE, "version": None, "strategy": "sliding", "thinking": "profile",
    "created": WHEN, "job": None, "n": 6, "measure": "nDCG@10", "value": 0.5, "low": 0.4, "high": 0.6, "set_mean": 0.5, "first": 0.4,
    "gain": 0.1, "gain_low": 0.01, "gain_high": 0.2, "p": 0.03, "wins": 4, "ties": 1, "losses": 1, "clean": None, "calls": 2.0,
    "tokens": 300.0, "seconds": 0.1, "group": "g", "apart": HOSTILE, "domains": [{"name": HOSTILE, "n": 6, "value": 0.5, "first": None}],
}  # fmt: skip


@dataclass(frozen=True)
class FakeResults:
    """One evaluation of one topic."""

    studio: FakeStudio

    def _ask(self, what: str, told: Mapping[str, Any]) -> None:
        self.studio.fail()
        self.studio.asked.append((what, dict(told)))

    async def list(self, actor: Actor) -> dict[str, Any]:
        self._ask("results", {})
        return {"results": [RESULT], "suites": [{"name": "demo", "title": HOSTILE, "about": ""}]}

    async def get(self, actor: Actor, evaluation_id: str) -> dict[str, Any]:
        self._ask("result", {"id": evaluation_id})
        headroom = {"depths": [10, 20], "ceiling": [0.5, 0.6], "first": None, "reached": 0.5}
        return {**RESULT, "manifest": {}, "sets": [], "headroom": headroom}

    async def topics(self, actor: Actor, evaluation_id: str, page: Page) -> dict[str, Any]:
        self._ask("topics", {"id": evaluation_id, **asdict(page)})
        return {"topics": [TOPIC], "more": False, "total": 1}

    async def topic(self, actor: Actor, evaluation_id: str, key: tuple[str, str]) -> dict[str, Any]:
        self._ask("topic", {"id": evaluation_id, "key": key})
        passage = {"id": "p", "title": HOSTILE, "text": HOSTILE, "first_rank": None, "grade": None}
        return {**TOPIC, "passages": [passage], "orders": {"first": ["p"], "reached": ["p"]}, "windows": []}

    async def compare(self, actor: Actor, one: str, other: str) -> dict[str, Any]:
        self._ask("compare", {"a": one, "b": other})
        cause = {"name": "seed", "text": HOSTILE, "topics": 2, "share": 1.0}
        return {
            "a": RESULT, "b": RESULT, "measure": "nDCG@10", "change": 0.0, "same": False, "difference": None, "causes": [cause],
            "differs": [], "changed": [], "only": [0, 1], "notes": [], "text": "",
        }  # fmt: skip

    async def stability(self, actor: Actor, evaluation_id: str) -> dict[str, Any]:
        self._ask("stability", {"id": evaluation_id})
        return {"runs": [{"id": RESULT_ID, "label": HOSTILE}], "why": "It is alone.", "stability": None}

    async def file(self, actor: Actor, evaluation_id: str) -> FakeExport:
        return self.studio.stream(actor, "judgements.jsonl")

    report = table = file
