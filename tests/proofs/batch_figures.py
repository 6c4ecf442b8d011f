"""Figures of the proof `batches`: what was accepted, and how many held-out lists it takes to see the planted effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.ranking.evaluation.gate import Evidence, Margins, decide
from tests.proofs.decisions import interval, wilson

SIZES = (30, 60, 120, 240, 480)
_SAMPLES = 1000


def summary(rows: Sequence[Mapping[str, Any]], draws: int = 200) -> str:
    """All that the finished cells say, as text; `draws` are those of the power."""
    kinds = dict.fromkeys((row["fault"], row["strength"]) for row in rows)
    lines = [f"{'batches':18} {'accepted':>9} {'95 %':>16}  {'people':28} {'gold':28} why not"]
    lines += [_line(kind, [row for row in rows if (row["fault"], row["strength"]) == kind]) for kind in sorted(kinds)]
    for strength in sorted({row["strength"] for row in rows if row["fault"]}):
        bad = [row for row in rows if row["fault"] and row["strength"] == strength]
        lines.append(f"at {strength:.0%}: {sum(not row['promoted'] for row in bad)} of {len(bad)} bad batches rejected")
    honest = [row for row in rows if not row["fault"] and "people" in row]
    if honest:
        lines.append(f"honest: {sum(row['promoted'] for row in honest)} of {len(honest)} accepted")
        lines += [f"  with {size} held-out lists: {share:.0%} would be accepted" for size, share in power(honest, draws=draws).items()]
    return "\n".join(lines)


def _line(kind: tuple[str, float], rows: Sequence[Mapping[str, Any]]) -> str:
    name = f"{kind[0]} {kind[1]:.0%}" if kind[0] else "honest"
    accepted, measured = sum(row["promoted"] for row in rows), [row for row in rows if "people" in row]
    low, high = wilson(accepted, len(rows))
    failed = [check for row in rows for check in row["failed"]]
    why = ", ".join(f"{check} {failed.count(check)}" for check in dict.fromkeys(failed))
    means = [interval([float(np.mean(row[side])) for row in measured]) if measured else "-" for side in ("people", "gold")]
    return f"{name:18} {accepted:4} of {len(rows):2} [{low:6.1%}, {high:6.1%}]  {means[0]:28} {means[1]:28} {why}"


def power(rows: Sequence[Mapping[str, Any]], sizes: Sequence[int] = SIZES, draws: int = 200) -> dict[int, float]:
    """Share of updates that the gate would accept with so many held-out lists, by size.

    A batch is drawn, then lists of it with replacement, and the gate decides anew with its defaults, the gold lists as they were. This
    takes the differences that were seen for those of all lists there could be; lists that share passages count as if they did not.
    """
    draw, margins = np.random.default_rng(0), Margins(samples=_SAMPLES)
    found = {}
    for size in sizes:
        accepted = 0
        for _ in range(draws):
            row = rows[int(draw.integers(len(rows)))]
            people = draw.choice(np.asarray(row["people"]), size)
            guards = [name for name in row["failed"] if name not in ("better", "gold")]
            accepted += not guards and decide(_evidence(people.tolist(), row["gold"]), margins).promote
        found[size] = accepted / draws
    return found


def _evidence(people: Sequence[float], gold: Sequence[float]) -> Evidence:
    """Evidence with these differences; the values behind them don't matter to the gate."""
    pairs = [{f"{name}{n}": (0.5 - d / 2, 0.5 + d / 2) for n, d in enumerate(values)} for name, values in (("p", people), ("g", gold))]
    return Evidence(
        gold=pairs[1], people=pairs[0], judgements=max(len(people), Margins().min_people), outcomes=(1.0, 1.0), seconds=(1.0, 1.0)
    )
