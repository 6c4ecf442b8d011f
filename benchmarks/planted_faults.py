"""How good the filters are on planted faults: `python benchmarks/planted_faults.py [--seeds N] [--items N] [--out FILE]`.

faults      precision and recall of each filter at its own threshold, of all together, and of the paper's single check (NDCG@10 of at least
            0.4), with 5, 15 and 30 % of the items faulty; recall by kind of fault; how many clean items are dropped.
statistics  which agreement of three answers tells best that one of them has a wrong order: area under the ROC curve.

The items and the faults are made by `benchmarks/planted_set.py`, which knows nothing of the filters. A fault counts as found when its
item is dropped; `all but` leaves one filter out. Numbers are means over seeds with 95 % t intervals; a precision leaves out seeds in which
nothing was dropped. Filters that need the whole set (duplicate, contamination, holdout) have no planted fault here and are left out.
Thresholds and the agreement of answers were settled on seeds 0 to 2, so that the seeds of the tables begin at 100.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from random import Random
from statistics import fmean, stdev
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.ranking.evaluation.rank_agreement import tau_ap_b, tau_b  # noqa: E402
from app.ranking.evaluation.rbo import rbo  # noqa: E402
from app.ranking.evaluation.statistic import Statistic  # noqa: E402
from app.ranking.evaluation.weak_orders import WeakOrder  # noqa: E402
from benchmarks.planted_set import FAULTS, clean_set, plant, wrong_order  # noqa: E402
from benchmarks.results import Results  # noqa: E402
from training.filters import FILTERS, dropped_by, item_scores, thresholds  # noqa: E402
from training.synthesis.values import Item  # noqa: E402

FIRST = 100
SHARES = (0.05, 0.15, 0.30)
ALL, PAPER = "all together", "NDCG@10 >= 0.4 (paper)"
# `labels` drops nothing at its own threshold; what it would do at another is measured beside the others.
TRIED = {"labels": 0.3}
TOO = "all and labels >= 0.3"
JUDGES = tuple(name for name, one in FILTERS.items() if one.judge is not None)
STATISTICS: dict[str, Callable[[WeakOrder, WeakOrder], Statistic]] = {"tau-b": tau_b, "tau_AP,b": tau_ap_b, "RBO-b (p=0.9)": rbo}
# Student's t, two-sided 95 %, by degrees of freedom (any table).
_T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 14: 2.145, 19: 2.093, 29: 2.045}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one rule dropped in one set: `hits` faulty items of `faulty`, `misses` clean ones of `clean`; found and planted by kind."""

    hits: int
    faulty: int
    misses: int
    clean: int
    kinds: Mapping[str, tuple[int, int]]

    @property
    def precision(self) -> float | None:
        """Share of the dropped items that are faulty."""
        return self.hits / (self.hits + self.misses) if self.hits + self.misses else None


def interval(values: Sequence[float | None]) -> list[float] | None:
    """[mean, low, high] of those that are numbers; None for none."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    mean = fmean(known)
    t = _T[max((df for df in _T if df <= len(known) - 1), default=1)]
    half = t * stdev(known) / math.sqrt(len(known)) if len(known) > 1 else 0.0
    return [round(value, 4) for value in (mean, max(0.0, mean - half), min(1.0, mean + half))]


def measure(items: Sequence[Item], share: float, seed: int, known: Mapping[int, Sequence[str]]) -> dict[str, Found]:
    """One planted set under each rule; `known` is by what the items are dropped without faults."""
    planted, kinds = plant(items, share, seed)
    drops = {one.number: dropped(one) if one.number in kinds else known[one.number] for one in planted}
    rules: dict[str, Callable[[Sequence[str]], bool]] = {name: lambda by, name=name: name in by for name in JUDGES}  # type: ignore[misc]
    rules |= {ALL: lambda by: bool({*by} - {*TRIED}), PAPER: lambda by: "consistency" in by, TOO: bool}
    rules |= {f"all but {name}": lambda by, name=name: bool({*by} - {*TRIED, name}) for name in JUDGES if name not in TRIED}  # type: ignore[misc]
    return {name: _found(rule, drops, kinds) for name, rule in rules.items()}


def dropped(item: Item) -> tuple[str, ...]:
    """Names of the filters that drop an item, at their own thresholds and those of TRIED."""
    return dropped_by({name: score.value for name, score in item_scores(item).items()}, thresholds(TRIED))


def _found(rule: Callable[[Sequence[str]], bool], drops: Mapping[int, Sequence[str]], kinds: Mapping[int, str]) -> Found:
    gone = {number for number, by in drops.items() if rule(by)}
    hits = len(gone & kinds.keys())
    by_kind = {
        kind: (sum(kinds[number] == kind for number in gone & kinds.keys()), sum(one == kind for one in kinds.values())) for kind in FAULTS
    }
    return Found(hits=hits, faulty=len(kinds), misses=len(gone) - hits, clean=len(drops) - len(kinds), kinds=by_kind)


def summary(runs: Sequence[Found]) -> dict[str, Any]:
    """Means with intervals over the seeds of one rule."""
    return {
        "precision": interval([one.precision for one in runs]),
        "recall": interval([one.hits / one.faulty for one in runs]),
        "clean_dropped": interval([one.misses / one.clean for one in runs]),
        "kinds": {kind: interval([one.kinds[kind][0] / one.kinds[kind][1] for one in runs]) for kind in FAULTS},
    }


def faults(results: Results, options: argparse.Namespace) -> None:
    """A table per share of faulty items."""
    wanted = [share for share in SHARES if _cell(share, options) not in results]
    runs: defaultdict[float, list[dict[str, Found]]] = defaultdict(list)
    for seed in range(FIRST, FIRST + options.seeds) if wanted else ():
        items = clean_set(seed, options.items)
        known = {one.number: dropped(one) for one in items}
        for share in wanted:
            runs[share].append(measure(items, share, seed, known))
    for share in SHARES:
        if share in runs:
            rules = {name: summary([run[name] for run in runs[share]]) for name in runs[share][0]}
            results.add(_cell(share, options), {"n": options.seeds, "items": options.items, "share": share, "rules": rules})
        _print(results.cells[_cell(share, options)])


def _cell(share: float, options: argparse.Namespace) -> str:
    return f"{share:.0%} faulty, {options.items} items, {options.seeds} seeds"


def _print(row: Mapping[str, Any]) -> None:
    print(f"\n{row['cell']}: precision, recall, clean items dropped; recall by kind ({', '.join(FAULTS)})")
    for name, found in row["rules"].items():
        cells = [_shown(found[key]) for key in ("precision", "recall", "clean_dropped")]
        print(f"  {name:24} {'  '.join(cells)}   {' '.join(_mean(found['kinds'][kind]) for kind in FAULTS)}")


def _shown(value: Sequence[float] | None) -> str:
    return "      -          " if value is None else f"{value[0]:.3f} [{value[1]:.2f}, {value[2]:.2f}]"


def _mean(value: Sequence[float] | None) -> str:
    return "   - " if value is None else f"{value[0]:.3f}"


def statistics(results: Results, options: argparse.Namespace) -> None:
    """Items with and without one wrong order among three, told apart by each statistic."""
    cell = f"one wrong order of three, {options.items} items, {options.seeds} seeds"
    if cell not in results:
        areas: defaultdict[str, list[float | None]] = defaultdict(list)
        for seed in range(FIRST, FIRST + options.seeds):
            for name, value in _areas(clean_set(seed, options.items), Random(f"statistics {seed}")).items():
                areas[name].append(value)
        results.add(cell, {"n": options.seeds, "items": options.items, "areas": {name: interval(found) for name, found in areas.items()}})
    print(f"\n{cell}: area under the ROC curve")
    for name, found in results.cells[cell]["areas"].items():
        print(f"  {name:24} {_shown(found)}")


def _areas(items: Sequence[Item], draw: Random) -> dict[str, float]:
    orders = [[one.order for one in item.samples] for item in items if item.template != "nano"]
    # The mildest fault, so that there is something to tell apart.
    spoilt = [[wrong_order(first, "one", draw), *rest] for first, *rest in orders]
    return {
        name: _area([_agreement(one, statistic) for one in orders], [_agreement(one, statistic) for one in spoilt])
        for name, statistic in STATISTICS.items()
    }


def _agreement(orders: Sequence[Sequence[str]], statistic: Callable[[WeakOrder, WeakOrder], Statistic]) -> float:
    weak = [WeakOrder.of([[id_] for id_ in order]) for order in orders]
    return fmean(statistic(a, b).value or 0.0 for a, b in combinations(weak, 2))


def _area(clean: Sequence[float], faulty: Sequence[float]) -> float:
    """Probability that a clean item agrees more than a faulty one, ties a half."""
    return sum((a > b) + 0.5 * (a == b) for a in clean for b in faulty) / (len(clean) * len(faulty))


def main() -> None:
    """Both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--items", type=int, default=320)
    parser.add_argument("--out", type=Path, help="append finished cells to this file")
    parser.add_argument("--again", action="store_true", help="measure cells again that this commit has in the file")
    options = parser.parse_args()
    results = Results("planted faults", options.out, again=options.again)
    faults(results, options)
    statistics(results, options)


if __name__ == "__main__":
    main()
