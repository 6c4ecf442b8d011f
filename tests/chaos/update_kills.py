"""An update that is killed (SIGKILL) in its steps and taken up by the next worker each time, beside one that is left in peace.

The weights must come out the same, byte for byte, no step may be noted twice, and the job must end once.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.ranking.evidence import SIGNALS
from app.ranking.holdout import is_holdout
from app.ranking.values import Passage
from db.session import Database
from db.store import actors, jobs, judgements, lists, log
from db.store.jobs import NewJob
from db.store.lists import Candidates
from tests.databases import migrated

ROOT = Path(__file__).parent.parent.parent
ANN = "00000000-0000-7000-8000-0000000000aa"
_WAIT = 1800.0  # seconds; training on a busy machine takes long
_LEASE = 2.0
_START, _DECIDE = "start", "decide"
_ORDER = (_START, "dataset", "cold", "sft", "rl", "evaluate", _DECIDE)
_STEP = re.compile(r"step (\w+) (?:begins|is done)")
# A decision is one transaction: it is met in the moment after the measuring.
_DECIDING = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is done: an update by `recipe` (a name, or `text` for one of a test) is killed `kills` times.

    Kill number k of `cells` cells of as many kills falls into the place (k + 1/2) / all of the steps, each step being as long as the
    others, so that all cells together kill everywhere alike.
    """

    recipe: str
    text: str = ""
    cell: int = 0
    cells: int = 1
    kills: int = 4
    lists: int = 12


@dataclass
class Outcome:
    """What came of it. `hits` counts kills by the step in which they fell, `weights` is the id of what came out."""

    recipe: str
    kills: int
    hits: dict[str, int] = field(default_factory=dict)
    attempts: int = 0
    seconds: float = 0.0
    weights: str = ""
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ended:
    """What the database says in the end, without anything that depends on time."""

    weights: str
    dataset: str
    steps: dict[str, str]
    versions: int
    gold: str


class Work:
    """A worker on a data folder, followed by the lines of its log."""

    def __init__(self, data: Path) -> None:
        arguments = [sys.executable, "-m", "training", "worker", "--once", "--lease", str(_LEASE), "--data-dir", str(data)]
        self.process = subprocess.Popen(arguments, cwd=ROOT, env=_environment(data.parent), stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        threading.Thread(target=self._read, name="lines", daemon=True).start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)

    @property
    def step(self) -> str:
        """The step that it is at, or the one it comes from."""
        names = [found.group(1) for line in list(self.lines) if (found := _STEP.search(line))]
        return _DECIDE if names[-2:] == ["evaluate", "evaluate"] or names[-1:] == [_DECIDE] else names[-1] if names else _START

    def wait(self) -> int:
        """Until it ends; it does so too where whoever waits is stopped."""
        try:
            return self.process.wait(timeout=_WAIT)
        except BaseException:
            self.process.kill()
            raise

    def kill(self) -> None:
        """Without a word."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def _environment(folder: Path) -> dict[str, str]:
    """Where bytecode is not to be written, one folder has it for all starts: compiling takes longer than all else."""
    more = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        more |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    return {**os.environ, **more}


def furnish(data: Path, count: int) -> Database:
    """A studio with judged lists of eight passages each, told apart by their evidence; half of the judges go by words, half by meaning."""
    chance, database = random.Random(11), migrated(data / "studio.db")
    queries = (f"{word} number {n} and what follows from it" for n in range(10 * count) for word in (f"question{chance.random():.9f}",))
    with database.write() as session:
        actors.ensure(session, ANN, "Ann", {"annotator"})
        for number, query in zip(range(count), (one for one in queries if not is_holdout(one)), strict=False):
            listed = tuple(_passage(n, chance) for n in range(8))
            name = SIGNALS[0] if number % 2 else SIGNALS[1]
            order = [[one.id] for one in sorted(listed, key=lambda one: -one.features[name])]
            found = Candidates(query=query, passages=listed, retriever="t", signals_version="1", holdout=False)
            new = judgements.NewJudgement(
                actor_id=ANN, list_id=lists.put(session, found), idempotency_key=f"k{number}", base_version=0, state="submitted",
                order=order, shown_order=[one.id for one in listed], grades={order[0][0]: 3, order[1][0]: 2, order[2][0]: 1},
                licence="CC0-1.0", consent_version="c1",
            )  # fmt: skip
            row, _ = judgements.save(session, new)
            log.append(session, ANN, log.SAVED, row.id)
        session.flush()
        log.seal(session)
    return database


def _passage(number: int, chance: random.Random) -> Passage:
    features = {name: round(chance.random(), 3) for name in SIGNALS}
    return Passage(id=f"p{number}", title=f"Title {number}", text=f"Text {number} {chance.random()}.", score=1.0, features=features)


def killed_and_not(folder: Path, plan: Plan) -> Outcome:
    """The same update twice, once in peace, and both compared."""
    began, found = time.monotonic(), Outcome(recipe=plan.recipe, kills=plan.kills)
    database = furnish(folder / "peace", plan.lists)
    arguments = {"recipe": plan.recipe, "seed": 5, "from_scratch": False, **({"text": plan.text} if plan.text else {})}
    with database.write() as session:
        jobs.enqueue(session, NewJob(kind="update", idempotency_key="the update", arguments=arguments))
    database.close()
    shutil.copytree(folder / "peace", folder / "killed")
    peace = Work(folder / "peace")
    peace.wait()
    wanted = _ended(folder / "peace", found)
    if found.problems:
        found.problems.append("".join(peace.lines[-5:])[-800:])
        return found
    _kill(folder, plan, found, _places(folder / "peace", plan))
    _to_the_end(folder / "killed", found)
    got = _ended(folder / "killed", found)
    if got != wanted:
        found.problems.append(f"it ended with {got}, in peace with {wanted}")
    found.weights, found.seconds = wanted.weights, round(time.monotonic() - began, 1)
    return found


def _places(peaceful: Path, plan: Plan) -> list[tuple[str, float]]:
    """(step, seconds into it) of the kills of this cell, in their order."""
    rows = _rows(peaceful, "SELECT name, seconds FROM update_steps ORDER BY created, name")
    lengths = {_START: 2.0, **{name: float(seconds) for name, seconds in rows if name not in ("inputs", _DECIDE)}, _DECIDE: _DECIDING}
    names, every = list(lengths), plan.kills * plan.cells
    at = [(number * plan.cells + plan.cell + 0.5) / every * len(names) for number in range(plan.kills)]
    return [(names[int(place)], (place - int(place)) * lengths[names[int(place)]]) for place in at]


def _kill(folder: Path, plan: Plan, found: Outcome, places: list[tuple[str, float]]) -> None:
    """The kills, each of a new worker. One that came too late, because all was done meanwhile, is counted under `missed`."""
    for step, seconds in places:
        work = Work(folder / "killed")
        _until(work, _ORDER.index(step), _WAIT)
        _until(work, _ORDER.index(step) + 1, seconds)
        hit = work.step if work.process.poll() is None else "missed"
        found.hits[hit] = found.hits.get(hit, 0) + 1
        work.kill()
        time.sleep(_LEASE + 0.5)  # until the job is free again


def _until(work: Work, place: int, seconds: float) -> None:
    """Until the worker has come so far in the order of steps, has ended, or so much time has passed."""
    deadline = time.monotonic() + seconds
    while _ORDER.index(work.step) < place and work.process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


def _to_the_end(data: Path, found: Outcome) -> None:
    """New workers until the job has ended."""
    deadline = time.monotonic() + _WAIT
    while _rows(data, "SELECT state FROM jobs WHERE kind = 'update'")[0][0] in jobs.OPEN:
        if time.monotonic() > deadline:
            found.problems.append("the job did not end")
            return
        Work(data).wait()
        time.sleep(0.5)


def _ended(data: Path, found: Outcome) -> Ended:
    """What is there in the end; says what is wrong with it."""
    rows = _rows(data, "SELECT id, state, attempt, error FROM jobs WHERE kind = 'update'")
    (update_id, state, found.attempts, error) = rows[0]
    if state != "finished" or len(rows) != 1:
        found.problems.append(f"{len(rows)} jobs, the first {state}: {error}")
        return Ended("", "", {}, 0, "")
    ends = _rows(data, "SELECT count(*) FROM job_events WHERE kind = 'end'")[0][0]
    told = [json.loads(row[0]) for row in _rows(data, "SELECT data FROM job_events WHERE kind = 'step'")]
    twice = {one["name"] for one in told if sum(_finished(other, one["name"]) for other in told) > 1}
    if ends != 1 or twice:
        found.problems.append(f"the job ended {ends} times, and these steps were told as finished twice: {sorted(twice)}")
    if (data / "training" / update_id).exists():
        found.problems.append("its folder of work was left behind")
    steps = {name: key for name, key in _rows(data, "SELECT name, key FROM update_steps")}
    made = _rows(data, "SELECT candidate_id, dataset_id FROM updates")
    evaluated = json.loads(_rows(data, "SELECT result FROM update_steps WHERE name = 'evaluate'")[0][0])
    versions = _rows(data, "SELECT count(*) FROM model_versions WHERE artifact_hash IS NOT NULL")[0][0]
    gold = json.dumps(evaluated["evidence"]["gold"], sort_keys=True)
    return Ended(str(made[0][0]), str(made[0][1]), steps, versions, gold)


def _finished(event: Mapping[str, Any], name: str) -> bool:
    return (event["name"], event["state"]) == (name, "finished")


def _rows(data: Path, statement: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(data / "studio.db", timeout=30)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()
