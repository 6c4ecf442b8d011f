"""Twenty fixed schedules of kill -9, restart and network cuts around saves; `make proof chaos` runs as many more as one likes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.network import FAULTS

pytestmark = pytest.mark.process
ROOT = Path(__file__).parent.parent.parent
SCHEDULES = 20


class Schedules:
    """Outcomes of the schedules as they are done, one process for those that follow on each other: starting it takes many times longer."""

    def __init__(self) -> None:
        self._next = 0
        self._process: subprocess.Popen[str] | None = None

    def of(self, first: int, last: int) -> Iterator[dict[str, object]]:
        """Those from a seed to a seed."""
        if self._process is None or self._next != first:
            self.close()
            self._process, self._next = begin(f"{first}-{SCHEDULES - 1}"), first
        assert self._process.stdout is not None and self._process.stderr is not None
        while self._next <= last:
            line = self._process.stdout.readline()
            assert line, self._process.stderr.read()[-2000:]
            self._next += 1
            yield json.loads(line)

    def close(self) -> None:
        """The end of the process, which takes its folder with it; it is interrupted where not all was asked for."""
        if self._process is not None:
            if self._next < SCHEDULES:
                self._process.send_signal(signal.SIGINT)
            self._process.communicate(timeout=60)


def begin(seeds: str, url: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.chaos.saves", "--seeds", seeds, *(["--url", url] if url else [])]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def schedules() -> Iterator[Schedules]:
    """All schedules on SQLite."""
    made = Schedules()
    yield made
    made.close()


@pytest.mark.parametrize(("first", "last"), [(0, 6), (7, 13), (14, 19)])
def test_nothing_is_lost_and_nothing_is_doubled(schedules: Schedules, first: int, last: int) -> None:
    seen = []
    for outcome in schedules.of(first, last):
        seen.append(outcome["seed"])
        assert outcome["problems"] == [], outcome["seed"]
        assert outcome["saves"] == 45 and int(str(outcome["kills"])) >= 1
        assert set(FAULTS) <= set(outcome["faults"])  # type: ignore[call-overload]
    assert seen == list(range(first, last + 1))


@pytest.mark.database
def test_nor_on_postgresql(postgres: str) -> None:
    from tests.postgresql import fresh_schema

    out, err = begin("0-1", fresh_schema(postgres, "chaos")).communicate(timeout=280)
    outcomes = [json.loads(line) for line in out.splitlines()]
    assert [outcome["seed"] for outcome in outcomes] == [0, 1], err[-2000:]
    for outcome in outcomes:
        assert outcome["problems"] == [], outcome["seed"]


def test_the_verdict_can_fail(tmp_path: Path) -> None:
    """A save that was answered and is not there, and one that was refused and is, are both found."""
    from app.services.actors import LOCAL
    from db.session import Database
    from tests.chaos.verdict import judge
    from tests.chaos.world import make_world

    assert LOCAL
    project = make_world(tmp_path)
    database = Database(f"sqlite:///{tmp_path / 'studio.db'}")
    assert judge(database, {}, set(), project) == []
    assert judge(database, {"a-key": "a marker"}, set(), project) == ["lost: a-key"]
    database.close()
