"""Exports of the studio that answers from memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.exports.registry import FORMATS
from app.services.actors import Actor

if TYPE_CHECKING:
    from .fakes import FakeExport, FakeStudio

VERSION: dict[str, Any] = {
    "id": "0" * 64, "format": "rows", "schema_version": "reasonrank-rows-1", "query": {"project": None}, "until": 7,
    "content_hash": "1" * 64, "rows": 3, "judgements": 1, "created": "2026-11-28T00:00:00+00:00",
    "command": "python -m app export rebuild 0 --out rows.jsonl",
}  # fmt: skip
MADE: list[tuple[str, dict[str, Any]]] = []


@dataclass(frozen=True)
class FakeExports:
    """What was made is kept in MADE."""

    studio: FakeStudio

    def stream(self, actor: Actor, name: str) -> FakeExport:
        return self.studio.stream(actor, name)

    def formats(self, actor: Actor) -> Sequence[dict[str, Any]]:
        self.studio.fail()
        return [form.shown() for form in FORMATS]

    async def make(self, actor: Actor, name: str, query: dict[str, Any]) -> dict[str, Any]:
        self.studio.fail()
        MADE.append((name, query))
        return VERSION

    async def list(self, actor: Actor) -> Sequence[dict[str, Any]]:
        self.studio.fail()
        return [{**VERSION, "withdrawn": 2}]

    async def get(self, actor: Actor, version_id: str) -> dict[str, Any]:
        self.studio.fail()
        counted: dict[str, Any] = {"licences": {"CC0-1.0": 1}, "consents": {}, "agreement": {"over": "x", "statistics": []}, "runs": 0}
        return {**VERSION, **counted, "software": {}}

    async def file(self, actor: Actor, version_id: str) -> FakeExport:
        self.studio.fail()
        return self.studio.stream(actor, "judgements.jsonl")
