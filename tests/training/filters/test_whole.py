"""Duplicates, contamination and the holdout, in the order of item numbers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from app.ranking.errors import InputError
from app.ranking.holdout import is_holdout
from training.filters.near import Near, runs
from training.filters.whole import Whole, benchmark_queries

from .made import item

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def similarity(one: str, other: str) -> float:
    a, b = set(runs(one)), set(runs(other))
    return len(a & b) / len(a | b)


def test_runs_of_three_words_and_short_queries_whole() -> None:
    assert list(runs("Why, is  the SKY blue?")) == ["why is the", "is the sky", "the sky blue"]
    assert list(runs("Why?")) == ["why"] and list(runs("?!")) == []
    assert list(runs("\u5929\u7a7a\u84dd\u8272")) == ["\u5929 \u7a7a \u84dd", "\u7a7a \u84dd \u8272"]


def test_the_similarity_is_exact() -> None:
    """Of ten runs one changed word takes three away and adds three: 7 / 13."""
    query = " ".join(WORDS)
    changed = query.replace("six", "zero")
    with Near() as near:
        near.add(4, query)
        assert near.closest(query.upper()) == (1.0, 4) and len(near) == 1
        found, number = near.closest(changed)
        assert number == 4 and found == pytest.approx(7 / 13) and similarity(query, changed) == pytest.approx(7 / 13)
        assert near.closest("nothing like it at all") == (0.0, None)


@given(st.lists(st.lists(st.sampled_from(WORDS[:5]), min_size=1, max_size=6).map(" ".join), min_size=1, max_size=12))
@examples(max_examples=30, deadline=None)
def test_what_is_found_is_what_comparing_all_finds_from_0_8_on(queries: list[str]) -> None:
    with Near() as near:
        for number, query in enumerate(queries[1:]):
            near.add(number, query)
        found, at = near.closest(queries[0])
    best = max((similarity(queries[0], other) for other in queries[1:]), default=0.0)
    assert found <= best + 1e-12
    if at is not None:
        assert similarity(queries[0], queries[1:][at]) == pytest.approx(found)
    if best >= 0.8:
        assert found == pytest.approx(best)


def queries(*texts: str) -> list[dict[str, float | None]]:
    with Whole([]) as whole:
        return [
            {name: one.value for name, one in whole.scores(replace(item(), number=at, query=text)).items()} for at, text in enumerate(texts)
        ]


def test_the_later_of_two_is_the_duplicate() -> None:
    trained = next(text for text in (f"a question about number {n}" for n in range(50)) if not is_holdout(text))
    assert [one["duplicate"] for one in queries(trained, "something else altogether here", trained.upper() + "!")] == [0.0, 0.0, 1.0]


def test_what_can_not_be_trained_on_makes_no_duplicate_of_later_ones() -> None:
    held = next(text for text in (f"a question about number {n}" for n in range(50)) if is_holdout(text))
    assert queries(held, held) == [{"duplicate": 0.0, "contamination": 0.0, "holdout": 1.0}] * 2
    free = replace(item(), query="a query that nobody holds back")
    assert not is_holdout(free.query)
    with Whole([]) as whole:
        whole.scores(replace(free, samples=(), error="no answer"))
        assert whole.scores(replace(free, number=1))["duplicate"].value == 0.0
        again = whole.scores(replace(free, number=2))["duplicate"]
    assert (again.value, again.reasons) == (1.0, ("its query is 100% like that of item 1",))


def test_contamination_says_by_what() -> None:
    with Whole([("why is the sky blue at noon", "bright.jsonl"), ("Short?", "bright.jsonl")]) as whole:
        found = whole.scores(replace(item(), query="Why is the sky blue at noon?"))["contamination"]
        short = whole.scores(replace(item(), number=1, query="short"))["contamination"]
    assert (found.value, found.reasons) == (1.0, ("its query is 100% like one of bright.jsonl",)) and short.value == 1.0


def test_a_benchmark_file_that_breaks_off_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def others() -> Iterator[tuple[str, str]]:
        yield "one", "a file"
        raise InputError("line 2 is none")

    with pytest.raises(InputError, match="line 2"):
        Whole(others())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain.txt", "first one\n\n  second one \n"),
        ("rows.tsv", "1\tfirst one\n2\tsecond one\n"),
        ("headed.tsv", "text\tid\nfirst one\t1\nsecond one\t2\n"),
        ("lines.jsonl", '{"_id": "1", "text": "first one"}\n\n{"query": "second one", "text": "not this"}\n'),
    ],
)
def test_benchmark_files(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert list(benchmark_queries(tmp_path / name)) == [("first one", name), ("second one", name)]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", b'{"text": "x"}\n{"title": 1}\n', "'a.jsonl', line 2: has none of the fields"),
        ("a.jsonl", b"{\n", "line 1: is not JSON"),
        ("a.txt", b"\xff\xfe\xfa", "not UTF-8"),
        ("a.txt", None, "can't be read"),
    ],
)
def test_benchmark_files_that_can_not_be_read(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        list(benchmark_queries(tmp_path / name))
