"""The sliding window against a reference written in the test, and permutation safety for any answer."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.ranking.errors import SettingsError
from app.ranking.strategies import Sliding
from tests.conftest import passages
from tests.ranking.drive import at_random, by_worth, drive, keeping


def official(n: int, size: int, step: int) -> list[tuple[int, int]]:
    """The published loop, from its description: both ends move by a step until nothing is left or the window has reached the front."""
    out, end, start = [], n, n - size
    while end > 0 and start + step != 0:
        start = max(start, 0)
        out.append((start, end))
        end, start = end - step, start - step
    return out


def asked(strategy: Sliding, n: int) -> list[tuple[int, int]]:
    """Spans of the windows over a list whose order never changes."""
    walked = drive(strategy, passages(n), keeping)
    assert walked.calls == walked.depth, "one window a round"
    return [(int(window.passages[0].id[1:]) - 1, int(window.passages[-1].id[1:])) for window in walked.windows]


@given(st.integers(0, 130), st.integers(1, 25), st.integers(1, 25), st.integers(1, 3))
@example(100, 20, 10, 1)
@example(25, 20, 10, 1)
@example(60, 20, 20, 2)
@example(10, 20, 10, 1)
def test_windows_are_those_of_the_official_loop(n: int, size: int, step: int, passes: int) -> None:
    step = min(step, size)
    # Departures: a list that fits one window is asked once, whatever its length; every pass goes over the whole list.
    once = official(n, size, step) if n > size else [(0, n)] * (n > 0)
    assert asked(Sliding(size=size, step=step, passes=passes), n) == once * passes


def test_the_official_loop_asks_nothing_at_window_less_step_and_we_do() -> None:
    assert official(10, 20, 10) == [] and asked(Sliding(), 10) == [(0, 10)]


@given(st.integers(0, 120), st.integers(1, 25), st.integers(1, 25), st.integers(1, 3), st.integers(0, 9))
def test_any_answers_give_a_permutation_at_the_promised_cost(n: int, size: int, step: int, passes: int, seed: int) -> None:
    strategy = Sliding(size=size, step=min(step, size), passes=passes)
    walked = drive(strategy, passages(n), at_random(seed))
    assert sorted(walked.ids) == sorted(passage.id for passage in passages(n))
    cost = strategy.cost(n)
    assert cost.calls == (walked.calls, walked.calls)
    assert cost.depth == (walked.depth, walked.depth)
    assert cost.passages_read == (walked.read, walked.read)


@pytest.mark.parametrize(
    ("n", "windows"),
    [
        (0, []),
        (5, [(0, 5)]),
        (20, [(0, 20)]),
        (25, [(5, 25), (0, 15)]),
        (30, [(10, 30), (0, 20)]),
        (100, [(80, 100), (70, 90), (60, 80), (50, 70), (40, 60), (30, 50), (20, 40), (10, 30), (0, 20)]),
    ],
)
def test_windows_of_20_moved_by_10(n: int, windows: list[tuple[int, int]]) -> None:
    assert asked(Sliding(), n) == windows


def test_window_10_step_5_over_100_is_19_calls() -> None:
    assert Sliding(size=10, step=5).cost(100).calls == (19, 19)


def test_a_step_that_skips_passages_is_refused() -> None:
    with pytest.raises(SettingsError, match="would skip passages"):
        Sliding(size=10, step=11)


def test_the_best_of_the_last_window_reaches_the_top() -> None:
    best_first = ["p40", *(f"p{number}" for number in range(1, 40))]
    assert drive(Sliding(), passages(40), by_worth(lambda passage: -best_first.index(passage.id))).ids == best_first
