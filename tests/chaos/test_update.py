"""An update that is killed goes on with the step it was at, and ends with the same weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.update_kills import Plan, killed_and_not
from training.config import load_recipe

pytestmark = [pytest.mark.process, pytest.mark.timeout(2400)]  # torch is imported three times, and 160 lists are ranked twice

# The recipe `smoke` on judgements alone, so that no teacher is asked and no index is built.
_TOLD = """
name = "told"
[[source]]
kind = "judgements"
domain = "told"
[list]
size = 40
[teacher]
model = "nano"
[filters]
consistency = 0.0
people = 0.0
length = 0.0
"""


def test_killed_twice_and_taken_up_again(tmp_path: Path) -> None:
    """Twenty kills: make proof update."""
    (tmp_path / "told.toml").write_text(_TOLD)
    text = load_recipe("smoke").text.replace('synthesis = "update"', f'synthesis = "{tmp_path / "told.toml"}"')
    text = text.replace("steps = 6", "steps = 2")
    assert str(tmp_path) in text
    found = killed_and_not(tmp_path, Plan(recipe="told", text=text, kills=2, lists=10))
    assert found.problems == [] and found.weights and found.attempts >= 2
    assert sum(found.hits.values()) == 2 and "missed" not in found.hits
