"""`make proof chaos [ARGS="--seeds 0-199"]`: schedules in blocks of 50; a finished block is a line of docs/results/chaos.jsonl."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from benchmarks.results import Results
from tests.chaos.saves import Outcome, schedules

ROOT = Path(__file__).parent.parent.parent
_BLOCK = 50


def main() -> int:
    """Run the blocks that are not finished at this commit; 1 where anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0-199", help="FIRST-LAST; 10,000 schedules are 0-9999")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "chaos.jsonl")
    given = parser.parse_args()
    first, last = (int(part) for part in given.seeds.split("-"))
    results, wrong = Results("chaos", given.out), 0
    for start in range(first, last + 1, _BLOCK):
        block = range(start, min(start + _BLOCK, last + 1))
        cell = f"seeds {block[0]}-{block[-1]}"
        if cell not in results:
            results.add(cell, _summed(schedules(block)))
        wrong += results.cells[cell]["problems"] != []
        sys.stderr.write(f"{cell}: {results.cells[cell]}\n")
    return int(wrong > 0)


def _summed(outcomes: list[Outcome]) -> dict[str, object]:
    faults = sum((Counter(outcome.faults) for outcome in outcomes), Counter())
    return {
        "schedules": len(outcomes), "saves": sum(one.saves for one in outcomes), "refused": sum(one.refused for one in outcomes),
        "kills": sum(one.kills for one in outcomes), "faults": dict(sorted(faults.items())),
        "seconds": round(sum(one.seconds for one in outcomes), 1),
        "problems": [f"seed {one.seed}: {problem}" for one in outcomes for problem in one.problems],
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
