"""Does learning from labels help the embedded model, and does it stay true to its cards? `make proof learning ARGS="--seeds 1-5"`.

Every system is measured on the demo's `dev` and `sealed` questions (20 graded candidates each): NDCG@10 with its interval, how true the
traces are, which plans were chosen. Those that learn start from the committed cold start and see the labels of `train` as somebody's
judgements, holdout queries left out; the recipe's numbers were chosen on train and dev alone. `planted` systems learn from, and are
measured by, an annotator who prefers exact words: whether the loop learns what somebody wants, where the cards can say it.

Finished cells are lines of --out; those of this commit are not measured again. In the end the summary is printed.
"""

from __future__ import annotations

import argparse
import functools
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.ranking.backends.nano import WEIGHTS
from app.ranking.evidence import by_evidence
from benchmarks.quality import demo_index
from benchmarks.results import ROOT, Results
from tests.proofs import learning_data as data
from tests.proofs.learning_summary import summary
from training.baselines import Labelled, best_plan, fit_linear, plan_order
from training.config import Recipe, Rl, load_recipe
from training.datasets.version import Version
from training.fitting.families import family
from training.fitting.values import Fit
from training.rewards import studio

OUT = ROOT / "docs" / "results" / "learning.jsonl"
BENCH = "learning"
GRPO = Rl(
    kind="grpo", reward="studio", steps=40, group=8, prompts=4, rate=4e-5, kl=0.04, loss="dapo", scale="group", max_completion=128,
    max_prompt=256,
)  # fmt: skip
"""A policy gradient of about the length of a recipe's update."""

Order = Callable[[Labelled], Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """A system that learns: one step of the family (`sft`, `rl` or `cold`) under a recipe."""

    step: str
    recipe: Recipe


class World:
    """Questions, made once, and versions of judgements in a folder that is kept while the proof runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @functools.cached_property
    def gold(self) -> dict[str, list[data.Question]]:
        """Questions by split with the demo's own grades."""
        index = demo_index()
        return {split: data.questions(split, index) for split in ("train", *data.MEASURED)}

    @functools.cached_property
    def planted(self) -> dict[str, list[data.Question]]:
        """The same lists with the grades of the planted annotator."""
        return {split: [data.planted(one) for one in found] for split, found in self.gold.items()}

    @functools.cache  # noqa: B019 - lives as long as the process
    def version(self, kind: str, stage: str) -> Version:
        """Judgements of the questions `train`, in one stage."""
        train = (self.planted if kind == "planted" else self.gold)["train"]
        return data.judgements(train, stage, self._folder / f"{kind}-{stage}")


def fixed(train: Sequence[data.Question]) -> dict[str, Order]:
    """Systems that learn nothing, or all at once."""
    allowed = [one.listed for one in data.trainable(train)]
    linear, plan = fit_linear(allowed), best_plan(allowed)
    return {
        "first stage": lambda listed: [passage.id for passage in listed.passages],
        "signals": lambda listed: [passage.id for passage in by_evidence(listed.passages)],
        "linear": lambda listed: linear.order(listed.passages),
        "best untrained plan": lambda listed: plan_order(plan, listed.passages),
    }


def learners() -> dict[str, Learner]:
    """Systems that learn, by name."""
    recipe = load_recipe("nano")
    with_grpo = {
        "GRPO paper": replace(GRPO, reward="paper"),
        "GRPO studio": GRPO,
        **{f"GRPO studio without {view}": replace(GRPO, without=(view,)) for view in studio().views},
    }
    both = {"SFT": Learner(step="sft", recipe=recipe), "expert iteration": Learner(step="rl", recipe=recipe)}
    return {
        **both,
        **{name: Learner(step="rl", recipe=replace(recipe, rl=rl)) for name, rl in with_grpo.items()},
        **{f"planted {name}": learner for name, learner in both.items()},
        "cold start anew": Learner(step="cold", recipe=recipe),
    }


def measure_fixed(results: Results, world: World) -> None:
    """One cell for each system without a seed, for both kinds of grades."""
    for kind, questions in (("", world.gold), ("planted ", world.planted)):
        missing = [name for name in ("first stage", "signals", "linear", "best untrained plan") if f"{kind}{name}" not in results]
        orders = fixed(questions["train"]) if missing else {}
        for name in missing:
            found = {
                split: data.measured({one.topic.id: orders[name](one.listed) for one in questions[split]}, questions[split])
                for split in data.MEASURED
            }
            results.add(f"{kind}{name}", {"system": f"{kind}{name}", **found})
        if f"{kind}cold start" not in results:
            found = {split: data.of_model(WEIGHTS, questions[split]) for split in data.MEASURED}
            results.add(f"{kind}cold start", {"system": f"{kind}cold start", **found})


def measure(results: Results, world: World, name: str, learner: Learner, seed: int) -> None:
    """One cell: a system that learned with a seed."""
    kind = "planted" if name.startswith("planted") else "gold"
    stage = "rl" if learner.step == "rl" else "sft"
    with data.aside() as folder:
        out = Path(folder) / "out"
        out.mkdir()
        fit = Fit(
            recipe=learner.recipe, version=world.version(kind, stage), base=WEIGHTS, out=out, scratch=Path(folder) / "scratch", seed=seed
        )  # fmt: skip
        began = time.process_time()
        fitted = getattr(family("nano"), learner.step)(fit)
        spent = time.process_time() - began
        questions = world.planted if kind == "planted" else world.gold
        found = {split: data.of_model(out, questions[split]) for split in data.MEASURED}
    made = {
        "system": name, "seed": seed, **found, "rows": fitted.rows, "refused": sum(fitted.refused.values()), "steps": fitted.steps,
        "seconds": round(fitted.seconds, 1), "cpu_seconds": round(spent, 1),
    }  # fmt: skip
    results.add(f"{name}/{seed}", made)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    known = list(learners())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1-5", help="one seed or a range, such as 1-5")
    parser.add_argument("--systems", nargs="+", choices=known, default=[name for name in known if name != "cold start anew"])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--summary", action="store_true", help="measure nothing, print what this commit has")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> None:
    """Measure what is missing, then print the summary."""
    options = arguments(given)
    logging.basicConfig(level=logging.WARNING)
    results = Results(BENCH, options.out)
    if not options.summary:
        first, _, last = options.seeds.partition("-")
        with data.aside() as folder:
            world = World(Path(folder))
            measure_fixed(results, world)
            found = learners()
            for seed in range(int(first), int(last or first) + 1):
                for name in options.systems:
                    if f"{name}/{seed}" not in results:
                        measure(results, world, name, found[name], seed)
                        _tell(results.cells[f"{name}/{seed}"])
    sys.stdout.write(summary(list(results.cells.values())))


def _tell(row: Mapping[str, Any]) -> None:
    sys.stdout.write(f"{row['cell']}: dev {row['dev']['ndcg10']:.4f}, sealed {row['sealed']['ndcg10']:.4f}, {row['seconds']} s\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
