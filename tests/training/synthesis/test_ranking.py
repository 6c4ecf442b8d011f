"""The listwise question: shuffled samples, strict reading, and which sample trains."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from app.ranking.evaluation.rank_agreement import tau_b
from app.ranking.evaluation.weak_orders import WeakOrder
from app.ranking.values import Completion, Outcome, Passage
from training.synthesis.ranking import Listed, medoid, questions, read_sample, ready_sample, sample_seed
from training.synthesis.values import Ready, Sample

from .teachers import recipe, teaching

LISTED = Listed(query="q", passages=tuple(Passage(id=f"p{at}", text=f"text {at}") for at in range(6)), seed=11)


def sample(order: str, outcome: Outcome = "clean") -> Sample:
    return Sample(sample=0, seed=0, shown=tuple(sorted(order)), order=tuple(order), reasoning="", outcome=outcome)


def test_the_first_sample_shows_the_list_as_built_and_others_shuffle_it() -> None:
    of = recipe()
    asked = questions(of.ranking, LISTED, teaching(of))
    built = tuple(passage.id for passage in LISTED.passages)
    assert asked[0].shown == built and len({one.shown for one in asked}) == 3
    for one in asked:
        assert sorted(one.shown) == sorted(built)
        lines = [line for line in one.prompt.messages[-1].content.split("\n") if line.startswith("[")]
        assert lines == [f"[{place}] text {id_[1:]}" for place, id_ in enumerate(one.shown, start=1)]
    warm = recipe(
        ("samples = 3\n[teacher]", "samples = 3\nshuffle = false\n[teacher]"), ('model = "rule"', 'model = "rule"\ntemperature = 1.0')
    )
    kept = questions(warm.ranking, LISTED, teaching(warm))
    assert {one.shown for one in kept} == {built} and len({one.sampling.seed for one in kept}) == 3


@pytest.mark.parametrize(
    ("answer", "order", "outcome"),
    [
        ("<answer>[3] > [1] > [2] > [4] > [5] > [6]</answer>", "p2 p0 p1 p3 p4 p5", "clean"),
        ("<answer>[3] > [1] > [2] > [4]</answer>", "p2 p0 p1 p3 p4 p5", "repaired"),
        ("[3] > [1]", "p0 p1 p2 p3 p4 p5", "no_answer"),
    ],
)
def test_answers_are_read_by_the_profiles_grammar(answer: str, order: str, outcome: str) -> None:
    of = recipe()
    question = questions(of.ranking, LISTED, teaching(of))[0]
    read = read_sample(question, Completion(answer=answer, reasoning="why", tokens_out=9), teaching(of), LISTED.seed)
    assert (" ".join(read.order), read.outcome, read.reasoning, read.tokens_out) == (order, outcome, "why", 9)
    assert read.seed == sample_seed(LISTED.seed, 0) != sample_seed(LISTED.seed, 1)


def test_the_medoid_has_the_highest_mean_kendall_tau() -> None:
    def tau(one: Sample, other: Sample) -> float:
        found: Any = tau_b(*(WeakOrder.of([[id_] for id_ in each.order]) for each in (one, other))).value
        return float(found)

    orders = ["".join(order) for order in permutations("abcd")]
    for start in range(0, 24, 3):
        some = [sample(order) for order in (orders[start], orders[(start * 7 + 5) % 24], orders[(start * 5 + 11) % 24], orders[start // 2])]
        best = medoid(some)
        means = [sum(tau(one, other) for other in some) for one in some]
        assert best is not None and means[best] == pytest.approx(max(means))
        assert best == next(at for at, mean in enumerate(means) if mean == pytest.approx(max(means)))


def test_only_clean_samples_are_chosen_from_or_else_repaired_ones() -> None:
    assert medoid([sample("dcba", "no_answer"), sample("abcd"), sample("dcba", "repaired"), sample("dcba", "repaired")]) == 1
    assert medoid([sample("abcd", "truncated"), sample("abcd", "repaired"), sample("dcba", "repaired")]) == 1
    assert medoid([sample("abcd", "truncated"), sample("abcd", "refused")]) is None
    assert medoid([]) is None


def test_a_ranking_that_a_source_brings_is_a_clean_sample() -> None:
    made = ready_sample(Ready(shown=("a", "b"), order=("b", "a"), reasoning="x"))
    assert (made.shown, made.order, made.reasoning, made.outcome) == (("a", "b"), ("b", "a"), "x", "clean")
