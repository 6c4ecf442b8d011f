"""Rows in each of their formats: what is in them, that CSV keeps or guards every text, and that Parquet says the same."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.exports.row_lines import MOST_CELL, guarded, rows_csv, rows_jsonl, spreadsheet_csv
from app.exports.rows import COLUMNS, names, ranked

from .records import made, record

# What the database can hold: no NUL, no half characters.
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)
HOSTILE = st.lists(
    st.sampled_from(["=", "+", "-", "@", "\t", "\r", "\n", " ", "'", '"', ",", ";", "\ufeff", "\u200b", "\uff1d", "a", "1"]), max_size=8
).map("".join)


def lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.decode().splitlines()]


def test_a_row_says_where_a_passage_stands() -> None:
    data, tally = made(rows_jsonl, [record()])
    rows = {row["passage_id"]: row for row in lines(data)}
    keys = ("bucket", "group", "rank", "ties", "grade", "shown_position", "first_stage_rank")
    assert [rows["p3"][key] for key in keys] == ["ranked", 1, 1, 1, 3, 3, 3]
    assert [rows["p4"][key] for key in keys] == ["ranked", 2, 2, 2, None, 4, 4]  # tied second with p1
    assert [rows["p2"][key] for key in keys] == ["not_relevant", None, None, None, None, 2, 2]
    assert rows["p5"]["bucket"] == "unranked" and list(rows["p1"]) == list(names(texts=True))
    assert (rows["p1"]["annotator"], rows["p1"]["licence"], rows["p1"]["selection_pool"]) == ("pabc", "CC0-1.0", 8)
    assert (tally.rows, tally.judgements, tally.licences, tally.consents) == (5, 1, {"CC0-1.0": 1}, {"2": 1})


def test_a_passage_shown_and_nowhere_placed_is_untouched() -> None:
    data, _ = made(rows_jsonl, [record(order=[["p3"]], not_relevant=[], unranked=[], shown_order=["p3", "p1"])], texts=False)
    assert [(row["passage_id"], row["bucket"]) for row in lines(data)] == [("p3", "ranked"), ("p1", "untouched")]
    assert "text" not in lines(data)[0] and len(lines(data)[0]["text_hash"]) == 64


def test_ranks_are_those_of_a_sports_table() -> None:
    assert ranked([["a"], ["b", "c"], ["d"]]) == {"a": (1, 1, 1), "b": (2, 2, 2), "c": (2, 2, 2), "d": (3, 4, 1)}


@settings(max_examples=60, deadline=None)
@given(query=st.one_of(TEXT, HOSTILE), title=st.one_of(TEXT, HOSTILE), text=st.one_of(TEXT, HOSTILE))
def test_lossless_csv_gives_every_text_back(query: str, title: str, text: str) -> None:
    one = record(query=query, texts={"p1": (title, text)}, order=[["p1"]], not_relevant=[], unranked=[], shown_order=["p1"], grades={})
    data, _ = made(rows_csv, [one])
    head, *rows = csv.reader(io.StringIO(data.decode("utf-8"), newline=""))
    assert head == list(names(texts=True)) and len(rows) == 1
    got = dict(zip(head, rows[0], strict=True))
    assert (got["query"], got["title"], got["text"]) == (query, title, text)
    assert (got["grade"], got["holdout"], got["confidence"]) == ("", "false", "0.5")


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(st.one_of(TEXT, HOSTILE), min_size=1, max_size=4))
def test_pandas_reads_lossless_csv_as_documented(texts: list[str]) -> None:
    pandas = pytest.importorskip("pandas")
    ids = {f"p{n}": ("", text) for n, text in enumerate(texts)}
    data, _ = made(
        rows_csv, [record(texts=ids, order=[[one] for one in ids], not_relevant=[], unranked=[], shown_order=list(ids), grades={})]
    )
    table = pandas.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False, encoding="utf-8")
    assert list(table["text"]) == texts


@settings(max_examples=60, deadline=None)
@given(text=st.one_of(TEXT, HOSTILE), note=HOSTILE)
def test_no_cell_of_a_spreadsheet_can_be_a_formula(text: str, note: str) -> None:
    one = record(
        query=note, texts={text or "p": (note, text)}, order=[[text or "p"]], not_relevant=[], unranked=[], shown_order=[text or "p"]
    )
    data, _ = made(spreadsheet_csv, [one])
    assert data.startswith(b"\xef\xbb\xbf")
    for row in csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")):
        for cell in row:
            assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d")
            bare = cell.strip(" \"'\ufeff\u200b")
            assert bare[:1] not in ("=", "+", "-", "@") or cell.startswith("'"), cell


def test_a_spreadsheet_cell_is_cut_to_what_it_holds() -> None:
    assert guarded("=" + "x" * MOST_CELL) == "'=" + "x" * (MOST_CELL - 3) + "\u2026" and len(guarded("x" * MOST_CELL)) == MOST_CELL
    assert guarded("plain - text = 1") == "plain - text = 1"


def test_parquet_says_the_same_as_json_lines_and_is_the_same_twice() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    from app.exports.parquet import rows_parquet

    records = [record(), record(id="j2", query="Other", selection_reason="", trust=1)]
    data, tally = made(rows_parquet, records)
    table = parquet.read_table(io.BytesIO(data))
    assert table.to_pylist() == lines(made(rows_jsonl, records)[0]) and tally.rows == 10
    assert made(rows_parquet, records)[0] == data
    nothing, _ = made(rows_parquet, [])
    assert parquet.read_table(io.BytesIO(nothing)).num_rows == 0
    assert [field.name for field in table.schema] == [column.name for column in COLUMNS]
    assert {field.name for field in table.schema if field.nullable} == {column.name for column in COLUMNS if column.empty}


def test_rows_that_always_hold_something_do() -> None:
    (row, *_) = lines(made(rows_jsonl, [record()])[0])
    assert [column.name for column in COLUMNS if row[column.name] is None and not column.empty] == []
