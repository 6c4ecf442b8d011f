"""A folder that `datasets.load_dataset` reads: Parquet by split, a card with front matter, the dictionary and a manifest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from app.exports.dictionary import of_columns
from app.exports.folder import Part, Spool, tar
from app.exports.parquet import SCHEMA, ParquetRows
from app.exports.records import JudgementRecord
from app.exports.rows import COLUMNS, OF_JUDGEMENT, OF_PASSAGE, blocks
from app.exports.selection import Selection, Tally

# Hugging Face's identifiers of licences that a project may name by its SPDX one.
_LICENCES = {"CC0-1.0": "cc0-1.0", "CC-BY-4.0": "cc-by-4.0", "CC-BY-SA-4.0": "cc-by-sa-4.0", "MIT": "mit", "Apache-2.0": "apache-2.0"}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"))
_SPLITS = ("train", "test")


def dataset_tar(records: Iterable[JudgementRecord], selection: Selection, tally: Tally) -> Iterator[bytes]:
    """A tar of data/train.parquet, data/test.parquet (holdout queries), README.md, DICTIONARY.md and manifest.json."""
    with ExitStack() as stack:
        spools = {split: stack.enter_context(Spool()) for split in _SPLITS}
        counts = _write(records, selection, tally, spools)
        parts = [Part(name=f"data/{split}.parquet", spool=spools[split]) for split in _SPLITS if counts[split]]
        described = COLUMNS if selection.texts else OF_JUDGEMENT + OF_PASSAGE
        facts = {"schema": SCHEMA, "query": selection.plain, **tally.plain, "splits": counts}
        files = {part.name: {"sha256": part.spool.sha256, "bytes": part.spool.size} for part in parts}
        texts = {
            "README.md": card(facts),
            "DICTIONARY.md": "# Columns\n\nOne row per judgement and passage.\n\n" + of_columns(described),
            "manifest.json": json.dumps({**facts, "files": files}, indent=1, ensure_ascii=False) + "\n",
        }
        for name, text in texts.items():
            spool = stack.enter_context(Spool())
            spool.write(text.encode())
            parts.append(Part(name=name, spool=spool))
        yield from tar(parts)


def _write(records: Iterable[JudgementRecord], selection: Selection, tally: Tally, spools: dict[str, Spool]) -> dict[str, int]:
    """Two Parquet files in one pass; the number of rows in each."""
    counts = dict.fromkeys(_SPLITS, 0)
    files = {split: ParquetRows(texts=selection.texts) for split in _SPLITS}
    for record in records:
        split = _SPLITS[record.holdout]
        for block in blocks([record], texts=selection.texts):
            spools[split].write(files[split].add(block))
            counts[split] += len(block.rows)
    for split in _SPLITS:
        spools[split].write(files[split].end())
    tally.rows += sum(counts.values())
    return counts


def card(facts: Mapping[str, Any]) -> str:
    """README.md: front matter as the Hub reads it, then what the data is, how it was chosen, and how far people agree."""
    licences = sorted(facts["licences"])
    known = _LICENCES.get(licences[0]) if len(licences) == 1 else None
    used = {split: n for split, n in facts["splits"].items() if n}
    front = [
        f"license: {known or 'other'}",
        *([] if known or not licences else [f"license_name: {json.dumps(' and '.join(licences))}"]),
        "task_categories:\n- text-ranking",
        f"size_categories:\n- {next((name for most, name in _SIZES if facts['rows'] < most), 'n>10M')}",
        "configs:\n- config_name: default\n  data_files:",
        *(f"  - split: {split}\n    path: data/{split}.parquet" for split in used),
    ]
    counted = [
        f"- {facts['judgements']:,} judgements, {facts['rows']:,} rows (one per judgement and passage); by split: "
        + (", ".join(f"{split} {n:,}" for split, n in used.items()) or "none"),
        f"- Licences (judgements): {_listed(facts['licences'])}. Each row names its own.",
        f"- Consents (judgements): {_listed(facts['consents'])}. Each row names its own.",
        "- `test` holds the queries that are for evaluation only; they must not be trained on.",
        "- Annotators are pseudonyms; there is no name, address or other personal field. Queries and passages are as people typed them.",
    ]
    query = f"```json\n{json.dumps(facts['query'], indent=1, ensure_ascii=False)}\n```"
    parts = [
        "# Judgements of ranked passages", "Made by ReasonRank Studio. Columns are described in DICTIONARY.md.", "\n".join(counted),
        "## What was included", query, "## Agreement", f"Over {facts['agreement']['over']}.", _agreement(facts["agreement"]["statistics"]),
    ]  # fmt: skip
    return "---\n" + "\n".join(front) + "\n---\n\n" + "\n\n".join(part for part in parts if part) + "\n"


def _agreement(statistics: Iterable[Mapping[str, Any]]) -> str:
    lines = [
        f"| {one['name']} | {one['why'] if one['value'] is None else format(one['value'], '.3f')} | {one['n']} |" for one in statistics
    ]
    return "\n".join(["| statistic | value | over |", "|---|---|---|", *lines]) if lines else ""


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counts.items()) or "none"
