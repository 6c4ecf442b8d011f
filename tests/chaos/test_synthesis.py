"""A synthesis that is killed or interrupted goes on where it was, and ends with the same dataset."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.chaos.synthesis_kills import Command, Plan, killed_and_not
from tests.training.synthesis.counting_server import CountingServer
from tests.training.synthesis.world import CALLS, write_world

pytestmark = pytest.mark.process


def test_killed_twice_and_begun_again(tmp_path: Path) -> None:
    """Twenty kills: make proof synthesis."""
    found = killed_and_not(tmp_path, Plan(seed=5, kills=2, queries=10))
    assert found.problems == [] and found.dataset


def test_interrupted_it_ends_in_good_order_and_goes_on(tmp_path: Path) -> None:
    with CountingServer(seconds=0.2) as server:
        write_world(tmp_path, server.address, 4)
        command = Command(tmp_path, "var")
        deadline = time.monotonic() + 300
        while len(server.asked) < 10 and time.monotonic() < deadline:
            time.sleep(0.01)
        status, said = command.end(signal.SIGINT)
        assert status == 130 and "the same command goes on" in said and "Traceback" not in said
        assert command.rows("SELECT state FROM jobs") == [("cancelled",)]
        assert command.rows("SELECT count(*) FROM teacher_calls WHERE completion IS NULL AND session != ''") == [(0,)]

        again = Command(tmp_path, "var", "--out", str(tmp_path / "out"))
        status, said = again.end()
        assert status == 0, said
        assert len(server.asked) == 8 * CALLS and server.asked.total() <= 8 * CALLS + 4
        assert again.rows("SELECT state FROM jobs ORDER BY created") == [("cancelled",), ("finished",)]
        assert again.rows("SELECT count(*) FROM job_events WHERE kind = 'item'") == [(8,)]
        assert again.rows("SELECT count(*) FROM workers WHERE ended IS NULL") == [(0,)]
    assert (tmp_path / "out" / "report.html").is_file() and (tmp_path / "out" / "dataset" / "manifest.json").is_file()
