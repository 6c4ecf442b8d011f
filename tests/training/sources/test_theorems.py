"""Theorems as passages, from both kinds of file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import InputError
from training.synthesis.sources.theorems import passages, plain, statement
from training.synthesis.sources.where import Skipped

FILES = Path(__file__).parent / "files"


def test_naturalproofs_gives_statements_without_proofs() -> None:
    skipped = Skipped()
    first, last = passages(FILES / "naturalproofs.json", skipped)
    assert (first.id, first.title) == ("0", "Sum of Angles")
    assert first.text == "The sum of the angles of a triangle in the Plane is $180$ degrees."
    assert (last.id, last.title, last.text) == ("7", "Even Square", "If $n$ is even, so is $n^2$.\n$n^2 = 4 k^2$")
    assert skipped.counts == {"a theorem without a statement": 1}


def test_an_export_of_the_wiki_gives_its_theorems() -> None:
    skipped = Skipped()
    found = list(passages(FILES / "proofwiki.xml", skipped))
    assert [(one.id, one.text) for one in found] == [
        ("Even Square", "Let $n$ be an even Definition:Integer.\n\nThen $n^2 < \\infty$ is even."),
        ("Law of Sines", "A law."),
    ]
    assert skipped.counts == {"a page that is no theorem": 2, "a page without a statement": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "has no"),
        ("[]", "has no"),
        ('{"dataset": {"theorems": [{"id": 1, "contents": ["x"]}, {"id"', "not whole JSON behind theorem 1"),
        ('{"dataset": {"theorems": [3]}}', "theorem 1 is not an object"),
        ('{"dataset": {"theorems": [{"id": 1, "contents": "x"}]}}', "theorem 1 is not an object"),
        ("<mediawiki><page>", "is not whole XML"),
        ("<!DOCTYPE x [<!ENTITY y 'z'>]><x/>", "document type"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "wiki.json").write_text(content)
    with pytest.raises(InputError, match=message) as error:
        list(passages(tmp_path / "wiki.json"))
    assert "wiki.json" in str(error.value)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(alphabet="ab c.$^\\é", min_size=1).map(str.strip).filter(bool), min_size=1, max_size=5))
def test_statements_without_markup_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("proofs") / "p.json"
    path.write_text(json.dumps({"dataset": {"theorems": [{"id": n, "title": "T", "contents": [text]} for n, text in enumerate(texts)]}}))
    assert [(one.id, one.text) for one in passages(path)] == [(str(number), text) for number, text in enumerate(texts)]


@pytest.mark.parametrize("piece", ["[[", "{{", "==", "<!--", "[[a|", "''", "<ref ", "\n=", "== ", "==a "])
def test_markup_that_never_ends_costs_no_time(piece: str) -> None:
    assert isinstance(plain(piece * 30_000), str) and isinstance(statement(piece * 30_000), str)
