"""The sliding window against a reference written in the test, and permutation safety for any answer."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ranking.errors import SettingsError
from app.ranking.strategies import Sliding
from app.ranking.values import Parsed
from tests.conftest import passages


def run(strategy: Sliding, n: int, seed: int) -> tuple[list[str], int, int, int]:
    """Drive a plan with random answers: final ids, calls, rounds, passages read."""
    rng, calls, rounds, read = random.Random(seed), 0, 0, 0
    plan = strategy.plan(passages(n))
    answers: list[Parsed] | None = None
    try:
        while True:
            step = plan.send(answers) if answers is not None else next(plan)
            rounds, calls = rounds + 1, calls + len(step.windows)
            assert len(step.standing) == n
            answers = []
            for window in step.windows:
                order = list(range(len(window.passages)))
                rng.shuffle(order)
                read += len(order)
                answers.append(Parsed(order=tuple(order), outcome="clean"))
    except StopIteration as end:
        return [passage.id for passage in end.value], calls, rounds, read


@given(st.integers(0, 120), st.integers(1, 25), st.integers(1, 25), st.integers(1, 3), st.integers(0, 9))
def test_any_answers_give_a_permutation_at_the_promised_cost(n: int, size: int, step: int, passes: int, seed: int) -> None:
    strategy = Sliding(size=size, step=min(step, size), passes=passes)
    ids, calls, rounds, read = run(strategy, n, seed)
    assert sorted(ids) == sorted(passage.id for passage in passages(n))
    cost = strategy.cost(n)
    assert cost.calls == (calls, calls)
    assert cost.depth == (rounds, rounds)
    assert cost.passages_read == (read, read)


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
def test_windows_are_those_of_the_official_loop(n: int, windows: list[tuple[int, int]]) -> None:
    plan, seen = Sliding().plan(passages(n)), []
    try:
        step = next(plan)
        while True:
            (window,) = step.windows
            first = [passage.id for passage in step.standing].index(window.passages[0].id)
            seen.append((first, first + len(window.passages)))
            step = plan.send([Parsed(order=tuple(range(len(window.passages))), outcome="clean")])
    except StopIteration:
        assert seen == windows


def test_window_10_step_5_over_100_is_19_calls() -> None:
    assert Sliding(size=10, step=5).cost(100).calls == (19, 19)


def test_a_step_that_skips_passages_is_refused() -> None:
    with pytest.raises(SettingsError, match="would skip passages"):
        Sliding(size=10, step=11)


def test_the_best_of_the_last_window_reaches_the_top() -> None:
    plan = Sliding().plan(passages(40))
    answers = None
    try:
        while True:
            step = plan.send(answers) if answers is not None else next(plan)
            (window,) = step.windows
            at = {passage.id: position for position, passage in enumerate(window.passages)}
            rest = [position for position in range(len(at)) if position != at.get("p40")]
            answers = [Parsed(order=tuple(([at["p40"]] if "p40" in at else []) + rest), outcome="clean")]
    except StopIteration as end:
        assert end.value[0].id == "p40"
