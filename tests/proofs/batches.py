"""`make proof batches [ARGS="--seeds 0-19"]`: what the gate does with honest and with bad batches of judgements.

Each cell is one update of the embedded model, from the committed weights, on a batch of its own: 40 corrections and 60 judgements of
held-out questions by five people who share a preference that gold leaves open (`annotators.OPEN`). In a bad batch a share of the
judgements, of both kinds alike, is at fault. Bad batch number n has fault n mod 3.

For speed, judgements are written straight to the store and sealed, and the parts of an update are called one after another in one process:
data set, training, measuring, decision. The active model ranks the lists once for all cells, so that the gate's guard on seconds is left
out. Finished cells are lines of docs/results/batches.jsonl. Seeds from 100 on are for choosing settings and are not reported.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from app.artifacts import ArtifactStore
from app.ranking.backends.nano import WEIGHTS
from app.ranking.errors import InputError
from app.ranking.evaluation.gate import Evidence, Margins, decide
from app.ranking.protocols import Signals
from app.services.log import Log
from app.services.storage import open_database
from app.settings import Settings
from benchmarks.results import Results
from db.models import new_id
from db.session import Database
from db.store import actors, datasets, judgements, lists, log
from db.store.judgements import NewJudgement
from db.store.lists import Candidates
from tests.proofs.annotators import FAULTS, OPEN, Crowd, Fault, Question, corrected, judged, signals_of
from tests.proofs.batch_figures import summary
from tests.proofs.decisions import kept, told
from training.config import Recipe, load_recipe
from training.datasets.version import Version, load
from training.evaluation.evidence import Made, evidence_of
from training.evaluation.measure import Manner, Measured, measure
from training.evaluation.sets import TopicSet, gold_set, people_set
from training.fitting.families import family
from training.fitting.values import Fit, Fitted
from training.fitting.weights import weights_id
from training.jobs.context import Context
from training.synthesis.recipe import load_synthesis_recipe
from training.synthesis.run import synthesize

ROOT = Path(__file__).parent.parent.parent
STRENGTHS = (0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch: honest without a fault."""

    seed: int
    fault: Fault | None = None
    strength: float = 0.0

    @property
    def cell(self) -> str:
        """Its name in the results."""
        return f"honest, seed {self.seed}" if self.fault is None else f"{self.fault} {self.strength:.0%}, seed {self.seed}"

    @property
    def crowd(self) -> Crowd:
        """The people who make it."""
        return Crowd(preference=OPEN, seed=self.seed, fault=self.fault, strength=self.strength)


def batches(seeds: Sequence[int], strengths: Sequence[float] = STRENGTHS) -> list[Batch]:
    """One honest batch for each seed, and a bad one of each strength: the strongest first, which matter most."""
    honest = [Batch(seed=seed) for seed in seeds]
    bad = [Batch(seed=seed, fault=FAULTS[seed % len(FAULTS)], strength=s) for s in sorted(strengths, reverse=True) for seed in seeds]
    mixed = [one for pair in zip(honest, bad[: len(honest)], strict=False) for one in pair]
    return mixed + bad[len(honest) :]


class World:
    """A data folder with people and annotated lists and no judgement, copied for each batch.

    Passages are annotated as the studio does those that come with a question, unless other `signals` are given.
    """

    def __init__(self, folder: Path, signals: Signals | None = None) -> None:
        self.folder, self._signals = folder, signals
        self.people = [new_id() for _ in range(Crowd(preference=OPEN, seed=0).people)]
        self.asked: list[tuple[Question, str, Candidates]] = []
        with _opened(folder) as (_, database):
            self._enter(database)

    def _enter(self, database: Database) -> None:
        from app.ranking.retrieval.embedder import default_embedder
        from app.ranking.signals import SIGNALS_VERSION, EvidenceSignals

        signals = self._signals or EvidenceSignals(default_embedder())
        with database.write() as session:
            for number, person in enumerate(self.people):
                actors.ensure(session, person, f"annotator {number}", ["annotator"])
                actors.pseudonym(session, person)
            for held, questions in ((False, corrected()), (True, judged())):
                for one in questions:
                    passages = tuple(signals.annotate(one.text, one.passages))
                    candidates = Candidates(
                        query=one.text, passages=passages, retriever="given", signals_version=SIGNALS_VERSION, holdout=held
                    )
                    self.asked.append((one, lists.put(session, candidates), candidates))

    @contextmanager
    def judged_by(self, crowd: Crowd) -> Iterator[tuple[Settings, Database]]:
        """A copy in which a crowd has judged all lists; it is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="reasonrank-batch-") as name:
            shutil.copytree(self.folder, name, dirs_exist_ok=True)
            with _opened(Path(name)) as (settings, database):
                with database.write() as session:
                    for question, list_id, candidates in self.asked:
                        who, groups = crowd.judge(question, signals_of(candidates.passages))
                        new = NewJudgement(
                            actor_id=self.people[who], list_id=list_id, idempotency_key=new_id(), base_version=0, state="submitted",
                            order=groups, shown_order=[passage.id for passage in candidates.passages], licence="CC0-1.0",
                        )  # fmt: skip
                        row, _ = judgements.save(session, new)
                        log.append(session, row.actor_id, log.SAVED, row.id, {"list": list_id, "content": row.content_hash})
                asyncio.run(Log(database).seal_now())
                yield settings, database


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[Settings, Database]]:
    settings = Settings(data_dir=folder)
    database = open_database(settings)
    try:
        yield settings, database
    finally:
        database.close()


class Bench:
    """Does updates one after another; what is the same for all of them, such as the orders of the active model, is measured once."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.family = recipe, family(recipe.family)
        self._gold = gold_set()
        self._active: Measured | None = None

    def update(self, settings: Settings, database: Database, seed: int) -> dict[str, Any]:
        """Data set, training steps, measuring and the decision of one update; what became of it."""
        context = Context(settings=settings, database=database)
        with database.read() as session:
            until = log.head(session)[0]
        version = data_of(context, self.recipe.data.synthesis)
        folder, steps = WEIGHTS, dict[str, Fitted]()
        for name, table in (("sft", self.recipe.sft), ("rl", self.recipe.rl)):
            if table is not None:
                folder, steps[name] = self._fit(name, version, folder, settings.data_dir / name, seed)
        evidence = self._evidence(folder, (self._gold, people_set(database, until)), version.id)
        examples = version.manifest["counts"]["examples"]
        facts = {"dataset": {"examples": examples}, "steps": {name: asdict(done) for name, done in steps.items()}}
        decision = decide(evidence, Margins.from_plain(asdict(self.recipe.gate)))
        return {**told({"decision": decision.plain, "evidence": evidence.plain, "facts": facts}), "weights": weights_id(folder)[:16]}

    def _fit(self, name: str, version: Version, base: Path, place: Path, seed: int) -> tuple[Path, Fitted]:
        out, scratch = place / "out", place / "scratch"
        out.mkdir(parents=True)
        scratch.mkdir()
        fit = Fit(recipe=self.recipe, version=version, base=base, out=out, scratch=scratch, seed=seed)
        done: Fitted = getattr(self.family, name)(fit)
        return out, done

    def _evidence(self, folder: Path, sets: tuple[TopicSet, TopicSet], dataset: str) -> Evidence:
        if self._active is None:
            self._active = self._measured(WEIGHTS, sets)
        values = {one.name: {t.id: one.score(t.id, self._active.answers[one.name][t.id].order) for t in one.topics} for one in sets}
        active, candidate = replace(self._active, values=values), self._measured(folder, sets)
        found = evidence_of(active, candidate, sets, Made(template=self.recipe.template, dataset=dataset))
        return replace(found, seconds=(1.0, 1.0))  # the two were not measured side by side

    def _measured(self, folder: Path, sets: tuple[TopicSet, TopicSet]) -> Measured:
        backend = self.family.backend(folder)
        try:
            return measure(backend, self.recipe.template, sets, Manner(timed=0))
        finally:
            asyncio.run(backend.aclose())


def data_of(context: Context, name: str) -> Version:
    """The data set of an update, out of all judgements that are there."""
    made = synthesize(context.settings, context.database, load_synthesis_recipe(name), context)
    with context.database.read() as session:
        row = datasets.find(session, made["dataset"])
        assert row is not None, made
        return load(ArtifactStore(context.settings.artifacts_dir).path(row.artifact_hash))


def main() -> int:
    """Run the cells that are not finished at this commit, then say what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0-19", help="FIRST-LAST; one honest batch and one bad batch of each strength for each")
    parser.add_argument("--strengths", nargs="*", type=float, default=list(STRENGTHS), help="shares of judgements at fault")
    parser.add_argument("--recipe", default="nano")
    parser.add_argument("--summary", action="store_true", help="only say what is there, of whatever commit")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "batches.jsonl")
    given = parser.parse_args()
    first, _, last = given.seeds.partition("-")
    results = Results("batches", given.out)
    wanted = batches(range(int(first), int(last or first) + 1), given.strengths)
    if not given.summary:
        _run([one for one in wanted if one.cell not in results], results, given.recipe)
    cells = kept(given.out) if given.summary else results.cells
    rows = [cells[one.cell] for one in wanted if one.cell in cells]
    sys.stdout.write(summary(rows) + "\n")
    return 0


def _run(wanted: Sequence[Batch], results: Results, name: str) -> None:
    if not wanted:
        return
    bench = Bench(load_recipe(name))
    with tempfile.TemporaryDirectory(prefix="reasonrank-batches-") as folder:
        world = World(Path(folder))
        for one in wanted:
            began = time.monotonic()
            with world.judged_by(one.crowd) as (settings, database):
                try:
                    found = bench.update(settings, database, one.seed)
                except InputError as error:  # an update fails with this sentence, and changes nothing
                    found = {"promoted": False, "reason": str(error), "failed": ["nothing to learn"]}
            planted = {"fault": one.fault or "", "strength": one.strength, "seed": one.seed, "recipe": name}
            row = results.add(one.cell, {**planted, **found, "wall_seconds": round(time.monotonic() - began, 1)})
            sys.stderr.write(f"{one.cell}: {'promoted' if row['promoted'] else 'rejected'}, {row['wall_seconds']} s: {row['reason']}\n")


if __name__ == "__main__":
    sys.exit(main())
