"""Each source read from a small file in its real format; expected items were written down from the files by hand."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.ranking.errors import InputError, RankingError, SettingsError
from training.synthesis.sources import SOURCES, Where, read
from training.synthesis.values import SourceItem

FILES = Path(__file__).parent / "files"


def where(folder: Path = FILES, **changes: Any) -> Where:
    return Where(**{"folder": folder, "database": None, "domain": "d", "licence": "L", **changes})


def found(kind: str, at: Where | None = None, **options: Any) -> list[SourceItem]:
    return list(read(kind, options, at or where()))


def test_the_demo_has_its_candidates_grades_and_answers() -> None:
    items = found("demo", where(domain="", licence=""))
    assert len(items) == 48 and len(found("demo", split=["train", "dev", "sealed"])) == 120
    first = items[0]
    assert (first.id, first.domain, first.licence) == ("q0073fb0c", "a theorem to apply", "CC0-1.0")
    assert len(first.passages) == 20 and first.labels is not None and set(first.labels) == {passage.id for passage in first.passages}
    assert first.labels["d13bea41d"] == 0 and first.answer.startswith("The AM-GM inequality") and not first.linked


def test_stackexchange_joins_questions_with_the_pages_of_their_accepted_answers() -> None:
    at = where(licence="")
    first, merged = found("stackexchange", at, posts="Posts.xml", crawl="crawl", site="physics.test")
    assert (first.id, first.linked, first.licence) == ("physics.test/1", True, "CC BY-SA 3.0, CC BY-SA 4.0")
    assert first.query == "Why does metal feel colder than wood?\n\nBoth lie in the same room.\n\nt = 20\nprint(t)"
    assert first.answer == "It conducts: see here, notes, gone and a picture."
    assert first.notes[0] == "https://physics.test/q/1"
    page, notes = first.passages[:-1], first.passages[-1]
    assert {passage.title for passage in page} == {"Conduction of heat"} and notes.title == ""
    text = "\n\n".join(passage.text for passage in page)
    assert text.startswith("Conduction of heat\n\nHeat flows from a warm body") and "Wood takes little." in text
    assert "A list\n\nCopper conducts about 400 watts per metre and kelvin.\nPine" in text and "q = -k * dT / dx\n    # Fourier" in text
    for left_out in ("Menu", "Home", "Share", "More about", "Subscribe", "rights", "hidden", "comment"):
        assert left_out not in text
    assert (
        notes.text == "Notes on touch.\n\nThe skin of a finger is at about 33 degrees.\nIt has receptors for cold.\n\nThe end of the notes."
    )
    assert merged.query == "Merged & moved\n\nHow does a fridge work?\n\none\ntwo"
    assert [passage.title for passage in merged.passages] == ["Kälte"] and "außen" in merged.passages[0].text
    assert at.skipped.counts == {
        "no accepted answer": 1, "the accepted answer is not in the file, or links to no page": 2, "none of the linked pages is there": 1,
        "page: a linked page is not in the crawl folder": 2,
    }  # fmt: skip


def test_stackexchange_takes_what_its_options_say(tmp_path: Path) -> None:
    options: dict[str, Any] = {"posts": "Posts.xml", "crawl": "crawl"}
    assert [item.query for item in found("stackexchange", **options, query="title", min_score=0)] == [
        "Why does metal feel colder than wood?"
    ]
    few = found("stackexchange", **options, page_passages=1, passages=1, passage_least=1, passage_most=200)
    assert [len(item.passages) for item in few] == [1, 1] and all(len(p.text) <= 200 for item in few for p in item.passages)
    with gzip.open(tmp_path / "Posts.xml.gz", "wb") as packed:
        packed.write((FILES / "Posts.xml").read_bytes())
    shutil.copytree(FILES / "crawl", tmp_path / "crawl")
    assert [item.id for item in found("stackexchange", where(tmp_path), posts="Posts.xml.gz")] == ["1", "9"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "7z archive.*unpack it"),
        (b"<posts>\n<row Id='1' PostTypeId='1'", "line 2: is not whole XML"),
        (b"<posts>\n<row PostTypeId='1' />\n</posts>", "a row has no Id"),
        (b"<posts>\n<row Id='x' PostTypeId='1' />\n</posts>", "'x', which is no whole number"),
        (b"<posts>\n<row Id='99999999999999999999' PostTypeId='1' />\n</posts>", "no whole number"),
        (b"<!DOCTYPE posts [<!ENTITY a 'b'>]><posts><row Id='1' Body='&a;' /></posts>", "document type"),
        (b"<!DOCTYPE p SYSTEM 'file:///etc/passwd'><posts/>", "document type"),
        (b"", "line 1: is not whole XML"),
    ],
)
def test_a_dump_that_is_none_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "Posts.xml").write_bytes(content)
    (tmp_path / "crawl").mkdir()
    with pytest.raises(InputError, match=message) as error:
        found("stackexchange", where(tmp_path), posts="Posts.xml")
    assert "Posts.xml" in str(error.value)


@pytest.mark.parametrize("file", ["leetcode.jsonl", "leetcode.csv"])
def test_leetcode_gives_statements_and_code(file: str) -> None:
    at = where()
    first, last = found("leetcode", at, path=file)
    assert first.id == "1" and first.query.startswith("Given an array") and first.passages == () and first.labels is None
    assert first.answer.splitlines()[0] == "def two_sum(nums, target):" and first.answer.endswith("seen[n] = i")
    assert (last.id, last.query, last.answer) == ("4", "Return one, two\nor three.", "return 1")
    assert at.skipped.counts == {"no statement": 1, "no solution in python": 1}
    assert [item.answer for item in found("leetcode", path=file, language="java", difficulty=["hard"])] == ["return;", "return 1;"]
    with pytest.raises(InputError, match=rf"{file}: line \d: has no column 'rust'"):
        found("leetcode", path=file, language="rust")


def test_math_reads_a_folder_and_lines() -> None:
    at = where(domain="")
    items = found("math", at, path="math")
    assert [item.id for item in items] == ["algebra/2", "algebra/10", "geometry/1"]
    assert (items[1].domain, items[1].query, items[1].answer) == ("Algebra", "Solve $x+1=2$.", "Subtract one: $x=\\boxed{1}$.")
    assert at.skipped.counts == {"no solution": 1}
    assert [item.id for item in found("math", path="math.jsonl", levels=["Level 1"])] == ["train/algebra/2", "train/geometry/1"]
    assert [item.id for item in found("math", path="math", types=["Geometry"])] == ["geometry/1"]


def test_msmarco_has_human_labels_and_candidates_of_a_run() -> None:
    options: dict[str, Any] = {"queries": "msmarco/queries.tsv", "qrels": "msmarco/qrels.tsv"}
    bare = found("msmarco", **options)
    assert [(item.id, item.labels, item.passages) for item in bare] == [("11", {"102": 1, "101": 0}, ()), ("13", {"999": 1}, ())]
    at = where()
    (item,) = found("msmarco", at, **options, collection="msmarco/collection.tsv")
    assert [passage.id for passage in item.passages] == ["102", "101"] and item.query == "what is a heat pump"
    assert at.skipped.counts["no passage is judged relevant"] == at.skipped.counts["no candidate is in the corpus"] == 1
    ranked: dict[str, Any] = {**options, "collection": "msmarco/collection.tsv", "run": "msmarco/run.trec"}
    first, _ = found("msmarco", **ranked, depth=2)
    assert [(passage.id, passage.score, passage.text) for passage in first.passages] == [
        ("103", 9.5, 'It is warm, "very" warm.'), ("101", 9.0, "A pump moves water."),
    ]  # fmt: skip
    assert [passage.id for passage in found("msmarco", **ranked, judged=True)[0].passages] == ["103", "101", "102"]
    with pytest.raises(InputError, match="a run and no corpus"):
        found("msmarco", **options, run="msmarco/run.trec")


def test_beir_reads_its_folder() -> None:
    (item,) = found("beir", path="beir")
    assert (item.id, item.query, item.labels) == ("q1", "why is metal cold?", {"d1": 2, "d2": 0})
    assert [(passage.id, passage.title, passage.text) for passage in item.passages] == [
        ("d1", "Heat", "Metal conducts heat."), ("d2", "", "Wood insulates."),
    ]  # fmt: skip
    assert [item.id for item in found("beir", path="beir", split=["train", "dev"])] == ["q1", "q2"]
    assert [item.id for item in found("beir", path="beir", split=["train", "dev"], least=2)] == ["q1"]
    with pytest.raises(InputError, match=r"'beir' has no qrels/test\.tsv"):
        found("beir", path="beir", split=["test"])


def test_reasonrank_brings_its_rankings_along() -> None:
    at = where(domain="")
    first, other = found("reasonrank", at, path="reasonrank")
    assert (first.id, first.domain, first.query, first.labels) == (
        "biology/b1",
        "biology",
        "Why do leaves fall?",
        {"p1": 0, "p2": 0, "p3": 1},
    )
    assert first.ready is not None and (first.ready.shown, first.ready.order) == (("p1", "p2", "p3"), ("p3", "p1", "p2"))
    assert first.ready.reasoning == "The third passage answers." and first.passages[2].text == "A layer of cells cuts the leaf off."
    assert other.id == "math-qa/7" and other.labels == {"math_train_1": 0, "math_test_2": 0}
    assert at.skipped.counts == {"final_list is not an order of initial_list": 1, "a text of the query or of a passage is missing": 1}
    assert [item.id for item in found("reasonrank", path="reasonrank", data=["math-qa"])] == ["math-qa/7"]


BAD = [
    ("leetcode", {"path": "f.jsonl"}, '{"id": 1, "content": "c", "python": "p"}\n' * 2, "line 2: id '1' was there before, on line 1"),
    ("leetcode", {"path": "f.jsonl"}, '{"id": 1,', "line 1: is not JSON"),
    ("leetcode", {"path": "f.jsonl"}, '{"id": 1, "content": "c", "python": ["p"]}', "line 1: field 'python' is a list"),
    ("leetcode", {"path": "f.jsonl"}, '{"id": 1, "content": "\\ud800", "python": "p"}', "line 1: .*half a character"),
    ("leetcode", {"path": "f.jsonl"}, '{"id": "a\\u0000", "content": "c", "python": "p"}', "line 1: .*zero byte"),
    ("leetcode", {"path": "f.csv"}, 'id,content,python\n1,"a\nb",c\n2,x\n', "line 4: has 2 columns where 3"),
    ("leetcode", {"path": "f.csv"}, 'id,content,python\n1,"a"b,c\n', "line 2: can't be split"),
    ("math", {"path": "f.jsonl"}, '{"problem": "", "solution": "s"}', "line 1: has no field 'problem'"),
    ("math", {"path": "f.jsonl"}, "[1]", "line 1: is a JSON list"),
    ("msmarco", {"queries": "f.tsv", "qrels": "f.tsv"}, "1\t0\t2\tx\n", "line 1: is no qrels line"),
    ("msmarco", {"queries": "f.tsv", "qrels": "q.tsv"}, "1\ttwo\n3\n", "line 2: is not id<TAB>text"),
    ("msmarco", {"queries": "f.tsv", "qrels": "q.tsv"}, "1\ttwo\n1\ttwo\n", "line 2: id '1' was there before, on line 1"),
    ("msmarco", {"queries": "q.tsv", "qrels": "q.tsv", "collection": "f.tsv"}, "1\tone\n1\ttwo\n", "line 2: its id was there before"),
    ("reasonrank", {"path": "."}, '{"dataset": "../x", "qid": "1"}', "no name of a data set"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "options", "content", "message"), BAD)
def test_a_malformed_row_is_refused_with_its_place(tmp_path: Path, kind: str, options: dict[str, Any], content: str, message: str) -> None:
    name = "training_data_all.jsonl" if kind == "reasonrank" else next(name for name in options.values() if name.startswith("f."))
    (tmp_path / "q.tsv").write_text("1 0 1 1\n")
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message) as error:
        found(kind, where(tmp_path), **options)
    assert name in str(error.value)


@pytest.mark.parametrize("kind", sorted(set(SOURCES) - {"demo", "judgements"}))
def test_what_is_missing_or_unknown_is_said_before_anything_is_read(kind: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=kind):
        read(kind, {}, where(tmp_path))
    with pytest.raises(RankingError, match="not there"):
        read(kind, {name: "nothing" for name in ("path", "posts", "queries")}, where(tmp_path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "train"}, "must be a list of texts"),
        ({"split": ["test"]}, "no split 'test'"),
        ({"share": 2}, "a number from 0 to 1"),
        ({"share": True}, "a number from 0 to 1"),
        ({"share_seed": 1.5}, "a whole number"),
        ({"spilt": ["dev"]}, "has no option 'spilt': there are split, share, share_seed"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read("demo", options, where())


def test_fetching_needs_a_list_of_hosts(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'allow' names no host"):
        read("stackexchange", {"posts": "Posts.xml", "fetch": True}, where())
    with pytest.raises(SettingsError, match="no folder"):
        read("stackexchange", {"posts": "Posts.xml", "crawl": "nowhere"}, where())


def test_a_share_is_a_stable_choice() -> None:
    half = [item.id for item in found("demo", share=0.5)]
    assert half == [item.id for item in found("demo", share=0.5)] and 12 <= len(half) <= 36
    other = [item.id for item in found("demo", share=0.5, share_seed=1)]
    assert other != half and found("demo", share=0.0) == []
    assert set(half) <= {item.id for item in found("demo", share=0.9)}
