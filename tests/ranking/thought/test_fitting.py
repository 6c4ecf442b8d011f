"""A router finds what can be known, claims nothing where nothing can, and stands against the fixed ways and the oracle."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import InputError
from app.ranking.evaluation.thought.fitting import LEAST, Checked, Folds, Seen, applied, check, fit, shared
from app.ranking.router import Router, Weight
from benchmarks.router_worlds import world

FEW = Folds(repeats=3)


def checked(seen: list[Seen], **more: float) -> Checked:
    return check(seen, measure="nDCG@10", how=FEW, **more)


def test_it_finds_the_one_feature_that_tells() -> None:
    """Noise of 0.1 around +-0.2: a rule that knows the feature is right but for noise beyond two standard deviations."""
    found = checked(world(1, lift=0.2))
    assert found.gains and found.pays and found.verdict.startswith("The router pays")
    assert found.right is not None and found.right > 0.9 and 0.4 < found.reasoned_share < 0.6
    assert found.quality["oracle"] >= found.quality["routed"] > max(found.quality["reasoned"], found.quality["direct"]) + 0.05
    assert 10 < found.tokens["routed"] < 100
    weights = {one.name: abs(one.weight) for one in fit(world(1, lift=0.2), measure="nDCG@10").weights}
    assert max(weights, key=weights.__getitem__) == "asks" and weights["asks"] > 5 * max(w for name, w in weights.items() if name != "asks")


def test_it_claims_nothing_where_nothing_can_be_known() -> None:
    claimed = [seed for seed in range(20) if checked(world(seed, lift=0.0)).pays]
    assert len(claimed) <= 1, f"the interval is one of 95 %: {claimed}"


def test_leaving_out_a_few_traces_at_random_is_no_saving() -> None:
    """Traces help on the whole, by luck alone where more: a coin that drops some loses as little as a router that dropped as many."""
    claimed = [seed for seed in range(20) if checked(world(seed, lift=0.0, mean=0.03)).pays]
    assert len(claimed) <= 1, claimed


def test_a_trace_that_only_costs_is_saved() -> None:
    """Traces help questions and change nothing elsewhere: no quality is to be gained over always reasoned, but tokens are saved."""
    seen = [replace(one, reasoned=0.6 + 0.05 * (int(one.key) % 3) if one.features["asks"] else 0.5) for one in world(3, lift=0.0)]
    found = checked(seen, margin=0.02)
    assert not found.gains and found.saves and found.pays and "saves" in found.verdict
    assert found.over_reasoned.mean == pytest.approx(0.0, abs=1e-12) and found.tokens["routed"] < 0.7 * 100


def test_numbers_of_a_finished_router_by_hand() -> None:
    router = Router(weights=(Weight(name="asks", mean=0.5, scale=0.5, weight=0.1),), intercept=0.0, measure="x")
    rows = [(1.0, 0.8, 0.5), (1.0, 0.3, 0.5), (0.0, 0.9, 0.5), (0.0, 0.2, 0.5)]
    seen = [
        Seen(key=str(at), features={"asks": asks}, reasoned=a, direct=b, tokens_reasoned=100, tokens_direct=20)
        for at, (asks, a, b) in enumerate(rows)
    ]
    found = applied(router, seen)
    # Takes a trace for the first two: .8 + .3 + .5 + .5; the oracle .8 + .5 + .9 + .5.
    assert found.quality == pytest.approx({"routed": 0.525, "reasoned": 0.55, "direct": 0.5, "oracle": 0.675})
    assert found.tokens == {"routed": 60, "reasoned": 100, "direct": 20, "oracle": 60}
    assert (found.reasoned_share, found.right) == (0.5, 0.5)
    assert found.over_reasoned.mean == pytest.approx(-0.025) and found.over_direct.mean == pytest.approx(0.025)
    assert found.over_chance.mean == pytest.approx(0.0), "gains are as good where it took a trace as where not"


def test_the_check_does_not_see_the_queries_it_judges() -> None:
    """A feature that names each query fits perfectly inside and tells nothing outside: the check must not fall for it."""
    seen = [replace(one, features={"words": float(int(one.key) ** 5 % 97)}) for one in world(5, lift=0.2)]
    assert not checked(seen).gains


def test_only_features_that_all_have_and_that_vary_are_used() -> None:
    seen = world(1, lift=0.2)
    seen[0] = replace(seen[0], features={name: value for name, value in seen[0].features.items() if name != "best"})
    seen = [replace(one, features={**one.features, "gap": 1.0}) for one in seen]
    assert shared(seen) == ("words", "asks", "symbols", "candidates")
    assert [weight.name for weight in fit(seen, measure="x").weights] == ["words", "asks", "symbols", "candidates"]


def test_without_features_it_is_the_mean_gain() -> None:
    seen = [replace(one, features={}) for one in world(2, lift=0.0, mean=0.1)]
    router = fit(seen, measure="x")
    assert router.weights == () and router.intercept == pytest.approx(sum(one.gain for one in seen) / len(seen))
    assert checked(seen).quality["routed"] == pytest.approx(checked(seen).quality["reasoned"])


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        (world(1, n=LEAST - 1, lift=0.1), "too few"),
        ([*world(1, lift=0.1), world(1, lift=0.1)[0]], "given twice"),
        ([*world(1, lift=0.1), Seen(key="x", features={"asks": float("nan")}, reasoned=1, direct=0)], "no finite number"),
    ],
)
def test_what_can_not_be_fitted_is_said(seen: list[Seen], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit(seen, measure="x")
    with pytest.raises(InputError, match="no query"):
        applied(fit(world(1, lift=0.1), measure="x"), [])


@given(st.integers(0, 10_000), st.floats(-0.3, 0.3), st.floats(-0.1, 0.1))
@settings(max_examples=8, deadline=None)
def test_any_world_keeps_the_bounds(seed: int, lift: float, mean: float) -> None:
    found = check(world(seed, n=30, lift=lift, mean=mean), measure="x", how=Folds(repeats=1))
    ways = found.quality
    assert min(ways["reasoned"], ways["direct"]) - 1 <= ways["routed"] <= ways["oracle"] + 1e-12
    assert 0.0 <= found.reasoned_share <= 1.0 and found.tokens["routed"] == pytest.approx(10 + 90 * found.reasoned_share)
    assert found.over_reasoned.mean == pytest.approx(ways["routed"] - ways["reasoned"])
    assert found.pays == (found.gains or found.saves) and found.plain["verdict"] == found.verdict
