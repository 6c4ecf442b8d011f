"""Features known before a call, a router's file and its decisions, and thinking `auto` through a real ranker."""

from __future__ import annotations

import json
from contextlib import closing
from math import log
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import SettingsError
from app.ranking.estimate import estimate
from app.ranking.models.nano.template import NanoTemplate
from app.ranking.options import Options
from app.ranking.prompts import builtin_profile
from app.ranking.query_features import NAMES, features
from app.ranking.ranker import Ranker
from app.ranking.response_cache import ResponseCache
from app.ranking.router import FARTHEST, Router, Weight, read_router, router_from
from app.ranking.strategies import Sliding
from app.ranking.thinking import Settle, Thinking
from app.ranking.values import Passage
from tests.conftest import passages
from tests.ranking.thinker import Thinker, list_of

QUESTIONS = Router(weights=(Weight(name="asks", mean=0.5, scale=0.5, weight=0.1),), intercept=0.0, measure="nDCG@10")
"""A trace for questions: +0.1 expected for one, -0.1 for anything else."""


def file_of(router: Router, folder: Path) -> str:
    path = folder / "router.json"
    path.write_text(json.dumps(router.plain), encoding="utf-8")
    return str(path)


def ranker(folder: Path, *, backend: Thinker | None = None, **more: object) -> Ranker:
    thinker = backend or Thinker("see [3] [2] [1]", lambda _: list_of(3, 2, 1), lambda _: list_of(2, 1, 3))
    thinking = Thinking(mode="auto", router=file_of(QUESTIONS, folder))
    return Ranker(backend=thinker, template=builtin_profile("studio"), strategy=Sliding(), thinking=thinking, **more)  # type: ignore[arg-type]


def test_features_by_hand() -> None:
    listed = [
        Passage(id=str(at), text=text, score=score)
        for at, (text, score) in enumerate([("red bread", 3.0), ("rye", 1.0), ("a b c", 1.0), ("x", 1.0)])
    ]
    found = features("Why does bread rise?", listed)
    # Scores 3 1 1 1: mean 1.5, standard deviation sqrt(.75).
    sd = 0.75**0.5
    assert found["words"] == pytest.approx(log(5)) and (found["asks"], found["reasons"]) == (1.0, 1.0)
    assert found["symbols"] == pytest.approx(1 / 20) and found["candidates"] == pytest.approx(log(5))
    assert [found[name] for name in ("best", "gap", "ties")] == pytest.approx([1.5 / sd, 2 / sd, 0.75])
    assert found["step"] == 0.0, "there is no rest beyond the first ten"
    assert found["length"] == pytest.approx(log(1 + 7 / 4))
    # does, bread, rise are the longer words; one of three is anywhere.
    assert [found["found"], found["held"]] == pytest.approx([1 / 3, 1 / 3])
    assert "agree" not in found and list(found) == [name for name in NAMES if name in found]


def test_what_is_not_known_is_left_out() -> None:
    assert set(features("bread", [])) == {"words", "asks", "reasons", "symbols", "candidates"}
    assert "best" not in features("bread", [Passage(id="a", text="x", score=1.0), Passage(id="b", text="y")])
    assert "length" not in features("bread", [Passage(id="a", text="", score=1.0)])
    flat = features("", [Passage(id=one, text="", score=0.0) for one in "ab"])
    assert (flat["best"], flat["gap"], flat["ties"], flat["words"]) == (0.0, 0.0, 1.0, 0.0)


def test_evidence_is_used_where_it_is_there() -> None:
    rows = [(1.0, 0.0, 0.2, 0.5), (0.9, 1.0, 0.4, 0.9), *[(0.1 * at, 0.1 * at, 0.0, 0.1) for at in range(6)]]
    listed = [
        Passage(id=str(at), text="", features={"words": w, "meaning": m, "coverage": c, "cosine": cos})
        for at, (w, m, c, cos) in enumerate(rows)
    ]
    found = features("bread", listed)
    # By words 0 1 7 6 5, by meaning 1 7 6 5 4.
    assert (found["agree"], found["coverage"], found["near"]) == (4 / 5, 0.4, 0.9) and found["nearer"] == pytest.approx(0.4)


@given(st.text(max_size=40), st.lists(st.floats(-1e6, 1e6), max_size=12))
@settings(max_examples=60, deadline=None)
def test_features_are_finite_numbers_of_known_names_for_any_text(query: str, scores: list[float]) -> None:
    found = features(query, [Passage(id=str(at), text=query, score=score) for at, score in enumerate(scores)])
    assert set(found) <= set(NAMES) and all(abs(value) < 1e9 for value in found.values())
    shifted = features(query, [Passage(id=str(at), text=query, score=2 * score) for at, score in enumerate(scores)])
    for name in ("best", "gap", "step", "ties"):
        if name in found:
            assert shifted[name] == pytest.approx(found[name], rel=1e-6, abs=1e-6), "another scale of scores is the same list"


def test_a_gain_by_hand_and_its_limits() -> None:
    router = Router(weights=(Weight(name="words", mean=2.0, scale=0.5, weight=0.01),), intercept=0.02, measure="x")
    assert router.gain({"words": 3.0}) == pytest.approx(0.04)
    assert router.gain({}) == 0.02, "what is not known adds nothing"
    assert router.gain({"words": 1e9}) == pytest.approx(0.02 + FARTHEST * 0.01), "a far query counts as the farthest seen"
    decision = QUESTIONS.decide("Why?", [])
    assert (decision.mode, decision.missing) == ("reasoned", ()) and decision.gain == pytest.approx(0.1)
    assert "took reasoned" in decision.text and QUESTIONS.id in decision.text and "question" in decision.text
    unknown = Router(weights=(Weight(name="near", mean=0.5, scale=0.1, weight=1.0),), intercept=0.0, measure="x").decide("Why?", [])
    assert (unknown.mode, unknown.missing) == ("direct", ("near",)) and "not known here: near" in unknown.text


def test_a_router_comes_back_as_it_was(tmp_path: Path) -> None:
    assert read_router(file_of(QUESTIONS, tmp_path)) == QUESTIONS == router_from(QUESTIONS.plain)
    told = Router(weights=QUESTIONS.weights, intercept=0.0, measure="nDCG@10", about={"n": 9})
    assert told.id == QUESTIONS.id, "where weights come from does not change what they decide"
    assert Router(weights=QUESTIONS.weights, intercept=0.0, measure="nDCG@10", margin=0.01).id != QUESTIONS.id


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = Path(file_of(QUESTIONS, tmp_path))
    assert read_router(path).margin == 0.0
    file_of(Router(weights=QUESTIONS.weights, intercept=0.0, measure="nDCG@10", margin=0.25), tmp_path)
    assert read_router(path).margin == 0.25


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "not a file of weights"),
        ("[]", "not a file of weights"),
        (json.dumps({**QUESTIONS.plain, "format": 2}), "format 2"),
        (json.dumps({**QUESTIONS.plain, "intercept": float("inf")}), "not a file of weights"),
        (json.dumps({**QUESTIONS.plain, "weights": [{"name": "asks", "mean": 0, "scale": 0, "weight": 1}]}), "not a file of weights"),
        (json.dumps({**QUESTIONS.plain, "weights": [{"name": "mood", "mean": 0, "scale": 1, "weight": 1}]}), "needs mood"),
        ('{"secret": "' + "x" * (1 << 20) + '"}', "a router's file is small"),
    ],
)
def test_a_file_that_is_no_router_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=message) as refused:
        read_router(path)
    assert str(tmp_path) not in str(refused.value)
    with pytest.raises(SettingsError, match="can't be read"):
        read_router(tmp_path / "none.json")


def test_auto_takes_a_trace_for_one_query_and_none_for_another(tmp_path: Path) -> None:
    thinker = Thinker("see [3] [2] [1]", lambda _: list_of(3, 2, 1), lambda _: list_of(2, 1, 3))
    auto = ranker(tmp_path, backend=thinker)
    asked, named = auto.rank("Why?", passages(3)), auto.rank("bread", passages(3))
    assert asked.ids == ("p3", "p2", "p1") and asked.calls[0].completion.reasoning.strip()
    assert named.ids == ("p2", "p1", "p3") and not named.calls[0].completion.reasoning.strip()
    assert [bool(prompt.prefix) for prompt in thinker.prompts] == [False, True], "decided before any call"
    assert "took reasoned" in asked.notes[0] and "took direct" in named.notes[0]


def test_controls_go_with_the_trace_and_fall_away_without_one(tmp_path: Path) -> None:
    path = file_of(QUESTIONS, tmp_path)
    thinking = Thinking(mode="auto", router=path, budget=9, settle=Settle(top=3))
    assert thinking.of("Why?", [])[0] == Thinking(mode="reasoned", budget=9, settle=Settle(top=3))
    assert thinking.of("bread", [])[0] == Thinking(mode="direct")
    assert Thinking(budget=9).of("Why?", []) == (Thinking(budget=9), "")


def test_stored_answers_are_those_of_the_mode_that_was_taken(tmp_path: Path) -> None:
    with closing(ResponseCache(tmp_path / "answers")) as cache:
        ranker(tmp_path, cache=cache).rank("Why?", passages(3))
        silent = Thinker("", lambda _: pytest.fail("it was asked again"), lambda _: pytest.fail("it was asked again"))
        plain = Ranker(
            backend=silent, template=builtin_profile("studio"), strategy=Sliding(), thinking=Thinking(mode="reasoned"), cache=cache
        )
        assert plain.rank("Why?", passages(3)).ids == ("p3", "p2", "p1")


def test_the_prediction_follows_the_decision(tmp_path: Path) -> None:
    auto = ranker(tmp_path)
    long, short = estimate(auto, "Why?", passages(3)), estimate(auto, "bread", passages(3))
    assert long.tokens_out[0] > 600 > 100 > short.tokens_out[0]


def test_auto_without_a_router_or_without_a_direct_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="needs a router, and none is given"):
        Ranker(backend=Thinker("", lambda _: ""), template=builtin_profile("studio"), strategy=Sliding(), thinking=Thinking(mode="auto"))
    with pytest.raises(SettingsError, match="must be able to take 'direct': a direct answer needs a model that can continue"):
        ranker(tmp_path, backend=Thinker("", lambda _: ""))
    both = Thinker("", lambda _: "", lambda _: "")
    with pytest.raises(SettingsError, match="must be able to take 'direct'.*no direct answer"):
        Ranker(
            backend=both, template=NanoTemplate(), strategy=Sliding(), thinking=Thinking(mode="auto", router=file_of(QUESTIONS, tmp_path))
        )
    with pytest.raises(SettingsError, match="decides in thinking 'auto' only"):
        Thinking(mode="direct", router="r.json")


def test_options_name_a_router_and_keep_its_place_to_themselves() -> None:
    options = Options.of({"thinking": {"mode": "auto", "router": "/srv/own/r.json"}})
    assert options.thinking == Thinking(mode="auto", router="/srv/own/r.json")
    assert options.plain == {"thinking": {"mode": "auto", "router": "r.json"}}
    assert "router" not in repr(Thinking()), "the names of stored answers are as they were"


def test_a_models_own_router_stands_in_for_auto_alone() -> None:
    assert Thinking(mode="auto").routed("m.json").router == "m.json"
    assert Thinking(mode="auto", router="mine.json").routed("m.json").router == "mine.json"
    assert Thinking(mode="reasoned").routed("m.json") == Thinking(mode="reasoned")
