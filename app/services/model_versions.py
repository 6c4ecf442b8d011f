"""Versions of models: which there are and how they were measured, letting one serve under margins, and going back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.ranking.errors import Conflict, InputError, SettingsError, StoreError
from app.ranking.evaluation.gate import Decision, Evidence, Margins, decide
from app.services.actors import Actor, require
from app.services.datasets import on_thread, tar
from app.services.exports import Export
from app.services.serving import Serving
from db.models import ModelVersion
from db.models_loop import Promotion as Change
from db.session import Database
from db.store import versions
from db.store.versions import Promotion

Json = dict[str, Any]
_CARD = "README.md"
_MOST_CARD = 200_000  # characters of a card that a page is given
_OF_VERSION = ("id", "state", "reason", "recipe", "code", "seed")


class Refused(Conflict):
    """The gate says no. `decision` is what it found."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(f"{decision.reason}; wider margins may allow it, at the price that they name")
        self.decision = decision.plain


class ModelVersions:
    """Reads versions, promotes and goes back. `folder_of` gives the folder of an artifact, and raises StoreError where it is gone."""

    def __init__(self, database: Database, serving: Serving, folder_of: Callable[[str], Path]) -> None:
        self._database, self._serving, self._folder_of = database, serving, folder_of

    async def list(self, actor: Actor) -> Json:
        """All versions, newest first, and what serves."""
        require(actor, "researcher")

        def read() -> Sequence[Json]:
            with self._database.read() as session:
                return [view(row, decision) for row, decision in versions.listed(session)]

        return {"versions": await asyncio.to_thread(read), "serving": self._serving.view()}

    async def get(self, actor: Actor, version_id: str) -> Json:
        """One with its report, its card (Markdown) and the changes that it was part of. Raises NotFound."""
        require(actor, "researcher")
        return await asyncio.to_thread(self._get, version_id)

    async def file(self, actor: Actor, version_id: str) -> Export:
        """The folder of a version as a tar: the same bytes each time. Raises NotFound, and Conflict for weights that are no artifact."""
        require(actor, "researcher")
        row = await asyncio.to_thread(self._row, version_id)
        if row.artifact_hash is None:
            raise Conflict("these weights ship with the program: take them from its folder app/ranking/models/nano/weights")
        folder = await asyncio.to_thread(self._folder_of, row.artifact_hash)
        chunks = on_thread(tar(folder, f"{row.name}-{row.id[:12]}"))
        return Export(filename=f"version-{row.id[:12]}.tar", media_type="application/x-tar", chunks=chunks)

    async def promote(self, actor: Actor, version_id: str, margins: Mapping[str, Any] | None, note: str) -> Json:
        """Decide again from what was measured, under other margins where some are given, and let the version serve.

        Margins that are left out are the recipe's. Raises NotFound, InputError for margins that can't be, Refused where the gate still
        says no, and Conflict where nothing was measured or another version serves than the one it was measured against.
        """
        require(actor, "admin")
        told = await asyncio.to_thread(self._promote, actor, version_id, margins, note)
        await self._serving.look()
        return told

    async def roll_back(self, actor: Actor, model: str, note: str) -> Json:
        """Let the version serve that did before; a version that waits is withdrawn. Raises Conflict where there is none to go back to."""
        require(actor, "admin")

        def write() -> Json:
            with self._database.write() as session:
                return change_view(versions.roll_back(session, model, actor.id, note))

        told = await asyncio.to_thread(write)
        await self._serving.look()
        return {"promotion": told, "serving": self._serving.view()}

    def _get(self, version_id: str) -> Json:
        with self._database.read() as session:
            row = versions.get(session, version_id)
            changes = [one for one in versions.history(session, row.name) if version_id in (one.version_id, one.previous_id)]
            told = view(row, (row.report or {}).get("decision"))
            return {**told, "report": row.report, "card": self._card(row), "history": [change_view(one) for one in changes]}

    def _row(self, version_id: str) -> ModelVersion:
        with self._database.read() as session:
            return versions.get(session, version_id)

    def _promote(self, actor: Actor, version_id: str, other: Mapping[str, Any] | None, note: str) -> Json:
        report = self._row(version_id).report or {}
        if not report.get("evidence"):
            raise Conflict("nothing was measured of this version, so there is nothing to decide from: go back to it, or make an update")
        own = _margins(report.get("margins") or {})
        margins = _margins({**own.plain, **(other or {})})
        # Outside of the transaction: ten thousand samples take a moment.
        decision = decide(Evidence.from_plain(report["evidence"]), margins)
        if not decision.promote:
            raise Refused(decision)
        promotion = Promotion(
            version_id=version_id, kind="promoted" if margins == own else "forced", margins=margins.plain, decision=decision.plain,
            note=note, actor_id=actor.id, against=(report.get("facts") or {}).get("against"),
        )  # fmt: skip
        with self._database.write() as session:
            change = versions.promote(session, promotion, waiting=bool(report.get("served_as")))
            row = versions.get(session, version_id)
            return {**view(row, report.get("decision")), "promotion": change_view(change)}

    def _card(self, row: ModelVersion) -> str:
        """Empty where there is none, or its folder is gone: the rest of a version is still worth seeing."""
        try:
            folder = self._folder_of(row.artifact_hash) if row.artifact_hash else self._serving.shipped
            with (folder / _CARD).open(encoding="utf-8", errors="replace") as file:
                return file.read(_MOST_CARD)
        except (OSError, StoreError):
            return ""


def view(row: ModelVersion, decision: Any) -> Json:
    """V of the HTTP interface. What it gained is the check of the primary measure; null where nothing was measured."""
    decision = decision if isinstance(decision, Mapping) else {}
    checks: Sequence[Mapping[str, Any]] = decision.get("checks") or ({},)
    better = checks[0]
    return {
        **{name: getattr(row, name) for name in _OF_VERSION},
        "model": row.name,
        "label": f"{row.name} {row.id[:8]}" if row.artifact_hash else f"{row.name}, as it ships",
        "base": row.base_id,
        "dataset": row.dataset_version,
        "update": row.update_id,
        "created": row.created.isoformat(),
        "primary": decision.get("primary"),
        "gain": better.get("value"),
        **{name: better.get(name) for name in ("low", "high", "p", "n")},
    }


def change_view(row: Change) -> Json:
    """A change of what serves."""
    kept = {name: getattr(row, name) for name in ("id", "model", "version_id", "previous_id", "kind", "margins", "decision", "note")}
    return kept | {"created": row.created.isoformat()}


def _margins(plain: Mapping[str, Any]) -> Margins:
    try:
        return Margins.from_plain(plain)
    except SettingsError as error:
        raise InputError(str(error)) from error
