"""How near a synthesis comes to what its teacher can give: a local server that takes 2 s for every answer, 20 calls at once.

`python benchmarks/synthesis.py [--queries 200] [--seconds 2] [--concurrency 20]`. The bound is calls x seconds / concurrency: no client
that keeps to the concurrency can be faster. Measured at the server, from the end of the warm-up (one wave of answers, in which the client
imports and opens what it needs) to the first moment at which fewer calls are left than fit at once. The program runs in a process of
its own, on SQLite, and every call is entered and answered in the database.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.results import Results
from tests.chaos.synthesis_kills import Command
from tests.openai_server import Json
from tests.training.synthesis.counting_server import CountingServer
from tests.training.synthesis.world import CALLS, write_world


@dataclass
class Timed(CountingServer):
    """Remembers when requests came and when answers were sent."""

    came: list[float] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)

    async def _answer(self, headers: dict[str, str], body: Json, writer: asyncio.StreamWriter) -> None:
        self.came.append(time.monotonic())
        await super()._answer(headers, body, writer)
        self.sent.append(time.monotonic())


def measure(queries: int, seconds: float, concurrency: int) -> dict[str, float]:
    """Ratios of the bound to the time that passed: in the steady part, and from the first request to the last answer."""
    if queries * CALLS < 4 * concurrency:
        raise SystemExit(f"{queries} queries are {queries * CALLS} calls: at least {4 * concurrency} are needed beyond warm-up and end")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory(prefix="reasonrank-synthesis-") as folder, Timed(seconds=seconds) as server:
        write_world(Path(folder), server.address, queries // 2, concurrency=concurrency)
        status, said = Command(Path(folder), "var").end()
        if status:
            raise SystemExit(said)
    came, sent = sorted(server.came), sorted(server.sent)
    if len(sent) != queries * CALLS:
        raise SystemExit(f"{len(sent)} answers were sent, {queries * CALLS} were to be asked for")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    steady = sent[concurrency:-concurrency]
    began = sent[concurrency - 1]
    bound = seconds / concurrency
    return {
        "calls": len(sent),
        "most_at_once": server.most_at_once,
        "steady": len(steady) * bound / (steady[-1] - began),
        "whole": len(sent) * bound / (sent[-1] - came[0]),
        "items_per_second": len(steady) / CALLS / (steady[-1] - began),
        "bound_items_per_second": 1 / (CALLS * bound),
        "cpu_seconds": cpu,
        "load": os.getloadavg()[0],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--concurrency", type=int, default=20)
    parser.add_argument("--out", type=Path, help="append the figures to this file, one JSON line")
    given = parser.parse_args()
    found = measure(given.queries, given.seconds, given.concurrency)
    Results("synthesis-throughput", given.out, again=True).add(f"{given.seconds:g} s, {given.concurrency} at once", found)
    print(f"{found['calls']} calls of {given.seconds:g} s, {found['most_at_once']:g} at once at most")
    print(
        f"items per second: {found['items_per_second']:.3f} of {found['bound_items_per_second']:.3f} possible, ratio {found['steady']:.3f}"
    )
    print(f"with warm-up and end, from the first request to the last answer: ratio {found['whole']:.3f}")
    print(f"the program took {found['cpu_seconds']:.1f} s of CPU, its start included; load of this machine {found['load']:.1f}")


if __name__ == "__main__":
    main()
