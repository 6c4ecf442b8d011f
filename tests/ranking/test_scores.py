"""Scores by topic: by hand, equal to our own pure metrics, streamed as from memory, and what is said about topics."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import InputError, SettingsError
from app.ranking.evaluation import metrics, scores
from app.ranking.evaluation.named_measures import evaluate, named, split_names
from app.ranking.evaluation.rbo import rbo
from app.ranking.evaluation.scores import Scores, score, score_file
from app.ranking.evaluation.weak_orders import WeakOrder
from tests.goldens import golden

NAMES = ("nDCG@10", "nDCG", "nDCG@2", "R@2", "P@3", "RR", "RR@2", "AP", "AP@3")
QRELS = st.dictionaries(st.sampled_from("abc"), st.dictionaries(st.sampled_from("uvwxyz"), st.integers(-1, 3), min_size=1), min_size=1)
# 1 and the next number above it are one 32-bit float; so are numbers beyond its range.
RUNS = st.dictionaries(
    st.sampled_from("abcd"),
    st.dictionaries(st.sampled_from("uvwxyz"), st.sampled_from([0.5, 1.0, 1.00000001, -2.0, 1e300, 1e301]), min_size=1),
)
HAND = {"1": {"a": 3, "b": 1, "c": 0, "d": 2}, "2": {"a": 1}, "3": {"z": 1}}
RUN = {"2": {"x": 2.0, "a": 1.0}, "9": {"a": 1.0}, "1": {"c": 3.0, "a": 2.0, "b": 1.0}}


def test_by_hand_and_in_the_order_of_the_qrels() -> None:
    found = score(RUN, HAND, ["nDCG@10", "RR@1", "R@2", "P@5", "Success@1", "AP"])
    third = 1 / math.log2(3)
    assert found.measures == ("nDCG@10", "RR@1", "R@2", "P@5", "Success@1", "AP") and found.topics == ("1", "2", "3")
    # Topic 1: gains 0, 3, 1 of 3, 2, 1; topic 2: the only relevant passage on rank 2; topic 3 is not in the run.
    assert found.values["nDCG@10"] == pytest.approx({"1": (3 * third + 0.5) / (3 + 2 * third + 0.5), "2": third, "3": 0.0})
    assert found.values["RR@1"] == {"1": 0.0, "2": 0.0, "3": 0.0}
    assert found.values["R@2"] == pytest.approx({"1": 1 / 3, "2": 1.0, "3": 0.0})
    assert found.values["P@5"] == pytest.approx({"1": 0.4, "2": 0.2, "3": 0.0})
    assert found.values["AP"] == pytest.approx({"1": (1 / 2 + 2 / 3) / 3, "2": 0.5, "3": 0.0})
    assert (found.missing, found.unjudged, found.tied) == (("3",), ("9",), ())
    assert found.mean("R@2") == pytest.approx((1 / 3 + 1) / 3)


def test_interpolated_precision_by_hand() -> None:
    # Relevant on ranks 1, 4 and 6 of 7, one of four never found: precisions 1, 2/4, 3/6; of the judged ones alone 1, 2/2, 3/4.
    run = {"1": {id_: -float(rank) for rank, id_ in enumerate("axybzcd")}}
    qrels = {"1": {"a": 1, "b": 2, "c": 1, "e": 1, "z": 0, "y": -1}, "2": {"a": 0}}
    wanted = {"IPrec@0.0": 1.0, "IPrec@0.3": 1.0, "IPrec@0.4": 0.5, "IPrec@0.8": 0.5, "IPrec@1.0": 0.0, "IPrec(rel=2)@1.0": 0.25}
    wanted |= {"IPrec(judged_only=True)@0.5": 1.0, "IPrec(judged_only=True)@0.75": 0.75}
    found = score(run, qrels, [*wanted, "P@1"])
    assert {name: values["1"] for name, values in found.values.items()} == {**wanted, "P@1": 1.0}
    assert {values["2"] for values in found.values.values()} == {0.0}


def test_only_topics_of_the_run_where_that_is_asked_for() -> None:
    found = score(RUN, HAND, ["R@2"], judged_only=True)
    assert found.topics == ("1", "2") and found.missing == ("3",) and found.mean("R@2") == pytest.approx((1 / 3 + 1) / 2)
    nothing = score({"9": {"a": 1.0}}, HAND, ["R@2"], judged_only=True)
    assert nothing.topics == ()
    with pytest.raises(InputError, match="no topic of the run has judgements"):
        nothing.mean("R@2")
    assert score({"9": {"a": 1.0}, "1": {}}, HAND, ["R@2"]).mean("R@2") == 0.0


@settings(deadline=None)
@given(QRELS, RUNS)
def test_equal_to_the_pure_metrics_streamed_and_in_memory(qrels: dict[str, dict[str, int]], run: dict[str, dict[str, float]]) -> None:
    found = score(run, qrels, NAMES)
    for name in NAMES:
        assert found.values[name] == pytest.approx(metrics.per_topic(name, qrels, run), abs=1e-9), name
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        path.write_text("".join(f"{topic} Q0 {id_} 1 {value!r} t\n" for topic, listed in run.items() for id_, value in listed.items()))
        assert score_file(path, qrels, NAMES) == found


def test_a_topic_with_grades_below_0_only_counts_0() -> None:
    # The library never returns from such a topic.
    found = score({"b": {"u": 0.5, "y": 1.0}}, {"a": {"w": 1}, "b": {"x": -1, "y": -1}}, ["nDCG@10", "Bpref"])
    assert found.values == {"nDCG@10": {"a": 0.0, "b": 0.0}, "Bpref": {"a": 0.0, "b": 0.0}}


def test_batches_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    qrels = {f"{n}": {"a": 1, "b": n % 3} for n in range(20)}
    run = {f"{n}": {"a": float(n % 5), "b": 2.0, "c": 3.0} for n in range(18)}
    whole = score(run, qrels, NAMES)
    sizes = list[int]()

    def watched(*given: Any) -> Any:
        sizes.append(sum(map(len, given[2].values())))
        return evaluate(*given)

    monkeypatch.setattr(scores, "_AT_ONCE", 4)
    monkeypatch.setattr(scores, "evaluate", watched)
    assert score(run, qrels, NAMES) == whole
    assert sizes == [6] * 9  # two topics at a time, and none twice
    assert set(whole.values["RR"].values()) == {0.0, 1.0, 0.5, 1 / 3}


@pytest.mark.parametrize(
    ("values", "tied"),
    [
        ([3.0, 2.0, 1.0], False),
        ([3.0, 3.0, 1.0], True),
        ([1.0, 1.00000001], True),  # as 32-bit floats
        ([*range(20, 10, -1), 11], True),  # ranks 10 and 11: which of the two is among the first 10?
        ([*range(20, 9, -1), 10], False),  # ranks 11 and 12
        ([1e300, 1e301], True),
    ],
)
def test_ties_that_decide_the_first_ten_are_named(values: list[float], tied: bool) -> None:
    run = {"1": {f"d{at}": float(value) for at, value in enumerate(values)}}
    assert score(run, {"1": {"d0": 1}}, ["RR"]).tied == (("1",) if tied else ())


def test_topics_of_which_no_passage_is_judged_are_named() -> None:
    assert score(RUN, HAND, ["RR"]).disjoint == ()
    assert score({"2": {"x": 1.0}, "1": {"a": 1.0}, "9": {"x": 1.0}}, HAND, ["RR"]).disjoint == ("2",)


def test_names_are_those_of_ir_measures() -> None:
    assert score(RUN, HAND, ["NDCG@10", "MRR@10", "nDCG@10", "Recall@5"]).measures == ("nDCG@10", "RR@10", "R@5")
    assert named("RR(rel=2)@3").name == "RR(rel=2)@3" and named("RR(rel=2)@3").cut == 3
    assert split_names(" nDCG@10, AP(rel=2,judged_only=True),nDCG(gains={0:0,1:1})@5,, RR") == (
        "nDCG@10", "AP(rel=2,judged_only=True)", "nDCG(gains={0:0,1:1})@5", "RR",
    )  # fmt: skip
    assert score(RUN, HAND, ["nDCG(gains={1:1,2:0,3:0})@5"]).values["nDCG(gains={2:0,3:0})@5"]["1"] == pytest.approx(0.5)
    # Of the grades 3, 1, 0, 2 on ranks 2 and 3: rel=2 leaves one relevant passage on rank 2 of two.
    assert score(RUN, HAND, ["AP(rel=2)", "RR(rel=2)@1", "RR(rel=2)@2"]).to_frame().to_numpy()[0].tolist() == [0.25, 0.0, 0.5]


@pytest.mark.parametrize(
    "name",
    ["ndcg@10", "R", "R@0", "P@-1", "P@True", "RR@0", "nDCG@1.5", "ERR@10", "NumRet", "AP(rel=0)", "IPrec@2.0", "SetF(beta=-1)", "x.y",
     "nDCG(dcg='exp-log2')@10", "__import__('os')", "", "RBO@10", "nDCG@10\0", "(" * 500, "nDCG(k=1)", "Judged@10", "RR(rel='a')",
     "nDCG(gains={0:'a'})@5", "nDCG(gains={1:-1})@5"],
)  # fmt: skip
def test_a_measure_that_does_not_work_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(SettingsError, match=r"is unknown: use nDCG@k, R@k, .* or RBO against another run"):
        score(RUN, HAND, ["nDCG@10", name])


def test_overlap_with_a_second_run() -> None:
    other = {"1": {"c": 3.0, "b": 2.0, "a": 2.0}, "2": {"x": 2.0, "a": 1.0}}
    found = score(RUN, HAND, ["RBO", "nDCG@10", "RBO(p=.5)"], against=other)
    assert found.measures == ("RBO(p=0.9)", "nDCG@10", "RBO(p=0.5)")
    assert found.values["RBO(p=0.9)"]["2"] == pytest.approx(1.0) and found.values["RBO(p=0.9)"]["3"] == 0.0
    wanted = rbo(WeakOrder.of(["c", "a", "b"]), WeakOrder.of(["c", ("a", "b")]), p=0.5).value
    assert found.values["RBO(p=0.5)"]["1"] == pytest.approx(wanted) and wanted is not None and wanted < 1.0
    with pytest.raises(SettingsError, match="RBO compares two runs"):
        score(RUN, HAND, ["RBO"])
    with pytest.raises(SettingsError, match="between 0 and 1"):
        score(RUN, HAND, ["RBO(p=.0)"], against=other)


def test_nothing_to_measure_by() -> None:
    with pytest.raises(InputError, match="qrels hold no topic"):
        score(RUN, {}, ["RR"])
    with pytest.raises(SettingsError, match="no measure is asked for"):
        score(RUN, HAND, [])
    with pytest.raises(InputError, match="there are no values of 'AP': this run was measured by RR"):
        score(RUN, HAND, ["RR"]).mean("AP")
    assert Scores(values={}).topics == ()
    assert score(RUN, {"1": {}, "2": {"a": 1}}, ["RR"]).values["RR"] == {"1": 0.0, "2": 0.5}


def test_a_table() -> None:
    table = score(RUN, HAND, ["RR", "P@1"]).to_frame()
    assert table.index.name == "topic" and list(table.index) == ["1", "2", "3"] and list(table.columns) == ["RR", "P@1"]
    assert table["RR"].tolist() == [0.5, 0.5, 0.0]


@settings(max_examples=30, deadline=None)
@given(QRELS, RUNS)
def test_an_order_of_topics_changes_nothing(qrels: dict[str, dict[str, int]], run: dict[str, dict[str, float]]) -> None:
    turned = score(dict(reversed(run.items())), dict(reversed(qrels.items())), NAMES)
    assert dict(turned.values) == dict(score(run, qrels, NAMES).values)


@pytest.mark.parametrize(("name", "ties"), [("biology", 24), ("stackoverflow", 30)])
def test_ties_of_published_runs(name: str, ties: int) -> None:
    from app.ranking.formats.trec import read_qrels

    qrels = read_qrels(golden(f"bright/qrels/qrels.bright-{name}.txt").read_text())
    assert len(score_file(golden(f"bright/runs/{name}.reasonir_gpt4cot_top100.txt.gz"), qrels, ["nDCG@10"]).tied) == ties
