"""Twenty fixed schedules of kill -9, restart and network cuts around saves; `make proof chaos` runs as many more as one likes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.network import FAULTS

pytestmark = pytest.mark.process
ROOT = Path(__file__).parent.parent.parent


def outcomes(seeds: str, url: str = "") -> list[dict[str, object]]:
    command = [sys.executable, "-m", "tests.chaos.saves", "--seeds", seeds, *(["--url", url] if url else [])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.stdout, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("seeds", ["0-6", "7-13", "14-19"])
def test_nothing_is_lost_and_nothing_is_doubled(seeds: str) -> None:
    for outcome in outcomes(seeds):
        assert outcome["problems"] == [], outcome["seed"]
        assert outcome["saves"] == 45 and int(str(outcome["kills"])) >= 1
        assert set(FAULTS) <= set(outcome["faults"])  # type: ignore[call-overload]


@pytest.mark.database
def test_nor_on_postgresql(postgres: str) -> None:
    from tests.conftest import _fresh_schema

    for outcome in outcomes("0-3", _fresh_schema(postgres, "chaos")):
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
