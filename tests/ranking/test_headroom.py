"""Headroom: what a perfect reranking of the first d candidates reaches, worked by hand and held to bounds."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import InputError
from app.ranking.evaluation.headroom import headroom, perfect
from app.ranking.evaluation.metrics import ndcg
from app.ranking.evaluation.suites.declared import suite
from app.ranking.evaluation.suites.load import load
from app.ranking.evaluation.suites.values import Place
from tests.goldens import golden

# a and b are relevant, third and fourth of the first stage: ideal 1 + 1 / log2(3).
QRELS = {"t": {"a": 1, "b": 1, "y": 0}, "none": {"z": 1}}
RUN = {"t": (("x", 4.0), ("y", 3.0), ("a", 2.0), ("b", 1.0))}
IDEAL = 1 + 1 / math.log2(3)


def test_a_perfect_reranking_is_worked_by_hand() -> None:
    found = headroom((QRELS, RUN), depths=(2, 3, 4))
    assert found.first["t"] == pytest.approx((1 / math.log2(4) + 1 / math.log2(5)) / IDEAL)
    assert found.ceiling["t"] == pytest.approx({2: 0.0, 3: 1 / IDEAL, 4: 1.0})
    assert found.recall["t"] == pytest.approx({2: 0.0, 3: 0.5, 4: 1.0})


def test_a_topic_that_the_run_lacks_counts_nothing_in_every_mean() -> None:
    found = headroom((QRELS, RUN), depths=(2, 4))
    assert (found.first["none"], found.ceiling["none"], found.n) == (0.0, {2: 0.0, 4: 0.0}, 2)
    assert found.means == pytest.approx({2: 0.0, 4: 0.5})
    assert found.mean_recall(4) == pytest.approx(0.5)


def test_ties_are_trec_evals_for_the_first_stage_and_the_files_for_candidates() -> None:
    """trec_eval takes the greater id first; a model is given the first of the file."""
    found = headroom(({"t": {"b": 1}}, {"t": (("a", 1.0), ("b", 1.0))}), depths=(1, 2))
    assert found.first["t"] == 1.0
    assert found.ceiling["t"] == {1: 0.0, 2: 1.0}


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=6).filter(any),
    st.permutations("abcdef"),
    st.integers(1, 6),
)
@settings(max_examples=60, deadline=None)
def test_no_order_of_the_same_candidates_is_better(grades: list[int], order: list[str], depth: int) -> None:
    judged = dict(zip("abcdef", grades, strict=False))
    ids = order[:depth]
    best = max(ndcg(one, judged, 2) for one in itertools.permutations(ids))
    assert perfect(ids, judged, 2) == pytest.approx(best)
    assert perfect(order[: depth + 1], judged, 2) >= best - 1e-12


@pytest.mark.parametrize(
    ("first", "best", "advice"),
    [(0.2, 0.9, "mend reranking first"), (0.6, 0.7, "mend retrieval first"), (0.4, 0.7, "lost about as much")],
)
def test_the_sentence_says_what_to_mend(first: float, best: float, advice: str) -> None:
    found = headroom((QRELS, RUN), depths=(4,))
    object.__setattr__(found, "first", {"t": first})
    object.__setattr__(found, "ceiling", {"t": {4: best}})
    assert advice in found.sentence
    assert f"{100 * (best - first):.1f}" in found.sentence and f"{100 * (1 - best):.1f}" in found.sentence


@pytest.mark.parametrize("depths", [(), (0, 1), (2, 1), (1, 1)])
def test_depths_that_do_not_rise_are_refused(depths: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="depths"):
        headroom((QRELS, RUN), depths=depths)


def test_no_topic_is_refused() -> None:
    with pytest.raises(InputError, match="at least one topic"):
        headroom(({}, {}))


def test_plain_and_frame_have_every_number() -> None:
    found = headroom((QRELS, RUN), depths=(3, 4))
    assert found.plain["ceiling"] == {"3": found.mean_ceiling(3), "4": found.mean_ceiling(4)}
    frame = found.to_frame()
    assert list(frame.columns) == ["first", "perfect@3", "perfect@4", "R@3", "R@4"]
    assert frame.loc["t", "perfect@3"] == pytest.approx(1 / IDEAL)


# Computed elsewhere from the same runs and qrels, to one decimal: first stage, recall@100, perfect reranking of 100 and of 20.
_BRIGHT = {
    "biology": (43.5, 83.8, 86.6, 66.3),
    "economics": (32.7, 62.1, 68.5, 47.7),
    "stackoverflow": (31.0, 78.2, 81.8, 54.9),
    "theoremqa_theorems": (36.7, 69.7, 72.7, 53.5),
}


def test_the_published_first_stage_leaves_the_known_headroom() -> None:
    folder = golden("bright")
    found = {one.name: headroom(one) for one in load(suite("bright"), Place(data=folder, retrieval=folder / "runs"))}
    got = {
        name: tuple(round(100 * value, 1) for value in (one.mean_first, one.mean_recall(100), one.mean_ceiling(100), one.mean_ceiling(20)))
        for name, one in found.items()
    }
    assert got == _BRIGHT
