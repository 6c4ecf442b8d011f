"""Topics and corpora: every shape comes back, what is wrong is named with file and line, and only what is wanted is kept."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import InputError
from app.ranking.formats.topics import Question, read_bytes, read_texts, read_topics
from app.ranking.values import Passage

# Ids as they come: blanks inside, slashes, any script; never blanks at an end.
_ALPHABET = st.characters(codec="utf-8", categories=("L", "N", "P", "S"), include_characters=" ")
IDS = st.text(_ALPHABET, min_size=1, max_size=12).filter(lambda text: text == text.strip() and text.isprintable())
# No line ends and no tabs: what can stand in one cell of a table, and is no text between blanks.
_CELL = st.characters(codec="utf-8", categories=("L", "N", "P", "S"), include_characters=" \u2028\x85")
TEXTS = st.text(_CELL, min_size=1, max_size=40).map(str.strip).filter(bool)
ROWS = st.lists(st.tuples(IDS, TEXTS), min_size=1, max_size=6, unique_by=lambda row: row[0])


_FOLDER = tempfile.TemporaryDirectory(prefix="reasonrank-topics-")


def written(data: str | bytes, name: str = "q.jsonl") -> Path:
    """A file for one look: the next one of the same name takes its place."""
    path = Path(_FOLDER.name) / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def questions(path: Path) -> list[tuple[str, str]]:
    return [(topic.id, topic.text) for topic in read_topics(path).values()]


@given(ROWS, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_lines_come_back(rows: list[tuple[str, str]], end: str, mark: bool, packed: bool) -> None:
    """JSON lines and tables alike, with any line end, with and without a byte order mark, gzipped or not."""
    as_json = end.join(json.dumps({"_id": id_, "text": text}, ensure_ascii=False) for id_, text in rows)
    as_table = end.join(f"{id_}\t{text}" for id_, text in [("id", "text"), *rows])
    for text in (as_json, as_table):
        data = (b"\xef\xbb\xbf" if mark else b"") + text.encode()
        path = written(gzip.compress(data) if packed else data)
        assert questions(path) == rows
        found = read_texts(path, {id_ for id_, _ in rows})
        assert {id_: passage.text for id_, passage in found.items()} == dict(rows)
        assert read_bytes(path) == data


@pytest.mark.parametrize(
    ("line", "topic"),
    [
        ('{"_id": "PLAIN-1", "text": "why?", "metadata": {}}', Question(id="PLAIN-1", text="why?")),
        ('{"id": 7, "query": " why? ", "reasoning": "r"}', Question(id="7", text="why?")),
        ('{"id": "0", "query": "why?", "excluded_ids": ["a b/c", 3]}', Question(id="0", text="why?", excluded=frozenset({"a b/c", "3"}))),
        ('{"qid": "a/b c", "question": ""}', Question(id="a/b c", text="")),
        ("12\twhy?", Question(id="12", text="why?")),
    ],
)  # fmt: skip
def test_topics_as_they_are_published(line: str, topic: Question) -> None:
    assert read_topics(written(line)) == {topic.id: topic}


def test_a_corpus_gives_what_is_wanted_and_has_words(tmp_path: Path) -> None:
    lines = [
        {"_id": "a b/c.txt", "title": "T", "text": "one"},
        {"id": "r2", "contents": "two"},
        {"id": "bright", "content": "three"},
        {"id": "not wanted", "content": "four"},
        {"id": "silent", "title": "", "text": "  "},
        {"id": "titled", "title": "only", "text": ""},
        {"id": "r2", "contents": "two"},
    ]
    (tmp_path / "corpus.jsonl").write_text("\r\n".join(map(json.dumps, lines)))
    wanted = {"a b/c.txt", "r2", "bright", "silent", "titled", "nowhere"}
    assert read_texts(tmp_path, wanted) == {
        "a b/c.txt": Passage(id="a b/c.txt", title="T", text="one"),
        "r2": Passage(id="r2", text="two"),
        "bright": Passage(id="bright", text="three"),
        "titled": Passage(id="titled", title="only", text=""),
    }


def test_tables_with_and_without_a_header() -> None:
    bare = written('1\tTitle "one\ttext one\n2\t\ttext\ttwo', "c.tsv")
    assert read_texts(bare, {"1", "2"}) == {
        "1": Passage(id="1", title='Title "one', text="text one"),
        "2": Passage(id="2", text="text\ttwo"),
    }
    header = written("id\ttext\ttitle\n1\ttext one\tTitle one\n", "c.tsv")
    assert read_texts(header, {"1"})["1"] == Passage(id="1", title="Title one", text="text one")


def test_a_folder_is_searched_for_its_usual_file(tmp_path: Path) -> None:
    (tmp_path / "test_queries.jsonl.gz").write_bytes(gzip.compress(b'{"id": "1", "query": "packed"}'))
    assert questions(tmp_path) == [("1", "packed")]
    (tmp_path / "queries.tsv").write_text("2\tplain\n")
    assert questions(tmp_path) == [("2", "plain")]
    with pytest.raises(InputError, match="has no corpus or collection or documents"):
        read_texts(tmp_path, {"1"})


def test_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: no parquet file can be made")
    pyarrow = pytest.importorskip("pyarrow")
    rows = [{"id": "1", "query": "why?", "excluded_ids": ["x"]}, {"id": "2", "query": "how?", "excluded_ids": []}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "queries.parquet")
    parquet.write_table(pyarrow.table({"id": ["x y", "z"], "content": ["text x", None]}), tmp_path / "documents.parquet")
    assert list(read_topics(tmp_path).values()) == [
        Question(id="1", text="why?", excluded=frozenset({"x"})),
        Question(id="2", text="how?"),
    ]
    assert read_texts(tmp_path, {"x y", "z"}) == {"x y": Passage(id="x y", text="text x")}
    with pytest.raises(InputError, match=r"broken\.parquet: it is no whole parquet file"):
        read_topics(written((tmp_path / "queries.parquet").read_bytes()[:-9], "broken.parquet"))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"id": "1", "query": "a"}\n{"id": "1", "query": "b"}', r"q\.jsonl: line 2: topic '1' was there before"),
        (b'{"id": "1", "query": "a"}\n{"id":', r"q\.jsonl: line 2: is not JSON"),
        (b'{"id": "1", "query": "a"}\n[1]', r"line 2: is a JSON list"),
        (b'{"id": "1"}', r"line 1: has no field of the name text or query or question"),
        (b'{"query": "a"}', r"line 1: has no field of the name _id"),
        (b'{"id": null, "query": "a"}', r"line 1: id '' is empty"),
        (b'{"id": " 1", "query": "a"}', r"line 1: id ' 1' is empty or has blanks"),
        (b'{"id": "1", "query": 3}', r"line 1: field 'query' is a int"),
        (b'{"id": true, "query": "a"}', r"line 1: field 'id' is a bool"),
        (b'{"id": "1", "query": "\\ud800"}', r"line 1: half a character \(\\ud800\)"),
        (b'{"id": "1", "query": "a", "excluded_ids": "x"}', r"line 1: field 'excluded_ids' must be a list"),
        (b"1\tone\n2", r"line 2: has 1 columns between tabs where 2 are expected"),
        (b"a text without any tab", r"line 1: has 1 columns between tabs: expected id<tab>text"),
        (b"1\tone\nbad\t\xff", r"line 2: byte 0xff is not UTF-8"),
        (b"1\tone\0", r"line 1: holds a zero byte"),
        ("1\tone".encode("utf-16"), r"UTF-16"),
        (b"\n\n", r"there is no topic in it"),
        (b"", r"there is no topic in it"),
        (gzip.compress(b"1\tone" * 50, mtime=0)[:-12], r"can't be read: "),
    ],
)
def test_what_is_wrong_is_named(data: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_topics(written(data))


def test_a_passage_that_comes_again_with_another_text() -> None:
    with pytest.raises(InputError, match=r"c\.tsv: line 2: passage 'x' was there before with another text"):
        read_texts(written("x\tone\nx\ttwo", "c.tsv"), {"x"})


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no.tsv' can't be read: No such file"):
        read_topics(tmp_path / "no.tsv")


@given(st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    path = written(data)
    for read in (lambda: read_topics(path), lambda: read_texts(path, {"1"})):
        try:
            read()
        except InputError as error:
            assert str(error)
