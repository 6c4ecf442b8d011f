"""Evidence: scales, spans, terms, memory, and a list without any model."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ranking.cache import Cache
from app.ranking.evidence import SIGNALS, by_evidence, digits
from app.ranking.retrieval.collection import make_collection
from app.ranking.retrieval.index import SearchIndex
from app.ranking.signals import NO_MODEL, EvidenceSignals, matched_spans, matched_terms
from app.ranking.values import Passage

from .fakes import FakeEmbedder

LIST = (
    Passage(
        id="a", title="Bread", text="Flour is milled. Yeast makes the dough rise because it makes gas. Bake it.", features={"own": 1.0}
    ),
    Passage(id="b", text="Gas prices rise. Markets close."),
    Passage(id="c", text="The moon pulls the sea."),
    Passage(id="d", text="..."),
)
QUERY = "Why does yeast dough rise?"


def test_features_are_complete_scaled_and_kept_apart() -> None:
    found = EvidenceSignals(FakeEmbedder()).annotate(QUERY, LIST)
    assert [passage.id for passage in found] == ["a", "b", "c", "d"]
    for before, after in zip(LIST, found, strict=True):
        assert set(after.features) >= {*SIGNALS, "bm25", "cosine", "sentence_start", "sentence_end"}
        assert all(0.0 <= after.features[name] <= 1.0 for name in SIGNALS)
        assert len(digits(after)) == 6 and (before.text, before.title) == (after.text, after.title)
    assert found[0].features["own"] == 1.0 and "own" not in found[1].features
    assert by_evidence(found)[0].id == "a" and digits(found[0])[:3] == (9, 9, 9)


def test_each_signal_by_hand() -> None:
    a, b, c, _ = (passage.features for passage in EvidenceSignals(FakeEmbedder()).annotate(QUERY, LIST))
    assert a["coverage"] == 1.0 and c["coverage"] == 0.0 and 0.0 < b["coverage"] < 1.0
    # yeast dough: two words apart at most only where "the" stands between: yeast makes the dough is three apart; dough rise stand together
    assert a["phrase"] == 0.5 and b["phrase"] == 0.0
    assert a["lead"] == 0.0 and b["lead"] == b["coverage"]
    assert c["words"] == c["bm25"] == 0.0 and a["words"] == 1.0


def test_the_best_sentence_is_a_span_of_the_text() -> None:
    for embedder in (FakeEmbedder(), None):
        found = EvidenceSignals(embedder).annotate(QUERY, LIST)[0]
        start, end = int(found.features["sentence_start"]), int(found.features["sentence_end"])
        assert found.text[start:end] == "Yeast makes the dough rise because it makes gas."


def test_without_a_model_words_remain_and_a_note_says_so() -> None:
    signals = EvidenceSignals(None)
    found = signals.annotate(QUERY, LIST)
    assert {passage.features[name] for passage in found for name in ("meaning", "sentence", "cosine")} == {0.0}
    assert by_evidence(found)[0].id == "a" and signals.notes(QUERY) == (NO_MODEL,)
    assert EvidenceSignals(FakeEmbedder()).notes(QUERY) == ()


def test_lists_at_the_edge() -> None:
    signals = EvidenceSignals(FakeEmbedder())
    assert signals.annotate(QUERY, []) == []
    assert signals.annotate(QUERY, LIST[:1])[0].features["words"] == 1.0
    assert signals.annotate("", LIST)[0].features["coverage"] == 0.0
    assert signals.annotate(QUERY, [Passage(id="x", text="")])[0].features["sentence_end"] == 0.0
    twice = signals.annotate(QUERY, [LIST[0], LIST[0]])
    assert twice[0] == twice[1]


def test_vectors_are_made_once_and_equal_from_index_and_model(tmp_path: Path) -> None:
    embedder = FakeEmbedder()
    index = SearchIndex.open(make_collection(LIST, "x"), Cache(tmp_path), embedder)
    indexed = index.signals
    made = embedder.texts
    from_index = indexed.annotate(QUERY, LIST)
    assert embedder.texts == made + 1
    fresh = EvidenceSignals(embedder, index.words.statistics)
    assert fresh.annotate(QUERY, LIST) == from_index
    made = embedder.texts
    assert fresh.annotate(QUERY, LIST) == from_index and embedder.texts == made + 1


def test_large_collections_make_only_the_sentences_of_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.ranking.retrieval.dense.SENTENCES_UP_TO", 2)
    embedder = FakeEmbedder()
    index = SearchIndex.open(make_collection(LIST, "x"), Cache(tmp_path), embedder)
    assert embedder.texts == len(LIST)
    found = index.signals.annotate(QUERY, LIST[:2])
    assert embedder.texts == len(LIST) + 1 + 3 + 2
    assert found == EvidenceSignals(FakeEmbedder(), index.words.statistics).annotate(QUERY, LIST[:2])


def test_search_and_evidence_embed_the_query_once(tmp_path: Path) -> None:
    embedder = FakeEmbedder()
    index = SearchIndex.open(make_collection(LIST, "x"), Cache(tmp_path), embedder)
    made = embedder.texts
    index.signals.annotate(QUERY, index.search(QUERY, 4))
    assert embedder.texts == made + 1


def test_the_index_is_asked_by_text_not_by_id(tmp_path: Path) -> None:
    index = SearchIndex.open(make_collection(LIST, "x"), Cache(tmp_path), FakeEmbedder())
    pasted = [Passage(id="a", text="The moon again."), *LIST[1:]]
    assert index.signals.annotate(QUERY, pasted) == EvidenceSignals(FakeEmbedder(), index.words.statistics).annotate(QUERY, pasted)


def test_matched_terms_are_the_words_as_written() -> None:
    passage = Passage(id="a", title="Rising", text="Doughs RISE; the rise of yeast-dough. Riser?")
    assert matched_terms(QUERY, passage) == ("Rising", "Doughs", "RISE", "rise", "yeast", "dough")
    assert matched_terms("机器学习", Passage(id="z", text="用机器学习来学习。")) == ("机器学习", "学习")
    assert matched_terms("the of", passage) == ()


@given(st.text(max_size=40), st.text(max_size=80))
def test_matched_spans_lie_apart_in_the_text(query: str, text: str) -> None:
    last = 0
    for start, end in matched_spans(query, text):
        assert last <= start < end <= len(text)
        last = end


@pytest.mark.model
def test_meaning_of_the_real_model() -> None:
    from app.ranking.retrieval.embedder import MiniLm

    found = EvidenceSignals(MiniLm()).annotate("What causes tides?", LIST)
    assert max(found, key=lambda passage: passage.features["cosine"]).id == "c"
