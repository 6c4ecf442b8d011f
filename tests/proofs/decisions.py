"""What became of an update, in a few numbers, as a line of results keeps it; and how often such a line was accepted."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.ranking.evaluation.significance import bootstrap

_Z2 = 1.959964**2
_PLACES = 4


def told(report: Mapping[str, Any]) -> dict[str, Any]:
    """Of the report of a version: the decision, failed checks, and by set the differences of NDCG@10, candidate minus active."""
    decision, evidence = report["decision"], report["evidence"]
    checks = {check["name"]: check for check in decision["checks"]}
    return {
        "promoted": decision["promote"],
        "primary": decision["primary"],
        "reason": decision["reason"],
        "failed": [name for name, check in checks.items() if not check["passed"]],
        "smallest": decision["smallest"],
        "judgements": evidence["judgements"],
        "checks": {name: _short(checks[name]) for name in ("better", "gold") if name in checks},
        "people": differences(evidence["people"]),
        "gold": differences(evidence["gold"]),
        "examples": report["facts"]["dataset"]["examples"],
        "refused": {name: step["refused"] for name, step in report["facts"]["steps"].items()},
        "seconds": {name: round(step["seconds"], 1) for name, step in report["facts"]["steps"].items()},
    }


def _short(check: Mapping[str, Any]) -> dict[str, Any]:
    names = ("value", "low", "high", "p", "n", "limit")
    return {name: round(check[name], _PLACES) if isinstance(check[name], float) else check[name] for name in names}


def differences(pairs: Mapping[str, Sequence[float]]) -> list[float]:
    """Candidate minus active by topic, in the order of topics."""
    return [round(candidate - active, _PLACES) for active, candidate in pairs.values()]


def wilson(found: int, n: int) -> tuple[float, float]:
    """95 % interval of a rate (Wilson 1927); 0 to 1 where there is nothing."""
    if not n:
        return 0.0, 1.0
    rate, low = found / n, 1 + _Z2 / n
    centre, half = (rate + _Z2 / (2 * n)) / low, math.sqrt(_Z2 * (rate * (1 - rate) / n + _Z2 / (4 * n * n))) / low
    return max(0.0, centre - half), min(1.0, centre + half)


def interval(values: Sequence[float]) -> str:
    """A mean with its bootstrap interval in words."""
    found = bootstrap(list(values))
    return f"{found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"


def clustered(values: Sequence[float], clusters: Sequence[str], seed: int = 0, samples: int = 10_000) -> tuple[float, float]:
    """95 % percentile interval of a mean where values of one cluster belong together: clusters are drawn, not values."""
    names = sorted(set(clusters))
    member = np.array([[cluster == name for cluster in clusters] for name in names])
    sums, sizes = member @ np.asarray(values), member.sum(axis=1)
    drawn = np.random.default_rng(seed).integers(0, len(names), (samples, len(names)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def kept(path: Path) -> dict[str, dict[str, Any]]:
    """The newest line of each cell in a file of results, whatever commit it was measured at; none where there is no file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return {row["cell"]: row for row in map(json.loads, lines)}
