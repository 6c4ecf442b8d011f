"""Every route of the app as requests, made from the app's own list, so that a new route is tested the day it appears."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.routing import APIRoute

from .fakes import TOKEN

JUDGEMENT: dict[str, object] = {
    "run": TOKEN,
    "idempotency_key": "0198c7a2-0000-7000-8000-000000000000",
    "base_version": 0,
    "order": [["a/1"], ["b 2", "c"]],
    "not_relevant": ["d"],
    "unranked": [],
    "grades": {"a/1": 3},
    "shown_order": ["a/1", "b 2", "c", "d"],
    "claims": [{"claim_id": "c1", "verdict": "wrong", "rewrite": "", "passage_id": None, "span": [0, 5]}],
    "spans": [{"passage_id": "a/1", "start": 0, "end": 2}],
    "disagree": True,
    "note": "because",
    "confidence": 0.5,
    "active_seconds": 12.5,
    "state": "submitted",
}
RUN: dict[str, object] = {"query": "why?", "collection": "0" * 64, "passages": None, "model": "nano", "depth": 20, "reveal": True}
RERANK: dict[str, object] = {"query": "why?", "documents": ["a", "b"]}
_BODIES: dict[str, dict[str, object]] = {
    "/api/v1/runs": RUN,
    "/api/v1/estimate": RUN,
    "/api/v1/judgements": JUDGEMENT,
    "/api/v1/rerank": RERANK,
}


def api_routes(app: FastAPI, *, templates: bool = False) -> list[tuple[str, str, dict[str, object] | None]]:
    """(method, path, JSON body) of each of our routes under /api/v1; with `templates` the paths keep their placeholders."""
    found = []
    for route in app.routes:
        if isinstance(route, APIRoute) and route.path.startswith("/api/v1/") and route.include_in_schema:
            path = route.path if templates else route.path.replace("{token}", TOKEN).replace("{name}", "judgements.jsonl")
            found += [(method, path, _BODIES.get(path) if method == "POST" else None) for method in sorted(route.methods)]
    return found
