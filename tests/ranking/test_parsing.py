"""The strict grammar, case by case (docs/method.md), and what no text may ever do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ranking.parsing import FATAL, PROBLEMS, ThinkSplitter, parse_answer, parse_lenient, split_thinking
from app.ranking.values import Completion, Finish


def read(answer: str, size: int = 5, finish: Finish = "stop", tags: bool = True, reasoning: str = "thought") -> tuple[object, ...]:
    parsed = parse_answer(Completion(answer=answer, reasoning=reasoning, finish=finish), size, tags=tags)
    return parsed.outcome, [position + 1 for position in parsed.order], sorted(parsed.problems)


KEPT = [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("answer", "outcome", "order", "problems"),
    [
        ("<answer>[3] > [1] > [2] > [5] > [4]</answer>", "clean", [3, 1, 2, 5, 4], []),
        ("\n<answer>\n [3]>[1]  >\n[2] > [5] > [4] </answer>\n", "clean", [3, 1, 2, 5, 4], []),
        ("<answer>[3] > [3] > [1] > [2] > [5] > [4]</answer>", "repaired", [3, 1, 2, 5, 4], ["duplicate"]),
        ("<answer>[3] > [0] > [9] > [1] > [2]</answer>", "repaired", [3, 1, 2, 4, 5], ["missing", "out_of_range"]),
        ("<answer>[4] > [2] > [5]</answer>", "repaired", [4, 2, 5, 1, 3], ["missing"]),
        ("<answer>[4] > [2]</answer>", "no_answer", KEPT, ["missing", "not_a_list"]),
        ("<answer>```\n[3] > [1] > [2] > [5] > [4]\n```</answer>", "repaired", [3, 1, 2, 5, 4], ["code_fence"]),
        ("<answer>[3] > [1] > [2] > [5] > [4].</answer>", "repaired", [3, 1, 2, 5, 4], ["final_period"]),
        ("<answer>[3], [1], [2], [5], [4]</answer>", "no_answer", KEPT, ["bad_separator"]),
        ("<answer>3 > 1 > 2 > 5 > 4</answer>", "no_answer", KEPT, ["not_a_list"]),
        ("<answer>the best is [3]</answer>", "no_answer", KEPT, ["not_a_list"]),
        ("<answer>[\u00b3] > [1]</answer>", "no_answer", KEPT, ["not_a_list"]),
        ("<answer>[\u0663] > [1] > [2] > [4] > [5]</answer>", "no_answer", KEPT, ["not_a_list"]),
        ("<answer></answer>", "no_answer", KEPT, ["not_a_list"]),
        ("<answer><answer>[3] > [1] > [2] > [5] > [4]</answer></answer>", "no_answer", KEPT, ["two_answers"]),
        ("<answer>[31] > [2] > [5] > [4]</answer>", "repaired", [2, 5, 4, 1, 3], ["missing", "out_of_range"]),
        ("<answer>[3][1][2][5][4]</answer>", "no_answer", KEPT, ["bad_separator"]),
        ('<answer>{"ranking": [3, 1, 2, 5, 4]}</answer>', "no_answer", KEPT, ["not_a_list"]),
        ("<think>half a thought about [2]", "no_answer", KEPT, ["unclosed_think"]),
        ("a thought </think> <answer>[3] > [1] > [2] > [5] > [4]</answer>", "no_answer", KEPT, ["text_around"]),
        ("[3] > [1] > [2] > [5] > [4]", "no_answer", KEPT, ["no_tags"]),
        ("Here: <answer>[3] > [1] > [2] > [5] > [4]</answer>", "no_answer", KEPT, ["text_around"]),
        ("<answer>[3] > [1] > [2] > [5] > [4]</answer> Done.", "no_answer", KEPT, ["text_around"]),
        ("<answer>[3] > [1]</answer><answer>[1] > [3]</answer>", "no_answer", KEPT, ["two_answers"]),
        ("<answer>[3] > [1] > [2] > [5] > [4]", "no_answer", KEPT, ["unclosed_answer"]),
        ("<ANSWER>[3] > [1] > [2] > [5] > [4]</ANSWER>", "no_answer", KEPT, ["no_tags"]),
        ("503 at 10.0.0.7:8000 after 15 s", "no_answer", KEPT, ["no_tags"]),
    ],
)
def test_answers_with_tags(answer: str, outcome: str, order: list[int], problems: list[str]) -> None:
    assert read(answer) == (outcome, order, problems)


def test_a_trace_that_was_cut_is_truncated_and_its_digits_are_never_a_ranking() -> None:
    assert read("", finish="length", reasoning="4 parts, [5] then [2]") == ("truncated", KEPT, ["unclosed_think"])
    assert read("<answer>[3] > [1] > [2]", finish="length") == ("truncated", KEPT, ["unclosed_answer"])


def test_a_refusal_is_refused_even_when_it_holds_a_list() -> None:
    assert read("<answer>[3] > [1] > [2] > [5] > [4]</answer>", finish="refused") == ("refused", KEPT, [])


def test_without_tags_the_whole_answer_channel_is_the_list() -> None:
    assert read("[2] > [1]", size=2, tags=False) == ("clean", [2, 1], [])
    assert read("Sure: [2] > [1]", size=2, tags=False)[0] == "no_answer"
    assert read("[2] > [3] > [1]", finish="length", tags=False) == ("truncated", KEPT, ["missing"])


@given(st.text(), st.integers(0, 30), st.booleans(), st.sampled_from(["stop", "length", "refused", "cut"]))
def test_any_text_gives_a_permutation_and_known_problems(text: str, size: int, tags: bool, finish: Finish) -> None:
    parsed = parse_answer(Completion(answer=text, reasoning="r", finish=finish), size, tags=tags)
    assert sorted(parsed.order) == list(range(size))
    assert parsed.problems <= PROBLEMS
    assert parsed.outcome == "clean" or parsed.problems or finish != "stop"
    if parsed.outcome not in ("clean", "repaired"):
        assert list(parsed.order) == list(range(size))


@given(st.permutations(range(1, 13)), st.sampled_from([">", " > ", "\n>\t"]))
def test_every_well_formed_answer_is_clean(numbers: list[int], separator: str) -> None:
    text = separator.join(f"[{number}]" for number in numbers)
    parsed = parse_answer(Completion(answer=f"<answer>{text}</answer>"), 12, tags=True)
    assert parsed.outcome == "clean"
    assert [position + 1 for position in parsed.order] == list(numbers)


def test_a_number_of_many_digits_is_out_of_range_and_not_an_error() -> None:
    assert read(f"<answer>[{'9' * 5000}] > [2] > [1]</answer>", size=2) == ("repaired", [2, 1], ["out_of_range"])


@given(st.text(alphabet="<>/think ab\n", max_size=60), st.integers(1, 7))
def test_splitting_a_stream_equals_splitting_the_whole(text: str, piece: int) -> None:
    splitter, channels = ThinkSplitter(), {"reasoning": "", "answer": ""}
    for start in range(0, len(text), piece):
        for channel, part in splitter.feed(text[start : start + piece]):
            assert part
            channels[channel] += part
    for channel, part in splitter.close():
        channels[channel] += part
    assert splitter.whole == split_thinking(text)
    if text.lstrip().startswith("<think>") or "</think>" not in text:
        assert (channels["reasoning"], channels["answer"]) == split_thinking(text)


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("<think>a</think>b", "a", "b"),
        ("opened by the template [3]</think> <answer>[2] > [1]</answer>", "opened by the template [3]", " <answer>[2] > [1]</answer>"),
        ("I will write <answer>[1] > [2]</answer> at the end.</think><answer>[2] > [1]</answer>", None, "<answer>[2] > [1]</answer>"),
        ("<answer>[1]</answer> <think>late</think>", "", "<answer>[1]</answer> <think>late</think>"),
        ("<think>never closed [1] > [2]", "never closed [1] > [2]", ""),
        ("no tags", "", "no tags"),
    ],
)
def test_reasoning_ends_at_the_first_closing_tag(text: str, reasoning: str | None, answer: str) -> None:
    found = split_thinking(text)
    assert found[1] == answer and reasoning in (None, found[0])


# The table of a reader who ran the published code on a window of five: what a digit scan makes of each answer, and what is made here.
@pytest.mark.parametrize(
    ("said", "scan", "outcome", "order"),
    [
        ("<think>x</think><answer>[3] > [1] > [2] > [5] > [4]</answer>", [3, 1, 2, 5, 4], "clean", [3, 1, 2, 5, 4]),
        ("<think>x</think><answer>[3] > [3] > [0] > [9] > [1]</answer>", [3, 1, 2, 4, 5], "no_answer", KEPT),
        ("<think>4 parts, see [5] and [2]", [4, 5, 2, 1, 3], "no_answer", KEPT),
        ("<think>as [5] says</think>[4] > [2] > [1] > [3] > [5]", [5, 4, 2, 1, 3], "no_answer", KEPT),
        ("<think>x</think><answer>[\u00b2] > [1]</answer>", KEPT, "no_answer", KEPT),
    ],
)
def test_what_a_digit_scan_makes_of_it_and_what_is_made_here(said: str, scan: list[int], outcome: str, order: list[int]) -> None:
    assert [position + 1 for position in parse_lenient(said, 5).order] == scan
    reasoning, answer = split_thinking(said)
    assert read(answer, reasoning=reasoning)[:2] == (outcome, order)


@given(st.text(), st.integers(0, 12))
def test_a_lenient_scan_always_gives_a_permutation_too(text: str, size: int) -> None:
    assert sorted(parse_lenient(text, size).order) == list(range(size))


GOLDENS = Path(os.environ.get("REASONRANK_GOLDENS", "../shared/data"))


def test_malformed_real_answers_are_never_a_clean_ranking() -> None:
    path = GOLDENS / "parser_vectors" / "rankllm_malformed_listwise.jsonl"
    if not path.exists():
        pytest.skip("no collection of malformed real answers beside the checkout: set REASONRANK_GOLDENS to its folder")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 77
    for row in rows:
        text, size = row["response"], row["n"]
        assert [position + 1 for position in parse_lenient(text, size).order] == row["lenient_order"]
        strict = parse_answer(Completion(answer=text), size, tags=False)
        assert strict.outcome != "clean" and sorted(strict.order) == list(range(size))
        if strict.outcome == "no_answer":
            assert len(strict.problems & FATAL) == 1 and strict.order == tuple(range(size))
