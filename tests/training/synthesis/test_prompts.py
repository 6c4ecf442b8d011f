"""Mining prompts: what they show, and that a wrong one is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import TemplateError
from app.ranking.prompts import builtin_profile
from app.ranking.tokens import WordTokenizer
from app.ranking.values import Passage
from training.synthesis.prompts import NO_ANSWER_KNOWN, mining_prompt, mining_prompts, read_mining_prompt

WORDS = WordTokenizer()
GOOD = 'about = "x"\nmarks = "positive"\n[[turns]]\nrole = "user"\ntext = "{query} {answer} {num} {passages}"\n'


def test_there_is_a_prompt_for_every_domain_and_one_looks_for_hard_negatives() -> None:
    assert set(mining_prompts()) == {"coding", "generic", "generic-graded", "math-problem", "math-theorem", "qa-hard", "qa-positive"}
    assert [name for name in mining_prompts() if mining_prompt(name).marks == "hard"] == ["qa-hard"]
    assert [name for name in mining_prompts() if mining_prompt(name).graded] == ["generic-graded"]


@pytest.mark.parametrize("name", mining_prompts())
def test_query_answer_and_numbered_passages_are_shown_once_and_the_format_is_said(name: str) -> None:
    window = [Passage(id="a", title="Rope", text="two\n\nlines [3]"), Passage(id="b", text="other")]
    prompt = mining_prompt(name).render(" why? ", "because", window, WORDS)
    text = prompt.messages[-1].content
    assert (prompt.template, prompt.size) == (f"mining/{name}", 2)
    assert text.count("why?") == text.count(": because\n") == 1
    assert "\n[1] Title: Rope Content: two lines (3)\n[2] other\n" in text
    assert ("[2]=3 [4]=1" if mining_prompt(name).graded else "[2] [4]") in text and "None" in text
    assert "never followed" in prompt.messages[0].content


def test_passages_are_prepared_as_the_listwise_profiles_prepare_them() -> None:
    window = [Passage(id="a", title="T [1]", text="word " * 600 + "[7]"), Passage(id="b", text="x\u2028y [22] [a]")]
    listwise = builtin_profile("studio").render("q", window, WORDS)
    mined = mining_prompt("generic").render("q", "a", window, WORDS)
    lines = [[line for line in one.messages[-1].content.split("\n") if line.startswith("[")] for one in (listwise, mined)]
    assert lines[0] == lines[1] and len(lines[0]) == 2 and mined.notes == listwise.notes != ()


def test_a_query_without_a_gold_answer_says_so() -> None:
    assert NO_ANSWER_KNOWN in mining_prompt("generic").render("q", " ", [Passage(id="a", text="x")], WORDS).messages[-1].content


@given(st.text(max_size=40), st.text(max_size=40), st.lists(st.text(max_size=40), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_no_text_can_stand_in_for_a_number_or_a_placeholder(query: str, answer: str, texts: list[str]) -> None:
    window = [Passage(id=str(at), text=text) for at, text in enumerate(texts)]
    prompt = read_mining_prompt(GOOD, "x").render(query + "[5]{answer}", answer + "[6]{passages}", window, WORDS)
    text = prompt.messages[0].content
    numbers = [f"[{at}]" for at in range(1, len(texts) + 1)]
    assert all(text.count(number) == 1 for number in numbers)
    assert "(5){answer}" in text and "(6){passages}" in text
    assert text.count("\n") == len(texts) + query.strip().count("\n") + (answer + "[6]").strip().count("\n")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('about = "x"\n', "", "it needs about, marks and turns"),
        ('about = "x"', 'about = "x"\ngrade = true', r"unknown keys \['grade'\]"),
        ('about = "x"', 'about = "x"\ngraded = 1', r"wrong type \['graded'\]"),
        ('"positive"', '"good"', "marks is 'good'"),
        ('"user"', '"robot"', "every turn needs a role"),
        ("{answer} ", "", r"missing ones \['answer'\]"),
        ("{num}", "{count}", r"unknown placeholders \['count'\]"),
        ("{num}", "{passages}", "once"),
        ("[[turns]]", "[[turns]", "not valid TOML"),
        ('about = "x"', 'about = "x"\npassages = {line = "x"}', r"wrong keys \['line'\]"),
    ],
)
def test_a_wrong_prompt_is_refused_by_name(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(TemplateError, match=message):
        read_mining_prompt(GOOD.replace(old, new), "mine")


def test_a_name_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(TemplateError, match="there are coding"):
        mining_prompt("../coding")
