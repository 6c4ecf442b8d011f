"""Syntheses and dataset versions of the studio that answers from memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from app.ranking.errors import NotFound
from app.services.actors import Actor
from app.services.jobs import Started
from app.services.synthesis import Order

if TYPE_CHECKING:
    from .fakes import FakeExport, FakeStudio

WHEN = "2026-11-28T00:00:00+00:00"
HOSTILE = "</script><script>alert(1)</script>"
SYNTHESIS_ID, DATASET_ID = "5a" * 32, "d1" * 32
JOB: dict[str, Any] = {"id": "0198c7a2-0000-7000-8000-00000000000f", "kind": "synthesize", "state": "queued"}
SYNTHESIS: dict[str, Any] = {
    "id": SYNTHESIS_ID, "name": HOSTILE, "teacher": "nano", "revision": "", "embedded": True, "job": None, "created": WHEN,
    "items": {"made": 1, "empty": 0, "failed": 0}, "calls": 0, "repeats": 0, "tokens_in": 0, "tokens_out": 0, "cost": 0.0,
    "currency": None, "report": None, "datasets": [],
    "filters": [{"name": "consistency", "about": "x", "keeps": "at_least", "threshold": 0.4, "low": 0.0, "high": 1.0}],
}  # fmt: skip
BRIEF: dict[str, Any] = {
    "number": 1, "domain": "cooking", "source_id": "q1", "query": HOSTILE, "state": "made", "scores": {"consistency": None},
    "reasons": {"consistency": [HOSTILE]}, "error": "",
}  # fmt: skip
DATASET: dict[str, Any] = {
    "id": DATASET_ID, "name": HOSTILE, "created": WHEN, "counts": {"examples": 1}, "synthesis": SYNTHESIS_ID, "artifact": "a" * 64,
    "size": 9, "thresholds": {"consistency": 0.4},
}  # fmt: skip


@dataclass(frozen=True)
class FakeSyntheses:
    """What it was asked is kept in the studio's `asked`."""

    studio: FakeStudio

    def _ask(self, what: str, told: Mapping[str, Any]) -> bool:
        """Keep what was asked; whether it is new."""
        self.studio.fail()
        new = (what, dict(told)) not in self.studio.asked
        self.studio.asked.append((what, dict(told)))
        return new

    async def recipes(self, actor: Actor) -> dict[str, Any]:
        self._ask("recipes", {})
        recipe = {"name": "demo", "about": HOSTILE, "text": "", "teacher": "nano"}
        training = {"name": "nano", "about": HOSTILE, "family": "nano", "text": HOSTILE}
        return {"recipes": [recipe], "training": [training], "teachers": ["nano"], "worker": True}

    async def start(self, actor: Actor, order: Order) -> Started:
        return Started(job=JOB, created=self._ask("start", asdict(order)))

    async def build(self, actor: Actor, synthesis_id: str, name: str, thresholds: Mapping[str, float], key: str) -> Started:
        new = self._ask("build", {"synthesis": synthesis_id, "name": name, "thresholds": dict(thresholds), "key": key})
        return Started(job=JOB, created=new)

    async def list(self, actor: Actor) -> Sequence[dict[str, Any]]:
        self._ask("list", {})
        return [SYNTHESIS]

    async def get(self, actor: Actor, synthesis_id: str) -> dict[str, Any]:
        self._ask("get", {"synthesis": synthesis_id})
        if synthesis_id != SYNTHESIS_ID:
            raise NotFound("no synthesis has this id")
        spent = {"domain": "cooking", "made": 1, "empty": 0, "failed": 0, "calls": 0, "tokens": 0, "cost": 0.0}
        return {**SYNTHESIS, "recipe": HOSTILE, "spent": [spent]}

    async def scores(self, actor: Actor, synthesis_id: str) -> dict[str, Any]:
        self._ask("scores", {"synthesis": synthesis_id})
        columns = {"numbers": [1], "domains": ["cooking"], "tokens": [0], "costs": [0.0], "scores": {"consistency": [None]}}
        return {**columns, "of": 1, "sampled": False}

    async def items(self, actor: Actor, synthesis_id: str, wanted: Sequence[int] | None, after: int | None, limit: int) -> dict[str, Any]:
        self._ask("items", {"wanted": wanted, "after": after, "limit": limit})
        return {"items": [BRIEF]}

    async def item(self, actor: Actor, synthesis_id: str, number: int) -> dict[str, Any]:
        self._ask("item", {"number": number})
        return {**BRIEF, "passages": [{"id": "a", "title": HOSTILE, "text": HOSTILE, "score": 1.0, "features": {}}], "samples": []}


@dataclass(frozen=True)
class FakeDatasets:
    """One version."""

    studio: FakeStudio

    async def list(self, actor: Actor) -> Sequence[dict[str, Any]]:
        self.studio.fail()
        return [DATASET]

    async def get(self, actor: Actor, dataset_id: str) -> dict[str, Any]:
        self.studio.fail()
        return {**DATASET, "manifest": {}, "card": HOSTILE}

    async def diff(self, actor: Actor, dataset_id: str, other_id: str) -> dict[str, Any]:
        self.studio.asked.append(("diff", {"from": dataset_id, "to": other_id}))
        return {"added": [], "removed": [], "changed": [], "counts": {"added": 0}}

    async def file(self, actor: Actor, dataset_id: str) -> FakeExport:
        return self.studio.stream(actor, "judgements.jsonl")
