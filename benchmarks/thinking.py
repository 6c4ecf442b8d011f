"""Could a router tell where the embedded model's trace is worth it: `python benchmarks/thinking.py [--lists NAME ...] [--out FILE]`.

The embedded model has no direct answer (its order follows from its trace), so the cheapest order that needs no trace stands for one: the
untrained sum of the six signals (`signals`). Both are measured on every list; a router is fitted on the demo's train and dev questions
and checked there by repeated cross-validation, against always, never, a coin, and an oracle. Where NovelEval and EntailmentBank dev lie
beside the project, the router of the demo's graded lists is applied to them; nothing is ever fitted on those two.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.ranking.backends.nano import NanoBackend  # noqa: E402
from app.ranking.batch import Topic  # noqa: E402
from app.ranking.evaluation.metrics import ndcg  # noqa: E402
from app.ranking.evaluation.thought.fitting import Checked, Folds, Seen, applied, check, fit  # noqa: E402
from app.ranking.evidence import by_evidence  # noqa: E402
from app.ranking.protocols import Backend  # noqa: E402
from app.ranking.query_features import features  # noqa: E402
from app.ranking.strategies import Sliding  # noqa: E402
from app.ranking.values import Passage  # noqa: E402
from benchmarks.embedded import outside_sets  # noqa: E402
from benchmarks.quality import Lists, demo_index, lists, ranker_of, rankings  # noqa: E402
from benchmarks.results import Results  # noqa: E402

MEASURE, CUT = "nDCG@10", 10
DEMO = ("demo-20", "demo-100")


def seen(backend: Backend, held: Lists) -> list[Seen]:
    """Every list both ways."""
    done = asyncio.run(rankings(ranker_of(backend, Sliding()), held))

    def value(topic: Topic, order: Sequence[Passage]) -> float:
        return ndcg([passage.id for passage in order], held.grades[topic.id], CUT)

    return [
        Seen(
            key=topic.id,
            features=features(topic.query, topic.passages),
            reasoned=value(topic, done[topic.id].passages),
            direct=value(topic, by_evidence(list(topic.passages))),
            tokens_reasoned=done[topic.id].tokens[1],
        )
        for topic in held.topics
    ]


def outside() -> Iterator[Lists]:
    """The sets beside the project, as lists."""
    for name, found in outside_sets():
        topics = tuple(Topic(id=topic.id, query=topic.query, passages=tuple(topic.passages)) for topic in found)
        grades: Mapping[str, Mapping[str, int]] = {topic.id: topic.grades for topic in found}
        yield Lists(name=name, topics=topics, grades=grades)


def show(name: str, checked: Checked) -> None:
    """A block of lines."""
    ways = ", ".join(f"{way} {value:.4f}" for way, value in checked.quality.items())
    coin = checked.over_chance
    print(f"\n{name} (n = {checked.n}): {ways}")
    print(f"  a trace for {checked.reasoned_share:.0%}, right {checked.right if checked.right is None else round(checked.right, 3)}")
    print(f"  over a coin {coin.mean:+.4f} [{coin.low:+.4f}, {coin.high:+.4f}]")
    print(f"  {checked.verdict}")


def kept(results: Results, cell: str, checked: Checked, more: Mapping[str, Any]) -> None:
    """Show a cell and keep it."""
    show(cell, checked)
    results.add(cell, {**checked.plain, "measure": MEASURE, **more})


def main() -> None:
    """Print a block per list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lists", nargs="+", choices=DEMO, default=list(DEMO))
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a file for one JSON line per cell")
    options = parser.parse_args()
    index, backend, how = demo_index(), NanoBackend(), Folds(repeats=options.repeats, seed=options.seed)
    results = Results("thinking", options.out, again=True)
    measured = {name: seen(backend, lists(name, index)) for name in options.lists}
    told = {"reasoned": "nano", "direct": "signals", "revision": backend.revision}
    for name, found in measured.items():
        kept(results, f"{name}, cross-validated", check(found, measure=MEASURE, how=how), told)
    if "demo-20" not in measured:
        return
    router = fit(measured["demo-20"], measure=MEASURE)
    for weight in sorted(router.weights, key=lambda one: -abs(one.weight)):
        print(f"  {weight.weight:+.4f} {weight.name}")
    for held in outside():
        kept(results, f"{held.name}, router of demo-20", applied(router, seen(backend, held), seed=options.seed), told)


if __name__ == "__main__":
    main()
