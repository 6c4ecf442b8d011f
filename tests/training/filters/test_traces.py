"""Trace and answer: form, length, citations, and whether the one leads to the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.ranking.evidence import SIGNALS, digits
from app.ranking.models.nano import cards
from app.ranking.values import Passage
from training.filters.traces import faithful, format_score, length, shown_only
from training.synthesis.values import Item

from .made import item, sample

TEN = tuple(range(1, 11))


def test_clean_answers_count_whole_and_repaired_ones_half() -> None:
    answers = (
        sample((1, 2)),
        replace(sample((1, 2), at=1, outcome="repaired"), problems=("duplicate",)),
        sample((1, 2), at=2, outcome="truncated"),
    )
    found = format_score(item((1, 2), samples=answers))
    assert found.value == 0.5
    assert found.reasons == ("answer 2 was repaired: duplicate", "answer 3 was truncated")
    assert format_score(item(samples=())).value is None


def test_citations_of_what_was_not_shown() -> None:
    found = shown_only(item((1, 2, 3), reasoning="[1] and [2, 7] are good, [0] is not."))
    assert found.value == 0.5
    assert found.reasons == ("cites [0], [7]; 3 passages were shown",)
    assert shown_only(item(reasoning="No number at all [sic].")).value is None


@pytest.mark.parametrize(("words", "value"), [(6, 1.0), (3, 0.5), (0, 0.0), (2_000, 1.0), (4_000, 0.5)])
def test_length_falls_outside_of_its_bounds(words: int, value: float) -> None:
    assert length(item((1, 2, 3), reasoning="word " * words)).value == value


def test_a_card_trace_has_one_length_and_a_direct_answer_none() -> None:
    assert length(item((1, 2), template="nano", reasoning="word " * 11)).value == 1.0
    assert length(item((1, 2), template="nano", reasoning="word " * 22)).value == 0.5
    assert length(item((1, 2), template="direct")).value is None


def test_what_is_praised_stands_above_what_is_not() -> None:
    trace = "[1] answers the question. [9] is irrelevant. [5] talks about dates."
    assert faithful(item(TEN, reasoning=trace)).value == 1.0
    found = faithful(item(TEN[::-1], reasoning=trace))
    assert found.value == 0.0
    assert found.reasons == (
        "the trace praises [1] and not [9], the list has them 10th and 2nd",
        "the trace praises [1], the list puts it 10th",
        "the trace disparages [9], the list puts it 2nd",
    )


def test_praise_alone_can_be_betrayed_too() -> None:
    found = faithful(item((2, 3, 4, 5, 6, 7, 8, 9, 10, 1), reasoning="[1] is the best of all. [2] is good too."))
    assert found.value == 0.5
    assert found.reasons == ("the trace praises [1], the list puts it 10th",)


def test_praise_of_most_passages_leaves_no_room_at_the_top() -> None:
    trace = " ".join(f"[{number}] is useful." for number in range(1, 9))
    assert faithful(item(TEN, reasoning=trace)).value == 1.0


def test_numbers_are_those_of_the_prompt_and_not_of_the_list() -> None:
    """[1] is what was shown first, here p3."""
    shown = sample((3, 1, 2), reasoning="[1] is excellent. [2] is useless.", shown=(3, 2, 1))
    assert faithful(item((1, 2, 3), samples=(shown,))).value == 1.0


def test_later_words_decide_a_draw() -> None:
    trace = "[9] is relevant. On second thought, [9] is useless. [1] is excellent."
    assert faithful(item(TEN, reasoning=trace)).value == 1.0


def test_a_trace_that_takes_no_side_has_no_score() -> None:
    assert faithful(item(TEN, reasoning="Let me think about [1] and [2].")).value is None
    assert faithful(item(TEN)).value is None


def carded(order: tuple[int, ...], written: cards.Plan, levels: tuple[float, ...] = (0.9, 0.5, 0.1)) -> Item:
    """An item whose trace weighs by a plan, over passages with falling evidence."""
    passages = tuple(Passage(id=f"p{at}", text="", features=dict.fromkeys(SIGNALS, level)) for at, level in enumerate(levels, start=1))
    trace = cards.write_reasoning(written, [digits(passage) for passage in passages])
    return replace(item(order, reasoning=trace, template="nano"), passages=passages)


def test_card_traces_are_checked_by_their_own_grades_and_by_the_evidence() -> None:
    assert faithful(carded((1, 2, 3), cards.Plan())).value == 1.0
    turned = faithful(carded((3, 2, 1), cards.Plan()))
    assert turned.value == 0.0
    assert turned.reasons[0] == "the trace grades [1] higher than [3], the list has them 3rd and 1st"


def test_a_card_trace_that_the_evidence_belies() -> None:
    true = carded((1, 2, 3), cards.Plan())
    lying = replace(true, passages=tuple(replace(one, features=dict.fromkeys(SIGNALS, 0.5)) for one in true.passages))
    found = faithful(lying)
    assert found.value is not None and found.value < 0.5
    assert any("reasons are not what the evidence says" in reason for reason in found.reasons)


def test_an_unfinished_card_trace_has_no_verdict_on_some() -> None:
    whole = carded((1, 2, 3), cards.Plan())
    assert whole.best is not None
    cut = replace(whole.best, reasoning=whole.best.reasoning[: whole.best.reasoning.index("[3]")])
    found = faithful(replace(whole, samples=(cut,)))
    assert found.value == pytest.approx(2 / 3)
    assert "the trace has no verdict on 1 of 3 passages" in found.reasons


def test_a_profile_that_is_gone_is_read_as_free_text() -> None:
    assert faithful(item(TEN, reasoning="[1] is useful. [9] is useless.", template="no-such-profile")).value == 1.0
