"""A synthesis that is killed (SIGKILL) at random moments and begun again, beside one that is left in peace.

The dataset must come out the same, byte for byte, and no call may be made twice but those that were in flight at a kill: the database
says which had been entered and had no answer, the server which it had not answered whole.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.training.synthesis.counting_server import CountingServer
from tests.training.synthesis.world import CALLS, write_world

ROOT = Path(__file__).parent.parent.parent
_WAIT = 300.0  # seconds; a start on a busy machine takes long
_EARLY = 0.2
"""Share of the kills that come while the program starts, before it has asked anything."""


@dataclass(frozen=True)
class Plan:
    """What is done: a world of `queries` per domain, killed `kills` times; each answer takes `seconds`."""

    seed: int
    kills: int
    queries: int
    concurrency: int = 4
    seconds: float = 0.15


@dataclass
class Outcome:
    """What came of it. `lost` are answers that the server had sent whole and that the kill came too soon to keep."""

    seed: int
    kills: int
    calls: int
    repeated: int = 0
    counted: int = 0
    lost: int = 0
    early: int = 0
    seconds: float = 0.0
    dataset: str = ""
    problems: list[str] = field(default_factory=list)


class Command:
    """The real program, on a world's folder with a data folder of its own."""

    def __init__(self, folder: Path, data: str, *more: str) -> None:
        self.data = folder / data
        flags = ["--models", str(folder / "models.toml"), "--data-dir", str(self.data), *more]
        arguments = [sys.executable, "-m", "training", "synthesize", str(folder / "world.toml"), *flags]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(arguments, cwd=ROOT, env=_environment(folder), **pipes)

    def end(self, how: signal.Signals | None = None) -> tuple[int, str]:
        """Wait for its end, asked for where a signal is given; its status and what it said on standard error."""
        if how is not None:
            self.process.send_signal(how)
        said = self.process.communicate(timeout=_WAIT)[1]
        return self.process.returncode, str(said)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What its database holds; nothing where there is none yet."""
        if not (self.data / "studio.db").is_file():
            return []
        connection = sqlite3.connect(self.data / "studio.db", timeout=30)
        try:
            return connection.execute(statement).fetchall()
        except sqlite3.OperationalError:  # not migrated yet
            return []
        finally:
            connection.close()


def _environment(folder: Path) -> dict[str, str]:
    """Where bytecode is not to be written, one folder has it for all starts of a world: compiling takes longer than all else."""
    if not os.environ.get("PYTHONDONTWRITEBYTECODE"):
        return dict(os.environ)
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


def killed_and_not(folder: Path, plan: Plan) -> Outcome:
    """Do the same twice, once in peace, and compare."""
    began, found = time.monotonic(), Outcome(seed=plan.seed, kills=plan.kills, calls=2 * plan.queries * CALLS)
    with CountingServer(seconds=plan.seconds) as server:
        write_world(folder, server.address, plan.queries, concurrency=plan.concurrency)
        peaceful = _whole(folder, "peace", found)
        if server.asked.total() != found.calls or server.repeated:
            found.problems.append(f"left in peace it made {server.asked.total()} requests of {len(server.asked)} kinds, not {found.calls}")
        for counter in (server.asked, server.whole):
            counter.clear()
        open_at_kills = _kills(folder, plan, server, found)
        killed = _whole(folder, "killed", found)
        found.repeated = server.asked.total() - len(server.asked)
        found.problems += _judge(plan, server, found, open_at_kills)
    if peaceful != killed:
        found.problems.append(f"the dataset is {killed}, in peace it was {peaceful}")
    found.dataset, found.seconds = peaceful[0] if peaceful else "", round(time.monotonic() - began, 1)
    return found


def _whole(folder: Path, data: str, found: Outcome) -> tuple[str, str]:
    """Run to the end; id and content hash of the dataset."""
    command = Command(folder, data)
    status, said = command.end()
    if status:
        found.problems.append(f"{data}: status {status}: {said[-500:]}")
        return "", ""
    found.counted = int(command.rows("SELECT sum(repeats) FROM syntheses")[0][0])
    rows = command.rows("SELECT id, artifact_hash FROM dataset_versions")
    return (str(rows[0][0]), str(rows[0][1])) if len(rows) == 1 else ("", f"{len(rows)} datasets")


def _kills(folder: Path, plan: Plan, server: CountingServer, found: Outcome) -> set[str]:
    """The kills; hashes of the prompts that were in flight at any of them, by the database."""
    chance, at_kills = random.Random(plan.seed), set[str]()
    # Moments at which so many calls have been made, spread over the whole with some left for the end.
    marks = sorted(chance.sample(range(1, max(plan.kills + 1, int(0.9 * found.calls))), plan.kills))
    for mark in marks:
        command = Command(folder, "killed")
        if chance.random() < _EARLY:
            found.early += 1
            time.sleep(chance.uniform(0.0, 4.0))
        else:
            _until_asked(server, mark, command)
            time.sleep(chance.uniform(0.0, plan.seconds))
        command.end(signal.SIGKILL)
        rows = command.rows("SELECT prompt_hash FROM teacher_calls WHERE completion IS NULL")
        at_kills |= {str(row[0]) for row in rows}
        found.lost += sum(server.whole[str(row[0])] > 0 for row in rows)
    return at_kills


def _until_asked(server: CountingServer, mark: int, command: Command) -> None:
    """Until so many different calls have been made in all, or one more than now where they have been already."""
    now, deadline = len(server.asked), time.monotonic() + _WAIT
    while len(server.asked) < max(mark, now + 1) and command.process.poll() is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no call after {_WAIT:.0f} s")
        time.sleep(0.005)


def _judge(plan: Plan, server: CountingServer, found: Outcome, at_kills: set[str]) -> list[str]:
    problems = []
    if len(server.asked) != found.calls:
        problems.append(f"{len(server.asked)} different calls were made, not {found.calls}")
    strangers = server.repeated - at_kills
    if strangers:
        problems.append(f"{len(strangers)} calls were made again whose answer was stored")
    if not found.repeated <= found.counted <= plan.kills * plan.concurrency:
        problems.append(f"{found.repeated} calls were repeated, {found.counted} counted as such, {plan.kills} kills of {plan.concurrency}")
    return problems
