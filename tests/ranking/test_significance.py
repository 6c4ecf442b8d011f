"""The paired randomisation test against an independent one, and the smallest difference by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import InputError
from app.ranking.evaluation.significance import randomisation_test, smallest_difference

_values = st.floats(min_value=0.0, max_value=1.0, allow_nan=False).map(lambda value: round(value, 4))


def systems(pairs: list[tuple[float, float]]) -> tuple[dict[str, float], dict[str, float]]:
    return {str(at): pair[0] for at, pair in enumerate(pairs)}, {str(at): pair[1] for at, pair in enumerate(pairs)}


def test_worked_by_hand() -> None:
    # Differences 1, 1, 1: of 8 sign patterns only +++ and --- are as far from 0.
    assert randomisation_test({"a": 1.0, "b": 1.0, "c": 1.0}, {"a": 0.0, "b": 0.0, "c": 0.0}) == 2 / 8
    # Differences 3, -1: sums 2, 4, -4, -2 are all at least as far as 2.
    assert randomisation_test({"a": 3.0, "b": 0.0}, {"a": 0.0, "b": 1.0}) == 1.0
    # Differences 3, 2, -1: sum 4; of |6|, |4|, |2|, |0| each twice, two kinds reach it.
    assert randomisation_test({"a": 3.0, "b": 2.0, "c": 0.0}, {"a": 0.0, "b": 0.0, "c": 1.0}) == 4 / 8


def test_sums_that_only_differ_in_their_last_bits_are_ties() -> None:
    # 0.1 + 0.2 - 0.3 is not 0 in floats; every sum of these is 0, 0.2, 0.4 or 0.6 in truth.
    first = {"a": 0.1, "b": 0.2, "c": 0.0}
    assert randomisation_test(first, {"a": 0.0, "b": 0.0, "c": 0.3}) == 1.0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(_values, _values), min_size=2, max_size=9))
def test_exact_as_scipy_has_it(pairs: list[tuple[float, float]]) -> None:
    from scipy.stats import permutation_test

    first, second = systems(pairs)
    differences = np.asarray([one - other for one, other in pairs])
    theirs = permutation_test(
        (differences,), lambda x, axis: x.mean(axis=axis), permutation_type="samples", n_resamples=np.inf, vectorized=True
    )  # fmt: skip
    assert randomisation_test(first, second) == pytest.approx(min(1.0, theirs.pvalue), abs=1e-9)


def test_drawn_flips_come_near_to_scipy() -> None:
    from scipy.stats import permutation_test

    draw = np.random.default_rng(5)
    differences = draw.normal(0.05, 0.2, 40)
    first, second = systems([(float(one), 0.0) for one in differences])
    theirs = permutation_test(
        (differences,), lambda x, axis: x.mean(axis=axis), permutation_type="samples", n_resamples=20_000, vectorized=True,
        random_state=np.random.default_rng(1),
    )  # fmt: skip
    ours = randomisation_test(first, second, samples=20_000)
    assert ours == pytest.approx(theirs.pvalue, abs=4 * math.sqrt(theirs.pvalue / 20_000) + 1e-3)
    assert ours == randomisation_test(first, second, samples=20_000) != randomisation_test(first, second, samples=20_000, seed=1)


def test_p_is_never_0_and_1_for_equals() -> None:
    first, second = systems([(0.9, 0.1)] * 60)
    assert randomisation_test(first, second, samples=999) == 1 / 1000
    assert randomisation_test(first, first) == 1.0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(_values, _values), min_size=13, max_size=20), st.randoms())
def test_neither_the_order_of_topics_nor_that_of_systems_counts(pairs: list[tuple[float, float]], random: object) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = systems(pairs)
    p = randomisation_test(first, second, samples=300)
    assert randomisation_test(*systems(shuffled), samples=300) == p
    assert 0.0 < p <= 1.0


def test_under_no_difference_p_is_below_five_hundredths_about_so_often() -> None:
    draw = np.random.default_rng(3)
    found = [randomisation_test(*systems([(float(x), 0.0) for x in draw.normal(0.0, 1.0, 10)])) < 0.05 for _ in range(400)]
    assert 0.02 < np.mean(found) < 0.09  # five standard errors around 0.05


def test_what_cannot_be_tested_is_refused() -> None:
    for first, second in (({}, {}), ({"a": float("nan")}, {"a": 0.0}), ({"a": math.inf}, {"a": 0.0})):
        with pytest.raises(InputError, match="finite value of both systems"):
            randomisation_test(first, second)
    with pytest.raises(InputError, match="one sample"):
        randomisation_test({"a": 1.0}, {"a": 0.0}, samples=0)
    with pytest.raises(InputError, match="in one system only"):
        randomisation_test({"a": 1.0}, {"b": 1.0})


def test_smallest_difference_by_hand() -> None:
    # s = 1 for -1, 0, 1; (1.959964 + 0.841621) / sqrt(3).
    assert smallest_difference([-1.0, 0.0, 1.0]) == pytest.approx(2.801585 / math.sqrt(3), abs=1e-6)
    assert smallest_difference([0.25] * 4) == 0.0
    # Four times the topics, half the difference.
    assert smallest_difference([-1.0, 1.0] * 80) / smallest_difference([-1.0, 1.0] * 20) == pytest.approx(0.5, rel=0.02)
    assert smallest_difference([-1.0, 0.0, 1.0], power=0.9) > smallest_difference([-1.0, 0.0, 1.0])
    assert smallest_difference([-1.0, 0.0, 1.0], level=0.99) > smallest_difference([-1.0, 0.0, 1.0])


def test_a_difference_of_that_size_is_seen_so_often() -> None:
    """Simulated: of true differences that large, about 80 % are found by a paired t-test at 5 %."""
    from scipy.stats import ttest_1samp

    draw, n = np.random.default_rng(11), 48
    spread = np.asarray([-1.0, 1.0] * (n // 2))
    wanted = smallest_difference([float(one) for one in spread])
    drawn = draw.normal(wanted, np.std(spread, ddof=1), (2000, n))
    power = float(np.mean(ttest_1samp(drawn, 0.0, axis=1).pvalue < 0.05))
    assert power == pytest.approx(0.8, abs=0.05)


def test_too_little_for_a_smallest_difference() -> None:
    for differences in ([], [0.5], [0.5, float("nan")]):
        with pytest.raises(InputError, match="two numbers at least"):
            smallest_difference(differences)
    with pytest.raises(InputError, match="between 0 and 1"):
        smallest_difference([0.0, 1.0], power=1.0)
