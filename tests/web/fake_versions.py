"""Versions and updates of the studio that answers from memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.services.actors import Actor

if TYPE_CHECKING:
    from .fakes import FakeExport, FakeStudio

HOSTILE = "</script><script>alert(1)</script>"
WHEN = "2026-11-28T00:00:00+00:00"
VERSION_ID = "a" * 64
UPDATE_ID = "0198c7a2-0000-7000-8000-00000000000e"
VERSION: dict[str, Any] = {
    "id": VERSION_ID, "model": "nano", "label": HOSTILE, "state": "active", "reason": HOSTILE, "base": None, "recipe": HOSTILE,
    "dataset": None, "update": UPDATE_ID, "code": "abc", "seed": 1, "created": WHEN, "primary": "gold", "gain": 0.01, "low": 0.001,
    "high": 0.02, "p": 0.04, "n": 48,
}  # fmt: skip
SERVING: dict[str, Any] = {"model": "nano", "version": VERSION_ID, "state": "serving", "text": ""}
CHANGE: dict[str, Any] = {
    "id": UPDATE_ID, "model": "nano", "version_id": VERSION_ID, "previous_id": None, "kind": "promoted", "margins": {}, "decision": None,
    "note": HOSTILE, "created": WHEN,
}  # fmt: skip
UPDATE: dict[str, Any] = {
    "id": UPDATE_ID, "recipe": HOSTILE, "model": "nano", "state": "finished", "base": None, "candidate": VERSION_ID, "dataset": None,
    "from_scratch": False, "seed": 1, "created": WHEN, "ended": None, "promoted": True, "reason": HOSTILE,
}  # fmt: skip
COMPLETION: dict[str, Any] = {
    "number": 1, "step": 1, "prompt": HOSTILE, "completion": HOSTILE, "reward": 0.5, "parts": {"ndcg": None}, "advantage": None,
    "outcome": "clean", "example": "e",
}  # fmt: skip


@dataclass(frozen=True)
class FakeVersions:
    """One version."""

    studio: FakeStudio

    def _ask(self, what: str, told: Mapping[str, Any]) -> None:
        self.studio.fail()
        self.studio.asked.append((what, dict(told)))

    async def list(self, actor: Actor) -> dict[str, Any]:
        self._ask("versions", {})
        return {"versions": [VERSION], "serving": [SERVING]}

    async def get(self, actor: Actor, version_id: str) -> dict[str, Any]:
        self._ask("version", {"id": version_id})
        return {**VERSION, "report": None, "card": HOSTILE, "history": [CHANGE]}

    async def file(self, actor: Actor, version_id: str) -> FakeExport:
        return self.studio.stream(actor, "judgements.jsonl")

    async def promote(self, actor: Actor, version_id: str, margins: Mapping[str, Any] | None, note: str) -> dict[str, Any]:
        self._ask("promote", {"id": version_id, "margins": margins, "note": note})
        return {**VERSION, "promotion": CHANGE}

    async def roll_back(self, actor: Actor, model: str, note: str) -> dict[str, Any]:
        self._ask("roll back", {"model": model, "note": note})
        return {"promotion": CHANGE, "serving": [SERVING]}


@dataclass(frozen=True)
class FakeUpdates:
    """One update."""

    studio: FakeStudio

    async def list(self, actor: Actor) -> dict[str, Any]:
        self.studio.fail()
        return {"updates": [UPDATE]}

    async def get(self, actor: Actor, update_id: str) -> dict[str, Any]:
        self.studio.fail()
        point = {"stage": "rl", "step": 1, "steps": 2, "values": {"reward": 0.5}}
        step = {"name": "sft", "seconds": 1.5, "result": {"rows": 3}}
        return {**UPDATE, "steps": [step], "points": [point], "decision": {"promote": True, "reason": HOSTILE}}

    async def completions(self, actor: Actor, update_id: str, step: int | None, after: int, limit: int) -> dict[str, Any]:
        self.studio.asked.append(("completions", {"step": step, "after": after, "limit": limit}))
        return {"completions": [COMPLETION], "more": False}
