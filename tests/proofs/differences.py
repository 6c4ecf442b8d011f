"""`make proof differences`: ten planted differences in each of many worlds; a finished world is a line of docs/results/differences.jsonl.

A cell fails where fewer than nine of its ten causes are named first, or where shares and effects don't add up.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

from app.ranking.evaluation.bundles.compare import compare
from benchmarks.results import Results
from tests.ranking.bundles.plants import CAUSES, planted

ROOT = Path(__file__).parent.parent.parent
_LEAST, _SAMPLES = 9, 100


def main() -> int:
    """Plant in the worlds that are not finished at this commit; 1 where a cell fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=40)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "differences.jsonl")
    given = parser.parse_args()
    results, failed = Results("differences", given.out), 0
    for number in range(given.worlds):
        cell = f"world {number}"
        if cell not in results:
            results.add(cell, world(number))
        failed += results.cells[cell]["failed"]
        sys.stderr.write(f"{cell}: {results.cells[cell]}\n")
    right = sum(results.cells[f"world {number}"]["right"] for number in range(given.worlds))
    sys.stderr.write(f"{right} of {len(CAUSES) * given.worlds} causes named first, {failed} worlds failed\n")
    return int(failed > 0)


def world(number: int) -> dict[str, Any]:
    """The ten differences in one world: how many were named first, and what was named instead of the others."""
    wrong: dict[str, list[str]] = {}
    sums = True
    for cause in CAUSES:
        with tempfile.TemporaryDirectory(prefix="differences-") as folder:
            both = planted(cause, Path(folder), number)
            found = compare(both.first, both.second, samples=_SAMPLES)
        named = [one.name for one in found.causes]
        if named[:1] != [cause]:
            wrong[cause] = named
        sums &= math.isclose(sum(one.effect for one in found.causes), found.change, abs_tol=1e-9)
        sums &= math.isclose(sum(one.share for one in found.causes), 1.0) or not found.change
    right = len(CAUSES) - len(wrong)
    return {"right": right, "of": len(CAUSES), "wrong": wrong, "adds_up": sums, "failed": right < _LEAST or not sums}


if __name__ == "__main__":
    sys.exit(main())
