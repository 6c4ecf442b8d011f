"""A folder that `datasets.load_dataset` reads and the Hub shows: one Parquet file per stage, and the card with front matter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from .counting import UNKNOWN
from .values import CARD, MANIFEST, STAGES
from .version import Texts, Version

# Hugging Face's identifiers of licences by their SPDX ones.
_LICENCES = {
    "CC0-1.0": "cc0-1.0", "CC-BY-4.0": "cc-by-4.0", "CC-BY-SA-3.0": "cc-by-sa-3.0", "CC-BY-SA-4.0": "cc-by-sa-4.0", "MIT": "mit",
    "Apache-2.0": "apache-2.0",
}  # fmt: skip
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def write_hub(version: Version, folder: Path) -> None:
    """Write `data/sft.parquet`, `data/rl.parquet` (those with rows), README.md and manifest.json into an empty folder.

    One row per example with its texts; grades and evidence are JSON text, because Arrow would merge their keys over all rows.
    """
    from .trainers import write_parquet

    counts: dict[str, int] = {}
    (folder / "data").mkdir()
    with Texts(version.folder) as texts:
        for stage in STAGES:
            path = folder / "data" / f"{stage}.parquet"
            counts[stage] = write_parquet(path, _rows(version, stage, texts), _schema())
            if not counts[stage]:
                path.unlink()
    card = (version.folder / CARD).read_text(encoding="utf-8")
    (folder / CARD).write_text(f"---\n{front(version.manifest, counts)}\n---\n\n{card}", encoding="utf-8")
    (folder / MANIFEST).write_bytes((version.folder / MANIFEST).read_bytes())


def front(manifest: Mapping[str, Any], counts: Mapping[str, int]) -> str:
    """The card's YAML."""
    licences = sorted(manifest["licences"])
    known = _LICENCES.get(licences[0]) if len(licences) == 1 else None
    total = sum(counts.values())
    named = " and ".join(name for name in licences if name != UNKNOWN) or UNKNOWN
    lines = [
        f"pretty_name: {json.dumps(manifest['name'], ensure_ascii=False)}",
        f"license: {known or 'other'}",
        *([] if known else [f"license_name: {json.dumps(named, ensure_ascii=False)}"]),
        "task_categories:\n- text-ranking",
        f"size_categories:\n- {next((name for most, name in _SIZES if total < most), '1M<n<10M')}",
    ]
    if total:
        files = (f"  - split: {stage}\n    path: data/{stage}.parquet" for stage, count in counts.items() if count)
        lines += ["configs:\n- config_name: default\n  data_files:", *files]
    return "\n".join(lines)


def _rows(version: Version, stage: str, texts: Texts) -> Iterator[dict[str, Any]]:
    for example in version.examples(stage):
        shown = zip(texts.passages(example), example["passages"], strict=True)
        yield {
            **{name: example[name] for name in _PLAIN},
            "trust": example["trust"],
            "passages": [
                {
                    "id": passage.id, "title": passage.title, "text": passage.text, "score": passage.score, "origin": listed["origin"],
                    "evidence": json.dumps(dict(passage.features)),
                }
                for passage, listed in shown
            ],
            "order": example["order"],
            "grades": json.dumps(example["grades"], ensure_ascii=False),
        }  # fmt: skip


_PLAIN = ("id", "query", "trace", "template", "labelled_by", "order_by", "source", "domain", "licence")


def _schema() -> Any:
    pa = import_module("pyarrow")
    text = pa.string()
    passage = [("id", text), ("title", text), ("text", text), ("score", pa.float64()), ("origin", text), ("evidence", text)]
    lists = [("passages", pa.list_(pa.struct(passage))), ("order", pa.list_(text)), ("grades", text)]
    return pa.schema([*((name, text) for name in _PLAIN), ("trust", pa.float64()), *lists])
