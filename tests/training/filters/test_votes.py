"""The order against labels, the answers against each other, and people as a third voter."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from training.filters.votes import consistency, labels, nth, people, samples
from training.synthesis.values import Mined, Opinion

from .made import item, sample


def test_one_positive_has_to_stand_in_the_top_four() -> None:
    """1 / log2(rank + 1): the paper's threshold of 0.4 lies between the fourth and the fifth rank."""
    values = []
    for rank in range(1, 6):
        order = [number for number in range(2, 21)]
        order.insert(rank - 1, 1)
        values.append(consistency(item(order, grades={f"p{n}": int(n == 1) for n in range(1, 21)})).value)
    assert [round(value or 0, 3) for value in values] == [1.0, 0.631, 0.5, 0.431, 0.387]


def test_grades_count_by_their_size_and_late_ones_are_named() -> None:
    found = consistency(item((1, 2, 3), grades={"p1": 0, "p2": 1, "p3": 3}))
    assert found.value == pytest.approx((1 / math.log2(3) + 3 / 2) / (3 + 1 / math.log2(3)))
    assert found.reasons == ("a passage labelled 3, [3], stands 3rd",)


def test_without_a_positive_there_is_nothing_to_be_consistent_with() -> None:
    assert consistency(item(grades={"p1": 0})).value is None
    assert consistency(item(grades={"p1": 1}, samples=())).value is None


def test_answers_that_agree_score_one_and_opposite_ones_minus_one() -> None:
    same, other = sample((1, 2, 3, 4)), sample((4, 3, 2, 1), at=1)
    assert samples(item(samples=(same, sample((1, 2, 3, 4), at=1)))).value == 1.0
    assert samples(item(samples=(same, other))).value == -1.0
    assert samples(item(samples=(same, other))).reasons == ("answers 1 and 2 agree least: -1.00",)


def test_only_clean_answers_vote() -> None:
    repaired = sample((3, 2, 1), at=1, outcome="repaired")
    assert samples(item(samples=(sample((1, 2, 3)), repaired))).value is None
    assert samples(item(samples=(sample((1, 2, 3)), repaired, sample((1, 2, 3), at=2)))).value == 1.0


def test_chance_is_zero_and_the_top_weighs_most() -> None:
    draw = random.Random(0)
    numbers = list(range(1, 21))
    found = [samples(item(samples=(sample(numbers), sample(draw.sample(numbers, 20), at=1)))).value or 0 for _ in range(200)]
    assert abs(sum(found) / 200) < 0.05
    top, low = numbers.copy(), numbers.copy()
    top[0], top[4], low[15], low[19] = top[4], top[0], low[19], low[15]
    apart = [samples(item(samples=(sample(numbers), sample(order, at=1)))).value or 0 for order in (top, low)]
    assert apart[0] < apart[1] < 1.0


def vote(prompt: str, at: int, **grades: int) -> Mined:
    return Mined(prompt=prompt, sample=at, grades=grades, outcome="clean")


def test_labels_compare_votes_of_one_prompt_over_what_both_saw() -> None:
    """Relevant to both: p1; to one: p2. 2 * 1 / (2 + 1)."""
    found = labels(item(mined=(vote("generic", 0, p1=1, p2=1, p3=0), vote("generic", 1, p1=1, p2=0, p3=0, p9=1))))
    assert found.value == pytest.approx(2 / 3)
    assert found.reasons == ("passage p2 is relevant to 1 of 2 votes",)
    assert labels(item(mined=(vote("generic", 0, p1=1), vote("coding", 0, p1=0)))).value is None


def test_windows_of_one_sample_are_one_vote() -> None:
    halves = (vote("generic", 0, p1=1), vote("generic", 0, p2=1), vote("generic", 1, p1=1, p2=1))
    assert labels(item(mined=halves)).value == 1.0


def test_human_labels_vote_but_not_on_hard_negatives() -> None:
    human: dict[str, Any] = {"grades": {"p1": 2, "p2": 0, "p3": 0}, "labelled_by": "source"}
    assert labels(item(mined=(vote("generic", 0, p1=1, p2=1, p3=0),), **human)).value == pytest.approx(2 / 3)
    assert labels(item(mined=(vote("qa-hard", 0, p1=0, p2=1, p3=1),), **human)).value is None
    assert labels(item(mined=(), **human)).value is None


def opinion(*order: tuple[str, ...], trust: float = 1.0, not_relevant: tuple[str, ...] = (), **grades: int) -> Opinion:
    return Opinion(person="a", order=order, not_relevant=not_relevant, grades=grades, trust=trust)


def test_people_count_pairs_with_their_trust_ties_out() -> None:
    """The first person: 1 > 2, 1 > 3 with trust 1, both right; the second: 3 > 1 with trust 0.5, wrong. 2 / 2.5."""
    found = people(item((1, 2, 3), opinions=(opinion(("p1",), ("p2", "p3")), opinion(("p3",), not_relevant=("p1",), trust=0.5))))
    assert found.value == pytest.approx(0.8)
    assert found.reasons == ("people put [3] before [1], the list has them 3rd and 1st",)


def test_people_without_an_order_speak_by_grades() -> None:
    assert people(item((1, 2, 3), opinions=(opinion(p3=2, p1=1, unknown=3),))).value == 0.0
    assert people(item((1, 2, 3), opinions=(opinion(p3=2, p1=2),))).value is None
    assert people(item()).value is None


@given(st.permutations(range(1, 9)), st.permutations(range(1, 9)))
@examples(max_examples=40, deadline=None)
def test_a_person_agrees_with_an_order_as_much_as_it_is_turned_round_disagrees(mine: list[int], theirs: list[int]) -> None:
    said = opinion(*((f"p{number}",) for number in theirs))
    one, other = (people(item(order, opinions=(said,))).value or 0.0 for order in (mine, mine[::-1]))
    assert one + other == pytest.approx(1.0)


@pytest.mark.parametrize(("rank", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd"), (113, "113th")])
def test_ranks_in_words(rank: int, said: str) -> None:
    assert nth(rank) == said
