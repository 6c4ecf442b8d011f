"""Memory and speed of the whole pipeline over sources of growing size: it must stay flat. Generated data, no model call.

    python benchmarks/synthesis_memory.py --rows 10000 100000 --out docs/results/synthesis_memory.jsonl

Rows are in ReasonRank's released layout: queries of their own, four passages of a thousand shared ones, a ready order and trace, so that
what is measured is reading, making, storing, scoring and freezing. Each cell is a process of its own (`python -m training synthesize`).
`--share` makes so much of the rows into items; the others are read and passed over.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.results import ROOT, Results

_DOCUMENTS = 1_000
_WORDS = 400
_RECIPE = """
name = "memory"
[[source]]
kind = "reasonrank"
path = "data"
domain = "synthetic"
share = {share}
[ranking]
samples = 1
[teacher]
model = "nobody"
[filters]
duplicate = 1.0
length = 0.0
"""
# Never asked, because every row brings its ranking; the embedded model would measure evidence for each passage, which is another matter.
_MODELS = '[[model]]\nname = "nobody"\nbackend = "openai"\naddress = "http://127.0.0.1:9/v1"\n'


def write_rows(folder: Path, rows: int) -> None:
    """The three parts of the layout, streamed."""
    chance = random.Random(rows)
    words = [f"word{number}" for number in range(_WORDS)]
    for part in ("id_query", "id_doc"):
        (folder / part).mkdir(parents=True)
    documents = {f"d{number}": " ".join(chance.choices(words, k=40)) for number in range(_DOCUMENTS)}
    (folder / "id_doc" / "synthetic.json").write_text(json.dumps(documents))
    with (folder / "id_query" / "synthetic.json").open("w") as queries, (folder / "training_data_all.jsonl").open("w") as lines:
        queries.write("{")
        for number in range(rows):
            text = f"what is known of case {number} and {' '.join(chance.choices(words, k=8))}?"
            queries.write(f"{', ' if number else ''}{json.dumps(f'q{number}')}: {json.dumps(text)}")
            shown = [f"d{one}" for one in chance.sample(range(_DOCUMENTS), 4)]
            order = sorted(shown, key=lambda _: chance.random())
            trace = f"[{shown.index(order[0]) + 1}] answers it. [{shown.index(order[-1]) + 1}] is unrelated."
            row = {
                "dataset": "synthetic", "qid": f"q{number}", "initial_list": shown, "final_list": order, "reasoning": trace,
                "relevant_docids": order[:1],
            }  # fmt: skip
            lines.write(json.dumps(row) + "\n")
        queries.write("}")


def measured(rows: int, share: float) -> dict[str, float]:
    """One process over so many rows: its peak of resident memory in MB, items, seconds, megabytes of the database."""
    with tempfile.TemporaryDirectory(prefix="reasonrank-memory-") as name:
        folder = Path(name)
        write_rows(folder / "data", rows)
        (folder / "memory.toml").write_text(_RECIPE.format(share=share))
        (folder / "models.toml").write_text(_MODELS)
        began = time.perf_counter()
        command = [sys.executable, "-m", "training", "synthesize", str(folder / "memory.toml"), "--data-dir", str(folder / "var")]
        command += ["--models", str(folder / "models.toml")]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        _, status, usage = os.wait4(process.pid, 0)
        assert process.stderr is not None
        said = process.stderr.read().decode(errors="replace")
        if status:
            raise SystemExit(f"{rows} rows: status {status}: {said[-500:]}")
        seconds = time.perf_counter() - began
        connection = sqlite3.connect(folder / "var" / "studio.db")
        items = connection.execute("SELECT count(*) FROM synthesis_items").fetchone()[0]
        kept = connection.execute("SELECT counts FROM dataset_versions").fetchone()
        connection.close()
        return {
            "rows": rows,
            "items": items,
            "examples": json.loads(kept[0])["examples"] if kept else 0,
            "peak_mb": round(usage.ru_maxrss / 1024, 1),
            "seconds": round(seconds, 1),
            "items_per_second": round(items / seconds, 1),
            "database_mb": round((folder / "var" / "studio.db").stat().st_size / 1e6, 1),
        }


def main() -> None:
    """Every size that is not measured yet at this commit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    results = Results("synthesis_memory", given.out)
    for rows in given.rows:
        cell = f"{rows} rows, share {given.share:g}"
        if cell not in results:
            results.add(cell, measured(rows, given.share))
        print(cell, results.cells[cell], flush=True)


if __name__ == "__main__":
    main()
