"""What is written comes back whatever its text, and very many rows take no more memory than a few."""

from __future__ import annotations

import csv
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.synthesis.sources import Where, read
from training.synthesis.sources.crawl import name_of

MANY, FEWER = 200_000, 20_000
PEAK = {MANY: 8 << 20, FEWER: 1 << 20}
"""Bytes that Python may hold at once, by the number of rows: a table of their ids alone would take more."""

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1, max_size=60).filter(str.strip)
ID = st.text(alphabet="abc019_-.:/é", min_size=1, max_size=12)


def found(kind: str, folder: Path, **options: Any) -> Iterator[Any]:
    return read(kind, options, Where(folder=folder, database=None, domain="d", licence=""))


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(ID, st.tuples(TEXT, st.dictionaries(ID, TEXT, min_size=1, max_size=4)), min_size=1, max_size=5))
def test_beir_comes_back(tmp_path_factory: pytest.TempPathFactory, topics: dict[str, tuple[str, dict[str, str]]]) -> None:
    folder = tmp_path_factory.mktemp("beir")
    (folder / "qrels").mkdir()
    texts = {id_: text for _, passages in topics.values() for id_, text in passages.items()}
    write(folder / "corpus.jsonl", ({"_id": id_, "title": text, "text": text} for id_, text in texts.items()))
    write(folder / "queries.jsonl", ({"_id": id_, "text": query} for id_, (query, _) in topics.items()))
    marks = "".join(f"{id_}\t{passage}\t{1 + place}\n" for id_, (_, held) in topics.items() for place, passage in enumerate(held))
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + marks, encoding="utf-8")
    items = list(found("beir", folder, path="."))
    assert [(item.id, item.query) for item in items] == [(id_, query.strip()) for id_, (query, _) in topics.items()]
    for item, (_, held) in zip(items, topics.values(), strict=True):
        assert item.labels == {passage: 1 + place for place, passage in enumerate(held)}
        assert [(one.id, one.title, one.text) for one in item.passages] == [(passage, texts[passage], texts[passage]) for passage in held]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT.filter(lambda text: "```" not in text)), min_size=1, max_size=5))
def test_leetcode_comes_back_as_csv_and_as_lines(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    folder = tmp_path_factory.mktemp("leetcode")
    made = [{"id": number, "content": content, "python": f"```python\n{code}\n```"} for number, (content, code) in enumerate(rows)]
    write(folder / "l.jsonl", iter(made))
    with (folder / "l.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, ["id", "content", "python"])
        table.writeheader()
        table.writerows(made)
    wanted = [(str(number), content.strip(), code.rstrip()) for number, (content, code) in enumerate(rows)]
    for name in ("l.jsonl", "l.csv"):
        assert [(item.id, item.query, item.answer) for item in found("leetcode", folder, path=name)] == wanted


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=4))
def test_reasonrank_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]) -> None:
    folder = tmp_path_factory.mktemp("reasonrank")
    for part in ("id_query", "id_doc"):
        (folder / part).mkdir()
    (folder / "id_query" / "x.json").write_text(json.dumps({str(number): row[0] for number, row in enumerate(rows)}))
    (folder / "id_doc" / "x.json").write_text(json.dumps({str(number): row[1] for number, row in enumerate(rows)}, ensure_ascii=False))
    ids = [str(number) for number in range(len(rows))]
    write(
        folder / "training_data_all.jsonl",
        (
            {
                "dataset": "x",
                "qid": id_,
                "initial_list": ids,
                "final_list": ids[::-1],
                "reasoning": rows[int(id_)][2],
                "relevant_docids": [id_],
            }
            for id_ in ids
        ),
    )
    for number, item in enumerate(found("reasonrank", folder, path=".")):
        assert (item.query, item.ready.reasoning, item.ready.order) == (rows[number][0], rows[number][2], tuple(reversed(ids)))
        assert [passage.text for passage in item.passages] == [row[1] for row in rows] and item.labels[str(number)] == 1
    assert number == len(rows) - 1


PLAIN = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Z"], include_characters="<>&\"'"), min_size=1, max_size=40)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(PLAIN, PLAIN), min_size=1, max_size=4))
def test_posts_come_back(tmp_path_factory: pytest.TempPathFactory, posts: list[tuple[str, str]]) -> None:
    from html import escape

    folder = tmp_path_factory.mktemp("posts")
    (folder / "crawl").mkdir()
    (folder / "crawl" / f"{name_of('https://a.test/')}.txt").write_text("A page.")
    with (folder / "Posts.xml").open("w", encoding="utf-8") as file:
        file.write("<posts>\n")
        for number, (title, body) in enumerate(posts):
            answer = f'<p>{escape(body)} <a href="https://a.test/">x</a></p>'
            file.write(post(2 * number, 1, Title=title, Body=f"<p>{escape(body)}</p>", AcceptedAnswerId=2 * number + 1))
            file.write(post(2 * number + 1, 2, Body=answer, ParentId=2 * number))
        file.write("</posts>")
    items = list(found("stackexchange", folder, posts="Posts.xml"))
    assert [(item.query, item.answer) for item in items] == [(f"{title}\n\n{body}", f"{body} x") for title, body in posts]
    assert all([passage.text for passage in item.passages] == ["A page."] for item in items)


@pytest.mark.oracle
def test_memory_stays_flat_over_a_dump(tmp_path: Path) -> None:
    (tmp_path / "crawl").mkdir()
    (tmp_path / "crawl" / f"{name_of('https://a.test/')}.txt").write_text("A page.")
    body, linked = "<p>" + "words " * 30 + "</p>", '<p>See <a href="https://a.test/">this</a>.</p>'
    with (tmp_path / "Posts.xml").open("w", encoding="utf-8") as file:
        file.write("<posts>\n")
        for number in range(1, MANY, 2):  # one question of fifty has an accepted answer with a link
            accepted = {"AcceptedAnswerId": number + 1} if number % 100 == 1 else {}
            file.write(post(number, 1, Title="T", Body=body, **accepted) + post(number + 1, 2, Body=linked, ParentId=number))
        file.write("</posts>")
    assert peak(found("stackexchange", tmp_path, posts="Posts.xml"), MANY) == (MANY // 100, True)


def test_memory_stays_flat_over_a_collection(tmp_path: Path) -> None:
    numbers = range(FEWER // 2)
    (tmp_path / "c.tsv").write_text("".join(f"{number}\tpassage {number} with a few words\n" for number in numbers))
    (tmp_path / "q.tsv").write_text("".join(f"{number}\tquery {number}\n" for number in numbers))
    (tmp_path / "qrels.tsv").write_text("".join(f"{number} 0 {number} 1\n" for number in numbers if number % 50 == 0))
    options = {"queries": "q.tsv", "qrels": "qrels.tsv", "collection": "c.tsv"}
    assert peak(found("msmarco", tmp_path, **options), FEWER) == (FEWER // 100, True)


def test_memory_stays_flat_over_lines(tmp_path: Path) -> None:
    write(tmp_path / "l.jsonl", ({"id": number, "content": "Find it.", "python": "return"} for number in range(FEWER)))
    assert peak(found("leetcode", tmp_path, path="l.jsonl"), FEWER) == (FEWER, True)


def peak(items: Iterator[Any], rows: int) -> tuple[int, bool]:
    """How many items there are, and whether Python never held more bytes for them than PEAK says."""
    tracemalloc.start()
    try:
        count = sum(1 for _ in items)
        return count, tracemalloc.get_traced_memory()[1] < PEAK[rows]
    finally:
        tracemalloc.stop()


def post(number: int, kind: int, **values: object) -> str:
    return (
        f"<row Id='{number}' PostTypeId='{kind}' " + " ".join(f"{name}={quoteattr(str(value))}" for name, value in values.items()) + " />\n"
    )


def write(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
