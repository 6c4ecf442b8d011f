"""Answers of the review, dashboard and export routes in their documented shapes, for tests of what the page makes of them.

The services behind these routes have tests of their own; here many tasks, models and hostile texts are wanted at once, without a campaign.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from playwright.sync_api import Page, Route

HOSTILE = "<img src=x onerror=alert(1)> \u202egnp.exe \u05d0\u05d1\u05d2"
MODELS = ("nano 1a2b3c4d", "nano 99aa00bb", "teacher 0f0f0f0f")
PROJECT = {
    "id": "0198c7a2-0000-7000-8000-0000000000aa",
    "name": "Kitchen questions",
    "about": "",
    "grades": ["no", "touches", "helps", "answers"],
    "overlap": 3,
    "depth": 20,
    "view": "blind",
    "shown": "random",
    "gold_share": 0.1,
    "audit_share": 0.1,
    "tutorial": True,
    "lease_minutes": 30,
    "licence": "CC0-1.0",
    "state": "open",
    "created": "2026-11-20T10:00:00Z",
    "guidelines": None,
    "tasks": 12,
    "judged": 5,
    "mine": {"submitted": 0, "skipped": 0, "flagged": 0, "cannot_judge": 0, "later": 0, "tutorial_left": 5},
}


def stat(value: float | None, n: int = 12, *, name: str = "Kendall tau-b", why: str = "") -> dict[str, Any]:
    """A statistic with an interval of 0.1 to both sides, or without a value and why."""
    low, high = (None, None) if value is None else (round(value - 0.1, 3), round(value + 0.1, 3))
    return {"name": name, "value": value, "n": n, "low": low, "high": high, "interval": "95% percentile bootstrap", "why": why}


PASSAGES = [
    {
        "id": f"p{i}",
        "title": HOSTILE if i == 3 else f"Passage {i}",
        "text": f"What passage {i} says of bread and of yeast in the cold. " * 4,
        "first_rank": i,
    }
    for i in range(1, 9)
]
IDS = [str(p["id"]) for p in PASSAGES]


def judge(n: int, order: Sequence[Sequence[str]], kind: str = "person", *, off: Sequence[str] = (), note: str = "") -> dict[str, Any]:
    """What one judge said."""
    placed = {i for group in order for i in group} | set(off)
    label = f"p{'abcdef'[n]}xkqz" if kind == "person" else MODELS[n % 3]
    return {
        "id": f"0198c7a2-0000-7000-8000-00000000010{n}",
        "who": f"w{n}",
        "label": label,
        "mine": n == 0,
        "kind": kind,
        "order": [list(g) for g in order],
        "not_relevant": list(off),
        "unranked": [i for i in IDS if i not in placed],
        "grades": {"p1": 3, "p2": 2} if kind == "person" else {},
        "claims": [{"claim_id": "c1", "verdict": "wrong", "rewrite": "It is slower, not dead.", "passage_id": "p2", "span": None}]
        if n == 1
        else [],
        "spans": [],
        "note": note,
        "confidence": None,
        "active_seconds": 41.5,
        "created": "2026-11-21T10:00:00Z",
        "version": 1,
        "shown_order": IDS,
        "visible": None,
        "run": None,
        "outcome": None,
    }


def review(*, base: int = 0, alone: bool = False) -> dict[str, Any]:
    """A task with three people and a model."""
    judgements = [
        judge(0, [["p1"], ["p2", "p3"], ["p4"], ["p5"]], off=["p8"], note=HOSTILE),
        judge(1, [["p2"], ["p1"], ["p4"], ["p3"], ["p6"], ["p5"]]),
        judge(2, [["p7"], ["p6"], ["p1"], ["p2"], ["p3"], ["p5"], ["p4"], ["p8"]], note="The seventh says it outright."),
        judge(3, [[i] for i in IDS], kind="model"),
    ]
    positions = {i: [_rank(j, i) for j in judgements] for i in IDS}
    return {
        "task": "0198c7a2-0000-7000-8000-000000000001",
        "number": 7,
        "kind": "plain",
        "topic": "cooking",
        "state": "done",
        "holdout": False,
        "query": "Why does bread rise slowly in winter?",
        "project": {"id": PROJECT["id"], "name": PROJECT["name"]},
        "grades": PROJECT["grades"],
        "guidelines": None,
        "passages": PASSAGES,
        "judgements": judgements,
        "others": [
            {
                "who": "w9",
                "label": "pzzzz",
                "mine": False,
                "state": "flagged",
                "note": "Two passages are the same.",
                "created": "2026-11-21T11:00:00Z",
            }
        ],
        "positions": positions,
        "agreement": [stat(0.42, 8), stat(None, 1, name="RBO", why="It takes two people who ranked something.")],
        "gold": None,
        "adjudication": None,
        "adjudications": [],
        "base_version": base,
        "may": {"adjudicate": not alone, "why": "You are the only judge of this task: somebody else decides." if alone else ""},
    }


def _rank(judgement: Mapping[str, Any], id_: str) -> float | None:
    """1-based rank, tied groups in the middle, those not relevant as a last tied group."""
    at = 0
    for group in [*judgement["order"], judgement["not_relevant"]]:
        if id_ in group:
            return float(at + (len(group) + 1) / 2)
        at += len(group)
    return None


REVIEW_LIST = {
    "project": {"id": PROJECT["id"], "name": PROJECT["name"], "grades": PROJECT["grades"]},
    "tasks": [
        {
            "task": f"0198c7a2-0000-7000-8000-00000000000{i}",
            "number": i,
            "query": q,
            "kind": "plain",
            "topic": "cooking",
            "state": "done",
            "judgements": n,
            "disagreement": d,
            "flagged": f,
            "adjudicated": i == 3,
            "gold": False,
            "holdout": False,
            "models": 1,
        }
        for i, q, n, d, f in (
            (1, "Why does bread rise slowly in winter?", 3, 0.61, 1),
            (2, HOSTILE, 3, 0.3, 0),
            (3, "Why does salt melt ice?", 2, 0.1, 0),
            (4, "Why do onions make us cry?", 1, None, 0),
        )
    ],
}
AGREEMENT = {
    "how": "Mean over tasks of the mean over pairs of people.",
    "computed": "2026-11-28T10:00:00Z",
    "tasks": 12,
    "judges": 3,
    "judgements": 30,
    "holdout": 2,
    "statistics": [
        stat(0.61),
        stat(0.72, name="RBO (p = 0.9)"),
        stat(0.55, 96, name="Krippendorff's alpha, ordinal"),
        stat(None, 0, name="Krippendorff's alpha, nominal", why="Nobody gave grades in two tasks."),
    ],
    "models": [{"who": "m1", "label": MODELS[0], "statistics": [stat(0.4), stat(0.5, name="NDCG@10 under people's grades")]}],
    "pairs": [
        {
            "first": "w0",
            "second": "w1",
            "first_label": "paxkqz",
            "second_label": "pbxkqz",
            "kinds": ["person", "person"],
            "tasks": 9,
            "tau_b": stat(0.58),
        }
    ],
    "pairs_left_out": 2,
    "raters": [],
}


def rater(n: int, kind: str = "person", flags: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """One line of the table of judges."""
    return {
        "who": f"w{n}",
        "label": MODELS[0] if kind == "model" else f"p{'abcdef'[n]}xkqz",
        "mine": n == 0,
        "kind": kind,
        "tasks": 12,
        "trust": None,
        "gold": stat(0.7 - n / 10, 3),
        "peers": stat(0.6 - n / 10),
        "adjudicated": stat(None, 0, why="None of its tasks was decided."),
        "position_bias": stat(0.1 + n / 4),
        "speed": stat(1.0),
        "seconds": None if kind == "model" else 40.0 + n,
        "copying": None,
        "unread_share": 0.0,
        "tied": 0.1,
        "not_submitted": {"flagged": 0, "skipped": 1, "cannot_judge": 0},
        "flags": list(flags),
    }


_FLAG = {
    "kind": "position_bias",
    "statistic": 0.9,
    "threshold": 0.6,
    "n": 12,
    "sentence": "On 11 of 12 tasks the order is the one shown, but for two swaps.",
}
ANNOTATORS = {"how": "Kendall tau-b throughout.", "annotators": [rater(0), rater(3, flags=[_FLAG]), rater(1, "model")]}
ANNOTATOR = {
    **rater(3, flags=[_FLAG]),
    "series": [
        {
            "task": "0198c7a2-0000-7000-8000-000000000001",
            "number": i,
            "query": HOSTILE if i == 2 else f"Question {i}?",
            "created": "2026-11-21T10:00:00Z",
            "gold": 0.5 if i % 4 == 0 else None,
            "peers": 0.2 + (i % 5) / 8,
            "shown": 0.8 + (i % 3) / 20,
            "seconds": 20 + 3 * i,
            "holdout": False,
        }
        for i in range(12)
    ],
}
OBJECTION = {
    "id": "0198c7a2-0000-7000-8000-0000000000d1",
    "run": "a-run-token_0123",
    "query": "Why is the sea salt?",
    "holdout": False,
    "model": MODELS[0],
    "model_order": IDS,
    "titles": {str(p["id"]): p["title"] for p in PASSAGES},
    "order": [["p2"], ["p1"], ["p3"]],
    "not_relevant": ["p8"],
    "note": HOSTILE,
    "who": "pvis",
    "label": "pvisitor",
    "mine": False,
    "created": "2026-11-22T10:00:00Z",
    "state": "new",
    "trust": 0.0,
    "consent_version": "2026-11-28",
    "licence": "CC0-1.0",
    "tau_b": stat(0.9, 3),
    "newer": False,
    "reviewer": None,
    "reviewed": None,
}


def serve(page: Page, answers: Mapping[str, Any]) -> None:
    """Answer GET requests whose path below /api/v1/ (without its query) is a key; everything else goes on to the server."""

    def answer(route: Route) -> None:
        path = route.request.url.split("/api/v1/", 1)[1].split("?", 1)[0]
        if route.request.method == "GET" and path in answers:
            route.fulfill(status=200, content_type="application/json", body=json.dumps(answers[path]))
        else:
            route.fallback()

    page.route("**/api/v1/**", answer)


def review_answers() -> dict[str, Any]:
    """Everything the tab Review asks for."""
    project = f"projects/{PROJECT['id']}"
    return {
        "projects": {"projects": [PROJECT]},
        f"{project}/review": REVIEW_LIST,
        f"{project}/agreement": AGREEMENT,
        f"{project}/annotators": ANNOTATORS,
        f"{project}/annotators/w3": ANNOTATOR,
        "tasks/0198c7a2-0000-7000-8000-000000000001/review": review(),
        "disagreements": {"disagreements": [OBJECTION], "counts": {"new": 1, "accepted": 0, "rejected": 0}, "more": False},
    }
