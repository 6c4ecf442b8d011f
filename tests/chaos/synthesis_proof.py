"""`make proof synthesis`: a synthesis killed twenty times. A finished cell is a line of docs/results/synthesis.jsonl."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.results import Results
from tests.chaos.synthesis_kills import Plan, killed_and_not

ROOT = Path(__file__).parent.parent.parent
_KILLS = 4  # of one cell


def main() -> int:
    """Run the cells that are not finished at this commit; 1 where anything was asked twice or came out otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help=f"in all, {_KILLS} in each cell")
    parser.add_argument("--queries", type=int, default=20, help="of each of the two domains")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "synthesis.jsonl")
    given = parser.parse_args()
    results, wrong = Results("synthesis", given.out), 0
    for seed in range(-(-given.kills // _KILLS)):
        kills = min(_KILLS, given.kills - seed * _KILLS)
        cell = f"seed {seed}, {kills} kills"
        if cell not in results:
            with tempfile.TemporaryDirectory(prefix="reasonrank-kills-") as folder:
                results.add(cell, asdict(killed_and_not(Path(folder), Plan(seed=seed, kills=kills, queries=given.queries))))
        wrong += results.cells[cell]["problems"] != []
        sys.stderr.write(f"{cell}: {results.cells[cell]}\n")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
