"""The people of the proofs: what they are asked, and that their orders are what they are said to be."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from app.ranking.holdout import is_holdout
from app.ranking.retrieval.demo import load_demo
from tests.proofs.annotators import AGAINST, FAULTS, OPEN, Crowd, Fault, Groups, Preference, Question, corrected, judged, spiteful

_GRADES = {"a": 0, "b": 3, "c": 3, "d": 0, "e": 1}
_FEATURES = {
    "a": {"words": 1.0, "sentence": 0.9},
    "b": {"words": 0.2, "sentence": 0.1},
    "c": {"words": 0.1, "sentence": 0.8},
    "d": {"words": 0.5, "sentence": 0.9},
    "e": {"words": 0.0, "sentence": 0.0},
}
_SENTENCE = Preference(weights={"sentence": 1.0})


def test_forty_questions_are_corrected_and_sixty_of_the_holdout_are_judged() -> None:
    learned, held = corrected(), judged()
    assert (len(learned), len(held)) == (40, 60)
    assert not any(is_holdout(one.text) for one in learned)
    assert all(is_holdout(one.text) for one in held)
    assert len({one.text for one in held}) == 60


def test_nothing_that_is_judged_shares_its_list_with_what_is_corrected_and_nothing_is_sealed() -> None:
    learned, held = {one.base for one in corrected()}, {one.base for one in judged(1000)}
    assert not learned & held
    assert not (learned | held) & set(load_demo().qrels["sealed"])
    assert all(count == 2 for count in Counter(one.base for one in judged(1000)).values())


def test_reworded_questions_are_no_copies_of_a_demo_question() -> None:
    texts = {one.text for one in load_demo().queries}
    assert sum(one.text not in texts for one in judged(1000)) == 48
    assert all(len(one.passages) == 20 and set(one.grades) == {passage.id for passage in one.passages} for one in judged(1000))


def test_a_preference_within_gold_keeps_grades_apart_and_ties_what_looks_alike() -> None:
    assert _order(_SENTENCE) == [["c"], ["b"], ["e"], ["a", "d"]]


def test_a_preference_against_gold_does_not_look_at_grades() -> None:
    assert _order(Preference(weights={"words": 1.0}, gold="ignored")) == [["a"], ["d"], ["b"], ["c"], ["e"]]


def test_upside_down_is_the_same_order_backwards() -> None:
    assert _order(replace(_SENTENCE, upside_down=True)) == _order(_SENTENCE)[::-1]


def test_noise_moves_passages_within_a_grade_only() -> None:
    orders = {str(_order(replace(_SENTENCE, noise=1.0), seed)) for seed in range(20)}
    assert len(orders) > 1
    for seed in range(20):
        flat = [one for group in _order(replace(_SENTENCE, noise=1.0), seed) for one in group]
        assert [_GRADES[one] for one in flat] == [3, 3, 1, 0, 0]


def test_spite_puts_the_best_last() -> None:
    assert spiteful(_FEATURES, _GRADES) == [["a"], ["d"], ["e"], ["b"], ["c"]]


def test_a_crowd_judges_a_question_the_same_whenever_it_is_asked() -> None:
    crowd, questions = Crowd(preference=OPEN, seed=3), corrected()[:5]
    there = [_judge(crowd, one) for one in questions]
    assert [_judge(crowd, one) for one in reversed(questions)] == there[::-1]
    assert [_judge(replace(crowd, seed=4), one) for one in questions] != there


@pytest.mark.parametrize("fault", FAULTS)
def test_at_strength_0_nobody_is_at_fault(fault: Fault) -> None:
    honest, faulty = Crowd(preference=OPEN, seed=1), Crowd(preference=OPEN, seed=1, fault=fault)
    assert [_judge(faulty, one)[1] for one in corrected()[:5]] == [_judge(honest, one)[1] for one in corrected()[:5]]


@pytest.mark.parametrize("strength", [0.25, 0.5, 1.0])
def test_about_the_share_of_orders_that_was_asked_for_is_upside_down(strength: float) -> None:
    honest, questions = Crowd(preference=OPEN, seed=5), judged()
    faulty = replace(honest, fault="reversed", strength=strength)
    turned = sum(_judge(faulty, one)[1] == _judge(honest, one)[1][::-1] for one in questions)
    assert abs(turned / len(questions) - strength) < 0.15


def test_spite_is_one_persons_work() -> None:
    crowd = Crowd(preference=OPEN, seed=2, fault="spite", strength=0.5)
    for one in judged():
        who, groups = _judge(crowd, one)
        assert (who == 0) == (groups == spiteful(_features(one), one.grades))


def test_a_preference_against_gold_is_one_that_gold_tells_from_the_open_one() -> None:
    one = corrected()[0]
    first = [_judge(Crowd(preference=kind, seed=1), one)[1][0] for kind in (OPEN, AGAINST)]
    assert all(one.grades[passage] == 3 for passage in first[0])
    assert first[0] != first[1]


def _order(preference: Preference, seed: int = 0) -> Groups:
    return preference.order(_FEATURES, _GRADES, random.Random(seed))


def _features(question: Question) -> dict[str, dict[str, float]]:
    """Signals drawn by chance, which depend on the question alone."""
    draw = random.Random(question.text)
    names = ("words", "meaning", "sentence", "coverage", "phrase", "lead")
    return {passage.id: {name: draw.random() for name in names} for passage in question.passages}


def _judge(crowd: Crowd, question: Question) -> tuple[int, Groups]:
    return crowd.judge(question, _features(question))
