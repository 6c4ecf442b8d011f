"""Speed and memory of scores: `python benchmarks/evaluation.py [--out docs/results/evaluation.jsonl] [--ranx PYTHON]`.

Makes runs and qrels of random numbers: 12 runs of 115 topics by 100 candidates (the size of BRIGHT), and one of 100,000 topics by 100
candidates, with the lines of each topic together, and with all lines shuffled. Each is measured in a process of its own, from files to
five means with the values of every topic: seconds with the start of Python left out, seconds of processor (start and imports included),
peak resident memory, and the machine's load, for others may be at work. Beside it `ir_measures` alone, with its own reader, and
`ranx`, where `--ranx` names a Python that has it (its seconds include what numba compiles in each process). `agree` says whether the
means are ours, to four decimals; scores are all different, so that no convention on ties comes in.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

MEASURES = ("nDCG@10", "R@100", "RR", "AP", "P@5")
RANX = ("ndcg@10", "recall@100", "mrr", "map", "precision@5")
TOOLS = ("ours", "ir_measures", "ranx")
SETS, TOPICS, DEEP, JUDGED = 12, 115, 100, 10
HEAPS = 40


def write(folder: Path, name: str, topics: int, seed: int) -> None:
    """`NAME.run` and `NAME.qrels`; of the judged passages about half are in the run."""
    rng = random.Random(seed)
    ends = [f" {rank} {100.0 - rank + rng.random() / 2:.6f} bench\n" for rank in range(1, DEEP + 1)]
    with (folder / f"{name}.run").open("w") as run, (folder / f"{name}.qrels").open("w") as qrels:
        for topic in range(topics):
            start, head = rng.randrange(1_000_000), f"query{topic} Q0 doc"
            run.write("".join([f"{head}{start + place}{end}" for place, end in enumerate(ends)]))
            for place in rng.sample(range(DEEP + DEEP), JUDGED):
                qrels.write(f"query{topic} 0 doc{start + place} {rng.randrange(4)}\n")


def shuffle(folder: Path, name: str, target: str, seed: int) -> None:
    """The lines of a run in no order: dealt to heaps by chance, and each heap shuffled, so that one heap at a time is in memory."""
    rng = random.Random(seed)
    heaps = [(folder / f"{target}.{number}").open("w+") for number in range(HEAPS)]
    with (folder / f"{name}.run").open() as lines, (folder / f"{target}.run").open("w") as file:
        for line in lines:
            heaps[int(rng.random() * HEAPS)].write(line)
        for heap in heaps:
            heap.seek(0)
            few = heap.readlines()
            rng.shuffle(few)
            file.writelines(few)
            heap.close()
            Path(heap.name).unlink()


def one(tool: str, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Means of the runs by their qrels in this process, and what it took."""
    began = time.perf_counter()
    measure = {"ours": _ours, "ir_measures": _ir_measures, "ranx": _ranx}[tool]
    means = [measure(Path(run), Path(qrels)) for run, qrels in pairs]
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_mib": _peak(),
        "load": round(os.getloadavg()[0], 1),
        "means": [[round(mean, 4) for mean in one] for one in means],
    }


def _peak() -> int:
    """Mebibytes. The kernel's count for the program that runs: `ru_maxrss` begins with what the parent had when it forked."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return round(int(status["VmHWM"].split()[0]) / 1024)


def _ours(run: Path, qrels: Path) -> list[float]:
    from app.ranking.evaluation.scores import score_file
    from app.ranking.evaluation.suites.reading import qrels_of

    found = score_file(run, qrels_of(qrels)[0], MEASURES)
    return [found.mean(name) for name in MEASURES]


def _ir_measures(run: Path, qrels: Path) -> list[float]:
    import ir_measures

    judged, ranked = ir_measures.read_trec_qrels(str(qrels)), ir_measures.read_trec_run(str(run))
    means = ir_measures.calc([ir_measures.parse_measure(name) for name in MEASURES], judged, ranked).aggregated
    return [float(means[ir_measures.parse_measure(name)]) for name in MEASURES]


def _ranx(run: Path, qrels: Path) -> list[float]:
    ranx: Any = import_module("ranx")
    judged, ranked = ranx.Qrels.from_file(str(qrels), kind="trec"), ranx.Run.from_file(str(run), kind="trec")
    means = ranx.evaluate(judged, ranked, list(RANX), make_comparable=True)
    return [float(means[name]) for name in RANX]


def _measured(tool: str, pairs: list[tuple[str, str]], python: str) -> dict[str, Any]:
    command = [python, __file__, "--one", tool, json.dumps(pairs)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"ended by signal {-done.returncode}"}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _jobs(folder: Path, topics: int) -> dict[str, list[tuple[str, str]]]:
    """Pairs of run and qrels by what they are called."""

    def pair(run: str, qrels: str) -> tuple[str, str]:
        return str(folder / f"{run}.run"), str(folder / f"{qrels}.qrels")

    for number in range(SETS):
        write(folder, f"set{number}", TOPICS, seed=number)
    write(folder, "large", topics, seed=99)
    shuffle(folder, "large", "shuffled", seed=7)
    return {
        f"{SETS} runs of {TOPICS}x{DEEP}": [pair(f"set{number}", f"set{number}") for number in range(SETS)],
        f"{topics}x{DEEP} grouped": [pair("large", "large")],
        f"{topics}x{DEEP} shuffled": [pair("shuffled", "large")],
    }


def main() -> None:
    """Write the files, then measure each tool on each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topics", type=int, default=100_000)
    parser.add_argument("--ranx", default="", help="a Python that has ranx")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=TOOLS)
    parser.add_argument("--out", type=Path, help="file of results to append to")
    parser.add_argument("--again", action="store_true", help="measure again what this commit has measured")
    parser.add_argument("--one", nargs=2, metavar=("TOOL", "PAIRS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one[0], json.loads(given.one[1]))))
        return
    from benchmarks.results import Results

    results = Results("evaluation", given.out, again=given.again)
    with tempfile.TemporaryDirectory(prefix="reasonrank-evaluation-") as folder:
        for name, pairs in _jobs(Path(folder), given.topics).items():
            ours: Any = None
            for tool in given.tools:
                cell = f"{tool} {name}"
                if cell in results:
                    continue
                if tool == "ranx" and not given.ranx:
                    print(f"{cell:44} not installed: name a Python that has it with --ranx", flush=True)
                    continue
                found = _measured(tool, pairs, given.ranx if tool == "ranx" else sys.executable)
                means = found.pop("means", None)
                if tool == "ours":
                    ours = means
                elif means and ours:
                    found["agree"] = means == ours
                _say(cell, results.add(cell, found))


def _say(cell: str, row: dict[str, Any]) -> None:
    if "failed" in row:
        print(f"{cell:44} failed: {row['failed']}", flush=True)
        return
    took = f"{row['seconds']:7.1f} s {row['cpu_seconds']:7.1f} s cpu {row['peak_mib']:6,} MiB"
    same = f", same means: {row['agree']}" if "agree" in row else ""
    print(f"{cell:44} {took}, load {row['load']}{same}", flush=True)


if __name__ == "__main__":
    main()
