"""Schedules of kill -9, restart and network cuts around saves: `python -m tests.chaos.saves --seeds 0-19 [--url URL]`.

In each schedule four annotators, one of them in two tabs, work through the tasks of a project and save as the page's outbox does: a save
carries a key and the version it builds on, and its bytes are sent until an answer comes. Afterwards the database must hold every save that
was answered, once, and none that was refused. One JSON line a schedule; status 1 if any failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from db.session import Database
from tests.chaos.network import Proxy, insist
from tests.chaos.verdict import judge
from tests.chaos.world import PEOPLE, make_world

ROOT = Path(__file__).parent.parent.parent
_SAVES, _TASKS = 3, 3


@dataclass
class Told:
    """What the clients were told: key -> marker of the saves that were taken, and the keys of those that were refused as stale."""

    taken: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """One schedule: what happened in it, and what was wrong afterwards (nothing)."""

    seed: int
    saves: int
    refused: int
    kills: int
    faults: dict[str, int]
    seconds: float
    problems: list[str]


class Lives:
    """The server's lives: told to one process that forks them all, because importing takes longer than a schedule."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.chaos.serving"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._hear("ready")
        self._where = ""
        self.port = self.kills = 0

    def settle(self, folder: Path, url: str) -> None:
        """From now on lives serve this folder and database, on a new port."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._where, self.kills = f"{folder} {self.port} {url}", 0

    def begin(self) -> None:
        """A new life."""
        self._tell(f"begin {self._where}")

    def kill(self) -> None:
        """The end of this one."""
        self._tell("kill")
        self.kills += 1

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        self._hear("done")

    def _hear(self, word: str) -> None:
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != word:
            raise RuntimeError("the process that starts servers is gone: look at server.log")

    def close(self) -> None:
        """End the process, and with it the last life."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)


async def annotate(port: int, token: str, project: str, chance: random.Random, told: Told) -> None:
    """One person at work in one tab: take a task, save it some times, submit it, go on."""
    for _ in range(_TASKS):
        status, answer = await insist(port, token, "POST", f"projects/{project}/next", {})
        if status != 200 or answer["task"] is None:
            if status != 200:
                told.problems.append(f"next: {status} {answer}")
            return
        task = answer["task"]
        base = (task["judgement"] or {}).get("version", 0)
        for number in range(_SAVES):
            base = await save(port, token, _draft(task, chance, last=number == _SAVES - 1), base, told)
            await asyncio.sleep(chance.random() * 0.03)


async def save(port: int, token: str, draft: dict[str, Any], base: int, told: Told) -> int:
    """Save a draft until it is taken; on a stale version, again on top of the newest. The version that it became."""
    while True:
        key = str(uuid.uuid4())
        posted = {**draft, "idempotency_key": key, "base_version": base}
        status, answer = await insist(port, token, "POST", "judgements", posted)
        if status in (200, 201):
            told.taken[key] = draft["note"]
            return int(answer["judgement"]["version"])
        if status != 409 or not answer.get("newest"):
            told.problems.append(f"save: {status} {answer}")
            return base
        told.refused.add(key)
        base = answer["newest"]["version"]


def _draft(task: dict[str, Any], chance: random.Random, *, last: bool) -> dict[str, Any]:
    ids = list(task["shown_order"])
    chance.shuffle(ids)
    ranked, rest = ids[:-1], ids[-1:]
    return {
        "assignment": task["assignment"], "order": [[one] for one in ranked], "unranked": rest, "shown_order": task["shown_order"],
        "grades": {ranked[0]: 3}, "note": f"marker {chance.getrandbits(64)}", "state": "submitted" if last else "draft",
    }  # fmt: skip


async def _trouble(lives: Lives, chance: random.Random, working: asyncio.Event) -> None:
    """Kill and restart the server at random moments while people work."""
    for _ in range(chance.randint(1, 4)):
        await asyncio.sleep(chance.random() * 0.5)
        if working.is_set():
            return
        lives.kill()
        await asyncio.sleep(chance.random() * 0.15)
        lives.begin()


async def run_schedule(lives: Lives, seed: int, project: str) -> tuple[Told, Proxy]:
    """Let people work through one schedule of trouble; what they were told, and the network they had."""
    chance, told = random.Random(seed), Told()
    proxy = Proxy(lives.port, random.Random(chance.getrandbits(64)))
    server = await proxy.start()
    lives.begin()
    done = asyncio.Event()
    trouble = asyncio.create_task(_trouble(lives, random.Random(chance.getrandbits(64)), done))
    tabs = [*PEOPLE, PEOPLE[0]]
    work = [annotate(proxy.port, token, project, random.Random(chance.getrandbits(64)), told) for token in tabs]
    await asyncio.wait_for(asyncio.gather(*work), 120)
    done.set()
    await trouble
    server.close()
    return told, proxy


def one(lives: Lives, seed: int, where: tuple[Path, str], project: str) -> Outcome:
    """A schedule in a data folder and database, and the verdict on it."""
    began, (folder, url) = time.monotonic(), where
    lives.settle(folder, url)
    told, proxy = asyncio.run(run_schedule(lives, seed, project))
    kills = lives.kills
    lives.kill()
    database = Database(url)
    problems = told.problems + judge(database, told.taken, told.refused, project)
    database.close()
    seconds = round(time.monotonic() - began, 2)
    return Outcome(seed, len(told.taken), len(told.refused), kills, proxy.drawn, seconds, problems)


def schedules(seeds: range, url: str = "") -> list[Outcome]:
    """Run schedules; on SQLite each has a copy of one world, on a database by URL all share it, one after the other."""
    outcomes, lives = [], Lives()
    with tempfile.TemporaryDirectory(prefix="reasonrank-chaos-") as name:
        world = Path(name) / "world"
        project = make_world(world, url)
        for seed in seeds:
            folder = Path(name) / str(seed)
            shutil.copytree(world, folder)
            if url:
                project = make_world(folder, url)
            own = url or f"sqlite:///{folder / 'studio.db'}"
            outcomes.append(one(lives, seed, (folder, own), project))
            sys.stdout.write(json.dumps(asdict(outcomes[-1])) + "\n")
            sys.stdout.flush()
            shutil.rmtree(folder)
    lives.close()
    return outcomes


def main() -> int:
    """Run the schedules of the command line; 1 where one failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", default="0-19", help="FIRST-LAST")
    parser.add_argument("--url", default="", help="a database of its own instead of SQLite files")
    given = parser.parse_args()
    first, last = (int(part) for part in given.seeds.split("-"))
    return int(any(outcome.problems for outcome in schedules(range(first, last + 1), given.url)))


if __name__ == "__main__":
    sys.exit(main())
