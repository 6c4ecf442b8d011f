"""`make proof update`: updates killed twenty times, and twice by the full recipe. Finished cells are lines of docs/results/update.jsonl."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.results import Results
from tests.chaos.update_kills import Plan, killed_and_not

ROOT = Path(__file__).parent.parent.parent
_KILLS = 4  # of one cell: a job is begun five times at most


def main() -> int:
    """Run the cells that are not finished at this commit; 1 where anything was done twice or came out otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help=f"of the recipe smoke in all, {_KILLS} in each cell")
    parser.add_argument("--full", type=int, default=2, help="kills of the recipe nano")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "update.jsonl")
    given = parser.parse_args()
    cells = -(-given.kills // _KILLS)
    plans = [Plan(recipe="smoke", cell=cell, cells=cells, kills=_KILLS) for cell in range(cells)]
    plans += [Plan(recipe="nano", kills=given.full)] if given.full else []
    results, wrong = Results("update", given.out), 0
    for plan in plans:
        name = f"{plan.recipe}, {plan.kills} kills, {plan.cell + 1} of {plan.cells}"
        if name not in results:
            with tempfile.TemporaryDirectory(prefix="reasonrank-update-") as folder:
                results.add(name, asdict(killed_and_not(Path(folder), plan)))
        wrong += results.cells[name]["problems"] != []
        sys.stderr.write(f"{name}: {results.cells[name]}\n")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
