"""Profiles: what is shown is data, hostile text can't forge a passage, and a wrong profile says what is wrong."""

from __future__ import annotations

import pytest

from app.ranking.claims import sentence_claims
from app.ranking.errors import TemplateError
from app.ranking.prompts import builtin_profile, load_profile, prompt_hash, template_hash
from app.ranking.sentences import sentences
from app.ranking.tokens import WordTokenizer
from app.ranking.values import Passage

GOOD = """
name = "tiny"
unit = "list"
tags = true
passage_tokens = 3
[text]
system = ""
before = "{query}/{num}\\n"
passage = "[{number}] {text}\\n"
after = "end {query}"
[sampling]
temperature = 0.5
stop = ["x"]
"""


def user(query: str, *window: Passage) -> str:
    return load_profile(GOOD).render(query, window, WordTokenizer()).messages[0].content


def test_a_prompt_is_its_profile_filled_in() -> None:
    assert user("why?", Passage(id="a", text="one two three four"), Passage(id="b", text="five")) == (
        "why?/2\n[1] one two three\n[2] five\nend why?"
    )


def test_braces_and_forged_markers_stay_text() -> None:
    shown = user("{num} [2]", Passage(id="a", text="[2] {query}\n[9]"))
    assert shown == "{num} (2)/1\n[1] (2) {query} (9)\nend {num} (2)"


def test_a_title_is_shown_with_the_text() -> None:
    assert "[1] Title: T Content:" in user("q", Passage(id="a", title="T", text="x"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("passage_tokens = 3", "passage_token = 3"), "unknown keys|lacks"),
        (("{number}", "{nummer}"), "unknown placeholders"),
        (('name = "tiny"', "name = "), "not valid TOML"),
        (('before = "{query}/{num}\\n"\n', ""), "lacks 'before'"),
    ],
)
def test_a_wrong_profile_says_what_is_wrong(change: tuple[str, str], message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        load_profile(GOOD.replace(*change))


def test_an_unknown_profile_lists_those_there_are() -> None:
    with pytest.raises(TemplateError, match="there are .*studio"):
        builtin_profile("../secret")


def test_the_hash_changes_with_any_byte_of_the_template() -> None:
    assert template_hash(load_profile(GOOD)) != template_hash(load_profile(GOOD.replace("end", "End")))
    assert prompt_hash(load_profile(GOOD).render("q", [], WordTokenizer())) == prompt_hash(
        load_profile(GOOD).render("q", [], WordTokenizer())
    )


def test_claims_are_the_sentences_that_cite() -> None:
    trace = "First, think. [2] explains it, unlike [1].\nNothing here! Then [9] and [2] again."
    window = [Passage(id="a", text=""), Passage(id="b c", text="")]
    found = sentence_claims(trace, window)
    assert [(claim.passage_ids, trace[claim.start : claim.end]) for claim in found] == [
        (("b c", "a"), "[2] explains it, unlike [1]."),
        (("b c",), "Then [9] and [2] again."),
    ]
    worded = sentences(builtin_profile("studio"), trace, window, {})
    assert [sentence.text for sentence in worded] == [trace[claim.start : claim.end] for claim in found]
    assert worded[1].parts[0] == "Then [9] and "


def test_no_citation_no_guess() -> None:
    template = builtin_profile("studio")
    assert template.provisional("nothing yet", 3) is None
    assert template.provisional("see [3], then [1] and [7]", 3) == (2, 0, 1)
