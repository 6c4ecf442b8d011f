"""The learning proof in words: every system beside the cold start and beside the untrained sum of the signals, significant or not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from app.ranking.evaluation.significance import paired_bootstrap, randomisation_test

REFERENCES = ("cold start", "signals")
LEVEL = 0.05
Row = Mapping[str, Any]


def summary(rows: Sequence[Row]) -> str:
    """Tables by split: means over seeds, paired differences over questions, and whether they are significant."""
    systems: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        systems[row["system"]].append(row)
    lines: list[str] = []
    for split in ("sealed", "dev"):
        for planted in (False, True):
            chosen = {name: found for name, found in systems.items() if name.startswith("planted") == planted}
            if chosen:
                lines += _table(split, planted, chosen)
    lines.append("\nSignificant: the 95 % interval excludes 0 and p < .05. Of twenty comparisons of equals one is expected to look so.")
    return "\n".join(lines) + "\n"


def _table(split: str, planted: bool, systems: Mapping[str, Sequence[Row]]) -> list[str]:
    n = next(iter(systems.values()))[0][split]["n"]
    by = "the planted annotator's grades" if planted else "the demo's grades"
    heads = f"  {'':34} {'seeds':>5} {'NDCG@10':>8} {'seeds from .. to':>18}"
    heads += "".join(f"  {'against ' + name:42}" for name in REFERENCES) + "  grades off, exact traces"
    lines = [f"\n{split}, n={n}, by {by}", heads]
    prefix = "planted " if planted else ""
    for name, found in systems.items():
        values = by_topic(found, split)
        means = [row[split]["ndcg10"] for row in found]
        spread = f"{min(means):.4f} .. {max(means):.4f}"
        told = f"  {name:34} {len(found):5} {mean(values.values()):8.4f} {spread:>18}"
        for reference in REFERENCES:
            other = systems.get(prefix + reference)
            told += "  " + (f"{against(values, by_topic(other, split)):42}" if other and name != prefix + reference else f"{'':42}")
        if "grade_error" in found[0][split]:
            told += f"  {mean(row[split]['grade_error'] for row in found):.3f}, {mean(row[split]['exact_traces'] for row in found):.0%}"
        lines.append(told.rstrip())
    return lines


def by_topic(rows: Sequence[Row], split: str) -> dict[str, float]:
    """NDCG@10 of each question, mean over seeds: a seed is no question, so that seeds don't count as more evidence."""
    return {topic: mean(row[split]["values"][topic] for row in rows) for topic in rows[0][split]["values"]}


def against(values: Mapping[str, float], other: Mapping[str, float]) -> str:
    """A paired difference with its interval and p, and whether it is significant: both the interval and the test have to say so."""
    found = paired_bootstrap(values, other)
    p = randomisation_test(values, other)
    verdict = "significant" if found.excludes_zero and p < LEVEL else "not significant"
    return f"{found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}] p={p:.3f} {verdict}"
