"""Polarity of sentences: rules one by one, and precision and recall on labelled sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from app.ranking.claims import claims, sentence_claims, sided_claims
from app.ranking.polarity import polarities
from app.ranking.prompts import builtin_profile
from app.ranking.values import Passage

from .polarity_sentences import HELD, SEEN

_SIGNS = {"+": "for", "-": "against", " 0": "neutral"}
WINDOW = [Passage(id=f"p{number}", text="") for number in range(1, 6)]


def labelled(label: str) -> dict[int, str]:
    return {int(number): _SIGNS[sign] for number, sign in re.findall(r"(\d+)(\+|-| 0)", label)}


def counted(sentences: Iterable[tuple[str, str]]) -> Counter[str]:
    """Numbers that were given a side, those given the right one, and those that have one."""
    found: Counter[str] = Counter()
    for text, label in sentences:
        given_ = polarities(text)
        assert given_.keys() == labelled(label).keys()
        for number, side in labelled(label).items():
            found["given"] += given_[number] != "neutral"
            found["right"] += given_[number] == side != "neutral"
            found["sided"] += side != "neutral"
    return found


def test_precision_and_recall_on_sentences_that_the_rule_was_not_made_on() -> None:
    assert len(SEEN) + len(HELD) == 120
    found = counted(HELD)
    assert found["right"] / found["given"] >= 0.90
    assert found["right"] / found["sided"] >= 0.90


def test_the_sentences_that_the_rule_was_made_on() -> None:
    found = counted(SEEN)
    assert found["right"] == found["given"] == found["sided"]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("[3] is relevant.", "3+"),
        ("[3] is not relevant.", "3-"),
        ("[3] isn\u2019t relevant.", "3-"),
        ("[3] is less relevant than [1].", "3- 1+"),
        ("[3] is more relevant than [1] and [2].", "3+ 1- 2-"),
        ("Unlike [1], [3] is useless.", "1+ 3-"),
        ("[3] and [4] help, but [1] does not.", "3+ 4+ 1-"),
        ("Is [3] relevant?", "3 0"),
        ("[2] > [1] > [3]", "2 0 1 0 3 0"),
        ("[3] would be the best if the question were about cats.", "3-"),
        ("No citation is relevant.", ""),
    ],
)
def test_rules(text: str, label: str) -> None:
    assert polarities(text) == labelled(label)


@given(st.text(alphabet="[]0123456789 abnotbuhmre,.;>?'", max_size=120))
@examples(max_examples=80, deadline=None)
def test_any_text_gives_each_cited_number_one_side(text: str) -> None:
    assert list(polarities(text)) == list(dict.fromkeys(int(number) for number in re.findall(r"\[(\d{1,4})\]", text)))


def test_a_sentence_with_two_sides_makes_two_claims_and_later_ids_stay() -> None:
    trace = "[3] is better than [1]. [2] is irrelevant."
    whole, sides = sentence_claims(trace, WINDOW), sided_claims(trace, WINDOW)
    assert [(claim.id, claim.passage_ids, claim.polarity) for claim in whole] == [
        ("c1", ("p3", "p1"), "neutral"),
        ("c2", ("p2",), "against"),
    ]
    assert [(claim.id, claim.passage_ids, claim.polarity) for claim in sides] == [
        ("c1", ("p3",), "for"),
        ("c1b", ("p1",), "against"),
        ("c2", ("p2",), "against"),
    ]
    assert {(claim.start, claim.end) for claim in sides if claim.id.startswith("c1")} == {(whole[0].start, whole[0].end)}
    assert claims(builtin_profile("studio"), trace, WINDOW) == sides


def test_numbers_outside_the_window_have_no_side() -> None:
    (claim,) = sided_claims("[9] is better than [1].", WINDOW)
    assert (claim.id, claim.passage_ids, claim.polarity) == ("c1", ("p1",), "against")
