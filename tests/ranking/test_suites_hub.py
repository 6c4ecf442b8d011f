"""What a suite lacks and a hub has is put where it is found."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.ranking.errors import InputError
from app.ranking.evaluation.suites.declared import suite
from app.ranking.evaluation.suites.hub import fetch
from app.ranking.evaluation.suites.load import load
from app.ranking.evaluation.suites.values import Place, Suite
from tests.ranking.test_suites import lines_of

TABLES: dict[tuple[str, str | None, str], list[dict[str, Any]]] = {
    ("xlangai/BRIGHT", "examples", "biology"): [
        {"id": "0", "query": "why?", "excluded_ids": ["N/A"], "gold_ids": ["a b", "a b", "c"], "gold_ids_long": ["page"]},
        {"id": "1", "query": "how?", "excluded_ids": ["c"], "gold_ids": ["a b"], "gold_ids_long": ["page"]},
    ],
    ("xlangai/BRIGHT", "documents", "biology"): [{"id": "a b", "content": "text"}, {"id": "c", "content": "other"}],
    ("xlangai/BRIGHT", "long_documents", "biology"): [{"id": "page", "content": "long"}],
    ("R2MED/Biology", "query", "query"): [{"id": "q", "text": "which?"}],
    ("R2MED/Biology", "corpus", "corpus"): [{"id": "p", "text": "text"}],
    ("R2MED/Biology", "qrels", "qrels"): [{"q_id": "q", "p_id": "p", "score": 1}],
    ("BeIR/scifact", "queries", "queries"): [{"_id": "1", "title": "", "text": "claim"}],
    ("BeIR/scifact", "corpus", "corpus"): [{"_id": "2", "title": "T", "text": "text"}],
    ("BeIR/scifact-qrels", None, "test"): [{"query-id": 1, "corpus-id": 2, "score": 1}],
}


def loaded(id_: str, config: str | None, *, split: str) -> list[dict[str, Any]]:
    """A hub that has these tables and is down for all others."""
    if (id_, config, split) not in TABLES:
        raise ConnectionError(f"couldn't reach {id_} on the hub")
    return TABLES[id_, config, split]


def one_set(name: str, set_: str) -> Suite:
    """A suite with one of its sets only."""
    whole = suite(name)
    return replace(whole, sets=tuple(one for one in whole.sets if one.name == set_))


@pytest.mark.parametrize(
    ("name", "set_", "qrels", "text"),
    [
        ("bright", "biology", {"0": {"a b": 1, "c": 1}, "1": {"a b": 1}}, "why?"),
        ("bright-long", "biology", {"0": {"page": 1}, "1": {"page": 1}}, "why?"),
        ("r2med", "Biology", {"q": {"p": 1}}, "which?"),
        ("beir", "scifact", {"1": {"2": 1}}, "claim"),
    ],
)
def test_what_the_hub_has_is_found_where_it_was_put(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, set_: str, qrels: dict[str, dict[str, int]], text: str
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=loaded))
    one = one_set(name, set_)
    (sentence,) = fetch(one, tmp_path)
    assert "topics of" in sentence and "licence" in sentence
    topic = next(iter(qrels))
    (tmp_path / "any.run").write_text(lines_of({topic: list(qrels[topic])}))
    (found,) = load(one, Place(data=tmp_path, retrieval=tmp_path / "any.run"))
    assert found.qrels == qrels and found.topics[topic].text == text and found.has_texts
    assert list(fetch(one, tmp_path)) == [f"{set_}: everything is there"]
    if name == "bright":
        assert found.topics["1"].excluded == {"c"} and found.topics["0"].excluded == frozenset()


def test_a_hub_that_has_it_not_is_named_and_nothing_half_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=loaded))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InputError, match=r"xlangai/BRIGHT examples pony can't be had from the hub \(HF_HUB_OFFLINE is set.*couldn't reach"):
        list(fetch(one_set("bright", "pony"), tmp_path))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_without_the_package_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match="the package datasets, which is missing"):
        list(fetch(one_set("bright", "biology"), tmp_path))


def test_sets_and_suites_that_no_hub_has_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=loaded))
    both = replace(suite("beir"), sets=tuple(one for one in suite("beir").sets if one.name in ("scifact", "robust04")))
    first, second = fetch(both, tmp_path)
    assert first.startswith("scifact: 1 topics of BeIR/scifact") and second.startswith("robust04: not on the hub; get ")
    with pytest.raises(InputError, match="is on no hub"):
        list(fetch(suite("noveleval"), tmp_path))
