"""Reading of pointwise answers, windows, votes, and the embedded teacher's grades as labels."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.evidence import SIGNALS
from app.ranking.models.nano.template import NanoTemplate
from app.ranking.values import Completion, Finish, Passage
from training.synthesis.mining import NANO_STEPS, Subject, evidence_query, mined, questions, read_cards, read_labels, vote
from training.synthesis.values import Mined

from .teachers import recipe, teaching


def said(answer: str, finish: Finish = "stop", reasoning: str = "") -> Completion:
    return Completion(answer=answer, reasoning=reasoning, finish=finish)


@pytest.mark.parametrize(
    ("answer", "grades", "outcome", "problems"),
    [
        ("[2] [4]", {1: 1, 3: 1}, "clean", set()),
        ("[2][4]\n[1]", {0: 1, 1: 1, 3: 1}, "clean", set()),
        ("None", {}, "clean", set()),
        (" none \n", {}, "clean", set()),
        ("None.", {}, "repaired", {"final_period"}),
        ("[3].", {2: 1}, "repaired", {"final_period"}),
        ("```\n[3]\n```", {2: 1}, "repaired", {"code_fence"}),
        ("[2] [2] [3]", {1: 1, 2: 1}, "repaired", {"duplicate"}),
        ("[2] [0] [3] [9]", {1: 1, 2: 1}, "repaired", {"out_of_range"}),
        ("[9] [8] [2]", {}, "no_answer", {"out_of_range", "not_a_list"}),
        ("[" + "9" * 5000 + "] [1]", {0: 1}, "repaired", {"out_of_range"}),
        ("[2], [4]", {}, "no_answer", {"bad_separator"}),
        ("[2] > [4]", {}, "no_answer", {"bad_separator"}),
        ("2 4", {}, "no_answer", {"not_a_list"}),
        ("[2]=1", {}, "no_answer", {"bad_separator"}),
        ("Passages [2] and [4]", {}, "no_answer", {"not_a_list"}),
        ("None of [1]", {}, "no_answer", {"not_a_list"}),
        ("[\u0662]", {}, "no_answer", {"not_a_list"}),
        ("", {}, "no_answer", {"not_a_list"}),
        ("<think>[1]", {}, "no_answer", {"unclosed_think"}),
    ],
)
def test_ids_are_read_strictly(answer: str, grades: dict[int, int], outcome: str, problems: set[str]) -> None:
    read = read_labels(said(answer), 5, graded=False)
    assert (dict(read.grades), read.outcome, set(read.problems)) == (grades, outcome, problems)


@pytest.mark.parametrize(
    ("answer", "grades", "outcome", "problems"),
    [
        ("[2]=3 [4]=1", {1: 3, 3: 1}, "clean", set()),
        ("[2] = 3\n[4]=0", {1: 3, 3: 0}, "clean", set()),
        ("[2]=3 [4]=1.", {1: 3, 3: 1}, "repaired", {"final_period"}),
        ("[2]=3 [4]=4", {1: 3}, "repaired", {"out_of_range"}),
        ("[2]=3 [2]=1", {1: 3}, "repaired", {"duplicate"}),
        ("[2]=9 [9]=1 [1]=2", {}, "no_answer", {"out_of_range", "not_a_list"}),
        ("none", {}, "clean", set()),
        ("[2] [4]", {}, "no_answer", {"bad_separator"}),
        ("[2]=3, [4]=1", {}, "no_answer", {"bad_separator"}),
        ("[2]=-1", {}, "no_answer", {"bad_separator"}),
        ("[2]=high", {}, "no_answer", {"not_a_list"}),
    ],
)
def test_grades_are_read_strictly(answer: str, grades: dict[int, int], outcome: str, problems: set[str]) -> None:
    read = read_labels(said(answer), 5, graded=True)
    assert (dict(read.grades), read.outcome, set(read.problems)) == (grades, outcome, problems)


def test_an_answer_that_the_limit_cut_says_nothing_and_neither_does_a_refusal_or_a_trace() -> None:
    assert read_labels(said("[2] [4]", "length"), 5, graded=False).outcome == "truncated"
    assert read_labels(said("", "length", "I think [2]"), 5, graded=False).outcome == "truncated"
    assert read_labels(said("[2]", "refused"), 5, graded=False).outcome == "refused"
    read = read_labels(said("I am not sure", reasoning="[2] [4]"), 5, graded=False)
    assert read.outcome == "no_answer" and read.grades == {}


PIECES = st.sampled_from(["[1]", "[2]", "[7]", "[0]", "=", "3", " ", ",", "None", ".", "\n", "```", "[", "]", "<think>", "\u0663", "x"])


@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=12).map("".join)), st.integers(1, 40), st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_reading_never_raises_and_never_invents_an_id(answer: str, size: int, graded: bool, cut: bool) -> None:
    read = read_labels(said(answer, "length" if cut else "stop"), size, graded=graded)
    named = {int(number) - 1 for number in re.findall(r"\[([0-9]+)\]", answer)}
    assert set(read.grades) <= named & set(range(size))
    assert all(0 <= grade <= 3 for grade in read.grades.values())
    assert read.outcome in ("clean", "repaired") or not read.grades
    assert (read.outcome == "clean") <= (not read.problems)


def passages(count: int) -> tuple[Passage, ...]:
    return tuple(Passage(id=f"p{at}", text=f"text {at}") for at in range(count))


def test_a_large_pool_is_shown_in_windows_of_like_size_and_every_sample_sees_all() -> None:
    of = recipe()
    table = replace(of.mining["helps"], window=4, samples=3)
    asked = questions(table, Subject(query="q", answer="a", passages=passages(9), seed=5), teaching(of))
    by_sample = [[one.shown for one in asked if one.sample == sample] for sample in range(3)]
    assert [[len(shown) for shown in windows] for windows in by_sample] == [[3, 3, 3]] * 3
    whole = [[id_ for shown in windows for id_ in shown] for windows in by_sample]
    assert whole[0] == [f"p{at}" for at in range(9)]
    assert all(sorted(order) == whole[0] for order in whole) and whole[0] != whole[1] != whole[2]
    assert all(one.prompt.messages[-1].content.count("\n[") == len(one.shown) for one in asked)
    assert questions(table, Subject(query="q", answer="a", passages=(), seed=5), teaching(of)) == []


def test_majority_and_lower_median() -> None:
    answers = [
        Mined(prompt="p", sample=at, grades=grades, outcome="clean")
        for at, grades in enumerate(({"a": 3, "b": 1, "c": 0}, {"a": 1, "b": 0, "c": 0}, {"a": 2}))
    ]
    assert vote(answers, graded=False) == {"a": 1, "b": 0, "c": 0}
    assert vote(answers, graded=True) == {"a": 2, "b": 0, "c": 0}
    assert vote([], graded=True) == {}


def test_a_failed_call_and_an_unreadable_one_label_nothing() -> None:
    of = recipe()
    question = questions(of.mining["helps"], Subject(query="q", answer="a", passages=passages(3), seed=5), teaching(of))[0]
    from app.ranking.errors import BackendError

    lost = mined(of.mining["helps"], question, BackendError("gone"), None)
    assert (lost.outcome, lost.grades) == ("error", {})
    unread = mined(of.mining["helps"], question, said("Sure: [1]"), None)
    assert (unread.outcome, unread.grades, unread.problems) == ("no_answer", {}, ("not_a_list",))
    read = mined(of.mining["helps"], question, said("[3]"), None)
    assert read.grades == {"p0": 0, "p1": 0, "p2": 1}


def cards(count: int) -> tuple[Passage, ...]:
    return tuple(replace(passage, features=dict.fromkeys(SIGNALS, 0.5)) for passage in passages(count))


def test_the_embedded_teacher_is_shown_cards_and_its_grades_are_labels() -> None:
    of = recipe(('model = "rule"', 'model = "rule"\ntemperature = 0.7'))
    nano = teaching(of, embedded=True, template=NanoTemplate())
    table = replace(of.mining["helps"], window=60, samples=1)
    asked = questions(table, Subject(query="q", answer="GOLD", passages=cards(50), seed=5), nano)
    assert [len(one.shown) for one in asked] == [25, 25]
    assert "GOLD" not in asked[0].prompt.messages[0].content and asked[0].prompt.template == "nano"
    assert asked[0].sampling.max_tokens == NanoTemplate.sampling.max_tokens
    low, middle, high = NANO_STEPS
    trace = f"weigh first:all then:all [1] g{high:02d} +none -none [2] g{middle - 1:02d} +none -none [3] g{low - 1:02d} +none -none"
    answer = said("<answer> [1] >[2] >[3] </answer>", reasoning=trace)
    assert read_cards(answer, 3, NanoTemplate(), graded=True).grades == {0: 3, 1: 1}
    assert read_cards(answer, 3, NanoTemplate(), graded=False).grades == {0: 1}
    begun = read_cards(said("<answer> [1] >[2] >[3] </answer>", reasoning="weigh first:all"), 3, NanoTemplate(), graded=False)
    assert (begun.outcome, begun.grades) == ("no_answer", {})


def test_evidence_is_measured_against_the_gold_answer_but_for_hard_negatives() -> None:
    helps, hard = recipe().mining["helps"], recipe().mining["misleads"]
    subject = Subject(query="q", answer="a", passages=(), seed=0)
    unknown = replace(subject, answer=" ")
    assert [evidence_query(helps, subject), evidence_query(hard, subject), evidence_query(helps, unknown)] == ["a", "q", "q"]
