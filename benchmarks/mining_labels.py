"""How well the embedded teacher's pointwise grades agree with people's on the demo set, and where NANO_STEPS come from.

python benchmarks/mining_labels.py
"""

from __future__ import annotations

import asyncio
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from app.ranking.retrieval.demo import load_demo
from app.ranking.thinking import pieces
from app.ranking.values import Completion
from training.synthesis.mining import NANO_STEPS
from training.synthesis.recipe import load_synthesis_recipe
from training.synthesis.search import open_searches
from training.synthesis.teaching import teaching_for

Table = tuple[list[float], list[int]]


async def grades(split: str, against: str, cache: Path) -> Table:
    """The model's grades 0-49 and people's 0-3 of every candidate of a split, with evidence against the gold answer or the query."""
    recipe = load_synthesis_recipe("demo")
    teaching, demo = teaching_for(None, recipe), load_demo()
    search, said, human = open_searches(recipe, cache)["demo"], list[float](), list[int]()
    for query in demo.queries:
        if query.metadata["split"] != split:
            continue
        listed = search.annotate(query.metadata["answer"] if against == "answer" else query.text, demo.listed(query.id))
        prompt = teaching.template.render(query.text, listed, teaching.tokenizer)
        async for piece in pieces(teaching.backend, prompt, teaching.sampling):
            if isinstance(piece, Completion):
                said += teaching.template.parse(piece, len(listed)).scores or ()
        human += [demo.grades[query.id][passage.id] for passage in listed]
    await teaching.backend.aclose()
    return said, human


def kappa(table: Table, steps: tuple[int, ...]) -> float:
    """Cohen's kappa with quadratic weights."""
    counts = np.zeros((4, 4))
    np.add.at(counts, (np.digitize(table[0], steps), table[1]), 1)
    weights = np.subtract.outer(np.arange(4), np.arange(4)) ** 2
    chance = np.outer(counts.sum(1), counts.sum(0)) / counts.sum()
    return float(1 - (weights * counts).sum() / (weights * chance).sum())


def main() -> None:
    """Print the best steps on the training split, and what they give on both."""
    with TemporaryDirectory() as cache:
        for against in ("answer", "query"):
            train, dev = (asyncio.run(grades(split, against, Path(cache))) for split in ("train", "dev"))
            best = max(combinations(range(6, 46, 2), 3), key=lambda steps: kappa(train, steps))
            print(f"{against}: best steps {best}: train {kappa(train, best):.3f}, dev {kappa(dev, best):.3f}; in use {NANO_STEPS}: "
                  f"train {kappa(train, NANO_STEPS):.3f}, dev {kappa(dev, NANO_STEPS):.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
