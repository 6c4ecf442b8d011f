"""Answers of the dashboard's routes in their documented shapes; see `pretend`."""

from __future__ import annotations

from typing import Any

from tests.browser.pretend import HOSTILE, MODELS, PROJECT, stat

TOPICS = ("cooking and kitchen chemistry", "weather", "sound", "plants", "the sea", "electricity", HOSTILE)


def cell(topic: str | None, model: str, value: float, n: int) -> dict[str, Any]:
    """A cell of the dashboard."""
    items = f"/api/v1/dashboard/items?model={model.replace(' ', '+')}&bucket=b{n}"
    spread = (1, 2, 5, 4, 3, 2, 1, 1, 0, 0)
    return {
        "topic": topic,
        "model": model,
        "n": n,
        "lists": n // 3,
        "visible": 2,
        "holdout": 1,
        "tau": stat(value, n),
        "rbo": stat(value + 0.05, n),
        "top1": {"share": 1 - value, "n": n},
        "up": {"share": 0.2, "n": n},
        "down": {"share": 0.3, "n": n},
        "bins": [{"from": i / 10, "to": (i + 1) / 10, "n": k, "bucket": f"bin{i}", "items": items} for i, k in enumerate(spread)],
        "fragility": {"flips": 3, "sentence": "Three accepted objections would turn this result."},
        "objections": {"new": 1, "accepted": 0, "rejected": 0},
        "bucket": "",
        "items": items,
    }


WAY = "/api/v1/dashboard/items?bucket=x"
# Passages by the model's band and people's, both from the top.
FLOWS = {
    (0, 0): 22, (0, 1): 9, (0, 2): 5, (0, 3): 3,
    (1, 0): 11, (1, 1): 40, (1, 2): 20, (1, 3): 6,
    (2, 1): 18, (2, 2): 70, (2, 3): 34,
    (3, 0): 5, (3, 1): 9, (3, 2): 40, (3, 3): 160, (3, 4): 8,
    (4, 3): 14, (4, 4): 30,
}  # fmt: skip


def dashboard() -> dict[str, Any]:
    """A month of judgements on seven topics and three model versions."""
    return {
        "how": "Judgements that count, against the order of the model they are compared with.",
        "computed": "2026-11-28T10:00:00Z",
        "project": None,
        "model": None,
        "projects": [{"id": PROJECT["id"], "name": PROJECT["name"]}],
        "models": list(MODELS),
        "topics": list(TOPICS),
        "totals": {"judgements": 240, "people": 9, "lists": 80, "comparisons": 480, "holdout": 12, "visible": 4},
        "overall": [cell(None, model, 0.18 + 0.09 * i, 80) for i, model in enumerate(MODELS)],
        "cells": [cell(t, m, round(0.08 + 0.06 * i + 0.05 * k, 2), 9 + i) for i, t in enumerate(TOPICS) for k, m in enumerate(MODELS)],
        "moves": {"k": 3, "bands": [_moves(*band) for band in ((1, 5, 2, 31), (6, 10, 18, 22), (11, 20, 41, 3))]},
        "flow": _flow(),
        "contested": [_contested(i) for i in range(16)],
        "days": [_day(day, k, model) for day in range(2, 29, 2) for k, model in enumerate(MODELS[:2])],
        "objections": [{"model": MODELS[0], "runs": 40, "new": 1, "accepted": 0, "rejected": 2}],
    }


def _moves(first: int, last: int, up: int, down: int) -> dict[str, Any]:
    counts = {"up": up, "same": 100 - up - down, "down": down}
    bars = {name: {"n": n, "share": n / 100, "bucket": "m", "items": WAY} for name, n in counts.items()}
    return {"from": first, "to": last, "n": 100, **bars}


def _flow() -> dict[str, Any]:
    ends = ((1, 1), (2, 3), (4, 7), (8, 20), (21, None))
    counts = [{"model": a, "people": b, "n": n, "bucket": f"f{a}{b}", "items": WAY} for (a, b), n in FLOWS.items()]
    return {"bands": [{"from": first, "to": last} for first, last in ends], "counts": counts}


def _contested(i: int) -> dict[str, Any]:
    return {
        "passage_id": f"p{i}",
        "title": HOSTILE if i == 1 else f"A passage about the {i}th thing that people see otherwise",
        "query": "Why?",
        "list": "l",
        "topic": TOPICS[i % 6],
        "model": MODELS[0],
        "model_rank": 2 + i if i % 2 else 18 - i,
        "people_rank": 15.5 - i / 2 if i % 2 else 1.5 + i / 3,
        "move": -9.0,
        "spread": 1.2,
        "n": 3,
        "bucket": "c",
        "items": WAY,
    }


def _day(day: int, k: int, model: str) -> dict[str, Any]:
    disagreement = 0.35 - 0.006 * day + 0.07 * k + (day % 3) / 40
    return {"day": f"2026-11-{day:02d}", "model": model, "n": 3 + day % 7, "disagreement": disagreement, "bucket": "d", "items": WAY}


def empty_dashboard() -> dict[str, Any]:
    """Before anybody judged anything."""
    nothing: dict[str, list[Any]] = {
        name: [] for name in ("projects", "models", "topics", "overall", "cells", "contested", "days", "objections")
    }
    return {**nothing, "how": "", "totals": {}, "moves": {"k": 3, "bands": []}, "flow": {"bands": [], "counts": []}}


ITEMS = {
    "n": 2,
    "left_out": 1,
    "what": "Judgements of nano 1a2b3c4d.",
    "items": [
        {
            "task": "0198c7a2-0000-7000-8000-000000000001",
            "run": "a-run-token_0123",
            "judgement": "j1",
            "query": HOSTILE,
            "topic": "sound",
            "model": MODELS[0],
            "who": "pabc",
            "label": "pabc",
            "disagreement": 0.7,
            "rbo": 0.6,
            "created": "2026-11-20T10:00:00Z",
            "holdout": False,
        },
        {
            "task": None,
            "run": "a-run-token_0123",
            "judgement": "j2",
            "query": "Why is the sea salt?",
            "topic": "the sea",
            "model": MODELS[0],
            "who": "pabd",
            "label": "pabd",
            "disagreement": None,
            "rbo": None,
            "created": "2026-11-20T11:00:00Z",
            "holdout": True,
        },
    ],
}
