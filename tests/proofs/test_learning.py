"""The learning proof's own parts: what it learns from, whom it plants, what it calls significant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.ranking.batch import Topic
from app.ranking.evidence import SIGNALS
from app.ranking.values import Passage
from tests.proofs import learning_data as data
from tests.proofs.learning import arguments, learners
from tests.proofs.learning_summary import against, by_topic, summary
from tests.training.datasets import made
from training.baselines import Labelled


def question(query: str, size: int = 14) -> data.Question:
    """Passages whose `phrase` rises and whose `meaning` falls from the first to the last; the last is relevant, the one before a little."""
    passages = tuple(
        Passage(id=f"p{at}", text=f"text {at}", features={**dict.fromkeys(SIGNALS, 0.0), "phrase": at / size, "meaning": 1 - at / size})
        for at in range(size)
    )
    grades = {f"p{size - 1}": 3, f"p{size - 2}": 1}
    topic = Topic(id=query, query=query, passages=passages)
    return data.Question(topic=topic, domain="heat", listed=Labelled(passages=passages, grades=grades))


def row(system: str, values: dict[str, float], seed: int | None = None) -> dict[str, Any]:
    split = {"n": len(values), "ndcg10": sum(values.values()) / len(values), "values": values}
    return {"system": system, "seed": seed, "dev": split, "sealed": split}


def test_labels_become_a_judgement() -> None:
    opinion = data.judged(0, question("what is heat", 4)).opinions[0]
    assert opinion.order == (("p3",), ("p2",)) and opinion.not_relevant == ("p0", "p1")


def test_the_planted_annotator_prefers_exact_words() -> None:
    """By phrase alone the last three are best, then four, then five; the first two are worth nothing."""
    grades = data.planted(question("what is heat")).listed.grades
    assert [grades[f"p{at}"] for at in range(14)] == [0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3]


def test_a_version_holds_no_holdout_query(tmp_path: Path) -> None:
    asked = [question(made.query(1)), question(made.held()), question(made.query(2))]
    version = data.judgements(asked, "rl", tmp_path / "v")
    assert sorted(one["query"] for one in version.examples("rl")) == sorted([made.query(1), made.query(2)])
    assert list(version.examples("sft")) == []
    assert {one["order_by"] for one in version.examples()} == {"people"}


def test_seeds_are_averaged_and_are_no_topics() -> None:
    rows = [row("SFT", {"a": 0.2, "b": 0.4}, 1), row("SFT", {"a": 0.4, "b": 0.6}, 2)]
    assert by_topic(rows, "dev") == pytest.approx({"a": 0.3, "b": 0.5})


def test_significant_or_not_is_said() -> None:
    base = {f"q{at}": 0.5 for at in range(12)}
    better = {topic: value + 0.1 + at / 1000 for at, (topic, value) in enumerate(base.items())}
    mixed = {topic: value + (0.1 if at % 2 else -0.1) for at, (topic, value) in enumerate(base.items())}
    assert against(better, base).endswith(" significant") and "not significant" not in against(better, base)
    assert against(mixed, base).endswith("not significant")


def test_the_summary_compares_like_with_like() -> None:
    low, high = ({f"q{at}": value for at in range(12)} for value in (0.25, 0.75))
    told = summary(
        [row("cold start", low), row("signals", low), row("SFT", high, 1), row("planted cold start", high), row("planted SFT", high, 1)]
    )
    plain, planted = told.split("annotator's grades")[0].rpartition("\n\n")[0], told.split("annotator's grades")[1].split("\n\n")[0]
    assert "+0.5000 [+0.5000, +0.5000]" in plain and "+0.0000" in planted and "+0.5000" not in planted


def test_every_view_is_left_out_once() -> None:
    names = [name for name in learners() if "without" in name]
    assert [name.rpartition(" ")[2] for name in names] == ["ndcg", "recall", "rbo", "faithful", "brevity"]
    assert "cold start anew" not in arguments([]).systems
