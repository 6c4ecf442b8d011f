"""Listwise against pointwise on one server: `python benchmarks/latency.py [--at-once 1 8 ...] [--scale X] [--out FILE]`.

Both ways reason before they answer: listwise as ReasonRank does (windows of 20 in a chain, or in two levels), pointwise as Rank1 does (a
call per passage, all at once, scored by log-probabilities). A real vLLM server serves one small model that recites (`reciting.py`): every
trace is as long as it was laid down, by default a quarter of what both published models write (ReasonRank 560 tokens a window and 6 a
passage, Rank1 250 a passage), and passages are cut to the same share. So calls, depth and tokens carry over to big models; seconds and
their ratio are those of this machine, this model and these lengths. One client process on the same cores, which is in the seconds.

The server's Python is .venv-engine (`make engine`), or REASONRANK_ENGINE_PYTHON. Passages are random ones of the demo collection.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.ranking.backends.openai import Endpoint, Limits, OpenAIBackend  # noqa: E402
from app.ranking.batch import Topic, rank_all  # noqa: E402
from app.ranking.options import strategy_args  # noqa: E402
from app.ranking.prompts import builtin_profile  # noqa: E402
from app.ranking.protocols import Strategy  # noqa: E402
from app.ranking.ranker import Ranker  # noqa: E402
from app.ranking.retrieval.demo import load_demo  # noqa: E402
from app.ranking.strategies import Pointwise, Sliding, TwoLevel  # noqa: E402
from app.ranking.values import Passage, Ranking, Sampling  # noqa: E402
from benchmarks.reciting import Size, make_model  # noqa: E402
from benchmarks.results import Results  # noqa: E402
from benchmarks.vllm_server import Served, engine_python, serving  # noqa: E402

DEPTH = 100
# What the published models write, per call: ReasonRank over 20 passages, Rank1 over one (typical of their profiles).
LIST_TOKENS, POINT_TOKENS = 560 + 6 * 20, 250
_OPTIONS = (
    "--dtype", "float32", "--enforce-eager", "--max-model-len", "8192", "--max-num-seqs", "128", "--no-enable-log-requests",
)  # fmt: skip
_START_WITHIN_SECONDS = 1200  # of a busy machine; an idle one takes about one minute
WAYS: dict[str, Strategy] = {"pointwise": Pointwise(), "sliding 20/10": Sliding(), "two_level": TwoLevel()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A batch of queries: the wall of all, and each ranking."""

    seconds: float
    rankings: tuple[Ranking, ...]


def ranker(address: str, strategy: Strategy) -> Ranker:
    """The profile of the published model and greedy decoding; the chain is chosen by the chat template."""
    point = strategy.unit == "passage"
    endpoint = Endpoint(
        name="recites", address=address, model="recites", logprobs=True, template_args={"manner": "point" if point else "list"}
    )
    sampling = Sampling(max_tokens=2048, top_logprobs=10 if point else 0)
    limits = Limits(first=600.0, total=1200.0, concurrent=128)
    template = builtin_profile("pointwise" if point else "reasonrank")
    return Ranker(backend=OpenAIBackend(endpoint, limits), template=template, strategy=strategy, sampling=sampling)


def topics(seed: int, count: int, scale: float = 1.0) -> list[Topic]:
    """Queries of the demo's train and dev splits over random passages of it; another seed shares no list, so that no prefix is known.

    Of each passage the first `scale` of its words are kept, so that reading and writing shrink alike.
    """
    demo, draw = load_demo(), random.Random(seed)
    open_ = [query for query in demo.queries if query.metadata["split"] != "sealed"]
    asked = draw.choices(open_, k=count)
    passages = sorted(demo.collection.by_id.values(), key=lambda passage: passage.id)
    return [
        Topic(
            id=f"{seed}-{at}", query=f"{query.text} ({seed}.{at})", passages=tuple(_cut(one, scale) for one in draw.sample(passages, DEPTH))
        )
        for at, query in enumerate(asked)
    ]


def _cut(passage: Passage, scale: float) -> Passage:
    words = passage.text.split()
    return Passage(id=passage.id, text=" ".join(words[: max(1, round(scale * len(words)))]), score=passage.score)


async def timed(one: Ranker, asked: Sequence[Topic]) -> Timed:
    """All at once."""
    began = time.perf_counter()
    done = [ranked.ranking async for ranked in rank_all(one, asked, len(asked))]
    found = tuple(ranking for ranking in done if ranking is not None)
    assert len(found) == len(asked) and all(ranking.outcome == "clean" for ranking in found), [r.outcome for r in found]
    return Timed(seconds=time.perf_counter() - began, rankings=found)


def measure(address: str, at_once: int, repeats: int, scale: float) -> dict[str, list[Timed]]:
    """Batches of `at_once` queries, `repeats` times, the ways in turn each time, so that what else the machine does meets all of them."""
    rankers = {name: ranker(address, strategy) for name, strategy in WAYS.items()}
    runs: dict[str, list[Timed]] = {name: [] for name in WAYS}
    for seed in range(repeats):
        for name, one in rankers.items():
            runs[name].append(asyncio.run(timed(one, topics(1000 * at_once + seed, at_once, scale))))
    return runs


def figures(strategy: Strategy, at_once: int, runs: Sequence[Timed]) -> dict[str, Any]:
    """A cell: numbers per query. `seconds_per_query` is the wall of a batch by its size, `waited` what one query waited for its ranking."""
    rankings = [ranking for run in runs for ranking in run.rankings]
    return {
        "n": len(rankings),
        "at_once": at_once,
        "seconds_per_query": median(run.seconds / at_once for run in runs),
        "least": min(run.seconds / at_once for run in runs),
        "most": max(run.seconds / at_once for run in runs),
        "waited": median(ranking.seconds for ranking in rankings),
        "calls": mean(len(ranking.calls) for ranking in rankings),
        "depth": mean(ranking.depth for ranking in rankings),
        "tokens_in": mean(ranking.tokens[0] for ranking in rankings),
        "tokens_out": mean(ranking.tokens[1] for ranking in rankings),
        "strategy": {"name": strategy.name, **strategy_args(strategy)},
    }


def table(results: Results, at_once: int) -> None:
    """One block: every way at so many queries at once, and how many times as long pointwise takes."""
    head = "seconds [least, most], waited, calls, depth, tokens read, tokens written, times as fast as pointwise"
    print(f"\n{at_once} at once, per query: {head}")
    base = results.cells[f"pointwise, {at_once} at once"]["seconds_per_query"]
    for name in WAYS:
        row = results.cells[f"{name}, {at_once} at once"]
        print(
            f"  {name:14} {row['seconds_per_query']:7.2f} [{row['least']:.2f}, {row['most']:.2f}] {row['waited']:8.2f} {row['calls']:6.0f} "
            f"{row['depth']:4.0f} {row['tokens_in']:9,.0f} {row['tokens_out']:8,.0f}  {base / row['seconds_per_query']:5.2f}"
        )


def main() -> None:
    """Make the model, start the server, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 8])
    parser.add_argument(
        "--scale", type=float, default=0.25, help="share of the published lengths that each call writes, and of each passage"
    )
    parser.add_argument("--repeats", type=int, default=3, help="batches per cell")
    parser.add_argument("--out", type=Path, help="a file for one JSON line per cell")
    parser.add_argument("--again", action="store_true", help="measure cells that the file has already")
    options = parser.parse_args()
    try:
        engine_python()
    except FileNotFoundError as error:
        parser.error(str(error))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the server is ended with this process
    size = Size(list_tokens=round(LIST_TOKENS * options.scale), point_tokens=round(POINT_TOKENS * options.scale))
    results = Results("latency", options.out, again=options.again)
    with tempfile.TemporaryDirectory() as name, ExitStack() as open_:
        folder = Path(name)
        make_model(folder / "model", [passage.text for passage in load_demo().collection.by_id.values()], size)
        served = Served(folder=folder / "model", name="recites", options=_OPTIONS, cache=2)
        address = open_.enter_context(serving(served, folder / "log.txt", _START_WITHIN_SECONDS))
        for strategy in WAYS.values():  # the first requests of a server are slow
            asyncio.run(timed(ranker(address, strategy), topics(0, 1, options.scale)))
        for at_once in options.at_once:
            if any(f"{name}, {at_once} at once" not in results for name in WAYS):
                told = {"scale": options.scale, "list_tokens": size.list_tokens, "point_tokens": size.point_tokens, "model": "recites"}
                for name, runs in measure(address, at_once, options.repeats, options.scale).items():
                    values = {**figures(WAYS[name], at_once, runs), **told, "load": os.getloadavg()[0]}
                    results.add(f"{name}, {at_once} at once", values)
            table(results, at_once)


if __name__ == "__main__":
    main()
