"""Runs read topic by topic: equal to reading them whole, grouped or not, within bounds of memory, bad lines named."""

from __future__ import annotations

import gzip
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.ranking.errors import InputError
from app.ranking.formats.run_stream import Sorting, is_grouped, run_topics
from app.ranking.formats.trec import read_run, run_line

SMALL = Sorting(lines=3, together=2)
WORDS = st.sampled_from(["q", "q1", "Q0", "a b", "ä", "7", "-7", "0.5", "1e3", "x\u00a0y", "\u00b2", "tag", "", "nan"])
LINES = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("uvwxyz"), st.integers(-3, 3)), max_size=30, unique_by=lambda one: one[:2]
)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def written(folder: Path, text: str | bytes, name: str = "run.txt") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def text_of(lines: list[tuple[str, str, int]]) -> str:
    return "".join(f"{topic} Q0 {id_} {rank} {score} t\n" for rank, (topic, id_, score) in enumerate(lines, 1))


@settings(deadline=None)
@given(LINES)
def test_any_order_of_lines_is_what_reading_it_whole_gives(lines: list[tuple[str, str, int]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = written(Path(name), text_of(lines))
        found = list(run_topics(path, SMALL))
        assert dict(found) == read_run(text_of(lines)) and len(dict(found)) == len(found)
        topics = [topic for topic, _, _ in lines]
        runs = sum(one != other for one, other in zip(topics, ["", *topics], strict=False))
        assert is_grouped(path) is (runs == len(set(topics)))


def test_a_grouped_file_keeps_its_order_of_topics_and_passages(folder: Path) -> None:
    path = written(folder, "b Q0 z 1 1 t\nb Q0 a 2 2 t\na Q0 y 1 3 t\n")
    assert [(topic, list(scores.items())) for topic, scores in run_topics(path)] == [("b", [("z", 1.0), ("a", 2.0)]), ("a", [("y", 3.0)])]


def test_many_pieces_are_merged_in_several_rounds_and_nothing_is_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [(f"topic{n}", f"passage {n} {m}", n * m) for n in range(50) for m in range(40)]
    random.Random(1).shuffle(lines)
    path, space = written(folder, text_of(lines)), folder / "space"
    space.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(space))
    assert dict(run_topics(path, Sorting(lines=90, together=3))) == read_run(text_of(lines))
    half = run_topics(path, Sorting(lines=90, together=3))
    next(half)
    assert 1 <= sum(one.is_file() for one in space.rglob("*")) <= 3  # of 23 pieces: no more than three are open at once
    half.close()
    assert not list(space.iterdir())


def test_gzip_is_known_by_its_bytes_and_a_broken_one_is_named(folder: Path) -> None:
    packed = gzip.compress(b"a Q0 x 1 2.0 t\n" * 1)
    assert dict(run_topics(written(folder, packed, "packed.txt"))) == {"a": {"x": 2.0}}
    with pytest.raises(InputError, match="'.*half.gz' can't be read"):
        list(run_topics(written(folder, packed[:-6], "half.gz")))


def test_blank_lines_marks_and_line_ends_are_no_part_of_it(folder: Path) -> None:
    text = b"\xef\xbb\xbfa Q0 x 1 2.0 t\r\n\r\n \t\n\ta\tQ0\ty\t2\t1.0\tt\r\nb Q0 x 1 1 t\n\n"
    assert is_grouped(written(folder, text))
    assert dict(run_topics(written(folder, text))) == {"a": {"x": 2.0, "y": 1.0}, "b": {"x": 1.0}}
    assert not is_grouped(written(folder, text + b"a Q0 z 3 0 t"))


@pytest.mark.parametrize("again", ["", "a Q0 z 9 0 t\n"], ids=["grouped", "sorted on disk"])
@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"q a 1 2.0 t\n", "line 3: is no run line"),
        (b"q Q0 a one 2.0 t\n", "line 3: is no run line"),
        (b"q Q0 a 1 nan t\n", "line 3: score 'nan' is not a finite number"),
        (b"b Q0 x 1 2.0 t\n", "line 3: passage 'x' comes twice for its topic"),
        (b"q Q0 a\xff 1 2.0 t\n", "line 3: byte 0xff is not UTF-8"),
        (b"q Q0 a\0b 1 2.0 t\n", "line 3: holds a zero byte"),
    ],
)
def test_a_bad_line_is_named_by_file_and_number(folder: Path, line: bytes, says: str, again: str) -> None:
    path = written(folder, b"a Q0 x 1 2.0 t\nb Q0 x 1 2.0 t\n" + line + again.encode())
    assert is_grouped(path) is not bool(again)
    with pytest.raises(InputError, match=f"run.txt: {says}"):
        list(run_topics(path, SMALL))


def test_what_is_no_text_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="^run.txt: the file is encoded as UTF-16"):
        list(run_topics(written(folder, "a Q0 x 1 2.0 t\n".encode("utf-16"))))
    with pytest.raises(InputError, match="^'.*absent' can't be read: No such file"):
        list(run_topics(folder / "absent"))
    assert list(run_topics(written(folder, ""))) == []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(WORDS, st.sampled_from([" ", "\t", "  ", " \t"])), min_size=4, max_size=9))
@example([("q", "\t"), ("Q0", " "), ("a", " "), ("1", " "), ("2", " "), ("3", " "), ("t", " ")])
def test_the_quick_way_to_split_a_line_is_the_general_rule(words: list[tuple[str, str]]) -> None:
    line = "".join(word + blank for word, blank in words)[:-1]
    # A leading blank is no part of a line, and leaves it to the general rule.
    assert outcome(line) == outcome(" " + line)


def outcome(line: str) -> object:
    try:
        return run_line(line, 1)
    except InputError as error:
        return str(error)
