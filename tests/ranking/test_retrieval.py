"""Searching: the promises of every retriever, the cache, scripts without blanks, and the collections themselves."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.cache import Cache, Cancelled, Watch, intact, new_folder
from app.ranking.errors import InputError, SettingsError
from app.ranking.retrieval.bm25 import Statistics, open_bm25, score
from app.ranking.retrieval.collection import Collection, list_collections, load_collection, make_collection, save_collection
from app.ranking.retrieval.dense import open_vectors, vectors_key
from app.ranking.retrieval.embedder import MiniLm
from app.ranking.retrieval.hybrid import RRF_K, fuse
from app.ranking.retrieval.index import RETRIEVERS, SearchIndex
from app.ranking.retrieval.language import notes
from app.ranking.retrieval.text import MAX_SENTENCES, sentences, stems, terms
from app.ranking.retrieval.top import best
from app.ranking.values import Passage

from .fakes import FakeEmbedder

TEXTS = {
    "yeast": "Yeast turns sugar into gas. The gas makes dough rise in a warm kitchen.",
    "heat": "Molecules move faster when they are heated. Reactions run quicker.",
    "price": "A price ceiling below the market price makes a shortage. Queues form.",
    "机器": "机器学习让计算机从数据中学习规律。",
    "日本": "水は百度で沸騰する。圧力が下がると沸点も下がる。",
    "ไทย": "น้ำเดือดที่หนึ่งร้อยองศา",
    "stop": "It is what it is.",
}


@pytest.fixture
def collection() -> Collection:
    return make_collection([Passage(id=id_, title=f"About {id_}", text=text) for id_, text in TEXTS.items()], "Test")


@pytest.fixture
def index(collection: Collection, tmp_path: Path) -> SearchIndex:
    return SearchIndex.open(collection, Cache(tmp_path), FakeEmbedder())


@pytest.mark.parametrize("name", list(RETRIEVERS))
@pytest.mark.parametrize("query", ["why does dough rise", "price price", "it is", "", "zzz qqq", "机器学习", "  \n"])
@pytest.mark.parametrize("k", [0, 1, 3, 100])
def test_every_retriever_keeps_its_promises(index: SearchIndex, name: str, query: str, k: int) -> None:
    found = index.retriever(name).search(query, k)
    scores = [passage.score for passage in found]
    assert len(found) <= k and len({passage.id for passage in found}) == len(found)
    assert None not in scores and scores == sorted(scores, reverse=True)  # type: ignore[type-var]
    for first, second in zip(found, found[1:], strict=False):
        assert first.score != second.score or first.id < second.id
    assert found == index.retriever(name).search(query, k)
    assert {passage.id for passage in found} <= set(index.collection.by_id)


def test_words_and_meaning_find(index: SearchIndex) -> None:
    for name in RETRIEVERS:
        assert index.retriever(name).search("rising dough and gas", 1)[0].id == "yeast"
    with pytest.raises(SettingsError, match="'colbert' is unknown: use bm25, dense, hybrid"):
        index.retriever("colbert")
    with pytest.raises(InputError, match="k is -1"):
        index.words.search("dough", -1)


@pytest.mark.parametrize(("query", "id_"), [("学习数据", "机器"), ("沸点", "日本"), ("น้ำเดือด", "ไทย")])
def test_scripts_without_blanks_find_by_characters_and_say_so(index: SearchIndex, query: str, id_: str) -> None:
    assert index.search(query, 3)[0].id == id_
    assert "does not know this script" in index.notes(query)[0]


def test_notes() -> None:
    assert notes("Why is the sky blue? β-carotene 42") == ()
    assert "100 %" in notes("почему небо голубое")[0]
    assert notes("") == notes("123 ?") == ()


def test_without_an_embedding_model(collection: Collection, tmp_path: Path) -> None:
    index = SearchIndex.open(collection, Cache(tmp_path), None)
    assert index.search("dough", 3)[0].id == "yeast"
    assert "No embedding model" in index.notes("dough")[0]
    with pytest.raises(SettingsError, match="needs the embedding model"):
        index.retriever("dense")


# --- BM25


WORDS = st.sampled_from(["reaction", "dough", "price", "heat", "gas", "the", "it", "market", "quicker"])
PASSAGES = st.lists(st.lists(WORDS, max_size=8).map(" ".join), min_size=1, max_size=6)


@given(texts=PASSAGES, query=st.lists(WORDS, max_size=4).map(" ".join))
@settings(max_examples=50, deadline=None)
def test_the_index_scores_as_the_formula(texts: list[str], query: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    collection = make_collection([Passage(id=str(i), text=text) for i, text in enumerate(texts)], "x")
    words = open_bm25(collection, Cache(tmp_path_factory.mktemp("cache")))
    own = Statistics.of([stems(text) for text in texts])
    for passage, found in zip(collection.passages, words.scores(query), strict=True):
        assert score(stems(query), stems(passage.text), own) == pytest.approx(float(found), abs=1e-5)
        assert score(stems(query), stems(passage.text), words.statistics) == pytest.approx(float(found), abs=1e-5)


def test_statistics_of_the_index(index: SearchIndex) -> None:
    found = index.words.statistics
    assert found.passages == len(TEXTS) and found.frequency["yeast"] == 1 and found.frequency["about"] == len(TEXTS)
    assert found.idf("nowhere") > found.idf("yeast") > found.idf("about") > 0
    assert len(list(found.frequency)) == len(found.frequency)


# --- terms and sentences


def test_terms() -> None:
    assert stems("The enzymes' rates, naïve Café—and don't") == ["enzym", "rate", "naiv", "cafe"]
    assert stems("e\u0301tude ÉTUDE Straße ｆｕｌｌ") == ["etud", "etud", "strass", "full"]
    assert stems("学 学习 हिन्दी") == ["学", "学习", "हिन्दी"]
    places = [(term.stem, term.place) for term in terms("rate of the reaction")]
    assert places == [("rate", 0), ("reaction", 3)]


@given(st.text(max_size=80))
def test_spans_lie_in_the_text(text: str) -> None:
    for term in terms(text):
        assert 0 <= term.start < term.end <= len(text)
    last = 0
    for start, end in sentences(text):
        assert last <= start < end <= len(text)
        last = end
    assert bool(sentences(text)) == bool(text.strip())


def test_sentences() -> None:
    text = 'He said "Hi there." Then e.g. 3.5 m fell! Really?\nA line without end\n\n水は。沸く。'
    assert [text[start:end] for start, end in sentences(text)] == [
        'He said "Hi there."',
        "Then e.g. 3.5 m fell!",
        "Really?",
        "A line without end",
        "水は。",
        "沸く。",
    ]
    assert len(sentences("Go. " * 100)) == MAX_SENTENCES


# --- top and fusion


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=12), st.integers(0, 14), st.permutations("abcdefghijkl"))
def test_the_k_best_are_those_of_a_full_sort(scores: list[float], k: int, ids: list[str]) -> None:
    passages = [Passage(id=id_, text="x") for id_, _ in zip(ids, scores, strict=False)]
    expected = sorted(zip(scores, passages, strict=True), key=lambda pair: (-pair[0], pair[1].id))
    assert [p.id for p in best(passages, np.array(scores), k)] == [p.id for _, p in expected[:k]]
    assert [p.id for p in best(passages, np.array(scores), k, above=0.0)] == [p.id for s, p in expected if s > 0][:k]


def test_fusion_adds_reciprocal_ranks() -> None:
    a, b, c = (Passage(id=id_, text="x") for id_ in "abc")
    found = fuse([[a, b], [b, c]], 5)
    assert [passage.id for passage in found] == ["b", "a", "c"]
    assert found[0].score == pytest.approx(1 / (RRF_K + 2) + 1 / (RRF_K + 1))
    assert [passage.id for passage in fuse([[b], [a]], 2)] == ["a", "b"]


# --- cache


def test_an_index_is_made_once(collection: Collection, tmp_path: Path) -> None:
    embedder, told = FakeEmbedder(), list[float]()
    SearchIndex.open(collection, Cache(tmp_path), embedder, watch=Watch(progress=told.append))
    assert told == sorted(told) and told[-1] == 1.0
    made = embedder.texts
    assert made > len(collection)
    SearchIndex.open(collection, Cache(tmp_path), embedder)
    assert embedder.texts == made


def test_a_damaged_index_is_made_again(collection: Collection, tmp_path: Path) -> None:
    cache, embedder = Cache(tmp_path), FakeEmbedder()
    first = SearchIndex.open(collection, cache, embedder).search("dough", 3)
    for folder in tmp_path.iterdir():
        victim = max((path for path in folder.iterdir() if path.suffix == ".npy"), key=lambda path: path.stat().st_size)
        data = bytearray(victim.read_bytes())
        data[-1] ^= 0xFF
        victim.write_bytes(data)
        assert not intact(folder)
    assert SearchIndex.open(collection, cache, embedder).search("dough", 3) == first
    assert all(intact(folder) for folder in tmp_path.iterdir())


def test_a_stopped_index_leaves_nothing(collection: Collection, tmp_path: Path) -> None:
    asked = iter([False, False, True])
    with pytest.raises(Cancelled):
        SearchIndex.open(collection, Cache(tmp_path), FakeEmbedder(), watch=Watch(cancelled=lambda: next(asked, True)))
    assert all(intact(folder) for folder in tmp_path.iterdir())
    assert not any(folder.name.startswith((".", "vectors")) for folder in tmp_path.iterdir())


def test_committed_vectors_serve_only_their_own_content(collection: Collection, tmp_path: Path) -> None:
    cache, embedder = Cache(tmp_path / "a"), FakeEmbedder()
    open_vectors(collection, cache, embedder)
    committed = cache.root / vectors_key(collection, embedder)
    made = embedder.texts
    open_vectors(collection, Cache(tmp_path / "b"), embedder, committed=committed)
    assert embedder.texts == made
    other = make_collection([*collection.passages[:-1], Passage(id="new", text="Something else.")], "Test")
    assert open_vectors(other, Cache(tmp_path / "c"), embedder, committed=committed).passage(other.passages[-1]) is not None
    assert embedder.texts > made


def test_two_makers_of_one_folder(tmp_path: Path) -> None:
    with new_folder(tmp_path / "x") as first, new_folder(tmp_path / "x") as second:
        (first / "a").write_text("1")
        (second / "a").write_text("2")
    assert (tmp_path / "x" / "a").read_text() == "2" and [path.name for path in tmp_path.iterdir()] == ["x"]


def test_what_killed_processes_left_is_swept_and_never_listed(collection: Collection, tmp_path: Path) -> None:
    save_collection(collection, tmp_path)
    for name, age in ((".making-old", 200_000), (".making-new", 0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "meta.json").write_text('{"id": "x", "name": "half"}')
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "meta.json").write_text("{")
    assert list_collections(tmp_path) == {collection.id: "Test"}
    save_collection(make_collection(collection.passages[:2], "Two"), tmp_path)
    assert (tmp_path / ".making-new").exists() and not (tmp_path / ".making-old").exists()


# --- collections


def test_a_collection_comes_back(collection: Collection, tmp_path: Path) -> None:
    folder = save_collection(collection, tmp_path)
    assert folder == save_collection(collection, tmp_path) == tmp_path / collection.id
    assert load_collection(tmp_path, collection.id) == collection
    assert list_collections(tmp_path) == {collection.id: "Test"}
    renamed = make_collection(collection.passages, "Other name")
    assert renamed.id == collection.id


def test_the_id_is_of_the_content() -> None:
    def id_of(*rows: tuple[str, str, str]) -> str:
        return make_collection([Passage(id=id_, title=title, text=text) for id_, title, text in rows], "x").id

    ids = {id_of(("a", "", "bc")), id_of(("a", "b", "c")), id_of(("ab", "", "c")), id_of(("a", "", "b"), ("c", "", "d"))}
    assert len(ids) == 4


def test_collections_that_can_not_be(tmp_path: Path, collection: Collection) -> None:
    with pytest.raises(InputError, match="no passage"):
        make_collection([], "x")
    with pytest.raises(InputError, match="two passages with the id 'a'"):
        make_collection([Passage(id="a", text="1"), Passage(id="a", text="2")], "x")
    for wrong in ("nothing", "../etc", ""):
        with pytest.raises(InputError, match="no collection"):
            load_collection(tmp_path, wrong)
    corpus = save_collection(collection, tmp_path) / "corpus.jsonl"
    lines = corpus.read_text(encoding="utf-8").splitlines()
    corpus.write_text("\n".join([*lines[:-1], json.dumps({"_id": "x", "title": "", "text": "other"})]), encoding="utf-8")
    with pytest.raises(InputError, match="was changed on disk"):
        load_collection(tmp_path, collection.id)
    corpus.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="can't be read"):
        load_collection(tmp_path, collection.id)


# --- the real embedding model


@pytest.mark.model
def test_minilm_by_openvino_equals_torch() -> None:
    texts = ["Why is the sky blue?", "The blue colour of the daytime sky comes from scattered light.", "", "Stocks fell. " * 200, "空"]
    ours, theirs = MiniLm("openvino").embed(texts), MiniLm("torch").embed(texts)
    assert ours.shape == (5, 384) and np.abs(ours - theirs).max() < 1e-5
    assert np.linalg.norm(ours, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert ours[0] @ ours[1] > ours[0] @ ours[3]
    assert MiniLm().embed([]).shape == (0, 384)
