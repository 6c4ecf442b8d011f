"""A small world to make data in: two folders in BEIR's layout, a recipe that reads them, and a models file that names a server."""

from __future__ import annotations

import json
from pathlib import Path

PASSAGES, POSITIVES, SAMPLES = 6, 2, 3
CALLS = 1 + SAMPLES
"""Calls of one item: its passages are labelled at once, then ranked some times."""

RECIPE = """
name = "world"
seed = 3
[[source]]
kind = "beir"
domain = "first"
path = "first"
mining = ["helps"]
[[source]]
kind = "beir"
domain = "second"
path = "second"
mining = ["helps"]
[mining.helps]
prompt = "qa-positive"
over = "given"
[ranking]
template = "{template}"
samples = {samples}
[teacher]
model = "teacher"
max_tokens = 300
concurrency = {concurrency}
[filters]
duplicate = 1.0
[dataset]
name = "world"
stages = {{ sft = 0.5, rl = 0.5 }}
"""


def write_world(folder: Path, address: str, queries: int, *, concurrency: int = 4, samples: int = SAMPLES) -> Path:
    """Write everything into a folder, `queries` to each domain; the recipe's path."""
    for domain in ("first", "second"):
        write_source(folder / domain, domain, queries)
    entry = f'[[model]]\nname = "teacher"\nbackend = "openai"\nmodel = "teacher"\naddress = "{address}"\nconcurrent = 64\n'
    (folder / "models.toml").write_text(entry)
    return write_recipe(folder, concurrency=concurrency, samples=samples)


def write_recipe(folder: Path, *, template: str = "studio", concurrency: int = 4, samples: int = SAMPLES, more: str = "") -> Path:
    """Write the recipe anew; `more` is TOML at its end."""
    path = folder / "world.toml"
    path.write_text(RECIPE.format(template=template, concurrency=concurrency, samples=samples) + more)
    return path


def write_source(folder: Path, domain: str, queries: int) -> None:
    """Queries with six candidates each, of which two are relevant; none is of the holdout."""
    (folder / "qrels").mkdir(parents=True)
    names = [f"{domain}-{number}" for number in range(queries)]
    rows = [{"_id": name, "text": question(name)} for name in names]
    texts = [
        {"_id": f"{name}/{number}", "text": f"{'useful' if number < POSITIVES else 'other'} words {name} of passage {number}"}
        for name in names
        for number in range(PASSAGES)
    ]
    marks = [f"{name}\t{name}/{number}\t{int(number < POSITIVES)}" for name in names for number in range(PASSAGES)]
    _lines(folder / "queries.jsonl", [json.dumps(row) for row in rows])
    _lines(folder / "corpus.jsonl", [json.dumps(row) for row in texts])
    _lines(folder / "qrels" / "train.tsv", ["query-id\tcorpus-id\tscore", *marks])


def question(name: str) -> str:
    """A question that is not of the holdout."""
    from app.ranking.holdout import is_holdout

    forms = (f"what is known of {name} after all? {extra}" for extra in range(100))
    return next(text for text in forms if not is_holdout(text))


def _lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
