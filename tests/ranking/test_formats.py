"""Collections, runs and qrels: what is read, what is refused and with which words, and that writing can be read back."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import InputError
from app.ranking.formats.collections import read_collection, sniff
from app.ranking.formats.decode import Limits
from app.ranking.formats.trec import read_beir_qrels, read_qrels, read_run, write_beir_qrels, write_qrels, write_run
from app.ranking.values import Passage

# Ids as they come: blanks inside, slashes, dots, any script; never blanks at an end.
_ALPHABET = st.characters(codec="utf-8", categories=("L", "N", "P", "S"), include_characters=" ")
IDS = st.text(_ALPHABET, min_size=1, max_size=12).filter(lambda text: text == text.strip() and text.isprintable())
WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=8).filter(str.isprintable)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=60).filter(lambda text: bool(text.strip()))
ROWS = st.lists(st.tuples(IDS, TEXTS, TEXTS), min_size=1, max_size=5, unique_by=lambda row: row[0])


def read(text: str | bytes, format: str = "auto", **limits: int) -> list[Passage]:
    data = text.encode() if isinstance(text, str) else text
    return list(read_collection(data, format=format, limits=Limits(**limits)))


def as_passages(rows: list[tuple[str, str, str]]) -> list[Passage]:
    return [Passage(id=id_, title=title, text=text) for id_, title, text in rows]


@given(ROWS)
def test_jsonl_comes_back(rows: list[tuple[str, str, str]]) -> None:
    lines = [json.dumps({"_id": id_, "title": title, "text": text}, ensure_ascii=False) for id_, title, text in rows]
    assert read("\n".join(lines)) == as_passages(rows)


@given(ROWS)
def test_csv_comes_back(rows: list[tuple[str, str, str]]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([("id", "title", "text"), *rows])
    assert read(out.getvalue(), "csv") == as_passages(rows)


@given(ROWS)
def test_tsv_comes_back(rows: list[tuple[str, str, str]]) -> None:
    flat = [(id_.strip(), " ".join(title.split()), " ".join(text.split())) for id_, title, text in rows]
    flat = [row for row in flat if row[0] and row[2]]
    if not flat or len({row[0] for row in flat}) < len(flat):
        return
    text = "\n".join("\t".join(row) for row in [("id", "title", "text"), *flat])
    assert read(text, "tsv") == as_passages(flat)


@given(st.binary(max_size=200), st.sampled_from(["auto", "jsonl", "csv", "tsv", "beir", "text"]))
@settings(max_examples=300)
def test_any_bytes_are_read_or_refused(data: bytes, format: str) -> None:
    try:
        passages = list(read_collection(data, format=format))
    except InputError as error:
        assert str(error)
    else:
        assert passages and all(passage.text.strip() for passage in passages)


def test_a_beir_folder_and_other_field_names(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"_id": 7, "contents": "seven", "metadata": {}}\n\n{"docid": "a/b c", "body": "two"}\n')
    found = list(read_collection(tmp_path, format="beir"))
    assert [(passage.id, passage.text) for passage in found] == [("7", "seven"), ("a/b c", "two")]


def test_ids_are_made_by_place() -> None:
    assert [passage.id for passage in read("One\nstill one\n\n\nTwo\n")] == ["p1", "p2"]
    assert read("One\nstill one\n\nTwo")[0].text == "One\nstill one"


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ('{"text": "a"}', "jsonl"),
        ("id\ttext\n1\ta", "tsv"),
        ("id,text\n1,a", "csv"),
        ("Water boils, id est.\n\nIce melts.", "text"),
        ("A text\twith a tab", "text"),
    ],
)
def test_auto_sees_the_format(text: str, format: str) -> None:
    assert sniff(text) == format


def test_the_ending_decides_where_the_first_line_does_not() -> None:
    assert sniff("1,first,second", "x.CSV") == "csv"
    assert [passage.id for passage in read_collection(b"1,first\n2,second", name="x.csv")] == ["1", "2"]


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert read(b"\xef\xbb\xbfid,text\r\n1,caf\xc3\xa9\r\n") == [Passage(id="1", text="café")]


@pytest.mark.parametrize(
    ("data", "format", "says"),
    [
        (b'{"text": "a"}\n{"text": ', "auto", "line 2: is not JSON"),
        (b'{"text": "a"}\n[1]', "auto", "line 2: is a JSON list"),
        (b'{"text": "a"}\n{"title": "b"}', "auto", "line 2: has no field"),
        (b'{"text": 3}', "auto", "line 1: field 'text' is a int"),
        (b'{"id": "x", "text": "a"}\n\n{"id": "x", "text": "b"}', "auto", "line 3: id 'x' was used before, on line 1"),
        (b'{"id": "p2", "text": "a"}\n{"text": "b"}', "auto", "line 2: id 'p2' was used before"),
        (b'{"id": " x", "text": "a"}', "auto", "line 1: id ' x' is empty or has blanks"),
        (b'{"id": "a\\nb", "text": "a"}', "auto", "can't be printed"),
        (b'{"text": "a\\u0000"}', "auto", "line 1: field 'text' holds a zero byte"),
        (b'{"text": "   "}', "auto", "line 1: the text is empty"),
        (b'{"text": "\\ud800"}', "auto", "line 1: half a character"),
        (b"id,text\n1,a\n2,b,c", "csv", "line 3: has 3 columns where 2 are expected"),
        (b'id,text\n1,"a\nb"\n2,"c', "csv", "line 4: can't be split"),
        (b"a,b,c,d\n", "csv", "line 1: has 4 columns"),
        (b"ok\nbad \xff", "auto", "line 2: byte 0xff is not UTF-8"),
        ("a".encode("utf-16"), "auto", "UTF-16"),
        (b"a\n\0", "auto", "line 2: holds a zero byte"),
        (b"", "auto", "no passage"),
        (b"id,text\n", "csv", "no passage"),
        (b"a", "xml", "format 'xml' is unknown"),
    ],
)
def test_what_is_wrong_is_named(data: bytes, format: str, says: str) -> None:
    with pytest.raises(InputError, match=says.replace("(", r"\(").replace("[", r"\[")):
        read(data, format)


def test_limits() -> None:
    with pytest.raises(InputError, match="at most 2 are accepted"):
        read("a\n\nb\n\nc", passages=2)
    with pytest.raises(InputError, match="line 3: the passage has 5 characters"):
        read("a\n\nbbbbb", characters=4)
    with pytest.raises(InputError, match="the file has 1.0 MB"):
        read("a" * (1 << 20), bytes=1000)
    with pytest.raises(InputError, match="the id has 9 characters"):
        read('{"id": "123456789", "text": "a"}', id_characters=8)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'no.jsonl' can't be read"):
        read_collection(tmp_path / "no.jsonl")


# --- runs and qrels


@given(st.dictionaries(WORDS, st.lists(IDS, min_size=1, max_size=6, unique=True), max_size=4), WORDS)
def test_a_run_comes_back_in_order(rankings: dict[str, list[str]], tag: str) -> None:
    run = read_run("".join(write_run(rankings, tag)))
    assert {topic: sorted(scores, key=lambda id_: -scores[id_]) for topic, scores in run.items()} == rankings
    for scores in run.values():
        assert len(set(scores.values())) == len(scores)


@given(st.dictionaries(WORDS, st.dictionaries(IDS, st.integers(-2, 9), min_size=1, max_size=6), max_size=4))
def test_qrels_come_back(qrels: dict[str, dict[str, int]]) -> None:
    assert read_qrels("".join(write_qrels(qrels))) == qrels
    assert read_beir_qrels("".join(write_beir_qrels(qrels))) == qrels
    assert read_qrels("".join(write_beir_qrels(qrels))) == qrels


def test_ids_with_blanks_and_remarks_after_the_tag() -> None:
    assert read_run("q Q0 a b/c 1.txt 3 2.5 tag\n") == {"q": {"a b/c 1.txt": 2.5}}
    assert read_run("301\tQ0\tFBIS3\t99\t  2.13\tSTANDARD more words here\n") == {"301": {"FBIS3": 2.13}}
    assert read_qrels("q 0 a b c 1\r\n") == {"q": {"a b c": 1}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("q Q0 a 1 2.0 t\nq Q0 a 2 1.0 t", "line 2: passage 'a' comes twice"),
        ("q Q0 a 1 nan t", "line 1: score 'nan'"),
        ("q a 1 2.0 t", "line 1: is no run line"),
    ],
)
def test_bad_runs(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_run(text)


def test_what_could_not_be_read_back_is_not_written() -> None:
    for rankings, tag in (
        ({"two words": ["a"]}, "t"),
        ({"q": ["a\nb"]}, "t"),
        ({"q": [" a"]}, "t"),
        ({"q": ["a", "a"]}, "t"),
        ({"q": []}, "a b"),
    ):
        with pytest.raises(InputError):
            list(write_run(rankings, tag))
    with pytest.raises(InputError, match="line 2: is no BEIR"):
        read_beir_qrels("query-id\tcorpus-id\tscore\na\tb")
    with pytest.raises(InputError, match="line 1: is no qrels"):
        read_qrels("a b c")
