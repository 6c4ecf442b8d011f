"""All strategies: any answers give a permutation at the promised cost, a perfect judge gets a perfect top, published counts are hit."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import SettingsError
from app.ranking.protocols import Strategy
from app.ranking.strategies import (
    CHOICES,
    STRATEGIES,
    Consensus,
    Pointwise,
    Setwise,
    Single,
    Sliding,
    TopDown,
    Tournament,
    TwoLevel,
    choices,
    plan_text,
    strategy_from,
)
from app.ranking.values import RANK_BEST, RANK_WORST, Parsed, PlanCost, Window
from tests.ranking.drive import Walked, at_random, by_worth, drive, keeping, listed, number

SIZES = st.integers(2, 25)

EXACT = st.one_of(
    st.just(Single()),
    st.just(Pointwise()),
    st.builds(lambda size, step, passes: Sliding(size=size, step=min(step, size), passes=passes), SIZES, SIZES, st.integers(1, 3)),
    st.builds(lambda size: TwoLevel(size=size), SIZES),
    st.builds(lambda rounds, seed: Tournament(rounds=rounds, seed=seed), st.integers(1, 4), st.integers(0, 5)),
    st.builds(lambda a, b: Tournament(stages=((a, 9), (b, 4))), SIZES, SIZES),
)
BOUNDED = st.one_of(
    st.builds(lambda size, top: Setwise(size=size, top=top), SIZES, st.integers(1, 40)),
    st.builds(lambda size, pivot, more: TopDown(size=size, pivot=min(pivot, size), budget=pivot + more), SIZES, SIZES, st.integers(0, 40)),
    st.builds(lambda size, pivot: TopDown(size=size, pivot=min(pivot, size), budget=None), SIZES, SIZES),
)
COUNTS = st.one_of(st.integers(0, 60), st.integers(0, 500))


def check(strategy: Strategy, n: int, seed: int) -> Walked:
    walked = drive(strategy, listed(n), at_random(seed))
    assert sorted(walked.ids) == sorted(passage.id for passage in listed(n))
    cost = strategy.cost(n)
    for name, real, (least, most) in (
        ("calls", walked.calls, cost.calls),
        ("depth", walked.depth, cost.depth),
        ("passages read", walked.read, cost.passages_read),
    ):
        assert least <= real <= most, f"{name}: {real} is not in {least}..{most} for {strategy} over {n}"
    return walked


@settings(deadline=None)
@given(EXACT, COUNTS, st.integers(0, 9))
def test_exact_costs_are_hit_by_every_run(strategy: Strategy, n: int, seed: int) -> None:
    cost = strategy.cost(n)
    assert all(least == most for least, most in (cost.calls, cost.depth, cost.passages_read))
    check(strategy, n, seed)


@settings(deadline=None)
@given(BOUNDED, COUNTS, st.integers(0, 9))
def test_bounded_costs_hold_every_run(strategy: Strategy, n: int, seed: int) -> None:
    check(strategy, n, seed)


@settings(deadline=None, max_examples=40)
@given(st.one_of(EXACT, BOUNDED), st.integers(0, 60), st.integers(1, 4), st.integers(0, 9))
def test_a_consensus_costs_k_times_its_strategy(strategy: Strategy, n: int, k: int, seed: int) -> None:
    consensus = Consensus(strategy=strategy, k=k, seed=seed)
    walked = check(consensus, n, seed)
    assert consensus.cost(n).calls == tuple(k * calls for calls in strategy.cost(n).calls)
    assert all(1 <= p.features[RANK_BEST] <= p.features[RANK_WORST] <= n for p in walked.order)


# Calls, depth and passages read over 100 candidates as counted by others for the same algorithms.
@pytest.mark.parametrize(
    ("strategy", "calls", "depth", "read"),
    [
        (Sliding(), 9, 9, 180),
        (Sliding(passes=2), 18, 18, 360),
        (Sliding(size=10, step=5), 19, 19, 190),
        (Single(), 1, 1, 100),
        (TwoLevel(), 6, 2, 120),
        (Tournament(), 13, 5, 185),
        (Tournament(rounds=10), 130, 5, 1850),
        (Pointwise(), 100, 1, 100),
        (Consensus(k=5), 45, 9, 900),
    ],
)
def test_published_counts_over_100_passages(strategy: Strategy, calls: int, depth: int, read: int) -> None:
    assert strategy.cost(100) == PlanCost(calls=(calls, calls), depth=(depth, depth), passages_read=(read, read))


def test_top_down_over_100_passages_takes_seven_calls_in_a_chain_of_three() -> None:
    assert TopDown().cost(100) == PlanCost(calls=(6, 7), depth=(2, 3), passages_read=(105, 125))
    # Nine above the pivot and ten more that beat it: the published 124 passages, and one more where the budget is full.
    good = {f"p{i}" for i in (*range(1, 10), *range(21, 31))}
    walked = drive(TopDown(), listed(100), by_worth(lambda p: (p.id in good) * 1000 - number(p)))
    assert (walked.calls, walked.depth, walked.read) == (7, 3, 124)
    assert set(walked.ids[:19]) == good


def test_setwise_over_100_passages_takes_about_two_dozen_calls() -> None:
    cost = Setwise().cost(100)
    assert cost.calls == (15, 25) and cost.depth == (11, 21)
    assert Setwise(size=10).cost(100).calls[0] <= 30 <= Setwise(size=10).cost(100).calls[1]


@pytest.mark.parametrize(("size", "top", "n"), [(20, 10, 100), (3, 10, 100), (2, 5, 12), (4, 30, 23)])
def test_setwise_bounds_are_reached(size: int, top: int, n: int) -> None:
    """Least where the parent always stays, most where the first child always goes up: its way down is the longest."""

    def first_child(window: Window) -> Parsed:
        others = range(2, len(window.passages))
        return Parsed(order=(1, 0, *others), outcome="clean")

    strategy = Setwise(size=size, top=top)
    least, most = drive(strategy, listed(n), keeping), drive(strategy, listed(n), first_child)
    cost = strategy.cost(n)
    assert cost.calls == (least.calls, most.calls)
    assert cost.depth == (least.depth, most.depth)
    assert cost.passages_read == (least.read, most.read)


@pytest.mark.parametrize("n", [1, 2, 19, 20, 21, 57, 100, 230])
@pytest.mark.parametrize(
    "strategy",
    [
        Single(),
        Sliding(),
        TopDown(budget=None),
        Setwise(),
        Pointwise(),
        Consensus(strategy=Sliding(), k=3),
        Consensus(strategy=Pointwise(), k=2),
    ],
    ids=lambda strategy: strategy.name,
)
def test_a_perfect_judge_gets_a_perfect_top(strategy: Strategy, n: int) -> None:
    """Even where the first stage has it all backwards, as far as the algorithm promises it: the top 10."""
    walked = drive(strategy, listed(n), by_worth(number))
    assert walked.ids[:10] == [f"p{i}" for i in range(n, max(0, n - 10), -1)]


@pytest.mark.parametrize("strategy", [TwoLevel(), Tournament(), Tournament(rounds=3), TopDown()], ids=str)
def test_a_perfect_judge_always_finds_the_best(strategy: Strategy) -> None:
    for n in (2, 3, 20, 21, 100, 220):
        assert drive(strategy, listed(n), by_worth(number)).ids[0] == f"p{n}"


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_without_any_answer_the_incoming_order_stays(name: str) -> None:
    strategy = strategy_from(name, {})

    def silent(window: Window) -> Parsed:
        return Parsed(order=tuple(range(len(window.passages))), outcome="no_answer")

    ids = drive(strategy, listed(45), silent).ids
    if name in ("tournament", "two_level"):
        # Groups must send somebody on even where nobody answers: the ones that came first.
        assert ids[0] == "p1" and set(ids[:2]) <= {"p1", "p2", "p3"}
    else:
        assert ids == [passage.id for passage in listed(45)]


def test_pointwise_sorts_around_a_passage_without_a_score() -> None:
    scores = {"p1": 0.1, "p3": 0.9, "p4": 0.5}

    def answer(window: Window) -> Parsed:
        score = scores.get(window.passages[0].id)
        return Parsed(order=(0,), outcome="clean" if score else "error", scores=(score,) if score else None)

    assert drive(Pointwise(), listed(4), answer).ids == ["p3", "p2", "p4", "p1"]


def test_pointwise_takes_what_is_no_number_for_no_score() -> None:
    def answer(window: Window) -> Parsed:
        (passage,) = window.passages
        return Parsed(order=(0,), outcome="clean", scores=(float("nan") if passage.id == "p2" else number(passage),))

    assert drive(Pointwise(), listed(4), answer).ids == ["p4", "p2", "p3", "p1"]


def test_top_down_bounds_are_reached_and_counted_for_very_long_lists_too() -> None:
    # A pivot at the end of its window, beaten by all: every level loses one passage, and so a list is as many levels deep.
    slow = TopDown(size=2, pivot=2, budget=None)
    # With 4 passages: 1 + 2 calls leave 3, 1 + 1 leave 2, 1 ends; read 2 + 2 * 2, 2 + 2, 2.
    assert slow.cost(4) == PlanCost(calls=(3, 6), depth=(2, 5), passages_read=(6, 12))
    walked = drive(slow, listed(4), by_worth(number))
    assert (walked.calls, walked.depth, walked.read) == (6, 5, 12)
    # By the same count: depth 2 * (n - 2) + 1, calls the sum of 2 to n - 1, and 1.
    assert slow.cost(3000).depth[1] == 5997 and slow.cost(3000).calls[1] == 2999 * 3000 // 2


def test_a_budget_that_is_full_from_the_start_asks_no_last_window() -> None:
    full = TopDown(size=20, pivot=10, budget=9)
    assert full.cost(100) == PlanCost(calls=(6, 6), depth=(2, 2), passages_read=(105, 105))
    assert drive(full, listed(100), by_worth(number)).calls == 6


def test_every_group_of_a_tournament_sends_somebody_on() -> None:
    # 100 groups of 20 where the stage says 50 in all: the best of all stands in the last group.
    assert drive(Tournament(), listed(2000), by_worth(number)).ids[0] == "p2000"
    assert drive(Tournament(stages=((2, 1), (2, 1))), listed(3), by_worth(lambda p: float(p.id == "p2"))).ids[0] == "p2"


def test_top_down_without_an_answer_promotes_nobody() -> None:
    def half_silent(window: Window) -> Parsed:
        size = len(window.passages)
        first = window.passages[0].id == "p1"
        return Parsed(order=tuple(reversed(range(size))) if first else tuple(range(size)), outcome="clean" if first else "error")

    walked = drive(TopDown(), listed(60), half_silent)
    assert walked.ids[:20] == [f"p{i}" for i in range(20, 0, -1)] and walked.calls == 4


def test_beyond_the_budget_candidates_stand_before_the_pivot() -> None:
    walked = drive(TopDown(size=4, pivot=2, budget=3), listed(12), by_worth(number))
    # The first window ranks p4 p3 p2 p1, the pivot is p3. All others beat it in windows of three: the best of two windows are candidates,
    # then come the best of the third, the second ones of all, the third ones.
    assert walked.ids == ["p10", "p7", "p4", "p12", "p6", "p9", "p11", "p5", "p8", "p3", "p2", "p1"]


def test_the_shuffles_of_a_tournament_come_from_its_seed() -> None:
    def windows(seed: int) -> list[list[str]]:
        return [[p.id for p in w.passages] for w in drive(Tournament(seed=seed), listed(60), at_random(1)).windows]

    assert windows(0) == windows(0) != windows(1)


def test_a_firm_order_has_intervals_of_one_rank_and_a_coin_toss_has_wide_ones() -> None:
    firm = drive(Consensus(strategy=Single(), k=4), listed(8), by_worth(number)).order
    assert [(p.features[RANK_BEST], p.features[RANK_WORST]) for p in firm] == [(rank, rank) for rank in range(1, 9)]
    # A judge that keeps what it is shown: every order is a shuffle.
    toss = drive(
        Consensus(strategy=Single(), k=6), listed(30), lambda w: Parsed(order=tuple(range(len(w.passages))), outcome="clean")
    ).order
    assert sum(p.features[RANK_WORST] - p.features[RANK_BEST] for p in toss) / 30 > 12


def test_silence_is_no_firm_order() -> None:
    def silent(window: Window) -> Parsed:
        return Parsed(order=tuple(range(len(window.passages))), outcome="error")

    order = drive(Consensus(k=3), listed(30), silent).order
    assert {(p.features[RANK_BEST], p.features[RANK_WORST]) for p in order} == {(1, 30)}, "nothing is known, so anything may be"


def test_a_certificate_keeps_the_other_features() -> None:
    first = drive(Consensus(strategy=Single(), k=2), listed(3), keeping).order[0]
    assert set(first.features) == {*listed(1)[0].features, RANK_BEST, RANK_WORST}


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("bubble", {}, "there are sliding, single"),
        ("sliding", {"window": 3}, "known are size, step, passes"),
        ("sliding", {"size": "20"}, "must be a whole number"),
        ("sliding", {"size": True}, "must be a whole number"),
        ("sliding", {"size": 10**9}, "at most 100"),
        ("sliding", {"size": 5, "step": 6}, "would skip passages"),
        ("sliding", {"step": 0}, "at least 1"),
        ("top_down", {"pivot": 30}, "outside a window"),
        ("top_down", {"budget": 3}, "no room"),
        ("tournament", {"stages": [[20, 5], [20, 50]]}, "can't be played"),
        ("tournament", {"stages": "all"}, "pairs of numbers"),
        ("two_level", {"size": 1}, "at least 2"),
        ("consensus", {"strategy": {"name": "magic"}}, "no strategy is called 'magic'"),
        ("consensus", {"strategy": 7}, "no strategy is called ''"),
        ("consensus", {"strategy": {"name": ["sliding"]}}, "no strategy is called"),
        ("consensus", {"strategy": "sliding", "top": 3}, "sliding has no top"),
        ("consensus", {"size": 3}, "consensus has no size"),
        ("consensus", {"strategy": "consensus"}, "a consensus of a consensus can't be"),
        ("tournament", {"stages": [[20, 5.5]]}, "pairs of numbers"),
        ("tournament", {"stages": [[20, 5]] * 21}, "at most 20"),
        ("consensus", {"k": 0}, "at least 1"),
    ],
)
def test_what_can_not_be_is_said(name: str, args: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        strategy_from(name, args)


def test_what_can_not_be_is_said_by_the_classes_too() -> None:
    makers: list[Callable[[], object]] = [
        lambda: Sliding(size="20"),  # type: ignore[arg-type]
        lambda: Tournament(stages=5),  # type: ignore[arg-type]
        lambda: Tournament(stages=()),
        lambda: Tournament(stages=((1, 5),)),
        lambda: Consensus(strategy=Consensus()),
        lambda: TopDown(size=20, pivot=10, budget=8),
    ]
    for make in makers:
        with pytest.raises(SettingsError):
            make()


def test_strategies_nested_deeper_than_python_can_follow_are_refused() -> None:
    nested: dict[str, object] = {"name": "sliding"}
    for _ in range(5000):
        nested = {"name": "consensus", "strategy": nested}
    with pytest.raises(SettingsError, match="a consensus of a consensus"):
        strategy_from("consensus", {"strategy": nested})


def test_arguments_of_a_nested_strategy_may_stand_beside_its_name() -> None:
    made = strategy_from("consensus", {"strategy": "sliding", "size": 10, "step": 5, "k": 3})
    assert made == Consensus(strategy=Sliding(size=10, step=5), k=3)
    assert strategy_from("consensus", {"strategy": "tournament", "seed": 4}) == Consensus(strategy=Tournament(), seed=4)


def test_nested_strategies_and_no_budget_can_be_given() -> None:
    made = strategy_from("consensus", {"strategy": {"name": "sliding", "size": 10, "step": 5}, "k": 3})
    assert made == Consensus(strategy=Sliding(size=10, step=5), k=3)
    assert strategy_from("top_down", {"budget": None}) == TopDown(budget=None)


def test_every_strategy_is_offered_in_words() -> None:
    offered = json.loads(json.dumps(choices()))
    assert list(CHOICES) == choices()
    assert [one["name"] for one in offered] == list(STRATEGIES) and all(one["label"] for one in offered)
    size = next(one for one in offered if one["name"] == "sliding")["parameters"][0]
    assert size == {"name": "size", "label": "passages a window", "type": "integer", "optional": False, "default": 20, "min": 1, "max": 100}


def test_a_cost_in_words() -> None:
    assert plan_text(Sliding().cost(100)) == "9 calls, 9 deep, 180 passages read"
    assert plan_text(TopDown().cost(100)) == "6-7 calls, 2-3 deep, 105-125 passages read"
    assert plan_text(Single().cost(5)) == "1 call, 1 deep, 5 passages read"
    assert plan_text(Single().cost(1)) == "1 call, 1 deep, 1 passage read"
