"""The central ranking against brute force, and by hand."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.kemeny import central_order, disagreements, firmness


@st.composite
def rankings(draw: st.DrawFn, most: int = 6) -> list[list[int]]:
    n, k = draw(st.integers(0, most)), draw(st.integers(1, 5))
    return [draw(st.permutations(range(n))) for _ in range(k)]


@settings(deadline=None)
@given(rankings())
def test_no_order_disagrees_with_fewer_pairs(given_: list[list[int]]) -> None:
    found = central_order(given_)
    assert sorted(found) == list(range(len(given_[0])))
    fewest = min(disagreements(order, given_) for order in itertools.permutations(range(len(given_[0]))))
    assert disagreements(found, given_) == fewest


def test_a_cycle_of_majorities_by_hand() -> None:
    # 0 beats 1 and 1 beats 2 and 2 beats 0, each by two of three; three orders cost 4, the others 5: the one with 0 first is taken.
    cycle = [[0, 1, 2], [1, 2, 0], [2, 0, 1]]
    assert central_order(cycle) == (0, 1, 2) and disagreements((0, 1, 2), cycle) == 4
    assert disagreements((2, 1, 0), cycle) == 5


def test_a_majority_decides_and_ties_go_to_the_smaller_number() -> None:
    assert central_order([[2, 1, 0], [2, 0, 1], [0, 2, 1]]) == (2, 0, 1)
    assert central_order([[1, 0], [0, 1]]) == (0, 1)
    assert central_order([]) == () and central_order([[]]) == ()


def test_a_circle_is_cut_where_it_is_weakest() -> None:
    # 0 beats 1 by 3 of 5, 1 beats 2 by 4, 2 beats 0 by 3. (0, 1, 2) differs in 2 + 1 + 3 pairs, (1, 2, 0) in 3 + 1 + 2, which is as few,
    # (2, 0, 1) in 2 + 4 + 2.
    circle = [[0, 1, 2], [0, 1, 2], [1, 2, 0], [1, 2, 0], [2, 0, 1]]
    assert [disagreements(order, circle) for order in ((0, 1, 2), (1, 2, 0), (2, 0, 1))] == [6, 6, 8]
    assert central_order(circle) == (0, 1, 2)
    # With 0 and 2 renamed (2, 1, 0) and (1, 0, 2) are the best: the smaller number first, but never before what costs less.
    assert central_order([[2 - one for one in order] for order in circle]) == (1, 0, 2)


def test_firmness_goes_from_a_fixed_rank_to_a_coin_toss() -> None:
    assert firmness(3, 3, 100) == 1 and firmness(1, 100, 100) == 0 and firmness(1, 1, 1) == 1
    assert firmness(2, 5, 11) == 0.7


def test_many_contested_items_are_ordered_by_mean_rank() -> None:
    # Ten items in a ring, turned by one, two and three places: every item is contested. By hand: items 3..9 have the mean ranks
    # (i - 1 + i - 2 + i - 3) / 3 = i - 2, and 0, 1, 2 have (9 + 8 + 7) / 3 = 8, (0 + 9 + 8) / 3 = 17 / 3, (1 + 0 + 9) / 3 = 10 / 3.
    ring = [[(i + turn) % 10 for i in range(10)] for turn in (1, 2, 3)]
    assert central_order(ring) == (3, 4, 5, 2, 6, 7, 1, 8, 9, 0)


def test_an_uncontested_head_stands_before_a_contested_tail() -> None:
    tail = [[10, 11, 12], [11, 12, 10], [12, 10, 11]]
    assert central_order([[*range(10), *end] for end in tail]) == tuple(range(13))
