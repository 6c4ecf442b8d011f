"""Qrels with decisions, the dataset folder, the agreement table, and that the dictionary is what the code makes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from app.exports.agreement import Ratings
from app.exports.huggingface import dataset_tar
from app.exports.jsonl import COLUMNS, judgements_jsonl
from app.exports.records import Adjudicated, query_id
from app.exports.registry import FORMATS, document, format_named
from app.exports.selection import Selection
from app.exports.trec import qrels_txt
from app.ranking.errors import NotFound, SettingsError

from .records import made, record, untar

ROOT = Path(__file__).parent.parent.parent


def test_the_dictionary_is_what_the_code_makes() -> None:
    assert (ROOT / "docs" / "exports.md").read_text(encoding="utf-8") == document(), "make it again: python -m app.exports.registry"


def test_every_key_of_a_judgements_line_is_described() -> None:
    (line,) = judgements_jsonl([record()])
    assert set(json.loads(line)) == {column.name for column in COLUMNS}


def test_formats_have_names_and_files_of_their_own() -> None:
    assert len({form.name for form in FORMATS}) == len({form.file for form in FORMATS}) == len(FORMATS)
    assert format_named("rows.csv").name == "csv-lossless"
    with pytest.raises(NotFound, match="judgements.jsonl"):
        format_named("users.sql")


def test_a_decision_wins_over_people() -> None:
    people = [record(grades={"a": 3, "b": 1}, not_relevant=[]), record(person="p2", grades={"a": 1, "b": 1}, not_relevant=[])]
    qid = query_id("Why, then?")
    assert b"".join(qrels_txt(people)).decode() == f"{qid} 0 a 1\n{qid} 0 b 1\n"  # the lower median of 1 and 3
    final = Adjudicated(task="t1", grades={"a": 2}, not_relevant=["c"])
    decided = [
        record(grades={"a": 3, "b": 1}, not_relevant=[], adjudicated=final),
        record(grades={"a": 1}, not_relevant=[], adjudicated=final),
    ]
    assert b"".join(qrels_txt(decided)).decode() == f"{qid} 0 a 2\n{qid} 0 b 1\n{qid} 0 c 0\n"


def test_a_selection_says_what_it_does_not_know() -> None:
    for given, said in (
        ({"colour": 1}, "no option 'colour'"),
        ({"texts": "yes"}, "'texts'"),
        ({"states": ["draft"]}, "all_versions"),
        ({"states": ["lost"], "all_versions": True}, "'lost'"),
        ({"project": 5}, "'project'"),
    ):
        with pytest.raises(SettingsError, match=said):
            Selection.of(given)
    made_of = Selection.of({"states": ["submitted", "draft", "draft"], "all_versions": True, "project": None})
    assert made_of.states == ("draft", "submitted") and Selection.of(made_of.plain) == made_of


def test_agreement_is_told_with_what_it_is_over() -> None:
    ratings = Ratings()
    assert ratings.table()["statistics"] == []
    for person, grades in (("a", {"p1": 0, "p2": 1, "p3": 2}), ("b", {"p1": 0, "p2": 1, "p3": 2})):
        ratings.add(record(person=person, grades=grades, order=[["p3"], ["p2"]], not_relevant=["p1"], unranked=[]))
    ratings.add(record(person="c", counts=False))
    told = ratings.table()
    assert told["over"] == "the first 6 grades and 2 orders of 2 judgements that count"
    values = {one["name"]: one["value"] for one in told["statistics"]}
    assert values["Kendall tau-b"] == 1.0 and any("nominal" in name and value == 1.0 for name, value in values.items())


def test_the_folder_keeps_holdout_queries_apart_and_has_a_card() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    yaml = pytest.importorskip("yaml")
    records = [record(), record(id="j2", holdout=True, query="Held?", licence="CC0-1.0")]
    data, tally = made(dataset_tar, records, include_holdout=True)
    files = untar(data)
    assert set(files) == {"data/train.parquet", "data/test.parquet", "README.md", "DICTIONARY.md", "manifest.json"} and tally.rows == 10
    for split, held in (("train", False), ("test", True)):
        table = parquet.read_table(io.BytesIO(files[f"data/{split}.parquet"]))
        assert set(table["holdout"].to_pylist()) == {held} and table.num_rows == 5
    front = yaml.safe_load(files["README.md"].decode().split("---")[1])
    assert (front["license"], front["size_categories"]) == ("cc0-1.0", ["n<1K"])
    assert front["configs"][0]["data_files"][1] == {"split": "test", "path": "data/test.parquet"}
    assert json.loads(files["manifest.json"])["judgements"] == 2 and "`annotator`" in files["DICTIONARY.md"].decode()
    assert made(dataset_tar, records, include_holdout=True)[0] == data
    mixed = untar(made(dataset_tar, [record(), record(id="j2", licence="")])[0])["README.md"].decode()
    assert 'license: other\nlicense_name: "CC0-1.0 and none stated"' in mixed


@pytest.mark.model
def test_datasets_loads_the_folder(tmp_path: Path) -> None:
    from datasets import load_dataset

    for name, content in untar(made(dataset_tar, [record(), record(id="j2", holdout=True)], include_holdout=True)[0]).items():
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(content)
    loaded = load_dataset(str(tmp_path / "set"), cache_dir=str(tmp_path / "cache"))
    assert {split: part.num_rows for split, part in loaded.items()} == {"train": 5, "test": 5}
