"""Figures of the proofs of the loop: what is kept of a decision, intervals, power, and the margins that an operator would set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.proofs.batch_figures import power, summary
from tests.proofs.batches import batches
from tests.proofs.campaigns import wider
from tests.proofs.decisions import clustered, differences, kept, wilson


def test_a_rate_of_20_in_20_is_surely_above_80_percent() -> None:
    low, high = wilson(20, 20)
    assert (round(low, 3), high) == (0.839, 1.0)  # 20 / (20 + 3.8415)
    assert wilson(0, 0) == (0.0, 1.0)


def test_differences_are_the_candidates_less_the_active_ones() -> None:
    assert differences({"a": [0.5, 0.75], "b": [1.0, 0.9]}) == [0.25, -0.1]


def test_values_that_belong_together_make_an_interval_wider() -> None:
    values, apart = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0], ["a", "b", "c", "d", "e", "f"]
    low, high = clustered(values, apart)
    assert clustered(values, ["a", "a", "a", "b", "b", "b"]) == (0.0, 1.0)
    assert 0.0 < low < 0.5 < high < 1.0


def test_an_operator_widens_what_failed_and_nothing_else() -> None:
    checks = [
        {"name": "better", "passed": True, "value": 0.1, "low": 0.05},
        {"name": "gold", "passed": False, "value": -0.05, "low": -0.0712},
        {"name": "domain debugging", "passed": False, "value": -0.09, "low": -0.2},
        {"name": "domain debugging, people's", "passed": False, "value": -0.115, "low": -0.3},
        {"name": "outcomes", "passed": True, "value": 0.0, "low": None},
        {"name": "seconds", "passed": False, "value": 1.61, "low": None},
    ]
    assert wider({"checks": checks}) == {"gold_drop": 0.08, "domain_drop": 0.12, "slower": 1.62}


def test_bad_batches_of_full_strength_come_first_and_faults_take_turns() -> None:
    made = batches(range(3), (0.25, 1.0))
    assert [one.cell for one in made[:4]] == ["honest, seed 0", "reversed 100%, seed 0", "honest, seed 1", "spite 100%, seed 1"]
    assert [one.cell for one in made[6:]] == ["reversed 25%, seed 0", "spite 25%, seed 1", "noise 25%, seed 2"]
    assert len({one.cell for one in made}) == len(made) == 9


def test_power_grows_with_the_lists_and_is_none_without_an_effect() -> None:
    better = [_row(people=[0.05, -0.02, 0.04, -0.01] * 15, promoted=True)]
    found = power(better, (10, 120), draws=30)
    assert found[10] < found[120] == 1.0
    assert power([_row(people=[0.05, -0.05] * 30, promoted=False)], (60,), draws=30)[60] < 0.2


def test_a_failed_guard_is_not_mended_by_more_lists() -> None:
    row = _row(people=[0.05] * 60, promoted=False) | {"failed": ["domain debugging"]}
    assert power([row], (60,), draws=5) == {60: 0.0}


def test_the_summary_counts_what_was_accepted() -> None:
    rows = [_row(people=[0.02] * 60, promoted=True), _row(people=[-0.02] * 60, promoted=False) | {"fault": "noise", "strength": 1.0}]
    text = summary(rows, draws=2)
    assert "honest: 1 of 1 accepted" in text
    assert "at 100%: 1 of 1 bad batches rejected" in text


@pytest.mark.parametrize("promoted", [True, False])
def test_an_unchanged_model_has_no_differences_and_is_counted_all_the_same(promoted: bool) -> None:
    row = {"fault": "", "strength": 0.0, "promoted": promoted, "failed": ["unchanged"]}
    assert f"{int(promoted)} of  1" in summary([row], draws=2)


def test_the_newest_line_of_a_cell_counts(tmp_path: Path) -> None:
    file = tmp_path / "cells.jsonl"
    file.write_text('{"cell": "a", "n": 1}\n{"cell": "b", "n": 2}\n{"cell": "a", "n": 3}\n', encoding="utf-8")
    assert {cell: row["n"] for cell, row in kept(file).items()} == {"a": 3, "b": 2}
    assert kept(tmp_path / "none") == {}


def _row(people: list[float], promoted: bool) -> dict[str, Any]:
    return {"fault": "", "strength": 0.0, "promoted": promoted, "failed": [], "people": people, "gold": [0.0] * 48}
