"""Strategies against a server with slots: `python benchmarks/strategies.py [--part NAME ...] [--service SECONDS] [--out FILE]`.

walls        calls, depth and wall of each strategy over 100 passages, one query on 20 slots, beside the bound
             service x max(depth, calls / slots): no schedule can be faster.
bookkeeping  milliseconds that driver, strategy and parser cost per window, with a backend that answers at once and a prompt of one line.
rendering    milliseconds to make the prompt of 20 passages, per profile, for the first time and with its passages remembered.
busy         share of 64 slots kept busy by 200 queries of 100 passages, between the first and the last moment of full load, and in all.
batches      the same queries as batches with a barrier after every window, as the official code runs them, beside ours; calls differ in
             length and each takes as long in both.
memory       resident memory after 1,000 and after 10,000 windows, in a process of its own.

The server is `benchmarks/slots.py`. With --out every finished cell is appended as a JSON line, and cells of this commit are not run again.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.ranking.backends.openai import OpenAIBackend  # noqa: E402
from app.ranking.batch import Topic, rank_all  # noqa: E402
from app.ranking.evidence import SIGNALS  # noqa: E402
from app.ranking.options import strategy_args  # noqa: E402
from app.ranking.prompts import builtin_profile, template_for  # noqa: E402
from app.ranking.protocols import PromptTemplate, Strategy, Tokenizer  # noqa: E402
from app.ranking.ranker import Ranker  # noqa: E402
from app.ranking.retrieval.demo import load_collection_of  # noqa: E402
from app.ranking.strategies import Consensus, Pointwise, Setwise, Single, Sliding, TopDown, Tournament, TwoLevel  # noqa: E402
from app.ranking.thinking import pieces  # noqa: E402
from app.ranking.tokens import WordTokenizer  # noqa: E402
from app.ranking.units import template_for_unit  # noqa: E402
from app.ranking.values import Completion, Delta, Message, Passage, Prompt, Ranking, Round, Sampling, WindowDone  # noqa: E402
from benchmarks.results import Results  # noqa: E402
from benchmarks.slots import Service, Slots, listed, serving, true_top  # noqa: E402

QUERY = "which passage is worth most?"
ASKED: dict[str, Strategy] = {
    "single": Single(),
    "sliding 20/10": Sliding(),
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
}
RENDERED = ("studio", "direct", "rankgpt", "reasonrank", "reasonrank-qwen3", "insertrank", "setwise", "pointwise", "nano")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """One run of one query: `found` is the share of the true top 10 in the ranking's top 10, `bound` in seconds."""

    calls: int
    depth: int
    seconds: float
    bound: float
    found: float
    outcome: str

    @property
    def efficiency(self) -> float:
        """Bound over wall: 1 where the server could not have been used better."""
        return self.bound / self.seconds


def bound(service: Service, calls: int, depth: int) -> float:
    """Seconds that no schedule can beat: the chain of calls that wait for each other, or all calls on all slots."""
    return service.seconds * max(depth, -(-calls // service.slots))


def slot_ranker(slots: Slots, strategy: Strategy, *, profile: str = "studio") -> Ranker:
    """Our own backend, and the profile for the unit that the strategy asks about."""
    return Ranker(backend=slots.backend(), template=template_for_unit(builtin_profile(profile), strategy.unit), strategy=strategy)


async def wall(slots: Slots, service: Service, strategy: Strategy, seed: int, n: int = 100) -> Wall:
    """Rank one list of n passages."""
    passages = listed(seed, n)
    began = time.perf_counter()
    ranking = await slot_ranker(slots, strategy).rank_async(QUERY, passages)
    seconds, calls = time.perf_counter() - began, len(ranking.calls)
    found = len(set(true_top(passages)) & set(ranking.ids[:10])) / 10
    floor = bound(service, calls, ranking.depth)
    return Wall(calls=calls, depth=ranking.depth, seconds=seconds, bound=floor, found=found, outcome=ranking.outcome)


def walls(results: Results, options: argparse.Namespace) -> None:
    """One table: each strategy `--repeats` times, each time over another list."""
    service = Service(seconds=options.service)
    print(
        f"\none query on {service.slots} slots of {service.seconds:g} s: calls, depth, wall, bound, efficiency (lowest), true top 10 found"
    )
    with serving(service) as slots:
        asyncio.run(wall(slots, service, Single(), 0))  # the first call of a process imports the client
        for label, strategy in ASKED.items():
            if label not in options.only:
                continue
            cell = f"{label}, {service.seconds:g} s"
            if cell not in results:
                runs = [asyncio.run(wall(slots, service, strategy, seed)) for seed in range(options.repeats)]
                results.add(cell, {"n": len(runs), **_walls(runs), "service": service.seconds, "slots": service.slots, **told(strategy)})
            row = results.cells[cell]
            print(
                f"  {label:24} {row['calls']!s:>12} {row['depth']!s:>12} {row['seconds']:8.2f} {row['bound']:8.1f} "
                f"{row['efficiency']:6.3f} ({row['lowest']:.3f}) {row['found']:5.2f}"
            )


def _walls(runs: Sequence[Wall]) -> dict[str, Any]:
    values = [run.efficiency for run in runs]
    assert all(run.outcome == "clean" for run in runs), "a call of the slot server was not clean"
    return {
        "calls": sorted({run.calls for run in runs}),
        "depth": sorted({run.depth for run in runs}),
        "seconds": median(run.seconds for run in runs),
        "bound": median(run.bound for run in runs),
        "efficiency": sum(values) / len(values),
        "lowest": min(values),
        "highest": max(values),
        "found": sum(run.found for run in runs) / len(runs),
    }


def told(strategy: Strategy) -> dict[str, Any]:
    """A strategy for a result line."""
    return {"strategy": {"name": strategy.name, **strategy_args(strategy)}, "model": "slot server", "seed": 0}


class Instant:
    """A backend that answers at once with one and the same list, after a trace of so many pieces."""

    name, revision = "instant", ""
    can: frozenset[str] = frozenset()

    def __init__(self, trace: int = 0) -> None:
        self.tokenizer = WordTokenizer()
        listed_ = " > ".join(f"[{number}]" for number in range(20, 0, -1))
        self._answer = f"<answer>{listed_}</answer>" if trace else listed_
        self._trace = [f" [{number % 20 + 1}] says" for number in range(trace)]

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
        """The trace piece by piece, the answer in one, and the completion."""
        for piece in self._trace:
            yield Delta(channel="reasoning", text=piece)
        yield Delta(channel="answer", text=self._answer)
        yield Completion(answer=self._answer, reasoning="".join(self._trace), tokens_in=1, tokens_out=1, counted=True)

    async def aclose(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True)
class OneLine:
    """A profile with a prompt that costs nothing to make."""

    inner: PromptTemplate

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def render(self, query: str, window: Sequence[Passage], tokenizer: Tokenizer) -> Prompt:
        """Not the passages."""
        return Prompt(messages=(Message(role="user", content=query),), template="one line", size=len(window))


async def window_times(ranker: Ranker, passages: Sequence[Passage]) -> list[float]:
    """Seconds from the end of each window to the end of the next."""
    seconds, before = [], time.perf_counter()
    async for event in ranker.stream_rank(QUERY, passages):
        if isinstance(event, WindowDone):
            seconds.append(time.perf_counter() - before)
            before += seconds[-1]
    return seconds


def bookkeeping(results: Results, options: argparse.Namespace) -> None:
    """Median and p95 per window over `--runs` runs of nine windows, the first tenth left out: an answer alone, and after a long trace."""

    async def measure(trace: int, runs: int) -> list[float]:
        template = OneLine(builtin_profile("studio" if trace else "direct"))
        ranker, passages = Ranker(backend=Instant(trace), template=template, strategy=Sliding()), listed(0)
        times = [await window_times(ranker, passages) for _ in range(runs)]
        return [seconds * 1000 for run in times[runs // 10 :] for seconds in run]

    print("\nbookkeeping per window, ms: median, p95, worst")
    for trace in (0, 750):
        cell = f"trace of {trace} pieces"
        if cell not in results:
            found = asyncio.run(measure(trace, options.runs // (10 if trace else 1)))
            values = {"n": len(found), "median_ms": median(found), "p95_ms": at_share(found, 0.95), "worst_ms": max(found)}
            results.add(cell, {**values, **told(Sliding()), "model": "canned"})
        row = results.cells[cell]
        print(f"  {cell:22} {row['median_ms']:7.3f} {row['p95_ms']:7.3f} {row['worst_ms']:7.2f}   n={row['n']}")


def at_share(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed."""
    return sorted(values)[max(0, -(-int(share * 100) * len(values) // 100) - 1)]


def rendering(results: Results, options: argparse.Namespace) -> None:
    """Median milliseconds per profile over the demo's passages, 20 at a time: `cold` never seen before, `warm` once more."""
    evidence = dict.fromkeys(SIGNALS, 0.5)
    passages = [replace(passage, score=1.0, features=evidence) for passage in load_collection_of().passages]
    print("\nrendering 20 passages of the demo: ms for new ones, and for ones seen before (medians)")
    for name in RENDERED:
        if name not in results:
            template, size = template_for(name), 1 if name == "pointwise" else 20
            windows = [passages[start : start + size] for start in range(0, 440, size)]
            render = partial(template.render, QUERY, tokenizer=WordTokenizer())
            cold, warm = (median(timed(render, windows)) for _ in range(2))
            results.add(name, {"n": len(windows), "cold_ms": cold, "warm_ms": warm, "passages": size})
        row = results.cells[name]
        print(f"  {name:18} {row['cold_ms']:8.3f} {row['warm_ms']:8.3f}   n={row['n']}, {row['passages']} passages")


def timed(work: Callable[[Any], object], items: Sequence[Any]) -> list[float]:
    """Milliseconds per item."""
    found = []
    for item in items:
        began = time.perf_counter()
        work(item)
        found.append((time.perf_counter() - began) * 1000)
    return found


def topics(count: int, n: int = 100) -> list[Topic]:
    """Queries of n passages."""
    return [Topic(id=f"q{seed}", query=f"{QUERY} ({seed})", passages=listed(seed, n)) for seed in range(count)]


async def pipelined(ranker: Ranker, asked: Sequence[Topic], at_once: int) -> list[Ranking]:
    """All queries side by side, each at its own pace."""
    found = [ranked.ranking async for ranked in rank_all(ranker, asked, at_once)]
    return [ranking for ranking in found if ranking is not None]


async def barriers(backend: OpenAIBackend, template: PromptTemplate, asked: Sequence[Topic]) -> None:
    """The k-th windows of all queries as one batch; the next batch begins when the last of its calls has ended."""
    plans = [Sliding().plan(topic.passages) for topic in asked]
    steps: list[Any] = [next(plan) for plan in plans]

    async def one(query: str, step: Round) -> Any:
        (window,) = step.windows
        prompt = template.render(query, window.passages, backend.tokenizer)
        said = [piece async for piece in pieces(backend, prompt, template.sampling) if isinstance(piece, Completion)]
        return template.parse(said[0], len(window.passages))

    for _ in range(Sliding().cost(len(asked[0].passages)).calls[0] - 1):
        answers = await asyncio.gather(*(one(topic.query, step) for topic, step in zip(asked, steps, strict=True)))
        steps = [plan.send([answer]) for plan, answer in zip(plans, answers, strict=True)]
    await asyncio.gather(*(one(topic.query, step) for topic, step in zip(asked, steps, strict=True)))


def busy(results: Results, options: argparse.Namespace) -> None:
    """One table: service time and queries under way against the share of slots in use, at full load and from first to last call."""
    count = options.queries
    print(f"\n{count} queries of 100 passages on 64 slots: share of slots busy between full loads, over the whole wall; seconds, calls")
    for seconds, at_once in itertools.product(options.busy_service, options.at_once):
        cell = f"{seconds:g} s, {at_once} at once"
        if cell not in results:
            with serving(Service(slots=64, seconds=seconds)) as slots:
                ranker = slot_ranker(slots, Sliding(), profile="direct")
                asyncio.run(ranker.rank_async(QUERY, listed(0, 20)))
                slots.reset()
                found = asyncio.run(pipelined(ranker, topics(count), at_once))
                assert len(found) == count and all(ranking.outcome == "clean" for ranking in found)
                results.add(cell, {"n": count, "at_once": at_once, "slots": 64, **slots.stats(), **told(Sliding())})
        row = results.cells[cell]
        print(f"  {cell:24} {row['share']:6.1%} {row['overall']:6.1%}   {row['span']:6.1f} of {row['whole']:6.1f} s, {row['calls']} calls")


def batches(results: Results, options: argparse.Namespace) -> None:
    """One line per load: wall of both, and their ratio."""
    low = options.service / 5
    print(f"\ncalls of {low:g}-{6 * low:g} s on 64 slots: wall of batches with a barrier after every window, of ours, ratio")
    for count in options.batches:
        cell = f"{count} queries, {low:g}-{6 * low:g} s"
        if cell not in results:
            service = Service(slots=64, seconds=low, spread=5 * low, seed=1)
            with serving(service) as slots:
                ranker, asked = slot_ranker(slots, Sliding(), profile="direct"), topics(count)
                asyncio.run(ranker.rank_async(QUERY, listed(0, 20)))
                began = time.perf_counter()
                asyncio.run(barriers(slots.backend(), ranker.template, asked))
                theirs = time.perf_counter() - began
                asyncio.run(pipelined(ranker, asked, max(128, count)))
                ours = time.perf_counter() - began - theirs
            values = {"n": count, "slots": 64, "low": low, "high": 6 * low, "barrier": theirs, "ours": ours, "ratio": theirs / ours}
            results.add(cell, {**values, **told(Sliding()), "seed": 1})
        row = results.cells[cell]
        print(f"  {cell:22} {row['barrier']:7.1f} {row['ours']:7.1f} {row['ratio']:6.2f}")


def resident() -> float:
    """MiB of this process in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 2**20


async def grown(ranker: Ranker, marks: Sequence[int]) -> list[float]:
    """Resident MiB after so many windows each: runs of nine windows, 16 at once, results dropped."""
    done, found = 0, list[float]()

    def endless() -> Any:
        # Every list is another one, so that whatever is remembered by content has to be forgotten too.
        seed = 0
        while len(found) < len(marks):
            yield Topic(id=str(seed), query=QUERY, passages=listed(seed))
            seed += 1

    async for ranked in rank_all(ranker, endless(), 16):
        assert ranked.ranking is not None, ranked.error
        done += len(ranked.ranking.calls)
        if len(found) < len(marks) and done >= marks[len(found)]:
            found.append(resident())
    return found


def grow(where: str, marks: Sequence[int]) -> None:
    """The body of the process that is measured; prints a JSON list."""
    if where == "canned":
        print(json.dumps(asyncio.run(grown(Ranker(backend=Instant(), template=builtin_profile("direct"), strategy=Sliding()), marks))))
        return
    with serving(Service(slots=64, seconds=0.01, pieces=2)) as slots:
        print(json.dumps(asyncio.run(grown(slot_ranker(slots, Sliding(), profile="direct"), marks))))


def memory(results: Results, options: argparse.Namespace) -> None:
    """Growth with the canned backend and through the real client."""
    print("\nresident MiB after so many windows")
    for where in ("canned", "server"):
        if where not in results:
            command = [sys.executable, __file__, "--grow", where, "--marks", *map(str, options.marks)]
            found = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
            results.add(
                where, {"n": options.marks[-1], "marks": options.marks, "mib": found, "growth": found[-1] - found[0], **told(Sliding())}
            )
        row = results.cells[where]
        print(f"  {where:8} {dict(zip(row['marks'], [round(mib, 1) for mib in row['mib']], strict=True))}, growth {row['growth']:.1f} MiB")


PARTS = {part.__name__: part for part in (walls, bookkeeping, rendering, busy, batches, memory)}


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--service", type=float, default=2.0, help="seconds a call; the figures kept are with 2")
    parser.add_argument("--busy-service", type=float, nargs="+", default=[2.0, 1.0, 0.5, 0.25])
    parser.add_argument("--repeats", type=int, default=3, help="lists for each strategy")
    parser.add_argument("--only", nargs="+", choices=list(ASKED), default=list(ASKED), metavar="STRATEGY", help="walls of these alone")
    parser.add_argument("--runs", type=int, default=300, help="runs of nine windows for the bookkeeping")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--at-once", type=int, nargs="+", default=[128, 200], help="queries under way together, of the part busy")
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 200], help="queries of the comparison with barriers")
    parser.add_argument("--marks", type=int, nargs="+", default=[1000, 10_000], help="windows after which memory is read")
    parser.add_argument("--out", type=Path, help="a file for one JSON line per cell")
    parser.add_argument("--again", action="store_true", help="measure cells that the file has already")
    parser.add_argument("--grow", choices=("canned", "server"), help=argparse.SUPPRESS)
    return parser.parse_args(given)


def main() -> None:
    """Run the parts that were asked for."""
    options = arguments()
    if options.grow:
        grow(options.grow, options.marks)
        return
    for name in options.part:
        PARTS[name](Results(name, options.out, again=options.again), options)


if __name__ == "__main__":
    main()
