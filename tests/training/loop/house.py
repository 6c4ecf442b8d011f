"""A studio with judgements, a family of models that "trains" by hashing what it is given, and evidence that a test chooses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from app.ranking.cache import Watch
from app.ranking.evaluation.gate import Evidence
from app.ranking.holdout import is_holdout
from app.settings import Settings
from db.models import ModelVersion
from db.models_loop import Job
from db.session import Database
from db.store import actors, jobs, judgements, lists, log
from db.store.jobs import NewJob
from db.store.lists import Candidates
from tests.conftest import passages
from training.config import Recipe, read_recipe
from training.fitting.families import FAMILIES
from training.fitting.values import Fit, Fitted, Point
from training.jobs.context import Context
from training.loop import decide
from training.loop.values import Wanted

ANN = "00000000-0000-7000-8000-0000000000aa"

SYNTHESIS = """
name = "told"
[[source]]
kind = "judgements"
domain = "told"
min_trust = 0.5
[list]
size = 40
[teacher]
model = "nano"
[filters]
consistency = 0.0
people = 0.0
length = 0.0
[dataset]
stages = { sft = 1.0 }
"""

RECIPE = """
name = "small"
about = "for tests"
seed = 3
model = "nano"
template = "nano"
[data]
synthesis = "SYNTHESIS"
[sft]
rate = 1e-3
batch = 1
max_length = 320
steps = 2
[rl]
kind = "expert"
reward = "studio"
steps = 2
group = 2
prompts = 1
rate = 1e-3
"""


class FakeFamily:
    """Weights are a hash of the weights before, the data, the seed and the step; `calls` are the steps that were done."""

    calls: list[tuple[str, int]] = []
    during: Callable[[Fit, str], None] | None = None

    def cold(self, fit: Fit) -> Fitted:
        """From nothing."""
        return self._fit(fit, "cold")

    def sft(self, fit: Fit) -> Fitted:
        """One stage."""
        return self._fit(fit, "sft")

    def rl(self, fit: Fit) -> Fitted:
        """The other."""
        return self._fit(fit, "rl")

    def backend(self, folder: Path) -> Any:
        """None is needed: what is measured is a test's choice."""
        raise NotImplementedError

    def _fit(self, fit: Fit, name: str) -> Fitted:
        assert list(fit.out.iterdir()) == []
        type(self).calls.append((name, fit.seed))
        during = type(self).during
        if during is not None:
            during(fit, name)
        before = b"" if name == "cold" else (fit.base / "model.safetensors").read_bytes()
        made = hashlib.sha256(before + f"{name} {fit.version.id} {fit.seed}".encode()).hexdigest()
        (fit.out / "model.safetensors").write_text(made)
        fit.point(Point(stage=name, step=1, steps=2, values={"loss": 1.0}))
        fit.watch.tell(0.5)
        fit.point(Point(stage=name, step=2, steps=2, values={"loss": 0.5}))
        (fit.out / "curves.jsonl").write_text(json.dumps({"stage": name}) + "\n")
        return Fitted(rows=1, refused={"too long": 1}, steps=2, seconds=0.0)


def evidence(gain: float) -> Evidence:
    """A candidate that is better (worse) by about so much on each of 24 lists."""
    gold = {f"q{n:02}": (0.5, round(0.5 + gain * (1 + n % 3) / 2, 6)) for n in range(24)}
    return Evidence(gold=gold, domains={topic: "d" for topic in gold}, outcomes=(1.0, 1.0), seconds=(0.1, 0.1))


@dataclass
class House:
    """What a test needs: `gain` is by how much the candidate will be better, `said` what jobs said."""

    database: Database
    settings: Settings
    recipe: Recipe
    gain: float = 0.1
    measured: list[str] = field(default_factory=list)
    said: list[tuple[str, Any]] = field(default_factory=list)
    during: Callable[[], None] | None = None

    def judge(self, query: str, *, trust: float | None = None) -> None:
        """Somebody ranks a list of three."""
        found = Candidates(query=query, passages=tuple(passages(3)), retriever="t", signals_version="1", holdout=is_holdout(query))
        with self.database.write() as session:
            actors.ensure(session, ANN, "Ann", {"annotator"})
            new = judgements.NewJudgement(
                actor_id=ANN, list_id=lists.put(session, found), idempotency_key=query, base_version=0, state="submitted",
                order=[["p2"], ["p1"], ["p3"]], shown_order=["p1", "p2", "p3"], grades={"p2": 3, "p1": 1}, licence="CC0-1.0",
                consent_version="c1",
            )  # fmt: skip
            row, _ = judgements.save(session, new)
            row.trust = trust
            log.append(session, ANN, "judgement.saved", row.id)

    def job(self, key: str = "a", **arguments: Any) -> str:
        """A job of the kind, at work."""
        with self.database.write() as session:
            job = jobs.enqueue(session, NewJob(kind="update", idempotency_key=key, arguments=arguments))[0]
            job.state = "running"
            return job.id

    def end(self, job_id: str, state: str = "finished") -> None:
        """The job has come to its end."""
        with self.database.write() as session:
            session.get_one(Job, job_id).state = state

    def context(self, job_id: str, watch: Watch | None = None) -> Context:
        """What a handler is given."""
        return Context(
            settings=self.settings, database=self.database, job_id=job_id, watch=watch or Watch(),
            heard=lambda kind, data: self.said.append((kind, data)),
        )  # fmt: skip

    def wanted(self, **changes: Any) -> Wanted:
        """The update of the house's recipe."""
        return replace(Wanted(recipe=self.recipe, seed=self.recipe.seed), **changes)

    def versions(self) -> dict[str, str]:
        """State by id."""
        with self.database.read() as session:
            return {row.id: row.state for row in session.query(ModelVersion)}

    def active(self) -> str:
        """The version that serves."""
        (found,) = [one for one, state in self.versions().items() if state == "active"]
        return found


def free(count: int) -> list[str]:
    """Queries that may be trained on, and that are not like each other."""
    return [query for query in _QUERIES if not is_holdout(query)][:count]


_QUERIES = (
    "why does metal feel colder than wood", "how do bees find their hive again", "what makes bread rise in an oven",
    "when did people begin to write letters", "where do rivers get their salt from", "which birds cross the sea in autumn",
    "who pays when a bank fails", "can ice float on oil", "is rust lighter than iron",
)  # fmt: skip


def furnish(database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house with three judged lists."""
    (folder / "told.toml").write_text(SYNTHESIS)
    text = RECIPE.replace("SYNTHESIS", str(folder / "told.toml"))
    house = House(database=database, settings=Settings(data_dir=folder / "data"), recipe=read_recipe(text, "small"))
    monkeypatch.setitem(FAMILIES, "nano", f"{__name__}:FakeFamily")
    monkeypatch.setattr(FakeFamily, "calls", [])
    monkeypatch.setattr(FakeFamily, "during", None)

    def compare(context: Context, _recipe: Recipe, folders: tuple[Path, Path], candidate: Any) -> dict[str, Any]:
        assert all((one / "model.safetensors").is_file() for one in folders)
        house.measured.append(candidate.id)
        if house.during is not None:
            house.during()
        return {"evidence": evidence(house.gain).plain, "table": None}

    monkeypatch.setattr(decide, "compare", compare)
    for query in free(3):
        house.judge(query)
    return house
