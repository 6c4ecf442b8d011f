"""Imports: every format, hostile files, all of a file or nothing, and known answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import InputError, NotFound
from app.ranking.formats.task_lists import Gold, checked, read_jsonl, read_table
from app.services.actors import LOCAL
from app.services.task_imports import ListFiles, Queries
from db.models import CandidateList
from db.models_projects import Task
from db.store import lists
from tests.services.queue_house import House

CORPUS = "".join(
    json.dumps({"_id": id_, "title": f"T {id_}", "text": f"Text of {id_}"}) + "\n" for id_ in ("a b", "c/d", "e", "f", "unused")
)
TOPICS = "q1\tWhy one?\nq2\tWhy two?\n"
RUN = "q1 Q0 a b 1 2.5 tag\nq1 Q0 c/d 2 1.5 tag\nq1 Q0 f 3 0.5 tag\nq2 Q0 e 1 1.0 tag\nq2 Q0 a b 2 3.0 tag\n"
LINES = '{"topic": "q1", "query": "Why?", "passages": [{"id": "a b", "text": "x"}, {"id": "c/d", "text": "y", "score": 2}]}\n'


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def bring(house: House, project_id: str, folder: Path, files: dict[str, str | bytes], **named: Any) -> dict[str, Any]:
    """Import files by field name, as the upload lays them down."""
    paths: dict[str, Any] = {}
    for field, content in files.items():
        paths[field] = folder / field
        paths[field].write_bytes(content if isinstance(content, bytes) else content.encode())
    found: dict[str, Any] = house.imports.add_file(LOCAL, project_id, ListFiles(**paths, **named))
    return found


def tasks_of(house: House) -> list[tuple[str, str, list[str], Any]]:
    """(topic, query, passage ids, known answer) of all tasks in their order."""
    with house.database.read() as session:
        rows = session.scalars(sa.select(Task).order_by(Task.kind, Task.number)).all()
        found = [(row, lists.get(session, row.list_id)) for row in rows]
        return [(row.topic, held.query, [one.id for one in held.passages], row.gold) for row, held in found]


def test_a_trec_run_with_corpus_topics_and_qrels(house: House, tmp_path: Path) -> None:
    project_id = house.project(0, depth=2)
    files: dict[str, str | bytes] = {"file": RUN, "corpus": CORPUS, "topics": TOPICS}
    assert bring(house, project_id, tmp_path, files) == {"added": 2, "known": 0, "problems": []}
    assert tasks_of(house) == [("q1", "Why one?", ["a b", "c/d"], None), ("q2", "Why two?", ["a b", "e"], None)]
    assert bring(house, project_id, tmp_path, files) == {"added": 0, "known": 2, "problems": []}
    gold = files | {"qrels": "q1 0 a b 0\nq1 0 c/d 2\nq1 0 f 1\nq2 0 e 1\nq2 0 a b 1\n"}
    assert bring(house, project_id, tmp_path, gold, kind="gold")["added"] == 2
    assert [one[3] and (one[3]["order"], one[3]["not_relevant"]) for one in tasks_of(house)[:2]] == [
        ([["c/d"]], ["a b"]),
        ([["a b", "e"]], []),
    ]
    with house.database.read() as session:
        (list_id,) = session.scalars(sa.select(CandidateList.id).where(CandidateList.query_hash != "").limit(1))
        assert {one.score for one in lists.get(session, list_id).passages} <= {2.5, 1.5, 3.0, 1.0}


def test_beir_pairs_with_crlf_and_a_byte_order_mark(house: House, tmp_path: Path) -> None:
    project_id = house.project(0)
    topics = '{"_id": "q1", "text": "Why one?"}\n{"_id": "q2", "text": "2?"}\n'
    pairs = "\ufeffquery-id\tcorpus-id\tscore\r\nq1\ta b\t0\r\nq1\te\t2\r\nq2\tc/d\t1\r\nq2\tf\t1\r\n"
    files: dict[str, str | bytes] = {
        "file": pairs,
        "corpus": CORPUS,
        "topics": topics,
    }
    assert bring(house, project_id, tmp_path, files)["added"] == 2
    assert tasks_of(house)[0] == ("q1", "Why one?", ["a b", "e"], None)
    assert bring(house, project_id, tmp_path, files, kind="gold", format="beir")["added"] == 2
    assert tasks_of(house)[0][3]["order"] == [["e"]]


@pytest.mark.parametrize("texts", ["mapping", "lines"])
def test_the_released_training_data(house: House, tmp_path: Path, texts: str) -> None:
    rows = [
        {"qid": "7", "initial_list": ["d1", "d2", "d3"], "final_list": ["d3", "d1", "d2"], "reasoning": "r", "relevant_docids": ["d3"]},
        {"qid": "8", "initial_list": ["d1", "d2"], "relevant_docids": ["d2"]},
    ]  # fmt: skip
    queries, documents = {"7": "Why seven?", "8": "Why eight?"}, {"d1": "one", "d2": "two", "d3": "three"}

    def spelled(held: dict[str, str], name: str) -> str:
        if texts == "mapping":
            return json.dumps(held, indent=1)
        return "\n".join(json.dumps({"id": id_, name: text}) for id_, text in held.items())

    files: dict[str, str | bytes] = {
        "file": "\n".join(map(json.dumps, rows)), "corpus": spelled(documents, "contents"), "topics": spelled(queries, "query"),
    }  # fmt: skip
    assert bring(house, house.project(0), tmp_path, files, kind="gold") == {"added": 2, "known": 0, "problems": []}
    first, second = tasks_of(house)
    assert first[:3] == ("7", "Why seven?", ["d1", "d2", "d3"]) and first[3]["order"] == [["d3"], ["d1"], ["d2"]]
    assert first[3]["grades"] == {"d1": 0, "d2": 0, "d3": 1}
    assert (second[3]["order"], second[3]["not_relevant"]) == ([["d2"]], ["d1"])


def test_tables_and_json_lines_give_the_same_lists(house: House, tmp_path: Path) -> None:
    project_id = house.project(0)
    first = 'q1,"Why, then?",a b,,"x ""y""\nz",2,1\nq1,"Why, then?",c/d,T,w,,0\n'
    table = "topic,query,id,title,text,score,grade\n" + first + "q2,Two?,e,,v,,\nq2,Two?,f,,u,,\n"
    assert bring(house, project_id, tmp_path, {"file": table}, name="x.csv")["added"] == 2
    one = {"topic": "q1", "query": "Why, then?", "qrels": {"a b": 1, "c/d": 0}}
    passages = [{"id": "a b", "text": 'x "y"\nz', "score": 2}, {"id": "c/d", "title": "T", "text": "w"}]
    assert list(read_table(table))[0].passages == next(read_jsonl(json.dumps(one | {"passages": passages}))).passages
    assert next(read_table(table)).gold == Gold(order=(("a b",),), not_relevant=("c/d",), grades={"a b": 1, "c/d": 0})
    tabs = 'query\ttext\nWhy "?\ta\nWhy "?\tb\n'
    assert [one.passages[1].id for one in read_table(tabs, "\t")] == ["p2"]
    assert [len(one.passages) for one in read_jsonl("[" + LINES.strip() + "]")] == [2]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (LINES + "{", "line 2: is not JSON"),
        (LINES + "[]", "line 2: is a JSON list"),
        (LINES + LINES.replace('"c/d"', '"a b"'), "line 2: passage 'a b' comes twice"),
        (LINES + LINES.replace('"x"', '"\\u0000"'), "line 2: holds a zero byte"),
        (LINES + LINES.replace('"x"', '"\\ud800"'), "line 2: holds half a character"),
        (LINES + LINES.replace('"x"', '" "'), "line 2: passage 'a b' has no text"),
        (LINES + LINES.replace('"Why?"', '"  "'), "line 2: the query is empty"),
        (LINES + LINES.replace('"Why?"', '["Why?"]'), "line 2: field 'query' is a list"),
        (LINES + LINES.replace('"Why?"', json.dumps("x" * 4_001)), "line 2: the query has 4001"),
        (LINES + LINES.replace('"a b"', '" a"'), "line 2: id ' a'"),
        (LINES + LINES.replace('"score": 2', '"score": NaN'), "line 2: the score of passage 2"),
        (LINES + '{"query": "q", "passages": ["one"]}', "line 2: the list has 1 passages"),
        (LINES + json.dumps({"query": "q", "passages": ["x"] * 201}), "line 2: the list has 201 passages"),
        (LINES + json.dumps({"query": "q", "passages": ["x", "y" * 20_001]}), "line 2: passage 'p2' has more than 20000"),
        (LINES + '{"query": "q"}', "line 2: has no list of the name"),
        (LINES.replace("}\n", ', "gold": {"order": [["zz"]]}}'), "names 'zz'"),
        (LINES.replace("}\n", ', "gold": {"order": ["a b", "a b"]}}'), "names a passage twice"),
        (LINES.encode() + b"\xff", "line 2: byte 0xff is not UTF-8"),
        (LINES.encode() + b"\x00", "line 2: holds a zero byte"),
        (b"\xff\xfe" + LINES.encode(), "UTF-16"),
        ("", "there is no list in it"),
        ("query,text\nq,x\nr,y\n", "line 2: the list has 1 passages"),
        ("query,text\nq,x\nr,y\nr,z\nq,w\n", "line 2"),
        ('query,text\nq,"x\n', "line 2: can't be split"),
        ("query,text\nq,x,y\n", "line 2: has another number of columns"),
        ("query,score\nq,x\n", "line 1: the header must name"),
        ("q1 Q0 a 1 2.5\n", "line 1: is no run line"),
        (RUN, "corpus: this format"),
    ],
)  # fmt: skip
def test_a_bad_file_is_named_and_leaves_nothing(house: House, tmp_path: Path, content: str | bytes, named: str) -> None:
    project_id = house.project(0)
    found = bring(house, project_id, tmp_path, {"file": content})
    assert found["added"] == found["known"] == 0 and named in found["problems"][0], found
    with house.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(CandidateList)) == 0


def test_texts_that_are_missing_are_all_named(house: House, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"file": RUN + "q3 Q0 e 1 1 t\nq3 Q0 nowhere 2 0 t\n", "corpus": CORPUS, "topics": TOPICS}
    found = bring(house, house.project(0), tmp_path, files)
    assert found["problems"] == ["line 6: query 'q3' is not among the topics", "line 6: passage 'nowhere' is not in the corpus"]


@pytest.mark.parametrize(
    ("qrels", "named"),
    [("q1 0 a b 1\nq1 0 e 1\n", "line 1: there is no known answer"), ("q1 0 a b 9\nq1 0 f 1\nq2 0 e 1\nq2 0 a b 1\n", "grades above 3")],
)
def test_gold_needs_answers_that_the_project_knows(house: House, tmp_path: Path, qrels: str, named: str) -> None:
    files: dict[str, str | bytes] = {"file": RUN, "corpus": CORPUS, "topics": TOPICS, "qrels": qrels}
    found = bring(house, house.project(0), tmp_path, files, kind="gold")
    assert found["added"] == 0 and named in found["problems"][0]


def test_too_many_bytes_are_refused_and_an_unknown_project_is_not_found(house: House, tmp_path: Path) -> None:
    assert "MB" in bring(house, house.project(0), tmp_path, {"file": LINES * 20_000})["problems"][0]
    with pytest.raises(NotFound):
        bring(house, "none", tmp_path, {"file": LINES})


def test_queries_find_their_candidates_and_are_ranked_where_a_model_is_named(house: House) -> None:
    project_id = house.project(0, depth=2, view="model", shown="model")
    assert house.imports.add_queries(LOCAL, project_id, Queries(queries=("Why?",)))["added"] == 1
    first = house.next(project_id)
    assert first["run"] is None and len(first["passages"]) == 2
    assert house.imports.add_queries(LOCAL, project_id, Queries(queries=("How?",), model="told"))["added"] == 1
    house.save(first, order=[["p2"], ["p1"]], not_relevant=[])
    task = house.next(project_id)
    assert task["query"] == "How?" and task["run"] and task["model"] == "told" and task["shown_order"] == ["p2", "p3", "p1"]


@given(st.text(max_size=300))
@settings(max_examples=200)
def test_readers_refuse_in_a_sentence_or_give_lists(text: str) -> None:
    for reader in (read_jsonl, read_table, lambda given: read_table(given, "\t")):
        try:
            found = list(checked(reader(text)))
        except InputError as error:
            assert len(str(error)) > 10
        else:
            assert found


def test_a_hundred_thousand_lists_and_no_more() -> None:
    one = next(read_jsonl(LINES))
    with pytest.raises(InputError, match="list 100001"):
        for _ in checked(one for _ in range(100_001)):
            pass
