"""The demo collection keeps what its README promises; and each check can fail, shown on a small collection broken on purpose."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.ranking.cache import Cache
from app.ranking.retrieval.collection import make_collection
from app.ranking.retrieval.demo import VECTORS, Demo, has_demo, load_demo
from app.ranking.retrieval.dense import has_key, vectors_key
from app.ranking.retrieval.embedder import default_embedder
from app.ranking.retrieval.index import SearchIndex
from app.ranking.values import Passage, Query
from scripts.demo_check import problems, report, scores, second_kappa, zeros

TOPICS = ("a", "b", "c", "d", "e", "f")
_WORDS = [first + second for first in "bdfgklmnprst" for second in ("ana", "eno", "iru", "ola", "usi", "ake", "imo", "ory")]


@pytest.fixture(scope="module")
def real() -> Demo:
    if not has_demo():
        pytest.skip("the demo collection is not in this checkout")
    return load_demo()


@pytest.fixture(scope="module")
def small() -> Demo:
    """A collection of random words that passes every check."""
    draw = random.Random(5)

    def name(prefix: str) -> str:
        return f"{prefix}{draw.getrandbits(32):08x}"

    texts = [" ".join(draw.choices(_WORDS, k=draw.randint(70, 120))) for _ in range(360)]
    passages = [Passage(id=name("d"), title=text.split()[0], text=text) for text in texts]
    queries, candidates, grades, splits = [], {}, {}, {"train": {}, "dev": {}, "sealed": {}}  # type: ignore[var-annotated]
    for number in range(120):
        topic = TOPICS[number // 20]
        split = "sealed" if topic == "f" or number % 10 < 3 and number < 91 else "train" if len(splits["train"]) < 48 else "dev"
        query = Query(id=name("q"), text=" ".join(draw.choices(_WORDS, k=12)), metadata={"topic": topic, "split": split, "answer": "x"})
        listed = draw.sample([passage.id for passage in passages], 20)
        queries.append(query)
        candidates[query.id] = tuple(listed)
        grades[query.id] = dict(zip(draw.sample(listed, 20), [3, 3, 2, 2, 1, 1, *[0] * 14], strict=True))
        splits[split][query.id] = grades[query.id]
    return Demo(
        collection=make_collection(passages, "Small"),
        queries=tuple(queries),
        candidates=candidates,
        qrels=splits,
        rationales={(query, id_): "because" for query, given in grades.items() for id_, grade in given.items() if grade},
        second={query.id: grades[query.id] for query in queries[:40]},
        passages={passage.id: {"topic": TOPICS[i % 6], "injected": i < 4} for i, passage in enumerate(passages)},
    )


def test_the_demo_keeps_its_promises(real: Demo) -> None:
    assert problems(real) == []


def test_the_zeros_are_sampled_and_the_report_says_how_far_raters_agree(real: Demo) -> None:
    drawn = zeros(real, 30, seed=1)
    assert len(set(drawn)) == 30 and drawn == zeros(real, 30, seed=1) != zeros(real, 30, seed=2)
    assert all(real.grades[query][id_] == 0 for query, id_ in drawn)
    assert -1.0 <= second_kappa(real) <= 1.0
    assert any("quadratic kappa" in line for line in report(real))


def test_the_committed_vectors_fit_the_committed_texts(real: Demo) -> None:
    embedder = default_embedder()
    if embedder is None:
        pytest.skip("no embedding model is installed")
    assert has_key(VECTORS, vectors_key(real.collection, embedder)), "run python -m app.ranking.retrieval.build_demo and commit its files"
    assert sum(path.stat().st_size for path in VECTORS.iterdir()) < 3_000_000


@pytest.mark.model
def test_first_stages_leave_room_and_beat_chance(real: Demo) -> None:
    found = scores(real)
    assert set(found) == {"bm25", "minilm", "rrf", "signals"}
    # A random order of 20 with such grades scores about .35; a first stage near 1 would leave nothing to reason about.
    assert all(0.3 < interval.mean < 0.95 and interval.n == len(real.queries) for interval in found.values()), found


@pytest.mark.model
def test_the_demo_is_searched_with_its_committed_vectors(real: Demo, tmp_path: Path) -> None:
    index = SearchIndex.open(real.collection, Cache(tmp_path), default_embedder(), committed=VECTORS)
    assert not list(tmp_path.glob("vectors-*")), "the vectors were made again"
    found = index.search(real.queries[0].text, 20)
    assert len(found) == 20 and index.signals.annotate(real.queries[0].text, found)[0].features["cosine"] > 0


# --- each check can fail


def _first(demo: Demo) -> str:
    return demo.queries[0].id


def _regraded(demo: Demo, change: Callable[[dict[str, int]], dict[str, int]]) -> Demo:
    split = demo.queries[0].metadata["split"]
    changed = {**demo.qrels[split], _first(demo): change(dict(demo.qrels[split][_first(demo)]))}
    return replace(demo, qrels={**demo.qrels, split: changed})


def _with_passage(demo: Demo, **changes: str) -> Demo:
    passages = list(demo.collection.passages)
    passages[0] = replace(passages[0], **changes)  # type: ignore[arg-type]
    return replace(demo, collection=make_collection(passages, "Small"))


def _by_grade(demo: Demo) -> Demo:
    listed = {query: tuple(sorted(grades, key=lambda id_: -grades[id_])) for query, grades in demo.grades.items()}
    return replace(demo, candidates=listed)


BROKEN: dict[str, tuple[Callable[[Demo], Demo], str]] = {
    "short passage": (lambda d: _with_passage(d, text="too short"), "has 2 words"),
    "few passages": (lambda d: replace(d, collection=make_collection(d.collection.passages[:9], "x")), "9 passages"),
    "no injections": (lambda d: replace(d, passages={id_: {"topic": "a"} for id_ in d.passages}), "0 passages carry"),
    "topics": (lambda d: replace(d, passages={id_: {"topic": "a"} for id_ in d.passages}), "six are needed"),
    "few queries": (lambda d: replace(d, queries=d.queries[1:]), "119 queries"),
    "19 candidates": (lambda d: replace(d, candidates={**d.candidates, _first(d): d.candidates[_first(d)][1:]}), "has 19 candidates"),
    "too many threes": (lambda d: _regraded(d, lambda g: dict.fromkeys(g, 3)), "20 passages of grade 3"),
    "ungraded": (lambda d: _regraded(d, lambda g: {id_: g[id_] for id_ in list(g)[1:]}), "are not its candidates"),
    "no rationale": (lambda d: replace(d, rationales={}), "has no rationale"),
    "splits": (lambda d: replace(d, qrels={**d.qrels, "dev": {}}), "splits are"),
    "same text": (lambda d: _with_passage(d, text=d.collection.passages[1].text), "share 100 %"),
    "near text": (lambda d: _with_passage(d, text="More " + d.collection.passages[1].text[:-20]), "of their runs of 5 words"),
    "title": (lambda d: _with_passage(d, title="A distractor"), "speaks of labels"),
    "telling id": (lambda d: replace(d, queries=(replace(d.queries[0], id="q-gold-1"), *d.queries[1:])), "is not opaque"),
    "telling order": (_by_grade, "place in the list of candidates correlates"),
    "few second labels": (lambda d: replace(d, second={}), "0 queries are labelled twice"),
    "disagreement": (
        lambda d: replace(d, second={q: dict(zip(g, reversed(list(g.values())), strict=True)) for q, g in d.second.items()}),
        "agree too little",
    ),
}


def test_the_small_collection_is_well(small: Demo) -> None:
    assert problems(small) == []


@pytest.mark.parametrize("name", list(BROKEN))
def test_each_check_can_fail(small: Demo, name: str) -> None:
    change, says = BROKEN[name]
    assert any(says in text for text in problems(change(small))), problems(change(small))[:5]
