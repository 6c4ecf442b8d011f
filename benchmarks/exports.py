"""Speed and memory of exports: `python benchmarks/exports.py [--judgements 50000] [--out docs/results/exports.jsonl]`.

Fills a SQLite database with judgements of 20 passages each, five people to a list, lists in no order, passages of 60 words; then writes
each format to a file in a fresh process: seconds with the start of Python left out, seconds of processor (its start and imports included),
rows (judgement, passage) a second, peak resident memory of that process, bytes, and the machine's load, for others may be
at work. Beside them the naive way: all rows as one pandas table, then `to_csv`.
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
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.results import Results  # noqa: E402

PASSAGES, JUDGES, WORDS = 20, 5, 60
FORMATS = ("rows", "csv-lossless", "csv-spreadsheet", "parquet", "qrels", "huggingface", "jsonl")
NAIVE = "pandas to_csv, naive"
_PIECE = 1_000
_VOCABULARY = [f"word{n}" for n in range(3_000)]


def fill(url: str, judgements: int, seed: int = 1) -> None:
    """A database with so many submitted judgements, sealed in no order of their lists."""
    from sqlalchemy import insert

    from db.models import CandidateItem, CandidateList, TextRow
    from db.models_accounts import Actor
    from db.models_people import Judgement
    from db.session import Database

    database, rng = Database(url), random.Random(seed)
    database.migrate()
    lists = max(1, judgements // JUDGES)
    people = [{"id": f"person-{n}", "name": f"Person {n}", "pseudonym": f"p{n:010d}"} for n in range(50)]
    with database.write() as session:
        session.execute(insert(Actor), people)
    for start in range(0, lists, _PIECE):
        numbers = range(start, min(start + _PIECE, lists))
        texts, heads, items = _lists(numbers, rng)
        with database.write() as session:
            for table, rows in ((TextRow, texts), (CandidateList, heads), (CandidateItem, items)):
                session.execute(insert(table), rows)
    order = list(range(lists * JUDGES))[:judgements]
    rng.shuffle(order)
    for start in range(0, judgements, _PIECE):
        rows = [_judgement(seq, one % lists, one // lists, rng) for seq, one in enumerate(order[start : start + _PIECE], start=start + 1)]
        with database.write() as session:
            session.execute(insert(Judgement), rows)
    database.close()


def _lists(numbers: range, rng: random.Random) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    texts = [{"hash": f"q{n:063d}", "text": f"What is known of {' '.join(rng.choices(_VOCABULARY, k=8))}?"} for n in numbers]
    common = {"retriever": "bench", "signals_version": "1", "holdout": False}
    heads = [{"id": f"{n:064d}", "query_hash": f"q{n:063d}", **common} for n in numbers]
    items = []
    for n in numbers:
        for place in range(PASSAGES):
            digest = f"{n * PASSAGES + place:064x}"
            texts.append({"hash": digest, "text": f'He said "{" ".join(rng.choices(_VOCABULARY, k=WORDS))}", and more.'})
            items.append(
                {"list_id": f"{n:064d}", "position": place, "passage_id": f"d{n}-{place}", "text_hash": digest, "title": f"Title {place}"}
            )
    return texts, heads, items


def _judgement(seq: int, number: int, judge: int, rng: random.Random) -> dict[str, Any]:
    ids = [f"d{number}-{place}" for place in range(PASSAGES)]
    rng.shuffle(ids)
    return {
        "id": f"j{seq:035d}", "thread": f"{seq:064d}", "version": 1, "base_version": 0, "idempotency_key": f"k{seq}",
        "content_hash": "0" * 64, "actor_id": f"person-{number % 10 * JUDGES + judge}", "list_id": f"{number:064d}", "state": "submitted",
        "order": [[ids[0]], ids[1:3], *([one] for one in ids[3:15])], "not_relevant": ids[15:18], "unranked": ids[18:],
        "grades": {one: rng.randrange(4) for one in ids[:15]}, "shown_order": [f"d{number}-{place}" for place in range(PASSAGES)],
        "active_seconds": 60.5, "confidence": 0.7, "licence": "CC0-1.0", "consent_version": "1", "seq": seq,
        "created": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seq),
    }  # fmt: skip


def one(url: str, format: str, out: Path) -> dict[str, Any]:
    """Write one format in this process; what it took."""
    began = time.perf_counter()
    rows = _naive(url, out) if format == NAIVE else _written(url, format, out)
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "rows_per_s": round(rows / seconds),
        "peak_mib": round(used.ru_maxrss / 1024),
        "bytes": out.stat().st_size,
        "rows": rows,
        "load": round(os.getloadavg()[0], 1),
    }


def _written(url: str, format: str, out: Path) -> int:
    from app.exports.registry import format_named
    from app.exports.selection import Selection, Tally
    from app.services import export_records
    from db.session import Database

    database, form, selection, tally = Database(url), format_named(format), Selection(), Tally()
    records = export_records.judgements(database, form, selection, until=2**31 - 1)
    with out.open("wb") as file:
        for chunk in form.make(tally.watched(records), selection, tally):
            file.write(chunk)
    agreement = tally.plain["agreement"]
    assert agreement["statistics"], "the table of agreement belongs to every export"
    return tally.judgements * PASSAGES


def _naive(url: str, out: Path) -> int:
    """The same rows as one table in memory."""
    import pandas as pd

    from app.exports.registry import format_named
    from app.exports.rows import blocks, names
    from app.exports.selection import Selection
    from app.services import export_records
    from db.session import Database

    def rows() -> Iterator[tuple[Any, ...]]:
        for block in blocks(export_records.judgements(Database(url), format_named("rows"), Selection(), 2**31 - 1), texts=True):
            yield from (block.head + row for row in block.rows)

    table = pd.DataFrame(rows(), columns=list(names(texts=True)))
    table.to_csv(out, index=False)
    return len(table)


def main() -> None:
    """Fill, then measure each format in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judgements", type=int, default=50_000)
    parser.add_argument("--formats", nargs="+", default=[*FORMATS, NAIVE])
    parser.add_argument("--out", type=Path, help="file of results to append to")
    parser.add_argument("--again", action="store_true", help="measure again what this commit has measured")
    parser.add_argument("--one", nargs=3, metavar=("URL", "FORMAT", "FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one[0], given.one[1], Path(given.one[2]))))
        return
    results = Results("exports", given.out, again=given.again)
    with tempfile.TemporaryDirectory(prefix="reasonrank-exports-") as folder:
        url = f"sqlite:///{folder}/studio.db"
        began = time.perf_counter()
        fill(url, given.judgements)
        print(f"{given.judgements:,} judgements x {PASSAGES} passages filled in {time.perf_counter() - began:.0f} s", flush=True)
        for format in given.formats:
            cell = f"{format} {given.judgements}x{PASSAGES}"
            if cell in results:
                continue
            target = Path(folder) / "out"
            command = [sys.executable, __file__, "--one", url, format, str(target)]
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
            row = results.add(cell, json.loads(done.stdout))
            took = f"{row['seconds']:7.1f} s {row['cpu_seconds']:7.1f} s cpu {row['rows_per_s']:9,} rows/s"
            print(f"{cell:32} {took} {row['peak_mib']:6,} MiB {row['bytes']:14,} B, load {row['load']}", flush=True)
            target.unlink()


if __name__ == "__main__":
    main()
