"""Models over the same lists: what is scored, how they take turns, and what becomes of calls that fail."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from app.ranking.cache import Cancelled, Watch
from app.ranking.errors import InputError
from app.ranking.evaluation.gate import Evidence, decide
from app.ranking.evaluation.metrics import ndcg
from app.ranking.values import Prompt
from tests.training.evaluation.made import Model, backwards, chain, forwards, lists
from training.baselines import Linear
from training.evaluation.evidence import Made, evidence_of
from training.evaluation.measure import Manner, Measured, measure, measure_all
from training.evaluation.table import linear, markdown, table

PROFILE = "reasonrank"
LAST = 1 / math.log2(5)  # the only wanted passage on rank 4


def both(manner: Manner) -> dict[str, Measured]:
    return measure_all({"active": Model(forwards), "candidate": Model(backwards, "r2")}, PROFILE, [lists()], manner)


def test_a_model_over_a_set() -> None:
    model = Model(backwards)
    found = measure(model, PROFILE, [lists()])
    assert found.values == {"gold": {"gold0": 1.0, "gold1": 1.0, "gold2": 1.0}} and found.revision == "r1"
    answer = found.answers["gold"]["gold1"]
    assert answer.order == ("p4", "p3", "p2", "p1") and answer.trace == "thought of r1" and answer.outcome == "clean"
    assert found.clean == 1.0 and found.seconds > 0.0
    assert {(one.temperature, one.top_p, one.top_k) for one in model.samplings} == {(0.0, 1.0, 0)}  # greedy, whatever the profile says
    assert measure(Model(forwards), PROFILE, [lists()]).values["gold"]["gold0"] == pytest.approx(LAST)


def test_models_take_turns_and_only_lists_ranked_alone_are_timed() -> None:
    log: list[str] = []
    models = {"active": Model(forwards, "a", log), "candidate": Model(backwards, "c", log)}
    found = measure_all(models, PROFILE, [lists(many=7)], Manner(timed=3, at_once=2))
    assert "".join(log[:2]) == "ac"  # one list each, uncounted
    assert "".join(log[2:8]) == "accaac" and sorted(log[8:10]) in (["a", "a"], ["c", "c"]) and len(log) == 2 + 14
    for name, one in found.items():
        seconds = [answer.seconds is not None for answer in one.answers["gold"].values()]
        assert seconds == [True] * 3 + [False] * 4, name
    assert list(found["active"].answers["gold"]) == [f"gold{at}" for at in range(7)]
    assert both(Manner(timed=0))["active"].seconds == 0.0


def test_failed_and_unclean_answers_are_counted_and_keep_the_incoming_order() -> None:
    def says(prompt: Prompt) -> str:
        question = prompt.messages[-1].content
        return "fail" if "question 0" in question else chain([2, 1]) if "question 1" in question else chain([4, 3, 2, 1])

    found = measure(Model(says), PROFILE, [lists()])
    assert found.outcomes == {"clean": 1, "error": 1, "repaired": 1} and found.clean == pytest.approx(1 / 3)
    failed = found.answers["gold"]["gold0"]
    assert failed.order == ("p1", "p2", "p3", "p4") and "no answer came" in failed.trace
    assert found.values["gold"]["gold0"] == pytest.approx(LAST)


def test_lists_that_a_profile_can_not_show_are_errors() -> None:
    bare = lists(many=1)
    topic = bare.topics[0]
    unread = replace(bare, topics=(replace(topic, passages=tuple(replace(one, features={}) for one in topic.passages)),))
    found = measure(Model(forwards), "nano", [unread])
    assert found.outcomes == {"error": 1} and found.answers["gold"]["gold0"].order == ("p1", "p2", "p3", "p4")


def test_the_work_can_be_followed_and_stopped() -> None:
    told: list[float] = []
    measure(Model(forwards), PROFILE, [lists()], Manner(watch=Watch(progress=told.append)))
    assert told == sorted(told) and told[-1] == 1.0 and len(told) == 4
    with pytest.raises(Cancelled):
        measure(Model(forwards), PROFILE, [lists()], Manner(watch=Watch(cancelled=lambda: len(told) > 3)))
    with pytest.raises(InputError, match="a name twice"):
        measure(Model(forwards), PROFILE, [lists(), lists()])
    assert measure(Model(forwards), PROFILE, []).clean == 0.0


def test_evidence_of_two_models() -> None:
    sets = [lists(many=8), lists("people", many=4), lists("dev", many=2)]
    models = measure_all({"active": Model(forwards), "candidate": Model(backwards, "r2")}, PROFILE, sets, Manner(at_once=4))
    found = evidence_of(models["active"], models["candidate"], sets, Made(template=PROFILE, dataset="d", until=7))
    assert found.gold["gold0"] == pytest.approx((LAST, 1.0)) and len(found.gold) == 8 and len(found.people) == 4
    assert found.judgements == 4 and found.outcomes == (1.0, 1.0) and found.domains["people1"] == "odd" and "dev0" not in found.domains
    made = found.made
    assert (made["active"], made["candidate"], made["dataset"], made["until"]) == ("r1", "r2", "d", 7)
    assert len(made["template_hash"]) == 16 and made["sets"]["gold"]["hash"] == sets[0].hash
    assert Evidence.from_plain(json.loads(json.dumps(found.plain, allow_nan=False))) == found
    decision = decide(replace(found, seconds=(1.0, 1.0)))
    assert decision.promote and decision.primary == "gold" and decision.checks[0].value == pytest.approx(1 - LAST)


def test_evidence_needs_both_models_on_all_topics() -> None:
    sets, more = [lists()], [lists(many=4)]
    first, second = measure(Model(forwards), PROFILE, sets), measure(Model(forwards), PROFILE, more)
    with pytest.raises(InputError, match="one model only"):
        evidence_of(first, second, sets, Made(template=PROFILE))
    with pytest.raises(InputError, match="measure all of them"):
        evidence_of(first, first, more, Made(template=PROFILE))
    twice = [lists(), replace(lists(), name="people")]
    found = measure(Model(forwards), PROFILE, twice)
    with pytest.raises(InputError, match="in both sets"):
        evidence_of(found, found, twice, Made(template=PROFILE))


def test_the_hash_of_a_set_changes_with_what_is_measured() -> None:
    one = lists()
    topic = one.topics[0]
    turned = replace(one, topics=(replace(topic, passages=topic.passages[::-1]), *one.topics[1:]))
    regraded = replace(one, judges={**one.judges, "gold0": ({"p1": 1},)})
    assert one.hash == lists().hash and len({one.hash, turned.hash, regraded.hash, lists(many=2).hash}) == 4


def test_lists_that_a_model_was_trained_on_are_left_out() -> None:
    found = lists().without(["QUESTION 1, of gold?", "another"])
    assert [topic.id for topic in found.topics] == ["gold0", "gold2"] == list(found.judges) == list(found.domains)
    assert found.left_out == 1 and found.judgements == 2 and found.without([]) == found


def test_the_table_has_what_a_version_has_to_beat() -> None:
    sets = [lists(many=8), lists("people", many=0)]
    models = measure_all({"active": Model(forwards), "candidate": Model(backwards, "r2")}, PROFILE, sets)
    found = table(models, sets, fitted=Linear(weights=(-1.0,) * 6))
    means = {row["name"]: row["sets"]["gold"]["mean"] for row in found["rows"]}
    # The evidence falls from first to last, so its sum keeps the order, and weights below 0 turn it round.
    assert means == pytest.approx({"first_stage": LAST, "signals": LAST, "linear": 1.0, "active": LAST, "candidate": 1.0})
    last = found["rows"][-1]["sets"]
    assert list(last) == ["gold"] and last["gold"]["difference"] == pytest.approx(1 - LAST) == pytest.approx(last["gold"]["difference_low"])
    assert json.loads(json.dumps(found, allow_nan=False)) == found and found["judgements"] == {"gold": 8}
    written = markdown(found)
    assert written.splitlines()[0] == "| NDCG@10 | gold (n=8) |" and "| this version | 1.000 [1.000, 1.000] |" in written
    assert "| first stage | 0.431 [0.431, 0.431] |" in written and "10000 resamples" in written


def test_a_linear_model_learns_what_separates_grades() -> None:
    # The wanted passage is the last, whose signals are lowest: every weight must fall below 0.
    fitted = linear(lists(many=5))
    assert len(fitted.weights) == 6 and max(fitted.weights) < 0.0
    topic = lists().topics[0]
    assert fitted.order(topic.passages) == ["p4", "p3", "p2", "p1"]
    assert ndcg(Linear(weights=(0.0,) * 6).order(topic.passages), {"p1": 1}) == 1.0  # equal sums keep their order
