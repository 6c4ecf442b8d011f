"""Answers of the routes of the tab Train in their documented shapes: more states and hostile texts at once than a real job makes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Route

from tests.browser import pretend
from tests.browser.pretend import HOSTILE

SYNTHESIS_ID = "5a" * 32
OTHER_ID = "6b" * 32
DATASETS = ("d1" * 32, "d2" * 32)
RUNNING = "0198c7a2-0000-7000-8000-0000000000f1"
WAITING = "0198c7a2-0000-7000-8000-0000000000f2"
ENDED = "0198c7a2-0000-7000-8000-0000000000f3"
FAILED = "0198c7a2-0000-7000-8000-0000000000f4"
WHEN = "2026-11-28T10:00:00+00:00"
TOML = 'name = "demo"\nabout = "The demo collection."\n\n[teacher]\nmodel = "nano"\n'
RECIPES: dict[str, Any] = {
    "recipes": [
        {"name": "demo", "about": "The demo collection with its own labels: a few minutes on one core.", "text": TOML, "teacher": "nano"},
        {"name": "paper", "about": "Six domains, a paid teacher.", "text": 'name = "paper"\n', "teacher": "big"},
    ],
    "teachers": ["nano", "big"],
    "worker": True,
}


def job(id_: str, state: str, **changes: Any) -> dict[str, Any]:
    """J."""
    return {
        "id": id_, "kind": "synthesize", "about": "Synthesize training data by the recipe demo", "state": state, "progress": 0.0,
        "doing": "", "attempt": 1, "worker": "laptop 4711", "heartbeat": WHEN, "error": "", "result": None, "created": WHEN,
        "started": WHEN, "ended": None, "cancel": False, **changes,
    }  # fmt: skip


JOBS: dict[str, Any] = {
    "workers": [
        {"name": "laptop 4711", "heartbeat": WHEN, "age_seconds": 1.2, "alive": True, "job": RUNNING},
        {"name": "laptop 4200", "heartbeat": WHEN, "age_seconds": 900.0, "alive": False, "job": None},
    ],
    "jobs": [
        job(WAITING, "queued", kind="index", about=f"Index the collection {HOSTILE}", started=None, worker=""),
        job(RUNNING, "running", progress=0.42, doing=f"item 42 of 100: {HOSTILE}", attempt=2),
        job(ENDED, "finished", ended=WHEN, progress=1.0, result={"synthesis": SYNTHESIS_ID, "dataset": DATASETS[0]}),
        job(FAILED, "failed", ended=WHEN, error="The teacher big answered nothing for ten minutes: see whether its server runs."),
    ],
    "waiting": 1,
}
SCHEDULES: dict[str, Any] = {
    "schedules": [
        {
            "id": "0198c7a2-0000-7000-8000-0000000000e1", "name": "By night", "cron": "0 3 * * 1", "zone": "Europe/Berlin",
            "kind": "synthesize", "arguments": {"recipe": "demo"}, "enabled": True, "next_at": "2026-11-30T02:00:00+00:00",
            "says": "At 3:00 on Monday (Europe/Berlin)",
        }
    ]
}  # fmt: skip


def filter_(name: str, about: str, threshold: float, **changes: Any) -> dict[str, Any]:
    """A filter as the server describes it."""
    return {"name": name, "about": about, "keeps": "at_least", "threshold": threshold, "low": 0.0, "high": 1.0, **changes}


FILTERS = [
    filter_("consistency", "NDCG@10 of the teacher's order by the labels that count.", 0.4),
    filter_("samples", "Agreement of the teacher's own listwise answers over shuffled lists.", 0.2, low=-1.0),
    filter_("duplicate", "Likeness of the query to the closest earlier one.", 0.8, keeps="at_most"),
    filter_("holdout", "1 for queries that are kept for evaluation.", 0.0, keeps="at_most", fixed=True),
]
COUNT = 200


def scores() -> dict[str, Any]:
    """200 made items of two domains. Consistency runs evenly from 0 to 0.995 with the number; every tenth query is held out.

    `samples` falls from 1 to 0.005: above the number 161 it is below its line of 0.2.
    """
    numbers = list(range(1, COUNT + 1))
    return {
        "numbers": numbers,
        "domains": ["cooking" if n % 2 else HOSTILE for n in numbers],
        "tokens": [1_000] * COUNT,
        "costs": [0.01] * COUNT,
        "scores": {
            "consistency": [(n - 1) / COUNT for n in numbers],
            "samples": [(COUNT + 1 - n) / COUNT for n in numbers],
            "duplicate": [None if n % 5 else 0.1 for n in numbers],
            "holdout": [1.0 if n % 10 == 0 else 0.0 for n in numbers],
        },
        "of": COUNT,
        "sampled": False,
    }


def synthesis(id_: str = SYNTHESIS_ID, **changes: Any) -> dict[str, Any]:
    """S."""
    return {
        "id": id_, "name": "demo", "teacher": "nano", "revision": "", "embedded": True, "job": ENDED, "created": WHEN,
        "items": {"made": COUNT, "empty": 3, "failed": 1}, "calls": 812, "repeats": 2, "tokens_in": 123_456, "tokens_out": 7_890,
        "cost": 2.04, "currency": "USD", "filters": FILTERS, "report": {"before": COUNT, "after": 150, "currency": "USD"},
        "datasets": [DATASETS[0]], **changes,
    }  # fmt: skip


SPENT = [
    {"domain": "cooking", "made": 100, "empty": 3, "failed": 1, "calls": 406, "tokens": 65_000, "cost": 1.04},
    {"domain": HOSTILE, "made": 100, "empty": 0, "failed": 0, "calls": 406, "tokens": 66_346, "cost": 1.0},
]
IDS = [f"p{n}" for n in range(1, 9)]
PASSAGES = [
    {
        "id": id_,
        "title": HOSTILE if n == 3 else f"Passage {n}",
        "text": f"Yeast needs warmth to rise, says passage {n}. " * (20 if n == 2 else 3),
        "score": 1.0 / n,
        "features": {"words": 0.9 - n / 10, "meaning": 0.5, "sentence": 0.4, "coverage": 0.3, "phrase": 0.1, "lead": 0.2},
    }
    for n, id_ in enumerate(IDS, start=1)
]


def brief(number: int, **changes: Any) -> dict[str, Any]:
    """An item without its texts."""
    at = number - 1
    columns = scores()["scores"]
    return {
        "number": number, "domain": "cooking" if number % 2 else HOSTILE, "source_id": f"q{number}",
        "query": HOSTILE if number == 2 else f"Why does dough number {number} rise?", "state": "made",
        "scores": {name: column[at] for name, column in columns.items()} if number <= COUNT else {},
        "reasons": {"consistency": [f"the labelled passage stands at rank {number}"]}, "error": "", **changes,
    }  # fmt: skip


def sample(n: int, order: list[str]) -> dict[str, Any]:
    """One listwise answer; the second was mended."""
    return {
        "sample": n, "seed": n, "shown": IDS[n:] + IDS[:n], "order": order, "tokens_out": 120 + n,
        "reasoning": f"[1] speaks of warmth, [2] of flour. {HOSTILE} So [2] before [1], and [99] is nothing.",
        "outcome": "repaired" if n == 1 else "clean", "problems": ["duplicate"] if n == 1 else [],
    }  # fmt: skip


def item(number: int) -> dict[str, Any]:
    """A whole item."""
    return {
        **brief(number), "source": "demo", "answer": "Yeast works slowly in the cold.", "passages": PASSAGES,
        "origins": {id_: ("given", "linked", "retrieved", "hard")[n % 4] for n, id_ in enumerate(IDS)},
        "grades": {id_: 1 if n < 2 else 0 for n, id_ in enumerate(IDS)}, "labelled_by": "teacher",
        "mined": [{"prompt": "useful", "sample": 0, "grades": {**dict.fromkeys(IDS, 0), "p1": 1}, "outcome": "clean", "problems": []}],
        "samples": [sample(0, IDS), sample(1, [*IDS[::-1]]), sample(2, ["p2", "p1", *IDS[2:]])], "chosen": 2,
        "opinions": [{"person": "pabc", "order": [["p2"], ["p1", "p3"]], "not_relevant": ["p8"], "grades": {}, "trust": 1.0}],
        "teacher": "nano", "template": "nano", "seed": 1, "licence": "CC0-1.0", "trust": 1.0, "notes": ["One page was gone."],
        "cost": {"calls": 4, "tokens_in": 900, "tokens_out": 366, "cost": 0.01},
    }  # fmt: skip


def dataset(n: int) -> dict[str, Any]:
    """D."""
    return {
        "id": DATASETS[n], "name": f"demo {'loose' if n else 'strict'}", "created": WHEN,
        "counts": {"examples": 150 - n, "stage": {"sft": 75, "rl": 75 - n}, "domain": {"cooking": 80, HOSTILE: 70 - n}},
        "synthesis": SYNTHESIS_ID, "artifact": "aa" * 32, "size": 1_234_567, "thresholds": {"consistency": 0.4, "holdout": 0.0},
    }  # fmt: skip


CARD = f"""# Dataset demo

| filter | dropped |
|---|---|
| a | 17 |

Made by the **embedded** teacher.

- 150 examples
- CC0-1.0

{HOSTILE}

<script>alert(1)</script>
"""
DIFF: dict[str, Any] = {
    "added": [],
    "removed": [
        {
            "source": "demo", "source_id": "q2", "domain": "cooking", "number": 2, "query": HOSTILE,
            "dropped": {"from": [], "to": ["consistency"]}, "state": {"from": "made", "to": "made"},
            "filters": [{"name": "consistency", "from": 0.41, "to": 0.41}],
        }
    ],
    "changed": [
        {
            "source": "demo", "source_id": "q3", "domain": "cooking", "number": 3, "query": "Why?", "what": ["labels"],
            "dropped": {"from": [], "to": []}, "state": {"from": "made", "to": "made"}, "filters": [],
            "labels": {"from": {"p1": 0}, "to": {"p1": 1}},
        }
    ],
    "counts": {"added": 0, "removed": 1, "changed": 1, "same": 148, "labels": 1, "order": 0},
}  # fmt: skip


def answers(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Everything the tab asks for; `changes` replace answers by their path."""
    one = f"syntheses/{SYNTHESIS_ID}"
    told: dict[str, Any] = {
        "recipes": RECIPES,
        "jobs": JOBS,
        "schedules": SCHEDULES,
        "syntheses": {"syntheses": [synthesis(), synthesis(OTHER_ID, name="paper", embedded=False, teacher="big", report=None)]},
        one: {**synthesis(), "recipe": TOML, "spent": SPENT},
        f"{one}/scores": scores(),
        f"syntheses/{OTHER_ID}": {**synthesis(OTHER_ID), "recipe": TOML, "spent": SPENT},
        f"syntheses/{OTHER_ID}/scores": scores(),
        f"{one}/items": {"items": [brief(n) for n in range(1, 13)] + [brief(13, state="empty", scores={}, error="No passage was found.")]},
        "datasets": {"datasets": [dataset(0), dataset(1)]},
        f"datasets/{DATASETS[0]}/diff": DIFF,
        f"datasets/{DATASETS[1]}/diff": DIFF,
    }
    for kept in JOBS["jobs"]:
        told[f"jobs/{kept['id']}"] = {**kept, "log": [{"number": 3, "text": f"read {HOSTILE}", "created": WHEN}]}
    for number in range(1, COUNT + 1):
        told[f"{one}/items/{number}"] = item(number)
    for n, id_ in enumerate(DATASETS):
        told[f"datasets/{id_}"] = {**dataset(n), "manifest": {"name": "demo", "schema": 1}, "card": CARD}
    return told | dict(changes or {})


def serve(page: Page, told: Mapping[str, Any]) -> None:
    """Answer the tab's GET requests with these; items that are asked for by number come one by one."""
    pretend.serve(page, told)

    def by_number(route: Route) -> None:
        wanted = parse_qs(urlsplit(route.request.url).query).get("numbers")
        if not wanted:
            return route.fallback()
        found = {"items": [brief(int(n)) for n in sorted(wanted[0].split(","), key=int)]}
        return route.fulfill(status=200, content_type="application/json", body=json.dumps(found))

    page.route(f"**/api/v1/syntheses/{SYNTHESIS_ID}/items?*", by_number)
