"""Answers of the routes of the tab Models in their documented shapes: more states and hostile texts at once than one studio has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Route

from app.ranking.evaluation.gate import Decision, Evidence, Margins, decide
from tests.browser import pretend, pretend_train
from tests.browser.pretend import HOSTILE
from tests.browser.pretend_train import WHEN, job

ACTIVE, CANDIDATE, REJECTED, BASE, WAITING = ("a1" * 32, "b2" * 32, "c3" * 32, "d4" * 32, "e5" * 32)
UPDATE = "0198c7a2-0000-7000-8000-0000000000a1"
ENDED = "0198c7a2-0000-7000-8000-0000000000a2"
DATASET = "d1" * 32
TOPICS = 12
NANO = {
    "name": "nano", "about": "The embedded model: two minutes on one core.", "family": "nano", "text": 'name = "nano"\nseed = 7\n',
}  # fmt: skip
BIG = {"name": "reasonrank-7b", "about": "Eight GPUs.", "family": "hub", "text": 'name = "reasonrank-7b"\nseed = 42\n'}


def evidence(gain: float, *, seconds: float = 0.02) -> Evidence:
    """Twelve gold lists of two domains: every second one gained `gain` and a hundredth, the others `gain`."""
    gold = {f"q{n}": (0.6, 0.6 + gain + (0.01 if n % 2 else 0.0)) for n in range(TOPICS)}
    domains = {f"q{n}": "cooking" if n < TOPICS // 2 else HOSTILE for n in range(TOPICS)}
    return Evidence(gold=gold, domains=domains, outcomes=(1.0, 0.99), seconds=(0.02, seconds))


BETTER: Decision = decide(evidence(0.05), Margins())
WORSE: Decision = decide(evidence(-0.04, seconds=0.05), Margins())


def _row(name: str, label: str, mean: float) -> dict[str, Any]:
    gold = {"mean": mean, "low": mean - 0.05, "high": mean + 0.05, "n": TOPICS}
    apart = {"difference": mean - 0.612, "difference_low": mean - 0.65, "difference_high": mean - 0.58}
    return {"name": name, "label": label, "sets": {"gold": gold | apart}}


TABLE: dict[str, Any] = {
    "measure": "NDCG@10", "level": 0.95, "samples": 10_000, "judgements": {"gold": 0},
    "rows": [_row("first_stage", "first stage", 0.612), _row("signals", HOSTILE, 0.704), _row("candidate", "this version", 0.731)],
}  # fmt: skip
IDS = [f"p{n}" for n in range(1, 7)]
LEARNED: dict[str, Any] = {
    "corrections": {
        "examples": 3, "people": 2, "explained": 2,
        "items": [
            {"query": "Why does dough rise?", "people": 2, "explained": True},
            {"query": HOSTILE, "people": 1, "explained": False},
        ],
    },
    "changed": [
        {
            "query": HOSTILE if n else "Why does dough rise?", "judged": not n, "tau": 0.6,
            "passages": [{"id": id_, "title": HOSTILE if id_ == "p3" else f"Passage {id_[1:]}"} for id_ in IDS],
            "grades": {"p1": 1, "p6": 2}, "shown": IDS,
            "base": {"order": IDS, "trace": f"[1] says it. {HOSTILE}", "ndcg": 0.61, "outcome": "clean"},
            "candidate": {"order": ["p6", *IDS[:-1]], "trace": "[6] answers, [99] is nothing.", "ndcg": 0.93, "outcome": "clean"},
        }
        for n in range(2)
    ],
    "influence": {
        "measure": "NDCG@10", "note": "Each person left out in turn, two seeds.", "left_out": 4,
        "rows": [
            {"person": "pabc", "examples": 2, "value": 0.021, "low": 0.004, "high": 0.039, "n": TOPICS},
            {"person": HOSTILE, "examples": 1, "value": -0.012, "low": -0.03, "high": 0.006, "n": TOPICS},
        ],
    },
}  # fmt: skip


def version(id_: str, state: str, label: str, **changes: Any) -> dict[str, Any]:
    """V."""
    return {
        "id": id_, "model": "nano", "label": label, "state": state, "reason": "", "base": BASE, "recipe": "nano", "dataset": DATASET,
        "update": ENDED, "code": "0f" * 20, "seed": 7, "created": WHEN, "primary": "gold", "gain": None, "low": None, "high": None,
        "p": None, "n": 0, **changes,
    }  # fmt: skip


def _measured(decision: Decision) -> dict[str, Any]:
    first = decision.checks[0]
    return {"reason": decision.reason, "gain": first.value, "low": first.low, "high": first.high, "p": first.p, "n": first.n}


VERSIONS = [
    version(CANDIDATE, "candidate", "nano b2b2b2b2", **_measured(BETTER)),
    version(REJECTED, "rejected", f"nano {HOSTILE}", **_measured(WORSE)),
    version(WAITING, "waiting", "big e5e5e5e5", model="big", reason="promoted; its server does not list studio-big yet"),
    version(ACTIVE, "active", "nano a1a1a1a1", gain=0.034, low=0.01, high=0.058, p=0.003, n=48),
    version(BASE, "retired", "nano d4d4d4d4", base=None, dataset=None, update=None, recipe="", seed=None),
]
SERVING = [
    {"model": "nano", "version": ACTIVE, "state": "serving", "text": "Since this morning."},
    {"model": "big", "version": WAITING, "state": "waiting", "text": f"Its server at inference does not list {HOSTILE} yet."},
]
CARD = f"""---
tags: [reranking]
---
# nano b2b2b2b2

What it **can't** do.

| what | NDCG@10 |
|---|---|
| signals | 0.704 |

{HOSTILE}

<script>alert(1)</script>
"""


def whole(short: Mapping[str, Any]) -> dict[str, Any]:
    """V with all that its page shows."""
    decisions = {CANDIDATE: BETTER, REJECTED: WORSE, ACTIVE: BETTER}
    decision = decisions.get(short["id"])
    report = decision and {
        "decision": decision.plain, "margins": Margins().plain, "table": TABLE, "learned": LEARNED,
        "facts": {"text": f"# {HOSTILE}\nseed = 7\n"},
    }  # fmt: skip
    came = {
        "id": "0198c7a2-0000-7000-8000-0000000000b1", "model": "nano", "version_id": ACTIVE, "previous_id": BASE, "kind": "forced",
        "margins": {"gold_drop": 0.05}, "decision": None, "note": HOSTILE, "created": WHEN,
    }  # fmt: skip
    return {**short, "report": report, "card": CARD if decision else "", "history": [came] if short["id"] == ACTIVE else []}


POINTS = [
    *(
        {"stage": "sft", "step": n, "steps": 40, "values": {"loss": 2.0 / (1 + n / 10), "rate": 1e-4 * (1 - n / 40)}}
        for n in range(1, 41)
    ),
    *(
        {
            "stage": "rl", "step": n, "steps": 300,
            "values": {
                "reward": 0.4 + n / 1000, "reward_std": 0.1, "reward.ndcg": 0.5 + n / 1000, "reward.recall": 0.6, "reward.rbo": 0.2,
                "reward.format": 1.0, "reward.faithful": 0.9, "reward.grades": -0.1, "kl": n / 10_000, "length": 120 + n % 7,
                "ndcg": 0.7 + n / 5000,
            },
        }
        for n in range(1, 301)
    ),
]  # fmt: skip


def update(id_: str, state: str, **changes: Any) -> dict[str, Any]:
    """U."""
    return {
        "id": id_, "recipe": "nano", "model": "nano", "state": state, "base": ACTIVE, "candidate": None, "dataset": DATASET,
        "from_scratch": False, "seed": 7, "created": WHEN, "ended": None, "promoted": None, "reason": "", **changes,
    }  # fmt: skip


UPDATES = [
    update(UPDATE, "running"),
    update(ENDED, "finished", ended=WHEN, candidate=REJECTED, promoted=False, reason=WORSE.reason),
]
STEPS = [
    {"name": "inputs", "seconds": 0.0, "result": {"base_id": ACTIVE, "until": 0, "withdrawn": 0}},
    {"name": "dataset", "seconds": 1.5, "result": {"rows": 51, "people": 2, "dataset": DATASET}},
    {"name": "sft", "seconds": 61.0, "result": {"rows": 51, "refused": {HOSTILE: 1}, "steps": 40}},
]
REST = [
    {"name": "rl", "seconds": 90.0, "result": {"rows": 51, "steps": 300}},
    {"name": "evaluate", "seconds": 3.0, "result": {}},
    {"name": "decide", "seconds": 0.1, "result": {"promote": False}},
]


def completion(number: int, step: int) -> dict[str, Any]:
    """One answer at a step of reinforcement learning."""
    return {
        "number": number, "step": step, "prompt": f"Which passages answer {HOSTILE}?",
        "completion": f"Step {step}, answer {number}: {HOSTILE}",
        "reward": 0.5, "parts": {"ndcg": 0.7, "grades": -0.2}, "advantage": -0.25, "outcome": "repaired" if number % 2 else "clean",
        "example": HOSTILE,
    }  # fmt: skip


def answers(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Everything the tab asks for; `changes` replace answers by their path."""
    running = job(
        UPDATE, "running", kind="update", about="Update the model nano by the recipe nano", progress=0.4, doing="sft: step 12 of 40"
    )
    ended = job(ENDED, "finished", kind="update", about="Update the model nano by the recipe nano", ended=WHEN, progress=1.0, result={})
    log = [{"number": 1, "text": f"read {HOSTILE}", "created": WHEN}]
    told: dict[str, Any] = {
        "versions": {"versions": VERSIONS, "serving": SERVING},
        "updates": {"updates": UPDATES},
        f"updates/{UPDATE}": {**UPDATES[0], "steps": STEPS[:2], "points": POINTS[:12], "decision": None},
        f"updates/{ENDED}": {**UPDATES[1], "steps": STEPS + REST, "points": POINTS, "decision": WORSE.plain},
        "recipes": {**pretend_train.RECIPES, "training": [NANO, BIG]},
        "jobs": {"workers": [], "jobs": [running, ended], "waiting": 0},
        f"jobs/{UPDATE}": {**running, "log": log},
        f"jobs/{ENDED}": {**ended, "log": log},
        "schedules": {"schedules": []},
    }
    for one in VERSIONS:
        told[f"versions/{one['id']}"] = whole(one)
    return told | dict(changes or {})


def serve(page: Page, told: Mapping[str, Any]) -> None:
    """Answer the tab's GET requests with these, and completions of any step: 15 each."""
    pretend.serve(page, told)

    def written(route: Route) -> None:
        wanted = {name: int(values[0]) for name, values in parse_qs(urlsplit(route.request.url).query).items()}
        numbers = list(range(1, 16))[wanted.get("after", 0) :][: wanted["limit"]]
        found = {"completions": [completion(n, wanted.get("step", 1)) for n in numbers], "more": numbers[-1] < 15}
        route.fulfill(status=200, content_type="application/json", body=json.dumps(found))

    page.route("**/api/v1/updates/*/completions?*", written)

    def silent(route: Route) -> None:
        route.fulfill(status=200, content_type="text/event-stream", body="")

    page.route("**/api/v1/jobs/*/events", silent)
