"""Steps of an update up to its weights: the dataset, and what each training step makes of the weights before it.

A step is done at most once: its row in `update_steps` carries a key of all that it depends on, and is written in one transaction with the
job's lease held, after its artifact is in the store. Killed before that, it is done again, from the newest checkpoint where it keeps any.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from app.artifacts import Artifact, ArtifactStore
from app.ranking.backends.nano import WEIGHTS
from app.ranking.errors import InputError, StoreError
from db.store import artifacts, datasets, updates, versions
from db.store.updates import NewStep
from training.config import EMBEDDED
from training.datasets.version import Version, load
from training.fitting.families import family
from training.fitting.values import Fit, Point
from training.fitting.weights import weights_id
from training.jobs.context import Context

from .values import COLD, DATASET, RL, SFT, Inputs, Trained, Wanted, key_of

if TYPE_CHECKING:
    from training.synthesis.recipe import Recipe as SynthesisRecipe

KIND = "weights"
_NAMED = 3  # values of a point in words


def _no_rows(_session: Session) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a step has made: an artifact that is in the store, a result (JSON), and rows that are written with the step's own."""

    artifact: Artifact | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    write: Callable[[Session], object] = _no_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A finished step: the hash of its artifact, empty for none, and its result."""

    artifact: str
    result: Mapping[str, Any]


class Ledger:
    """Finished steps of one update. `path` is where its steps work: nothing in it outlives the update."""

    def __init__(self, context: Context, update_id: str, wanted: Wanted) -> None:
        self.context, self.update_id, self.wanted = context, update_id, wanted
        self.store = ArtifactStore(context.settings.artifacts_dir)
        self.path = context.settings.data_dir / "training" / update_id

    def step(self, name: str, key: str, work: Callable[[Context], Made]) -> Kept:
        """The step of this name: as it was kept where its key is the same and its artifact there, else done by `work` now."""
        start, end = self.wanted.share(name)
        kept = self._kept(name, key)
        if kept is not None:
            self.context.watch.tell(end)
            return kept
        began = time.monotonic()
        self.context.watch.tell(start)
        self.context.doing(name)
        self.context.say(f"step {name} begins")
        self.context.event("step", {"name": name, "state": "begun"})
        made = work(replace(self.context, watch=self.context.watch.part(start, end)))
        seconds = round(time.monotonic() - began, 3)
        self._keep(name, key, made, seconds)
        self.context.event("step", {"name": name, "state": "finished", "seconds": seconds})
        self.context.say(f"step {name} is done after {seconds:.1f} s")
        return Kept(artifact=made.artifact.hash if made.artifact else "", result=made.result)

    def _kept(self, name: str, key: str) -> Kept | None:
        with self.context.database.read() as session:
            row = updates.step(session, self.update_id, name)
            if row is None or row.key != key:
                return None
            kept = Kept(artifact=row.artifact_hash or "", result=dict(row.result))
        try:
            if kept.artifact:
                self.store.path(kept.artifact)
        except StoreError:  # its folder was removed by hand: made again
            return None
        return kept

    def _keep(self, name: str, key: str, made: Made, seconds: float) -> None:
        with self.context.database.write() as session:
            self.context.confirm(session)
            self.write(session, name, key, made, seconds)

    def write(self, session: Session, name: str, key: str, made: Made, seconds: float) -> None:
        """The rows of a finished step, in the caller's transaction."""
        if made.artifact is not None:
            artifacts.put(session, made.artifact.hash, made.artifact.kind, made.artifact.size)
        made.write(session)
        digest = made.artifact.hash if made.artifact else None
        step = NewStep(update_id=self.update_id, name=name, key=key, artifact_hash=digest, result=made.result, seconds=seconds)
        updates.keep_step(session, step)


def dataset(ledger: Ledger, inputs: Inputs) -> tuple[Kept, Version]:
    """The dataset version of an update, out of judgements up to the place that was fixed, and checked as it is read back.

    Raises InputError where nothing is left to learn from.
    """
    from training.synthesis.feed import JUDGEMENTS
    from training.synthesis.recipe import load_synthesis_recipe

    recipe = load_synthesis_recipe(ledger.wanted.recipe.data.synthesis)
    until = {"until": inputs.until, "withdrawn": inputs.withdrawn}
    sources = tuple(replace(one, options={**until, **one.options}) if one.kind == JUDGEMENTS else one for one in recipe.sources)
    recipe = replace(recipe, sources=sources)
    kept = ledger.step(DATASET, key_of(DATASET, recipe.text, until), lambda context: _dataset(ledger, recipe, context))
    return kept, load(ledger.store.path(kept.artifact))


def _dataset(ledger: Ledger, recipe: SynthesisRecipe, context: Context) -> Made:
    from training.synthesis.run import synthesize

    result = synthesize(context.settings, context.database, recipe, context)
    if result["stopped"]:
        raise InputError(f"the data of the update are not whole: {result['stopped']}. Start it again with a larger budget")
    with context.database.read() as session:
        row = datasets.find(session, result["dataset"]) if result["dataset"] else None
        if row is None or not row.counts.get("examples"):
            raise InputError(
                f"there is nothing to learn from: the recipe {recipe.name!r} found no judgement that counts and no labelled list. "
                "Judge some lists first, or take a recipe with another source"
            )
        artifact = artifacts.get(session, row.artifact_hash)
        made = Artifact(hash=artifact.hash, kind=artifact.kind, size=artifact.size)
        counts, dataset_id = dict(row.counts), row.id
    synthesis_id = str(result["synthesis"])
    context.say(f"data set {dataset_id[:16]}: {counts['examples']} examples of {counts['items']} items")
    return Made(
        artifact=made,
        result={"synthesis": synthesis_id, "dataset": dataset_id, "examples": counts["examples"], "counts": counts},
        write=lambda session: updates.set_dataset(session, ledger.update_id, dataset_id, synthesis_id),
    )


def trained(ledger: Ledger, version: Version, base: Trained) -> list[tuple[str, Trained]]:
    """What each training step of the recipe left, by name and in order; each starts from the weights of the one before."""
    recipe, wanted = ledger.wanted.recipe, ledger.wanted
    tables = {COLD: recipe.cold, SFT: recipe.sft, RL: recipe.rl}
    found: list[tuple[str, Trained]] = []
    for name in (one for one in wanted.steps if one in tables):
        table = tables[name]
        assert table is not None
        # Rows are drawn by the recipe's name, too.
        parts = (name, recipe.name, recipe.model, recipe.template, asdict(table), wanted.seed)
        key = key_of(*parts) if name == COLD else key_of(*parts, base.artifact, version.id)
        kept = ledger.step(name, key, _trainer(ledger, name, version, base.folder))
        base = Trained(folder=ledger.store.path(kept.artifact), artifact=kept.artifact, result=kept.result)
        found.append((name, base))
    return found


def _trainer(ledger: Ledger, name: str, version: Version, base: Path) -> Callable[[Context], Made]:
    def work(context: Context) -> Made:
        wanted, folder = ledger.wanted, ledger.path / name
        out = folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        (folder / "scratch").mkdir(exist_ok=True)
        fit = Fit(
            recipe=wanted.recipe, version=version, base=base, out=out, scratch=folder / "scratch", seed=wanted.seed,
            watch=context.watch.part(0.0, 0.98), point=lambda point: _told(context, point),
        )  # fmt: skip
        done = getattr(family(wanted.recipe.family), name)(fit)
        for reason, count in done.refused.items():
            context.say(f"{count} examples were left out: {reason}")
        weights = weights_id(out)

        def fill(aside: Path) -> None:
            shutil.copytree(out, aside, dirs_exist_ok=True)

        artifact = ledger.store.put(fill, KIND)
        shutil.rmtree(folder, ignore_errors=True)
        return Made(artifact=artifact, result={**asdict(done), "weights": weights})

    return work


def _told(context: Context, point: Point) -> None:
    """A point of the curves as an event of the job, and in a few words."""
    values = dict(point.values)
    context.event("point", {"stage": point.stage, "step": point.step, "steps": point.steps, "values": values})
    said = ", ".join(f"{name} {value:.4g}" for name, value in list(values.items())[:_NAMED])
    context.doing(f"{point.stage}: step {point.step} of {point.steps}, {said}")


def folder_of(ledger: Ledger, version_id: str | None) -> Path:
    """The folder of a version's weights; of None the recipe's own model, perhaps a name at a hub. Raises StoreError where it is gone."""
    if version_id is None:
        return Path(ledger.wanted.recipe.model)
    with ledger.context.database.read() as session:
        artifact = versions.get(session, version_id).artifact_hash
    if artifact is not None:
        return ledger.store.path(artifact)
    return WEIGHTS if ledger.wanted.model == EMBEDDED else Path(ledger.wanted.recipe.model)
