"""How true traces are to their answers: numbers worked by hand, and what must hold for any claims."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import InputError
from app.ranking.evaluation.thought.trace_quality import (
    Trace,
    by_version,
    consistency,
    contradicted,
    last_said,
    one_trace,
    trace_quality,
)
from app.ranking.models.nano import cards
from app.ranking.models.nano.cards import Plan
from app.ranking.models.nano.template import NanoTemplate
from app.ranking.prompts import builtin_profile
from app.ranking.values import Claim, Completion, Parsed, Polarity, Target
from training.rewards import Faithful

STUDIO = builtin_profile("studio")
SIDES: tuple[Polarity, ...] = ("for", "neutral", "against")


def claim(polarity: Polarity, *ids: str, grade: float | None = None) -> Claim:
    return Claim(id="c1", passage_ids=ids, start=0, end=1, polarity=polarity, grade=grade)


def trace(text: str, order: str, shown: str = "abcd") -> Trace:
    return Trace(template=STUDIO, reasoning=text, shown=tuple(shown), order=tuple(order))


def test_pairs_told_apart_by_hand() -> None:
    # a for, b against, c neutral: a > c, a > b, c > b are told. The answer b a c has a before c right, the other two wrong.
    said = [claim("for", "a"), claim("against", "b"), claim("neutral", "c")]
    assert consistency(said, "bac") == (1 / 3, 3)
    assert consistency(said, "acb") == (1.0, 3)
    assert consistency([claim("for", "a", "b")], "ba") == (None, 0), "two that are praised alike are not told apart"


def test_the_last_word_counts_and_grades_come_before_sides() -> None:
    said = [claim("for", "a"), claim("against", "a"), claim("against", "b", grade=7.0)]
    assert last_said(said) == {"a": -1.0, "b": 7.0}
    assert consistency(said, "ba") == (1.0, 1)


def test_contradictions_by_hand() -> None:
    said = [claim("for", "a", "b"), claim("against", "a"), claim("neutral", "b"), claim("for", "c", grade=1), claim("for", "c", grade=2)]
    assert contradicted(said) == (3, 2), "a is praised and spoken against, c graded twice; b is not contradicted by a neutral word"


def test_a_whole_trace_of_free_text() -> None:
    one = one_trace(trace("[1] answers the question. [2] is irrelevant. [1] is off topic, however useless.", "abcd"))
    # The last word on passage 1 is against it, as is that on passage 2: no pair is told apart.
    assert (one.consistency, one.told) == (None, 0)
    assert (one.claims_per_passage, one.spoken, one.contradictions) == (3 / 4, 2 / 4, 1 / 2)


def test_means_leave_out_what_says_nothing() -> None:
    good = trace("[1] answers the question. [2] is irrelevant.", "abcd")
    bad = trace("[1] answers the question. [2] is irrelevant.", "bacd")
    mute = trace("Nothing to cite here.", "abcd")
    none = trace("  \n", "abcd")
    found = trace_quality([good, bad, mute, none])
    assert (found.n, found.n_told, found.n_spoken) == (3, 2, 2)
    assert (found.consistency, found.contradiction_rate) == (0.5, 0.0)
    assert found.claims_per_passage == pytest.approx((0.5 + 0.5 + 0) / 3) == found.spoken
    assert found.plain["n"] == 3 and set(found.plain) >= {"consistency", "claims_per_passage", "contradiction_rate"}


def test_nothing_gives_none_and_not_zero() -> None:
    found = trace_quality([])
    assert (found.n, found.consistency, found.claims_per_passage, found.contradiction_rate) == (0, None, None, None)


def test_versions_are_kept_apart() -> None:
    good = trace("[1] answers the question. [2] is irrelevant.", "abcd")
    bad = trace("[1] answers the question. [2] is irrelevant.", "bacd")
    found = by_version([("v1", good), ("v2", bad), ("v1", good), ("v3", trace("", "abcd"))])
    assert {name: (one.n, one.consistency) for name, one in found.items()} == {"v1": (2, 1.0), "v2": (1, 0.0), "v3": (0, None)}


def test_a_model_whose_answer_follows_from_its_grades_is_consistent() -> None:
    digits = [(0, 1, 0, 3, 0, 0), (9, 9, 9, 9, 9, 9), (5, 5, 5, 5, 5, 5)]
    reasoning = cards.write_reasoning(Plan(), digits)
    one = one_trace(Trace(template=NanoTemplate(), reasoning=reasoning, shown=("a", "b", "c"), order=("b", "c", "a")))
    assert (one.consistency, one.told, one.claims_per_passage, one.spoken, one.contradictions) == (1.0, 3, 1.0, 1.0, 0.0)


def test_an_order_that_lacks_a_passage_is_refused() -> None:
    with pytest.raises(InputError, match="lacks passage 'b'"):
        consistency([claim("for", "a"), claim("against", "b")], ["a"])
    with pytest.raises(InputError, match="no passage"):
        one_trace(trace("[1]", "", ""))


@given(
    st.lists(st.tuples(st.sampled_from(SIDES), st.sets(st.sampled_from("abcd"), min_size=1)), max_size=6),
    st.sampled_from(list(permutations("abcd"))),
)
@settings(max_examples=60, deadline=None)
def test_shares_are_shares_and_a_turned_order_turns_the_share(said: list[tuple[Polarity, set[str]]], order: tuple[str, ...]) -> None:
    held = [claim(side, *sorted(ids)) for side, ids in said]
    share, told = consistency(held, order)
    back, again = consistency(held, order[::-1])
    assert told == again and (share is None) == (told == 0) == (back is None)
    if share is not None and back is not None:
        assert 0.0 <= share <= 1.0 and share + back == pytest.approx(1.0)
    spoken, both = contradicted(held)
    assert 0 <= both <= spoken == len({one for _, ids in said for one in ids})


@given(st.sampled_from(list(permutations(range(3)))))
@settings(max_examples=6, deadline=None)
def test_the_reward_of_training_is_the_same_number(order: tuple[int, ...]) -> None:
    text = "[1] answers the question. [2] is irrelevant. [3] helps."
    shown = ("a", "b", "c")
    ids = tuple(shown[at] for at in order)
    reward = Faithful(STUDIO).score(
        Completion(answer="", reasoning=text), Parsed(order=order, outcome="clean"), shown, Target(grades={"a": 1})
    )
    assert reward == one_trace(Trace(template=STUDIO, reasoning=text, shown=shown, order=ids)).consistency is not None
