"""Quality against cost with the embedded model: `python benchmarks/quality.py [--part NAME ...] [--lists NAME ...] [--out FILE]`.

strategies   NDCG@10 of every strategy, of the first stage and of the untrained evidence sum (`signals`), with calls, depth and tokens.
exit         early exit by patience: what it would save and change (audit), and the NDCG@10 of really closing traces.
fusion       the model's order fused with the first stage's, by weight, and how often the note about harm is made.

Lists are of the demo collection: `demo-20` the 20 graded candidates of a question in the order of RRF, `demo-100` the 100 passages that the
hybrid search finds, ungraded ones counting nothing. Questions are those of train and dev; the sealed split is never read. Intervals are
95 % percentile bootstraps over questions, differences are paired and against sliding 20/10 of the same list.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.ranking.backends.nano import NanoBackend  # noqa: E402
from app.ranking.batch import Topic, rank_all  # noqa: E402
from app.ranking.cache import Cache  # noqa: E402
from app.ranking.evaluation.metrics import ndcg, recall  # noqa: E402
from app.ranking.evaluation.significance import bootstrap, paired_bootstrap  # noqa: E402
from app.ranking.evidence import by_evidence  # noqa: E402
from app.ranking.fusion import Fusion, confident_head, fuse, harm_note  # noqa: E402
from app.ranking.models.nano.template import NanoTemplate  # noqa: E402
from app.ranking.options import strategy_args  # noqa: E402
from app.ranking.protocols import Backend, Strategy  # noqa: E402
from app.ranking.ranker import Ranker  # noqa: E402
from app.ranking.retrieval import hybrid  # noqa: E402
from app.ranking.retrieval.demo import VECTORS, load_demo  # noqa: E402
from app.ranking.retrieval.embedder import default_embedder  # noqa: E402
from app.ranking.retrieval.index import SearchIndex  # noqa: E402
from app.ranking.strategies import Consensus, Pointwise, Setwise, Single, Sliding, TopDown, Tournament, TwoLevel  # noqa: E402
from app.ranking.thinking import Settle, Thinking  # noqa: E402
from app.ranking.units import template_for_unit  # noqa: E402
from app.ranking.values import Passage, Ranking  # noqa: E402
from benchmarks.results import Results  # noqa: E402

SPLITS = ("train", "dev")
BASE = "sliding 20/10"
# `single` shows 100 passages at once, the embedded model reads at most 40.
STRATEGIES: dict[str, dict[str, Strategy]] = {
    "demo-20": {
        BASE: Sliding(),
        "sliding 10/5": Sliding(size=10, step=5),
        "two_level 10": TwoLevel(size=10),
        "top_down 10, pivot 5": TopDown(size=10, pivot=5),
        "tournament r=1": Tournament(),
        "tournament r=4": Tournament(rounds=4),
        "setwise 10, top 10": Setwise(size=10),
        "pointwise": Pointwise(),
        "consensus of 5 single": Consensus(strategy=Single()),
    },
    "demo-100": {
        BASE: Sliding(),
        "sliding 10/5": Sliding(size=10, step=5),
        "two_level": TwoLevel(),
        "top_down": TopDown(),
        "top_down, no budget": TopDown(budget=None),
        "tournament r=1": Tournament(),
        "tournament r=4": Tournament(rounds=4),
        "tournament r=10": Tournament(rounds=10),
        "setwise 20, top 10": Setwise(),
        "pointwise": Pointwise(),
        "consensus of 5 sliding": Consensus(),
    },
}
PATIENCE = (5, 10, 20, 40)
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
# The embedded model lets 256 calls wait and refuses more; the first round of a tournament is twice as wide as its rounds are on average.
_MOST_CALLS, _MOST_TOPICS = 100, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """Annotated candidates in first-stage order, with that stage's scores, and grades by question and passage."""

    name: str
    topics: tuple[Topic, ...]
    grades: Mapping[str, Mapping[str, int]]


def lists(name: str, index: SearchIndex, most: int | None = None) -> Lists:
    """The lists of one name over train and dev, in the order of the demo's questions."""
    demo = load_demo()
    grades = {query: found for split in SPLITS for query, found in demo.qrels[split].items()}
    asked = [query for query in demo.queries if query.id in grades][:most]
    topics = []
    for query in asked:
        if name == "demo-20":
            listed = index.signals.annotate(query.text, demo.listed(query.id))
            passages = hybrid.fuse([by_feature(listed, "bm25"), by_feature(listed, "cosine")], len(listed))
        else:
            passages = index.signals.annotate(query.text, index.search(query.text, 100))
        topics.append(Topic(id=query.id, query=query.text, passages=tuple(passages)))
    return Lists(name=name, topics=tuple(topics), grades={query.id: grades[query.id] for query in asked})


def by_feature(passages: Sequence[Passage], name: str) -> list[Passage]:
    """Passages by a raw evidence value, best first."""
    return sorted(passages, key=lambda passage: (-passage.features[name], passage.id))


def demo_index() -> SearchIndex:
    """The demo collection with its committed vectors."""
    with tempfile.TemporaryDirectory() as folder:
        return SearchIndex.open(load_demo().collection, Cache(Path(folder)), default_embedder(), committed=VECTORS)


async def rankings(ranker: Ranker, lists_: Lists) -> dict[str, Ranking]:
    """Rankings by question. Fails where a call was not clean or repaired, or a list could not be ranked."""
    cost = ranker.strategy.cost(len(lists_.topics[0].passages))
    side_by_side = -(-cost.calls[1] // max(1, cost.depth[0]))
    at_once = min(_MOST_TOPICS, max(1, _MOST_CALLS // max(1, side_by_side)))
    found = {}
    async for ranked in rank_all(ranker, lists_.topics, at_once):
        assert ranked.ranking is not None, ranked.error
        failed = [call.error or call.parsed.outcome for call in ranked.ranking.calls if call.parsed.outcome not in ("clean", "repaired")]
        assert not failed, failed[0]
        found[ranked.topic.id] = ranked.ranking
    return {topic.id: found[topic.id] for topic in lists_.topics}


def quality(orders: Mapping[str, Sequence[str]], lists_: Lists) -> dict[str, Any]:
    """NDCG@10 with its interval, and the values by question for paired differences."""
    values = {query: ndcg(orders[query], grades) for query, grades in lists_.grades.items()}
    interval = bootstrap(list(values.values()))
    return {
        "n": interval.n,
        "ndcg10": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "seed": interval.seed,
        "values": {query: round(value, 5) for query, value in values.items()},
    }


def ids(found: Mapping[str, Ranking]) -> dict[str, Sequence[str]]:
    """The orders alone."""
    return {query: ranking.ids for query, ranking in found.items()}


def spent(found: Mapping[str, Ranking]) -> dict[str, Any]:
    """Means per question."""
    all_ = list(found.values())
    return {
        "calls": mean(len(ranking.calls) for ranking in all_),
        "depth": mean(ranking.depth for ranking in all_),
        "tokens_in": mean(ranking.tokens[0] for ranking in all_),
        "tokens_out": mean(ranking.tokens[1] for ranking in all_),
        "requests": mean(ranking.requests for ranking in all_),
        "repaired": sum(ranking.outcome != "clean" for ranking in all_),
    }


def told(backend: Backend, strategy: Strategy) -> dict[str, Any]:
    """Model version and strategy for a result line."""
    return {"model": f"{backend.name} {backend.revision}", "strategy": {"name": strategy.name, **strategy_args(strategy)}}


def ranker_of(backend: Backend, strategy: Strategy, thinking: Thinking | None = None) -> Ranker:
    """The embedded model asked in its own profile, read as the unit that the strategy asks about."""
    template = template_for_unit(NanoTemplate(), strategy.unit)
    return Ranker(backend=backend, template=template, strategy=strategy, thinking=thinking or Thinking())


def against(row: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    """A paired difference in words."""
    found = paired_bootstrap(row["values"], base["values"])
    return f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


def score(row: Mapping[str, Any]) -> str:
    """A mean with its interval in words."""
    return f"{row['ndcg10']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def compare(results: Results, backend: Backend, lists_: Lists) -> None:
    """The table of strategies for one kind of list."""
    name = lists_.name
    fixed: dict[str, dict[str, list[str]]] = {
        "first stage": {topic.id: [p.id for p in topic.passages] for topic in lists_.topics},
        "signals": {topic.id: [p.id for p in by_evidence(topic.passages)] for topic in lists_.topics},
    }
    print(f"\n{name}, n={len(lists_.topics)}, model {backend.name} {backend.revision}: recall of the list {_recall(lists_):.3f}")
    print(f"  {'':24} {'NDCG@10 [95 %]':24} {'against sliding 20/10':26} {'calls':>6} {'depth':>6} {'read':>9} {'written':>8}")
    for label, orders in fixed.items():
        if f"{name} {label}" not in results:
            results.add(f"{name} {label}", {**quality(orders, lists_), "list": name})
    for label, strategy in STRATEGIES[name].items():
        if f"{name} {label}" not in results:
            found = asyncio.run(rankings(ranker_of(backend, strategy), lists_))
            results.add(f"{name} {label}", {**quality(ids(found), lists_), **spent(found), **told(backend, strategy), "list": name})
        if label == BASE:
            for fixed_label in fixed:
                row = results.cells[f"{name} {fixed_label}"]
                print(f"  {fixed_label:24} {score(row):24} {against(row, results.cells[f'{name} {BASE}']):26}")
        row = results.cells[f"{name} {label}"]
        print(
            f"  {label:24} {score(row):24} {against(row, results.cells[f'{name} {BASE}']):26} {row['calls']:6.1f} {row['depth']:6.1f} "
            f"{row['tokens_in']:9.0f} {row['tokens_out']:8.0f}"
        )


def _recall(lists_: Lists) -> float:
    """Share of a question's relevant passages that are in its list, mean."""
    return mean(recall([p.id for p in topic.passages], lists_.grades[topic.id], len(topic.passages)) for topic in lists_.topics)


def early_exit(results: Results, backend: Backend, lists_: Lists) -> None:
    """The table of patience values, sliding 20/10."""
    name, strategy = lists_.name, Sliding()
    if f"{name} whole" not in results:
        found = asyncio.run(rankings(ranker_of(backend, strategy), lists_))
        results.add(f"{name} whole", {**quality(ids(found), lists_), **spent(found), **told(backend, strategy), "list": name})
    base = results.cells[f"{name} whole"]
    print(f"\n{name}, early exit, top 10 settled for so many tokens; whole traces: {score(base)}, {base['tokens_out']:.0f} tokens written")
    heads = f"{'patience':>8} {'exits':>7} {'saved':>7} {'same top 10':>12}   {'NDCG@10, closed':24} {'against whole traces':26}"
    print(f"  {heads} {'read':>8} {'written':>8}")
    for patience in PATIENCE:
        if f"{name} patience {patience}" not in results:
            results.add(f"{name} patience {patience}", _exit(backend, lists_, patience, base["tokens_out"]))
        row = results.cells[f"{name} patience {patience}"]
        print(
            f"  {patience:8} {row['exits']:7.1%} {row['saved']:7.1%} {row['same_top']:12.3f}   {score(row):24} {against(row, base):26} "
            f"{row['tokens_in']:8.0f} {row['tokens_out']:8.0f}"
        )


def _exit(backend: Backend, lists_: Lists, patience: int, whole: float) -> dict[str, Any]:
    """One patience, audited and used. `saved` is the share of written tokens that the audit says it saves; `whole` tokens per question."""
    rule, strategy = Thinking(settle=Settle(top=10, patience=patience)), Sliding()
    audited = asyncio.run(rankings(ranker_of(backend, strategy, replace(rule, audit=True)), lists_))
    calls = [call.completion.forced for ranking in audited.values() for call in ranking.calls]
    exits = [forced for forced in calls if forced is not None and forced.saved_tokens is not None]
    used = asyncio.run(rankings(ranker_of(backend, strategy, rule), lists_))
    return {
        **quality(ids(used), lists_),
        **spent(used),
        "windows": len(calls),
        "exits": len(exits) / len(calls),
        "saved": sum(forced.saved_tokens or 0 for forced in exits) / (whole * len(audited)),
        "same_top": mean(forced.same_top or 0.0 for forced in exits) if exits else 1.0,
        "patience": patience,
        **told(backend, strategy),
        "list": lists_.name,
    }


def fusion(results: Results, backend: Backend, lists_: Lists) -> None:
    """The table of fusion weights, sliding 20/10. The note is about the model's own order, whatever is made of it after."""
    name, strategy = lists_.name, Sliding()
    if any(f"{name} weight {weight:g}" not in results for weight in WEIGHTS):
        found = asyncio.run(rankings(ranker_of(backend, strategy), lists_))
        notes = sum(bool(harm_note(topic.passages, found[topic.id].passages)) for topic in lists_.topics)
        sure = sum(bool(confident_head(topic.passages)) for topic in lists_.topics)
        for weight in WEIGHTS:
            fused = {t.id: fuse(Fusion(weight=weight), t.passages, found[t.id].passages) for t in lists_.topics}
            orders = {query: [passage.id for passage in passages] for query, passages in fused.items()}
            values = {**quality(orders, lists_), "weight": weight, "notes": notes, "sure": sure, "list": name}
            results.add(f"{name} weight {weight:g}", {**values, **told(backend, strategy)})
    base = results.cells[f"{name} weight 1"]
    print(f"\n{name}, fused with the first stage (weight 1 is the model's order)")
    print(f"  the first stage was sure of passages on {base['sure']} of {base['n']} lists, the note about harm was made on {base['notes']}")
    for weight in WEIGHTS:
        row = results.cells[f"{name} weight {weight:g}"]
        print(f"  {weight:5.2f} {score(row):24} {against(row, base):26}")


PARTS = {"strategies": compare, "exit": early_exit, "fusion": fusion}


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--lists", nargs="+", choices=list(STRATEGIES), default=list(STRATEGIES))
    parser.add_argument("--most", type=int, help="only so many questions, for a first look")
    parser.add_argument("--out", type=Path, help="a file for one JSON line per cell")
    parser.add_argument("--again", action="store_true", help="measure cells that the file has already")
    parser.add_argument("--plot", type=Path, help="write the picture of demo-100 there, as SVG")
    options = parser.parse_args(given)
    if options.most and options.out:
        parser.error("--most is for a first look and is not kept: leave out --most or --out")
    return options


def main() -> None:
    """Print one table per part and list."""
    options = arguments()
    index, backend = demo_index(), NanoBackend()
    found = {name: lists(name, index, options.most) for name in options.lists}
    for part in options.part:
        results = Results(f"quality {part}", options.out, again=options.again)
        for lists_ in found.values():
            PARTS[part](results, backend, lists_)
        if part == "strategies" and options.plot and "demo-100" in found:
            from benchmarks.picture import picture

            rows = {cell.removeprefix("demo-100 "): row for cell, row in results.cells.items() if row["list"] == "demo-100"}
            options.plot.write_text(picture(rows), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
