"""Agreement among many judges over many topics: by hand, chance level, intervals, and how fast."""

from __future__ import annotations

import random
import time

import pytest

from app.ranking.evaluation.panels import MEASURES, Measure, of_panel, of_topic, rank_alpha
from app.ranking.evaluation.rank_agreement import ndcg_under, tau_b
from app.ranking.evaluation.statistic import Resampling
from app.ranking.evaluation.weak_orders import WeakOrder

TAU = Measure(name="tau", between=tau_b)
ABC, CBA, FLAT = WeakOrder.of("abc"), WeakOrder.of("cba"), WeakOrder.of([("a", "b", "c")])


def unrelated(topics: int, *, seed: int = 0, passages: int = 8) -> dict[str, dict[str, WeakOrder]]:
    """Three judges rank by chance, with ties at the top and two passages that are not relevant."""
    draw = random.Random(seed)
    names = [f"p{at}" for at in range(passages)]

    def judged() -> WeakOrder:
        order = draw.sample(names, passages)
        return WeakOrder.of([order[:2], *order[2:-2]], order[-2:])

    return {str(at): {who: judged() for who in "xyz"} for at in range(topics)}


def noisy(truth: list[str], noise: float, draw: random.Random) -> WeakOrder:
    found = {name: at + draw.gauss(0, noise) for at, name in enumerate(truth)}
    order = sorted(truth, key=found.__getitem__)
    return WeakOrder.of(order)


def shared(topics: int, *, noise: float, seed: int = 0) -> dict[str, dict[str, WeakOrder]]:
    """Three judges see the same truth of each topic, with noise."""
    draw = random.Random(seed)
    truths = [draw.sample(list("abcdefgh"), 8) for _ in range(topics)]
    return {str(at): {who: noisy(truth, noise, draw) for who in "xyz"} for at, truth in enumerate(truths)}


def test_means_by_hand() -> None:
    # Of the three pairs one agrees (1) and two do not (-1); with a tied judge two pairs have no value and are left out.
    assert of_topic(TAU, {"x": ABC, "y": ABC, "z": CBA}).value == pytest.approx(-1 / 3)
    tied = of_topic(TAU, {"x": ABC, "y": ABC, "z": FLAT})
    assert tied.value == 1.0 and tied.n == 1
    found = of_panel(TAU, {"1": {"x": ABC, "y": ABC}, "2": {"x": ABC, "y": CBA, "z": ABC}, "3": {"x": ABC}, "4": {"x": ABC, "y": FLAT}})
    assert found.value == pytest.approx((1 - 1 / 3) / 2) and found.n == 2 and found.low is None


def test_a_statistic_that_is_not_symmetric_is_taken_both_ways() -> None:
    two = {"x": ABC, "y": WeakOrder.of(["a"], "bc")}
    forth, back = ndcg_under(two["x"], two["y"]).value, ndcg_under(two["y"], two["x"]).value
    assert forth is not None and back is not None and forth != back
    found = of_topic(Measure(name="NDCG", between=ndcg_under, symmetric=False), two)
    assert found.value == pytest.approx((forth + back) / 2) and found.n == 2


def test_alpha_by_hand() -> None:
    # Distances 0, 1, 1 of three pairs, chance 1/2 each: 1 - (2/3) / (1/2). Two judges with a tie: distance 0, chance (1 - 1/9) / 2.
    three, two = {"x": ABC, "y": ABC, "z": CBA}, {"x": WeakOrder.of(["a", ("b", "c")]), "y": WeakOrder.of(["a", ("b", "c")])}
    assert rank_alpha({"1": three}).value == pytest.approx(1 - 4 / 3)
    both = rank_alpha({"1": three, "2": two, "3": {"x": ABC}})
    assert both.value == pytest.approx(1 - 3 * (2 / 3) / (3 / 2 + 2 * 4 / 9)) and both.n == 2


def test_alpha_is_one_for_equal_orders_and_nothing_for_chance() -> None:
    assert rank_alpha(shared(20, noise=0.0)).value == 1.0
    chance = rank_alpha(unrelated(400, seed=5), Resampling(samples=500))
    assert chance.low is not None and chance.high is not None and chance.low < 0.0 < chance.high
    assert chance.value == pytest.approx(0.0, abs=0.05)


def test_more_noise_less_agreement_for_every_measure() -> None:
    for measure in MEASURES:
        values = [of_panel(measure, shared(40, noise=noise)).value for noise in (0.0, 1.0, 4.0)]
        assert values[0] == pytest.approx(1.0) and None not in values
        assert values == sorted(values, key=lambda value: -(value or 0.0))


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_names_are_those_of_the_statistics(measure: Measure) -> None:
    assert measure.between(ABC, CBA).name == measure.name or measure.name == "NDCG of one under another"


def test_what_is_undefined_says_why() -> None:
    assert of_panel(TAU, {}).why == "there is no topic: agreement needs one that two judges ranked"
    assert of_topic(TAU, {"x": ABC}).why == "1 judge ranked this topic: agreement needs two"
    alone = of_panel(TAU, {"1": {"x": ABC}, "2": {}})
    assert alone.why == "none of 2 topics has a value; the first: 1 judge ranked this topic: agreement needs two"
    assert "one judge ties all 3 passages" in of_panel(TAU, {"1": {"x": ABC, "y": FLAT}}).why
    assert rank_alpha({"1": {"x": ABC}}).why == "no two judges ranked two passages in common on any topic"
    assert "without an order there is no chance" in rank_alpha({"1": {"x": FLAT, "y": FLAT}}).why


def test_intervals_are_seeded_and_narrow_with_more_topics() -> None:
    few, many = shared(15, noise=2.0), shared(240, noise=2.0)
    for found in (lambda one, how: of_panel(TAU, one, how), rank_alpha):
        small, large = found(few, Resampling(seed=3)), found(many, Resampling(seed=3))
        assert small == found(few, Resampling(seed=3)) != found(few, Resampling(seed=4))
        for one in (small, large):
            assert one.low is not None and one.value is not None and one.high is not None and one.low < one.value < one.high
        assert (large.high or 0) - (large.low or 0) < ((small.high or 0) - (small.low or 0)) / 2
        assert small.interval == "95% percentile bootstrap, 1000 resamples, seed 3"


def test_a_mean_of_topics_has_the_interval_of_the_mean() -> None:
    # Topics of 1 and -1, a quarter of them -1: the standard error is sqrt(1 - 0.5^2) / sqrt(n).
    topics = {str(at): {"x": ABC, "y": CBA if at % 4 == 0 else ABC} for at in range(400)}
    found = of_panel(TAU, topics, Resampling(samples=4000))
    assert found.value == 0.5 and found.high is not None and found.low is not None
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.75**0.5 / 20, rel=0.08)


def test_500_topics_and_1000_resamples_take_seconds() -> None:
    topics = unrelated(500, passages=20)
    start = time.process_time()
    assert of_panel(TAU, topics, Resampling()).n == rank_alpha(topics, Resampling()).n == 500
    assert time.process_time() - start < 5.0
