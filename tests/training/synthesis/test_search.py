"""Corpora made searchable, evidence that depends on nothing but the list, and the embedded teacher over the demo set."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.ranking.errors import InputError, SettingsError
from app.ranking.evidence import SIGNALS
from app.ranking.thinking import pieces
from app.ranking.values import Completion, Passage, Prompt, Sampling
from training.synthesis import search as module
from training.synthesis.recipe import CorpusTable, load_synthesis_recipe
from training.synthesis.search import NoCorpus, collection_of, open_searches
from training.synthesis.sources import Where, read
from training.synthesis.steps import Synthesizer
from training.synthesis.teaching import Teaching, teaching_for
from training.synthesis.values import Item

from .teachers import recipe


@pytest.fixture
def no_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "default_embedder", lambda: None)


def written(folder: Path) -> Path:
    rows = [
        {"id": "a", "title": "Rope", "contents": "a rope that holds"},
        {"id": "b", "contents": "bread and rope"},
        {"id": "c", "contents": "stone"},
    ]
    (folder / "words.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


def test_a_corpus_is_searched_and_its_evidence_measured(tmp_path: Path, no_embedder: None) -> None:
    of = replace(recipe(), folder=written(tmp_path))
    found = open_searches(of, tmp_path / "data")
    assert set(found) == {"", "words"}
    hits = found["words"].candidates("rope", 2, "bm25")
    assert {hit.id for hit in hits} == {"a", "b"} and all(hit.score is not None for hit in hits)
    shown = found["words"].annotate("rope that holds", hits)
    assert [hit.id for hit in shown] == [hit.id for hit in hits]
    assert all(set(SIGNALS) <= set(hit.features) for hit in shown)
    assert max(shown, key=lambda hit: hit.features["words"]).id == "a"
    assert list((tmp_path / "data" / "cache").iterdir())
    with pytest.raises(SettingsError, match="embedding model"):
        found["words"].candidates("rope", 2, "dense")


def test_a_list_that_comes_from_no_corpus_has_evidence_and_nothing_to_retrieve(tmp_path: Path, no_embedder: None) -> None:
    none = open_searches(replace(recipe(), folder=written(tmp_path)), tmp_path / "data")[""]
    shown = none.annotate("rope", [Passage(id="x", text="rope"), Passage(id="y", text="stone")])
    assert [hit.features["words"] for hit in shown] == [1.0, 0.0]
    with pytest.raises(SettingsError, match="set k = 0"):
        none.candidates("rope", 3, "bm25")


class Counting:
    """An embedder that remembers how many texts it was given at once."""

    name, size = "counting", 2

    def __init__(self) -> None:
        self.batches: list[int] = []

    def embed(self, texts: Sequence[str]) -> Any:
        """One unit vector a text, by its length."""
        import numpy as np

        self.batches.append(len(texts))
        angles = np.array([len(text) for text in texts], dtype=np.float32)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_evidence_of_a_list_is_made_in_the_same_batches_whatever_was_asked_before() -> None:
    embedder = Counting()
    none = NoCorpus(embedder)
    some = [Passage(id="x", text="rope. It holds."), Passage(id="y", text="stone")]
    first = none.annotate("rope", some)
    before = list(embedder.batches)
    none.annotate("other", [some[0], Passage(id="z", text="bread")])
    embedder.batches.clear()
    assert none.annotate("rope", some) == first
    # The query's vector alone is remembered: it is always made by itself.
    assert embedder.batches == [size for size in before if size != 1]


def test_a_corpus_that_is_not_there_or_of_no_known_kind_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'pages': there is nothing at 'pages.jsonl'"):
        collection_of(CorpusTable(name="pages", kind="jsonl", path="pages.jsonl"), tmp_path)
    with pytest.raises(SettingsError, match="use demo, beir, jsonl, theorems"):
        collection_of(CorpusTable(name="pages", kind="web", path="."), tmp_path)
    with pytest.raises(InputError, match="no corpus.jsonl"):
        collection_of(CorpusTable(name="pages", kind="beir", path="."), tmp_path)
    written(tmp_path)
    assert len(collection_of(CorpusTable(name="pages", kind="jsonl", path="words.jsonl"), tmp_path)) == 3


class Direct:
    """Asks the teacher's backend, storing nothing."""

    def __init__(self, teaching: Teaching) -> None:
        self._backend = teaching.backend

    async def ask(self, step: str, prompt: Prompt, sampling: Sampling, sample: int) -> Completion:
        """See `training.synthesis.calls.Caller`."""
        found = [piece async for piece in pieces(self._backend, prompt, sampling) if isinstance(piece, Completion)]
        return found[0]


def test_the_embedded_teacher_makes_items_of_the_demo_set_without_reading_a_text(tmp_path: Path, no_embedder: None) -> None:
    of = load_synthesis_recipe("demo")
    source = of.sources[0]
    where = Where(folder=of.folder, database=None, domain=source.domain, licence=source.licence)
    found = [one for _, one in zip(range(2), read(source.kind, source.options, where), strict=False)]
    teaching = teaching_for(None, of)
    made = Synthesizer(of, open_searches(of, tmp_path), Direct(teaching), teaching)

    async def all_of_them() -> list[Item]:
        try:
            return [await made.item(number, one) for number, one in enumerate(found)]
        finally:
            await teaching.backend.aclose()

    for item, one in zip(asyncio.run(all_of_them()), found, strict=True):
        assert item.error == "" and len(item.passages) == 20 and item.labelled_by == "source"
        assert dict(item.grades) == dict(one.labels or {})
        assert [sample.outcome for sample in item.samples] == ["clean"] * 3 and item.best is not None
        assert [mined.outcome for mined in item.mined] == ["clean"] * 3
        assert all(set(mined.grades) == set(item.grades) and set(mined.grades.values()) <= {0, 1, 2, 3} for mined in item.mined)
        assert all(set(SIGNALS) <= set(passage.features) for passage in item.passages)
        assert (item.teacher, item.template, item.cost.calls, item.cost.cost) == ("nano", "nano", 6, 0.0)
