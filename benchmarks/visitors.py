"""Many visitors at once: `python benchmarks/visitors.py [--visitors 20 50]`.

Starts the real server on a free port with an empty data folder, lets N visitors ask the embedded model at the same moment over HTTP, each
another question of the demo, and prints the time to the first trace text and to the end (median, p95, worst), in seconds from the click.
Client and server share the machine, so the figures are upper bounds. Every visitor must get a finished, clean run, or the script fails.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.ranking.retrieval.demo import load_demo  # noqa: E402

HEADERS = {"X-Requested-With": "reasonrank"}


@contextmanager
def server() -> Iterator[str]:
    """The real app on a free port; yields its address once it is ready."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "app.py", "--port", "0", "--data-dir", folder, "--log-level", "warning", "--no-worker"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
        try:
            assert process.stdout is not None
            address = re.search(r"http://\S+", process.stdout.readline())
            assert address, "the server did not say where it is"
            began = time.monotonic()
            while httpx.get(f"{address[0]}/readyz").status_code != 200:
                assert time.monotonic() - began < 120, "the server was not ready in two minutes"
                time.sleep(0.2)
            yield address[0]
        finally:
            process.terminate()
            process.wait(20)


async def visit(client: httpx.AsyncClient, query: str) -> tuple[float, float]:
    """One visitor: seconds to the first piece of the trace, and to the end."""
    began, first = time.perf_counter(), 0.0
    answer = await client.post("/api/v1/runs", json={"query": query, "model": "nano", "depth": 20}, headers=HEADERS)
    answer.raise_for_status()
    async with client.stream("GET", f"/api/v1/runs/{answer.json()['run']}/events") as stream:
        name = ""
        async for line in stream.aiter_lines():
            name = line.removeprefix("event: ") if line.startswith("event: ") else name
            if name == "trace" and not first:
                first = time.perf_counter() - began
            if name == "end" and line.startswith("data: "):
                run = json.loads(line.removeprefix("data: "))["run"]
                assert (run["state"], run["outcome"]) == ("finished", "clean"), run["error"]
                return first, time.perf_counter() - began
    raise AssertionError("the stream ended without an end")


async def crowd(address: str, queries: Sequence[str]) -> list[tuple[float, float]]:
    """All visitors at the same moment."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=120, limits=limits) as client:
        return await asyncio.gather(*(visit(client, query) for query in queries))


def p95(values: Sequence[float]) -> float:
    """The smallest value that at least 95 % do not exceed."""
    return sorted(values)[max(0, -(-95 * len(values) // 100) - 1)]


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, nargs="+", default=[1, 20, 50])
    counts = parser.parse_args().visitors
    queries = [query.text for query in load_demo().queries]
    with server() as address:
        asyncio.run(crowd(address, queries[-1:]))  # the first call of a process loads and compiles
        print(f"{'visitors':>8} {'first text: median':>19} {'p95':>7} {'worst':>7} {'end: median':>12} {'p95':>7} {'worst':>7}")
        for count in counts:
            seen = asyncio.run(crowd(address, [queries[i % len(queries)] for i in range(count)]))
            firsts, ends = [first for first, _ in seen], [end for _, end in seen]
            cells = (median(firsts), p95(firsts), max(firsts), median(ends), p95(ends), max(ends))
            print(f"{count:>8} " + " ".join(f"{cell:>{width}.2f}" for cell, width in zip(cells, (19, 7, 7, 12, 7, 7), strict=True)))


if __name__ == "__main__":
    main()
