"""`make proof ray`: a cluster of two nodes, one killed at different moments. A finished cell is a line of docs/results/ray.jsonl."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.results import Results
from tests.chaos.ray_kills import Plan, killed_node

ROOT = Path(__file__).parent.parent.parent
_MOMENTS = (0.0, 0.2, 0.5, 0.8)


def main() -> int:
    """Run the cells that are not finished at this commit; 1 where anything was lost, doubled or came out otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=float, nargs="*", default=list(_MOMENTS), help="share of calls at which a node dies; 0: never")
    parser.add_argument("--queries", type=int, default=20, help="of each of the two domains")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "ray.jsonl")
    given = parser.parse_args()
    results, wrong = Results("ray", given.out), 0
    for at in given.moments:
        cell = f"{given.queries} queries, node dies at {at:.0%}" if at else f"{given.queries} queries, no node dies"
        if cell not in results:
            with tempfile.TemporaryDirectory(prefix="reasonrank-ray-") as folder:
                results.add(cell, asdict(killed_node(Path(folder), Plan(queries=given.queries, at=at))))
        wrong += results.cells[cell]["problems"] != []
        sys.stderr.write(f"{cell}: {results.cells[cell]}\n")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
