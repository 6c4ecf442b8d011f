"""Rows of syntheses, items and dataset versions as the HTTP interface tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from app.ranking.values import Passage
from db.models_loop import DatasetVersion, Synthesis, SynthesisItem
from db.store.synthesis_views import Scores, Spent

Json = dict[str, Any]
_OF_SYNTHESIS = (
    "id", "name", "teacher", "revision", "embedded", "calls", "repeats", "tokens_in", "tokens_out", "cost", "filters",
    "report",
)  # fmt: skip
_OF_BRIEF = ("number", "domain", "source_id", "query", "state", "scores", "reasons", "error")


def synthesis(row: Synthesis, states: Mapping[str, int], datasets: Sequence[str]) -> Json:
    """S of the HTTP interface. `currency` is null until the report says what the teacher is paid in."""
    return {
        **{name: getattr(row, name) for name in _OF_SYNTHESIS},
        "job": row.job_id,
        "created": row.created.isoformat(),
        "items": dict(states),
        "currency": (row.report or {}).get("currency"),
        "datasets": list(datasets),
    }


def spent(found: Mapping[str, Spent]) -> list[Json]:
    """What each domain took, over all its items."""
    return [{"domain": domain, **asdict(one)} for domain, one in found.items()]


def scores(found: Scores) -> Json:
    """Scores as columns; `of` is how many items were made, of which `sampled` says that only every n-th is here."""
    return {
        **{name: getattr(found, name) for name in ("numbers", "domains", "tokens", "costs", "scores", "of")},
        "sampled": found.step > 1,
    }


def brief(row: Any) -> Json:
    """An item without its texts."""
    return {name: getattr(row, name) for name in _OF_BRIEF} | {"query": row.query or ""}


def item(row: SynthesisItem, passages: Sequence[Passage]) -> Json:
    """A whole item. Its passages are those of its candidate list, in the order in which the list was built."""
    kept = {name: getattr(row, name) for name in ("number", "domain", "source_id", "state", "scores", "reasons", "error")}
    listed = [{"id": one.id, "title": one.title, "text": one.text, "score": one.score, "features": dict(one.features)} for one in passages]
    return {**row.item, **kept, "error": row.error or row.item.get("error", ""), "passages": listed or row.item.get("passages", [])}


def dataset(row: DatasetVersion, size: int) -> Json:
    """D of the HTTP interface; `size` is the bytes of its folder."""
    return {
        "id": row.id, "name": row.name, "created": row.created.isoformat(), "counts": row.counts, "synthesis": row.synthesis_id,
        "artifact": row.artifact_hash, "size": size, "thresholds": row.manifest.get("thresholds", {}),
    }  # fmt: skip
