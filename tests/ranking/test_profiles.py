"""Released checkpoints are asked as their authors ask them: lengths and sha256 of strings and rendered prompts, all published."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.ranking.errors import TemplateError
from app.ranking.profile_import import from_official, from_rankllm, load_profile_file
from app.ranking.prompts import ProfileTemplate, builtin_profile, template_for
from app.ranking.tokens import WordTokenizer
from app.ranking.values import Completion, Message, Passage

QUERY = "why is the sky blue"
WINDOW = [Passage(id="a", text="Rayleigh scattering."), Passage(id="b", text="Bread recipe.")]


def digest(text: str) -> tuple[int, str]:
    return len(text), hashlib.sha256(text.encode()).hexdigest()


def messages(template: ProfileTemplate, query: str = QUERY, window: Sequence[Passage] = WINDOW) -> tuple[Message, ...]:
    return template.render(query, window, WordTokenizer()).messages


def chatml(said: Sequence[Message]) -> str:
    """The Qwen layout, written from general knowledge: every message between its marks, the assistant's turn open."""
    return "".join(f"<|im_start|>{one.role}\n{one.content}<|im_end|>\n" for one in said) + "<|im_start|>assistant\n"


REASONRANK, QWEN3 = builtin_profile("reasonrank").profile, builtin_profile("reasonrank-qwen3").profile


@pytest.mark.parametrize(
    ("text", "length", "sha256"),
    [
        (REASONRANK.turns[0].text, 449, "646add87db8f5a564a0793b616dd8abc8d65d39d15b987ffcc94a472d5d4d882"),
        (QWEN3.turns[0].text, 103, "7d9b4f9c08b34e3131aca5dff82b0be6f8aa9ab60d01e981246d3cf533699cd9"),
        (REASONRANK.strings["prefix"], 158, "16fb76ab3f41daa69088a4505fed451fdc5a61690afb1a8629a43e14150dd284"),
        (QWEN3.strings["prefix"], 158, "16fb76ab3f41daa69088a4505fed451fdc5a61690afb1a8629a43e14150dd284"),
        (REASONRANK.strings["suffix"], 268, "fd91336c67bf66da09045c9376abc51df7414c18fc9610d9a8249671e3a593b7"),
        (QWEN3.strings["suffix"], 456, "8efc5a3188b6c01f5d083080ea609716eabcc75dc42a3de5f6508697c96aa277"),
    ],
)
def test_strings_of_the_released_checkpoints(text: str, length: int, sha256: str) -> None:
    assert digest(text) == (length, sha256)


@pytest.mark.parametrize(
    ("suffix", "length", "sha256"),
    [
        (REASONRANK.strings["suffix"], 259, "c8cdae3c2028c906880d7e9ae8585cb2cbdabb317ed030f3fa7459407beb6516"),
        (QWEN3.strings["suffix"], 447, "2b445e36996bd5c84de420ae6c18ebc933b5c1703daed6b7f21d008e045758a5"),
    ],
)
def test_suffixes_with_their_example(suffix: str, length: int, sha256: str) -> None:
    assert digest(suffix.replace("{example_ordering}", REASONRANK.strings["example_ordering"])) == (length, sha256)


def _sentences() -> list[tuple[str, int, int, str]]:
    system, prefix = REASONRANK.turns[0].text, REASONRANK.strings["prefix"].rstrip("\n")
    one, _, rest = system.partition(" Given ")
    two, _, three = rest.partition(" The reasoning ")
    a, _, b = prefix.partition(" Rank the ")
    filled = [profile.strings["suffix"].replace("{example_ordering}", "[2] > [1]") for profile in (REASONRANK, QWEN3)]
    lines = filled[0].split("\n")
    all_, _, last = lines[1].partition(" The format ")
    ranked, _, included = all_.partition(" All ")
    eighth = filled[1].split("\n")[1].removeprefix(all_ + " ")
    tags, _, after = eighth.partition(" The format ")
    form, _, only = after.partition(" Only ")
    return [
        (one, 103, 17, "7d9b4f9c08b3"),
        ("Given " + two, 154, 27, "d4506c73247f"),
        ("The reasoning " + three, 190, 25, "a9726c7a7293"),
        (a, 84, 14, "8c4ed7f99759"),
        ("Rank the " + b, 72, 12, "0e41f9f223f1"),
        (lines[0], 22, 3, "2a9b682c05ef"),
        (ranked, 75, 13, "f24b1f8415be"),
        ("All " + included, 99, 15, "8281a7459f85"),
        ("The format " + last, 60, 14, "56f5708a4dd6"),
        (tags, 115, 17, "b363c81f1c24"),
        ("The format " + form, 61, 14, "76ca036e3ba0"),
        ("Only " + only, 70, 13, "6445413fa174"),
    ]


@pytest.mark.parametrize(("text", "characters", "words", "sha256"), _sentences())
def test_sentence_by_sentence(text: str, characters: int, words: int, sha256: str) -> None:
    assert (len(text), len(text.split()), digest(text)[1][:12]) == (characters, words, sha256)


@pytest.mark.parametrize(
    ("name", "length", "sha256"),
    [
        ("reasonrank", 477, "8ac5fcaf3910e017a6bbf9e8219c68d74ab5f3557e23c123a9bca8ae033800b8"),
        ("reasonrank-qwen3", 665, "b147eb7b7abd8d69b4db0fc2e107f682bf6a3033adf210e0c978542ba01e7713"),
    ],
)
def test_user_messages(name: str, length: int, sha256: str) -> None:
    assert digest(messages(builtin_profile(name))[1].content) == (length, sha256)


@pytest.mark.parametrize(
    ("name", "length", "sha256"),
    [
        ("reasonrank", 1006, "a1119b7110ddd6894e120f91452cb5e7b4e26820491836aad1e19e6e03ea5c35"),
        ("reasonrank-qwen3", 848, "24ee360a473e355b2382932b1c1c4df4aba5b15bb9cfd9c5fc3122322088d3ae"),
    ],
)
def test_rendered_in_chatml(name: str, length: int, sha256: str) -> None:
    assert digest(chatml(messages(builtin_profile(name)))) == (length, sha256)


def test_the_teachers_messages() -> None:
    said = [{"role": one.role, "content": one.content} for one in messages(builtin_profile("rankgpt"))]
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    assert len(said) == 7
    assert digest(text) == (931, "51e88ea8f3c2dd3a67316318e786c8381e32d390a3038b7be349b9b90a0d51b6")


def test_the_pattern_of_the_official_file() -> None:
    assert digest(r"<think>.*?</think>\s*<answer>(.*?)</answer>") == (
        43,
        "4912ed2a86f030e709616d648e97f4ec74fc62f5e0d09c30cde1b614d426616a",
    )


RANKLLM = {
    "method": "singleturn_listwise",
    "system_message": REASONRANK.turns[0].text,
    "prefix": REASONRANK.strings["prefix"],
    "body": "[{rank}] {candidate}\n",
    "suffix": REASONRANK.strings["suffix"].replace("{example_ordering}", "[2] > [1]"),
    "output_validation_regex": "x",
    "output_extraction_regex": "y",
}


def test_rankllm_asks_the_same_checkpoint_with_one_line_less(tmp_path: Path) -> None:
    path = tmp_path / "theirs.yaml"
    path.write_text(json.dumps(RANKLLM), encoding="utf-8")  # JSON is YAML
    template = load_profile_file(path)
    user = messages(template)[1].content
    assert digest(user) == (476, "d4b3b9f0e304930c7425a91337385af0772ab15c2f95d0ec9232bc506d20f788")
    assert template.thinks and template.name == "theirs"
    assert template.parse(Completion(answer="<answer>[2] > [1]</answer>"), 2).outcome == "clean"
    assert template_for(str(path)).name == "theirs"


def test_a_multi_turn_template_of_rankllm() -> None:
    data = {
        "method": "multiturn_listwise",
        "prefix": "Here are {num} for {query}.",
        "prefix_assistant": "Go on.",
        "body": "[{rank}] {candidate}",
        "body_assistant": "Got [{rank}].",
        "suffix": "Rank.",
    }
    said = messages(ProfileTemplate(from_rankllm(data, "multi")))
    assert [one.role for one in said] == ["user", "assistant", "user", "assistant", "user", "assistant", "user"]
    assert said[0].content == f"Here are 2 for {QUERY}." and said[5].content == "Got [2]."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "pairwise"}, "can't be imported"),
        ({"temperature": 1}, r"keys \['temperature'\]"),
        ({"prefix": 3}, "prefix must be texts"),
    ],
)
def test_what_can_not_be_imported_is_said(change: dict[str, object], message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        from_rankllm({**RANKLLM, **change}, "x")


def test_the_official_prompt_file(tmp_path: Path) -> None:
    path = tmp_path / "listwise_prompt_r1.toml"
    system = REASONRANK.turns[0].text
    path.write_text(f"system_prompt = 'S'\nsystem_prompt_reasoning = '{system}'\npattern = '<answer>(.*?)</answer>'\n", encoding="utf-8")
    assert messages(load_profile_file(path)) == messages(builtin_profile("reasonrank"))
    assert from_official({"system_prompt": "S"}).turns[0].text == "S"
    with pytest.raises(TemplateError, match="does not look for <answer>"):
        from_official({"system_prompt": "S", "pattern": "ranking: (.*)"})
    path.write_text("system_prompt = 3", encoding="utf-8")
    with pytest.raises(TemplateError, match=r"listwise_prompt_r1.toml.*must be a text"):
        load_profile_file(path)
    with pytest.raises(TemplateError, match="can't be read"):
        load_profile_file(tmp_path / "none.yaml")


def test_text_is_repaired_cut_and_bracketed_in_the_official_order() -> None:
    class Two:
        """Keeps the first two words of what it is given, and remembers it."""

        exact = True
        seen: list[str] = []

        def count(self, text: str) -> int:
            return len(text.split())

        def truncate(self, text: str, max_tokens: int) -> str:
            self.seen.append(text)
            return " ".join(text.split()[:2])

    window = [Passage(id="a", title="T", text="  \u201cquoted\u201d caf\u00c3\u00a9 [3] &lt;b&gt;  ")]
    user = builtin_profile("reasonrank").render(" see [7] \u2018x\u2019 ", window, Two()).messages[1].content
    # Stripped and repaired (quotes, mojibake, entities) before it is cut, brackets rounded after it.
    assert Two.seen == ['Title: T Content:   "quoted" caf\u00e9 [3] <b>']
    assert "[1] Title: T\n" in user and "Search Query: see (7) 'x'.\n" in user
    long = [Passage(id="a", text="[1] [2] [3]")]
    assert "[1] (1) (2)\n" in builtin_profile("reasonrank").render("q", long, Two()).messages[1].content


def test_line_ends_and_lines_inside_a_passage_are_kept_for_a_checkpoint_and_joined_for_the_studio() -> None:
    window = [Passage(id="a", text="one\r\ntwo")]
    assert "[1] one\ntwo\n" in messages(builtin_profile("reasonrank"), "q", window)[1].content
    assert "[1] one two\n" in messages(builtin_profile("studio"), "q", window)[1].content


def test_scores_are_scaled_inside_the_window_and_a_missing_one_is_refused() -> None:
    template = builtin_profile("insertrank")
    window = [Passage(id=str(score), text="t", score=score) for score in (10.0, 4.0, 2.0)]
    user = messages(template, "q", window)[1].content
    assert [line[:23] for line in user.splitlines() if line.startswith("[")] == [
        "[1] (first search: 100)",
        "[2] (first search: 25) ",
        "[3] (first search: 0) t",
    ]
    assert "(first search: 100)" in messages(template, "q", window[:1])[1].content
    with pytest.raises(TemplateError, match="passage 'x' has none"):
        template.render("q", [*window, Passage(id="x", text="t")], WordTokenizer())


@pytest.mark.parametrize(
    ("answer", "outcome", "order"),
    [
        ("<answer>[3]</answer>", "clean", (2, 0, 1)),
        ("<answer>[3].</answer>", "repaired", (2, 0, 1)),
        ("<answer>[3] > [1]</answer>", "no_answer", (0, 1, 2)),
        ("<answer>[4]</answer>", "no_answer", (0, 1, 2)),
        ("<answer>[0]</answer>", "no_answer", (0, 1, 2)),
        ("<answer>3</answer>", "no_answer", (0, 1, 2)),
        ("[3]", "no_answer", (0, 1, 2)),
    ],
)
def test_the_best_of_some(answer: str, outcome: str, order: tuple[int, ...]) -> None:
    parsed = builtin_profile("setwise").parse(Completion(answer=answer, reasoning="r"), 3)
    assert (parsed.outcome, parsed.order) == (outcome, order)


@pytest.mark.parametrize(
    ("answer", "logprobs", "outcome", "score"),
    [
        ("true", (), "clean", 1.0),
        (" False\n", (), "clean", 0.0),
        ("true", ({" true": -0.5, " false": -0.5},), "clean", 0.5),
        ("true", ({"x": 0.0}, {"true": -1.0, "false": -3.0}, {"\n": 0.0}), "clean", 0.8807970779778823),
        ("it is true", (), "no_answer", None),
        ("", (), "no_answer", None),
    ],
)
def test_one_passage_alone(answer: str, logprobs: tuple[dict[str, float], ...], outcome: str, score: float | None) -> None:
    parsed = builtin_profile("pointwise").parse(Completion(answer=answer, reasoning="r", logprobs=logprobs), 1)
    assert (parsed.outcome, parsed.scores) == (outcome, None if score is None else (pytest.approx(score),))
