"""Promoting by hand: the gate decides again from the evidence that a version keeps, under margins that somebody answers for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.ranking.errors import Conflict, InputError, NotFound
from app.ranking.evaluation.gate import Decision, Evidence, Margins, decide
from db.session import Database
from db.store import versions
from db.store.versions import Promotion

_SHORTEST = 6  # hex digits that name a version


def chosen(database: Database, named: str) -> str:
    """The id of a version by its first digits. Raises NotFound for none, InputError where several begin so, or too few are given."""
    if not re.fullmatch(rf"[0-9a-f]{{{_SHORTEST},64}}", named):
        raise InputError(f"{named[:80]!r} names no version: give at least {_SHORTEST} of its hexadecimal digits")
    with database.read() as session:
        found = [row.id for row in versions.every(session) if row.id.startswith(named)]
    if len(found) > 1:
        raise InputError(f"several versions have ids that begin with {named!r}: give more digits")
    if not found:
        raise NotFound(f"there is no version {named!r}: `python -m training versions` names those there are")
    return found[0]


def promote_again(database: Database, version_id: str, changed: Mapping[str, Any], note: str) -> tuple[Decision, str]:
    """(decision, kind) under the version's own margins with `changed` ones; the kind is `forced` where they differ.

    Raises InputError for a version without evidence, SettingsError for a margin that can't be, Conflict where the gate says no or another
    version serves than the one that this was measured against.
    """
    with database.write() as session:
        row = versions.get(session, version_id)
        report = row.report or {}
        if not report.get("evidence"):
            raise InputError(f"version {version_id[:12]} was never measured: only an update's versions can be promoted by hand")
        usual = dict(report.get("margins") or {})
        margins = Margins.from_plain({**usual, **changed})
        decision = decide(Evidence.from_plain(report["evidence"]), margins)
        if not decision.promote:
            raise Conflict(f"{decision.reason}. Give other margins (--margin gold_drop=0.03) where you answer for it")
        kind = "promoted" if margins == Margins.from_plain(usual) else "forced"
        promotion = Promotion(
            version_id=version_id, kind=kind, margins=margins.plain, decision=decision.plain, note=note,
            against=(report.get("facts") or {}).get("against"),
        )  # fmt: skip
        versions.promote(session, promotion, waiting=bool(report.get("served_as")))
    return decision, kind
