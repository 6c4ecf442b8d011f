"""An evaluation as pages see it: R of the HTTP interface, made from its row alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.ranking.evaluation.board import Standing, apart
from db.models_loop import Evaluation

Json = dict[str, Any]
_FIGURES = (
    "n", "value", "low", "high", "set_mean", "first", "gain", "gain_low", "gain_high", "p", "wins", "ties", "losses", "clean", "calls",
    "tokens", "seconds", "domains", "headroom",
)  # fmt: skip
_COUNTS = {"n": 0, "wins": 0, "ties": 0, "losses": 0, "domains": []}
_OF_MANIFEST = ("depth", "limit", "seed", "passage_tokens")


def views(rows: Sequence[Evaluation]) -> list[Json]:
    """Evaluations with what keeps some of a suite from being compared with most of it."""
    suites: dict[str, list[Evaluation]] = {}
    for row in rows:
        suites.setdefault(row.suite, []).append(row)
    why: dict[str, str] = {}
    for group in suites.values():
        why.update(zip((row.id for row in group), apart([standing(row) for row in group]), strict=True))
    return [view(row) | {"apart": why[row.id]} for row in rows]


def view(row: Evaluation) -> Json:
    """One, as if it were alone."""
    told, manifest = figures(row), manifest_of(row)
    return {
        **{name: getattr(row, name) for name in ("id", "name", "suite", "model", "strategy", "thinking")},
        "version": row.version_id,
        "strategy_args": {name: value for name, value in (manifest.get("strategy") or {}).items() if name != "name"},
        "fusion": manifest.get("fusion"),
        "revision": str((manifest.get("model") or {}).get("revision") or ""),
        "profile": str((manifest.get("profile") or {}).get("name") or ""),
        **{name: manifest.get(name) for name in _OF_MANIFEST},
        "created": row.created.isoformat(),
        "job": row.job_id,
        "measure": str(told.get("measure") or manifest.get("primary") or ""),
        **{name: told.get(name, _COUNTS.get(name)) for name in _FIGURES},
        "group": standing(row).group,
        "apart": "",
    }


def standing(row: Evaluation) -> Standing:
    """What says with whom it may be compared."""
    told = figures(row)
    return Standing(prints=told.get("prints") or {}, n=int(told.get("n") or 0), created=row.created.isoformat())


def figures(row: Evaluation) -> Mapping[str, Any]:
    """What `board.figures` made of its bundle."""
    found: Mapping[str, Any] = (row.summary or {}).get("figures") or {}
    return found


def manifest_of(row: Evaluation) -> Mapping[str, Any]:
    """The manifest of its bundle."""
    found: Mapping[str, Any] = (row.summary or {}).get("manifest") or {}
    return found
