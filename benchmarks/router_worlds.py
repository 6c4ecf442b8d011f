"""What the check of a router claims in worlds where the truth is known: `python benchmarks/router_worlds.py [--worlds N] [--out FILE]`.

A trace adds `lift` points where the query is a question and takes as many elsewhere, and `mean` everywhere, with noise of 0.1 per query;
five further features are noise. With lift 0 nothing can be known: whatever is claimed there is false. Shares of `--worlds` worlds.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from statistics import fmean

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.ranking.evaluation.thought.fitting import Folds, Seen, check  # noqa: E402
from benchmarks.results import Results  # noqa: E402

NOISE_FEATURES = ("words", "symbols", "candidates", "best", "gap")
NOISE = 0.1
# (queries, lift, mean gain)
WORLDS = ((80, 0.0, 0.0), (80, 0.0, 0.03), (200, 0.0, 0.02), (80, 0.05, 0.0), (80, 0.1, 0.0), (80, 0.2, 0.0), (200, 0.05, 0.0))


def world(seed: int, *, n: int = 80, lift: float, mean: float = 0.0) -> list[Seen]:
    """n queries; a trace writes 100 tokens, a direct answer 10."""
    draw = random.Random(seed)
    seen = []
    for number in range(n):
        known = {name: draw.gauss(0.0, 1.0) for name in NOISE_FEATURES}
        known["asks"] = float(draw.random() < 0.5)
        gain = (lift if known["asks"] else -lift) + draw.gauss(mean, NOISE)
        seen.append(Seen(key=str(number), features=known, reasoned=0.5 + gain, direct=0.5, tokens_reasoned=100.0, tokens_direct=10.0))
    return seen


def main() -> None:
    """Print a line per kind of world."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--out", type=Path, help="a file for one JSON line per cell")
    options = parser.parse_args()
    results = Results("router_worlds", options.out, again=True)
    print("queries, lift, mean gain: claims of a gain, of a saving; mean over the better fixed way, and what an oracle gets")
    for n, lift, mean in WORLDS:
        found = [
            check(world(options.seed + at, n=n, lift=lift, mean=mean), measure="nDCG@10", how=Folds(repeats=5))
            for at in range(options.worlds)
        ]
        row = {
            "n": n,
            "lift": lift,
            "mean": mean,
            "worlds": options.worlds,
            "gains": sum(one.gains for one in found),
            "saves": sum(one.saves and not one.gains for one in found),
            "over_better": fmean(min(one.over_reasoned.mean, one.over_direct.mean) for one in found),
            "oracle": fmean(one.quality["oracle"] - max(one.quality["reasoned"], one.quality["direct"]) for one in found),
        }
        results.add(f"{n} queries, lift {lift:g}, mean {mean:g}", row)
        claims = f"{row['gains']:4} {row['saves']:4}"
        print(f"  {n:4} {lift:5.2f} {mean:5.2f}: {claims}   {row['over_better']:+.4f} {row['oracle']:+.4f}", flush=True)


if __name__ == "__main__":
    main()
