"""A small slice of benchmarks/planted_faults.py at a fixed seed: the filters find more planted faults than the paper's check alone."""

from __future__ import annotations

from benchmarks.planted_faults import ALL, PAPER, dropped, interval, measure
from benchmarks.planted_set import FAULTS, clean_set, plant


def test_planted_faults_are_found_and_clean_items_stay() -> None:
    items = clean_set(7, 80)
    known = {one.number: dropped(one) for one in items}
    found = measure(items, 0.30, 7, known)
    together, paper = found[ALL], found[PAPER]
    assert together.faulty == 24 and together.clean == 56
    assert together.hits >= 18 and paper.hits <= 12
    assert together.misses / together.clean <= 0.15
    assert found["consistency"].hits == paper.hits
    assert found["faithful"].kinds["contradicting trace"][0] >= 4 and found["injection"].kinds["injected passage"][0] >= 3
    assert paper.kinds["contradicting trace"][0] == paper.kinds["injected passage"][0] == 0


def test_the_same_seed_makes_the_same_set_and_faults_touch_no_other_item() -> None:
    items = clean_set(3, 60)
    assert items == clean_set(3, 60)
    planted, kinds = plant(items, 0.15, 3)
    assert sorted({kind for kind in kinds.values()}) == sorted(FAULTS) and len(kinds) == 9
    assert {one.number for one, other in zip(items, planted, strict=True) if one != other} == set(kinds)


def test_intervals_are_students() -> None:
    """Mean 0.5, s = 0.1, n = 3: 0.5 +- 4.303 * 0.1 / sqrt(3)."""
    assert interval([0.4, None, 0.5, 0.6]) == [0.5, 0.2516, 0.7484]
    assert interval([None]) is None
