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
[strings]
end = "end {query}"
[[turns]]
role = "user"
text = "{query}/{num}\\n{passages}{end}"
[passages]
tokens = 3
one_line = true
[answer]
begin = "<think>{reasoning}</think><answer>"
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
        (("tokens = 3", "token = 3"), "passages has unknown keys"),
        (("tokens = 3", "tokens = true"), "must be of the kind of 512"),
        (('name = "tiny"', "name = "), "not valid TOML"),
        (('name = "tiny"', ""), "lacks 'name'"),
        (('unit = "list"', 'unit = "word"'), "must be list, passage or best"),
        (('role = "user"', 'role = "boss"'), "use system, user or assistant"),
        (("{passages}", ""), "shows its passages 0 times"),
        (("{query}/", "{quest}/"), r"unknown placeholders \['quest'\]"),
        (("[strings]", "[strings]\nquery = 'q'"), "names of placeholders"),
        (("[[turns]]", "[[turn]]"), "unknown keys \\['turn'\\]"),
        (("[passages]", "[passages]\nline = '{score} {text}'"), "without a scale"),
        (('begin = "<think>{reasoning}</think><answer>"', 'begin = "<answer>"'), "must hold {reasoning}"),
        (("temperature", "heat"), "sampling has unknown keys"),
    ],
)
def test_a_wrong_profile_says_what_is_wrong(change: tuple[str, str], message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        load_profile(GOOD.replace(*change))


def test_numbers_count_and_a_frame_is_filled_once() -> None:
    template = load_profile(GOOD)
    assert template.begin("so {num} [1]") == "<think>so {num} [1]</think><answer>"
    assert template.render("q", [Passage(id="a", text="x")], WordTokenizer()).size == 1
    assert template.sampling.stop == ("x",)


def test_a_cut_without_a_tokenizer_is_said() -> None:
    template = load_profile(GOOD)
    window = [Passage(id="a", text="one two three four"), Passage(id="b", text="one two three")]
    assert template.render("q", window, WordTokenizer()).notes == (
        "1 of 2 passages were cut after 3 words: without the model's own tokenizer its limit of 3 tokens can't be counted",
    )
    assert template.render("q", window, Letters()).notes == ("2 of 2 passages were cut after 3 tokens",)
    assert template.render("q", window[1:], WordTokenizer()).notes == ()


class Letters:
    """Every character is a token."""

    exact = True

    def __init__(self) -> None:
        self.asked = 0

    def count(self, text: str) -> int:
        return len(text)

    def truncate(self, text: str, max_tokens: int) -> str:
        self.asked += 1
        return text[:max_tokens]


def test_a_passage_is_prepared_once_per_tokenizer() -> None:
    template, one, two = load_profile(GOOD), Letters(), Letters()
    window = [Passage(id="a", text="one"), Passage(id="b", text="one"), Passage(id="c", title="t", text="one")]
    for _ in range(3):
        template.render("q", window, one)
    assert one.asked == 2, "the same text twice, and a title makes another"
    assert template.render("q", window, two).messages and two.asked == 2
    words = template.render("q", [Passage(id="a", text="one")], WordTokenizer())
    assert "one" in words.messages[0].content


def test_the_cache_of_prepared_passages_is_bounded() -> None:
    template = load_profile(GOOD)
    for number in range(5000):
        template.render("q", [Passage(id="a", text=f"text {number}")], WordTokenizer())
    assert len(template._prepared._kept) == 4096


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


def test_the_latest_chain_of_a_trace_is_a_better_guess_than_first_citations() -> None:
    template = builtin_profile("studio")
    assert template.provisional("[1] is nice. So [3] > [2]. Or rather [2] > [3]", 4) == (1, 2, 0, 3)
    assert builtin_profile("setwise").provisional("[2]", 3) is None
