"""The gate: every check alone, what must never be promoted, and that nothing but the differences counts."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import InputError, SettingsError
from app.ranking.evaluation.gate import Decision, Evidence, Margins, decide, paired

QUICK = Margins(samples=300)


def pairs(differences: list[float], base: float = 0.5) -> dict[str, tuple[float, float]]:
    return {f"q{at}": (base, base + one) for at, one in enumerate(differences)}


def evidence(**changes: Any) -> Evidence:
    """20 gold lists that are all a bit better, in two domains, as clean and as fast as before."""
    gold = pairs([0.05 + 0.001 * at for at in range(20)])
    domains = {topic: "a" if int(topic[1:]) < 10 else "b" for topic in gold}
    return replace(Evidence(gold=gold, domains=domains, outcomes=(1.0, 1.0), seconds=(0.1, 0.1)), **changes)


def check(decision: Decision, name: str) -> Any:
    return next(one for one in decision.checks if one.name == name)


def test_a_better_candidate_is_promoted_and_everything_is_said() -> None:
    decision = decide(evidence())
    assert decision.promote and decision.primary == "gold"
    assert [one.name for one in decision.checks] == ["better", "gold", "domain a", "domain b", "outcomes", "seconds"]
    better = decision.checks[0]
    assert better.low is not None and better.low > 0 and better.p is not None and better.p < 0.05
    assert better.value == pytest.approx(0.0595) and better.n == 20
    assert decision.reason.startswith("promoted: NDCG@10 on the gold lists changed by +0.0595")
    # s of 0.050, 0.051, ... is 0.001 * sqrt(35); times 2.801585 / sqrt(20).
    assert decision.smallest == pytest.approx(0.001 * 35**0.5 * 2.801585 / 20**0.5, rel=1e-5)
    assert "smallest difference that could have been seen is 0.004" in decision.reason
    assert "0 of the 40 judgements" in decision.reason


def test_no_difference_that_stands_out_is_rejected() -> None:
    decision = decide(evidence(gold=pairs([0.1, -0.1] * 10)))
    assert not decision.promote and not decision.checks[0].passed
    assert decision.reason.startswith("rejected by the check 'better': NDCG@10 on the gold lists changed by +0.0000")
    assert "not surely better" in decision.reason and "smallest difference" in decision.reason


def test_few_topics_can_not_be_surely_better_however_far() -> None:
    # Of 5 topics even the largest difference has p = 2 / 32; of 6 it has 2 / 64.
    five, six = (decide(evidence(gold=pairs([0.3] * n), domains={})) for n in (5, 6))
    assert not five.promote and five.checks[0].low == pytest.approx(0.3) and five.checks[0].p == 2 / 32
    assert six.promote and six.checks[0].p == 2 / 64


def test_peoples_holdout_decides_as_soon_as_it_has_enough_judgements() -> None:
    people = pairs([0.04 + 0.001 * at for at in range(30)])
    same = pairs([0.0] * 20)
    enough, few = evidence(people=people, judgements=40, gold=same), evidence(people=people, judgements=39, gold=same)
    assert decide(enough).primary == "people" and decide(enough).promote and decide(enough).checks[0].n == 30
    assert "40 judgements" in decide(enough).reason
    assert decide(few).primary == "gold" and not decide(few).promote and "39 of the 40 judgements" in decide(few).reason
    assert decide(few, Margins(min_people=39)).primary == "people"


def test_the_guard_of_gold_looks_at_the_lower_end() -> None:
    people = pairs([0.05] * 30)
    falling = evidence(people=people, judgements=60, gold=pairs([0.1, -0.1] * 10), domains={})
    decision = decide(falling)
    gold = check(decision, "gold")
    assert gold.value == pytest.approx(0.0) and gold.low < -0.02 and not gold.passed and not decision.promote
    assert decision.reason.startswith("rejected by the check 'gold'")
    assert decide(falling, Margins(gold_drop=0.06)).promote


def test_one_domain_that_falls_is_enough() -> None:
    gold = pairs([0.2] * 30 + [-0.09] * 5)
    domains = {topic: "even" if int(topic[1:]) < 30 else "odd" for topic in gold}
    decision = decide(evidence(gold=gold, domains=domains))
    assert [one.name for one in decision.checks if not one.passed] == ["domain odd"]
    assert "domain odd" in decision.reason and "-0.080" in decision.reason
    few = {**domains, "q34": ""}
    assert decide(evidence(gold=gold, domains=few)).promote  # four topics are not looked at
    assert decide(evidence(gold=gold, domains=domains), Margins(domain_drop=0.09 + 1e-9)).promote


def test_clean_answers_and_seconds_are_guarded() -> None:
    assert decide(evidence(outcomes=(1.0, 0.98))).promote
    dirty = decide(evidence(outcomes=(1.0, 0.979)))
    assert [one.name for one in dirty.checks if not one.passed] == ["outcomes"] and "97.9%" in dirty.reason
    assert decide(evidence(seconds=(0.1, 0.15))).promote
    slow = decide(evidence(seconds=(0.1, 0.16)))
    assert [one.name for one in slow.checks if not one.passed] == ["seconds"] and "1.5 times" in slow.reason


def test_all_that_failed_is_named() -> None:
    decision = decide(evidence(outcomes=(1.0, 0.5), seconds=(0.1, 1.0)))
    assert decision.reason.startswith("rejected by the check 'outcomes'") and "failed too: seconds" in decision.reason


def test_nothing_measured_promotes_nothing() -> None:
    assert "no topic" in decide(Evidence(gold={})).reason
    empty = decide(Evidence(gold={}, people={}, judgements=100, outcomes=(1.0, 1.0), seconds=(0.1, 0.1)))
    assert not empty.promote and empty.primary == "gold" and empty.smallest is None
    no_gold = decide(Evidence(gold={}, people=pairs([0.1] * 50), judgements=50, outcomes=(1.0, 1.0), seconds=(0.1, 0.1)))
    assert not no_gold.promote and "no gold lists" in no_gold.reason
    assert not decide(evidence(gold=pairs([0.5]))).promote


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 1.1, None])
def test_what_is_no_measure_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="topic 'a' of the gold lists"):
        Evidence(gold={"a": (0.5, value)})
    with pytest.raises(InputError, match="topic 'a' of people's holdout"):
        Evidence(gold={}, people={"a": (value, 0.5)})
    with pytest.raises(InputError, match="clean answers"):
        Evidence(gold={}, outcomes=(value, 1.0))


def test_a_topic_that_one_side_lacks_is_refused() -> None:
    assert paired({"a": 0.1}, {"a": 0.2}) == {"a": (0.1, 0.2)}
    with pytest.raises(InputError, match=r"1 topics were measured for one model only \(b\)"):
        paired({"a": 0.1, "b": 0.3}, {"a": 0.2})
    with pytest.raises(InputError, match="no evidence of two models"):
        Evidence.from_plain({**evidence().plain, "gold": {"a": [0.5]}})
    with pytest.raises(InputError, match="KeyError"):
        Evidence.from_plain({"gold": {}})


def test_margins_are_checked() -> None:
    assert Margins.from_plain({}) == Margins() == Margins.from_plain(json.loads(json.dumps(Margins().plain)))
    assert Margins.from_plain({"slower": 2}).slower == 2.0
    wrong: list[dict[str, Any]] = [
        {"gold_drop": -0.1}, {"slower": float("nan")}, {"level": 1.0}, {"min_people": 0}, {"min_people": 1.5}, {"samples": True},
        {"gold": 1}, {"domain_drop": "0.1"}, {"samples": 10**9}, {"seed": -1},
    ]  # fmt: skip
    for plain in wrong:
        with pytest.raises(SettingsError, match="gate"):
            Margins.from_plain(plain)


def test_chance_alone_is_seldom_promoted() -> None:
    """Two equally good models whose lists differ at random: an interval of 95 % lies above 0 in 2.5 % of such cases."""
    draw = random.Random(7)
    found = 0
    for _ in range(200):
        pairs_ = {f"q{at}": (0.5, min(1.0, max(0.0, 0.5 + draw.gauss(0.0, 0.1)))) for at in range(48)}
        found += decide(evidence(gold=pairs_, domains={}), replace(QUICK, gold_drop=1.0)).promote
    assert found <= 12  # three standard errors above 5


_value = st.integers(0, 1000).map(lambda whole: whole / 1000)
_pairs = st.tuples(_value, _value)


@st.composite
def measured(draw: Any) -> Evidence:
    """Evidence of any kind, most of it better than before so that both answers occur."""
    gold = draw(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), _pairs, max_size=25))
    lift = draw(st.sampled_from([0.0, 0.2, 0.5]))
    lifted = {topic: (active, min(1.0, candidate * (1 - lift) + active * lift + lift / 3)) for topic, (active, candidate) in gold.items()}
    people = draw(st.dictionaries(st.text("ghi", min_size=1, max_size=3), _pairs, max_size=15))
    domains = {topic: draw(st.sampled_from(["x", "y", ""])) for topic in lifted}
    seconds = draw(st.tuples(st.floats(0.01, 2.0), st.floats(0.01, 2.0)))
    return Evidence(
        gold=lifted, people=people, domains=domains, judgements=draw(st.integers(0, 80)), outcomes=draw(_pairs), seconds=seconds,
        made={"seed": 3},
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(measured())
def test_what_is_the_same_is_never_promoted(found: Evidence) -> None:
    same = {topic: (active, active) for topic, (active, _) in found.gold.items()}
    people = {topic: (active, active) for topic, (active, _) in found.people.items()}
    loose = replace(QUICK, gold_drop=1.0, domain_drop=1.0, outcome_drop=1.0, slower=1000.0)
    assert not decide(replace(found, gold=same, people=people), loose).promote


@settings(max_examples=40, deadline=None)
@given(measured(), st.sampled_from(["gold_drop", "domain_drop", "outcome_drop", "slower"]), st.floats(0.0, 5.0))
def test_a_wider_margin_never_takes_a_promotion_away(found: Evidence, name: str, more: float) -> None:
    loose = replace(QUICK, gold_drop=0.3, domain_drop=0.4, outcome_drop=0.9, slower=20.0)
    before = decide(found, loose)
    wider = decide(found, replace(loose, **{name: getattr(loose, name) + more}))
    assert wider.promote >= before.promote
    assert all(after.passed >= one.passed for one, after in zip(before.checks, wider.checks, strict=True))


@settings(max_examples=30, deadline=None)
@given(measured(), st.integers(0, 99))
def test_neither_the_order_nor_the_names_of_topics_count(found: Evidence, seed: int) -> None:
    def moved(given_: dict[str, Any]) -> dict[str, Any]:
        items = list(given_.items())
        random.Random(seed).shuffle(items)
        return {f"moved {topic}": value for topic, value in items}

    other = replace(found, gold=moved(dict(found.gold)), people=moved(dict(found.people)), domains=moved(dict(found.domains)))
    assert decide(other, QUICK).plain == decide(found, QUICK).plain


@settings(max_examples=30, deadline=None)
@given(measured())
def test_evidence_and_decision_are_json_and_come_back_exactly(found: Evidence) -> None:
    again = Evidence.from_plain(json.loads(json.dumps(found.plain, allow_nan=False)))
    assert again == found
    decision = decide(found, QUICK)
    assert Decision.from_plain(json.loads(json.dumps(decision.plain, allow_nan=False))) == decision == decide(again, QUICK)
    assert decision.promote == all(one.passed for one in decision.checks)
    assert decision.reason.count("\n") == 0 and len(decision.checks) >= 4
