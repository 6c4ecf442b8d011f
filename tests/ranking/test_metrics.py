"""Metrics against hand-made values, the reference tool and published numbers; intervals and agreement."""

from __future__ import annotations

import csv
import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ranking.errors import InputError, SettingsError
from app.ranking.evaluation import metrics
from app.ranking.evaluation.agreement import Weights, cohen_kappa
from app.ranking.evaluation.significance import bootstrap, paired_bootstrap
from app.ranking.formats.trec import read_qrels, read_run

GOLDENS = Path(os.environ.get("REASONRANK_GOLDENS") or Path(__file__).parents[2] / "../shared/data").resolve()
NAMES = ("nDCG@10", "nDCG", "R@5", "P@3", "RR", "AP", "AP@3")
QRELS = st.dictionaries(st.sampled_from("abc"), st.dictionaries(st.sampled_from("uvwxyz"), st.integers(0, 3), min_size=1), min_size=1)
RUNS = st.dictionaries(
    st.sampled_from("abcd"), st.dictionaries(st.sampled_from("uvwxyz"), st.sampled_from([0.1, 0.25, 0.5, 2.0]), min_size=1)
)


def golden(name: str) -> str:
    path = GOLDENS / name
    if not path.exists():
        pytest.skip(f"{name} is not in {GOLDENS.name!r}: set REASONRANK_GOLDENS to the folder of reference data to run this")
    return gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")


def test_by_hand() -> None:
    grades = {"a": 3, "b": 1, "c": 0, "d": 2}
    # dcg = 0 + 3 / log2(3) + 1 / 2, ideal = 3 + 2 / log2(3) + 1 / 2
    assert metrics.ndcg(["c", "a", "b"], grades) == pytest.approx((3 / 1.5849625 + 0.5) / (3 + 2 / 1.5849625 + 0.5))
    assert metrics.recall(["c", "a", "b"], grades, 2) == pytest.approx(1 / 3)
    assert metrics.precision(["a"], grades, 5) == 0.2
    assert metrics.reciprocal_rank(["c", "a"], grades) == 0.5
    assert metrics.average_precision(["c", "a", "b"], grades) == pytest.approx((1 / 2 + 2 / 3) / 3)


def test_ties_go_by_id_descending_and_as_32_bit_floats() -> None:
    assert metrics.ordered({"a": 1.0, "b": 1.0, "c": 2.0}) == ["c", "b", "a"]
    assert metrics.ordered({"a": 1.00000001, "b": 1.0}) == ["b", "a"]
    assert metrics.ordered({"a": 1e300, "b": -1e300}) == ["a", "b"]


def test_every_topic_of_the_qrels_counts() -> None:
    qrels = {"1": {"a": 1}, "2": {"a": 1}, "3": {"a": 0}}
    assert metrics.per_topic("nDCG@10", qrels, {"1": {"a": 1.0}, "9": {"a": 1.0}}) == {"1": 1.0, "2": 0.0, "3": 0.0}
    assert metrics.mean("nDCG@10", qrels, {"1": {"a": 1.0}}) == pytest.approx(1 / 3)


def test_an_order_is_a_run_without_ties() -> None:
    assert metrics.ordered(metrics.as_run({"q": ["b", "a", "c"]})["q"]) == ["b", "a", "c"]


@pytest.mark.parametrize("name", ["nDCG@0", "P", "R", "ndcg@10", "RBO", ""])
def test_an_unknown_measure_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="is unknown"):
        metrics.measure(name)


@given(QRELS, RUNS)
def test_equal_to_the_reference_tool(qrels: dict[str, dict[str, int]], run: dict[str, dict[str, float]]) -> None:
    import pytrec_eval

    asked = {"ndcg_cut.10", "ndcg", "recall.5", "P.3", "recip_rank", "map", "map_cut.3"}
    theirs = dict(zip(NAMES, ("ndcg_cut_10", "ndcg", "recall_5", "P_3", "recip_rank", "map", "map_cut_3"), strict=True))
    reference = pytrec_eval.RelevanceEvaluator(qrels, asked).evaluate(run)
    for name in NAMES:
        for topic, value in metrics.per_topic(name, qrels, run).items():
            assert value == pytest.approx(reference.get(topic, {}).get(theirs[name], 0.0), abs=1e-9), (name, topic)


@pytest.mark.parametrize(
    ("run", "name", "value"),
    [
        ("results.test", "nDCG@10", 0.3016),
        ("results.test", "AP", 0.1785),
        ("results.test", "RR", 0.4064),
        ("results.test", "P@10", 0.3000),
        ("results.trunc", "nDCG@10", 0.1717),
    ],
)
def test_the_reference_tools_own_files(run: str, name: str, value: float) -> None:
    qrels = read_qrels(golden("trec_eval/qrels.test"))
    assert metrics.mean(name, qrels, read_run(golden(f"trec_eval/{run}"))) == pytest.approx(value, abs=5e-5)


@pytest.mark.parametrize(("run", "value"), [("rankvicuna", 0.6682), ("vicuna7b_untrained", 0.5058)])
def test_published_dl19_runs(run: str, value: float) -> None:
    qrels = read_qrels(golden("dl19_replay/qrels.dl19-passage.txt"))
    assert metrics.mean("nDCG@10", qrels, read_run(golden(f"dl19_replay/published_{run}.run"))) == pytest.approx(value, abs=5e-5)


@pytest.mark.parametrize(
    ("domain", "value"), [("biology", 43.493), ("economics", 32.654), ("stackoverflow", 30.961), ("theoremqa_theorems", 36.684)]
)
def test_published_bright_runs_by_us_and_by_ir_measures(domain: str, value: float) -> None:
    qrels = read_qrels(golden(f"bright/qrels/qrels.bright-{domain.replace('_', '-')}.txt"))
    run = read_run(golden(f"bright/runs/{domain}.reasonir_gpt4cot_top100.txt.gz"))
    assert 100 * metrics.mean("nDCG@10", qrels, run) == pytest.approx(value, abs=5e-4)
    import ir_measures

    theirs = ir_measures.calc_aggregate([ir_measures.parse_measure(name) for name in ("nDCG@10", "RR", "AP", "R@20")], qrels, run)
    for measure, number in theirs.items():
        assert metrics.mean(str(measure), qrels, run) == pytest.approx(number, abs=1e-6)


def test_an_interval_is_seeded_and_holds_the_mean() -> None:
    values = [0.1, 0.4, 0.4, 0.9, 0.3]
    found = bootstrap(values, seed=3)
    assert found == bootstrap(values, seed=3)
    assert found.low < found.mean < found.high and found.n == 5 and found.mean == pytest.approx(0.42)
    assert bootstrap([0.5]).low == bootstrap([0.5]).high == 0.5


def test_a_paired_difference() -> None:
    first = {str(i): 0.5 + 0.01 * i for i in range(40)}
    second = {topic: value - 0.1 - 0.02 * (int(topic) % 2) for topic, value in first.items()}
    found = paired_bootstrap(first, second)
    assert found.excludes_zero and found.mean == pytest.approx(0.11) and str(found).endswith("n=40")
    assert not paired_bootstrap(first, first).excludes_zero
    with pytest.raises(InputError, match="1 topics are in one system only"):
        paired_bootstrap(first, {**first, "x": 1.0})
    with pytest.raises(InputError, match="at least one topic"):
        bootstrap([])
    with pytest.raises(InputError, match="level is 2"):
        bootstrap([1.0], level=2)


@pytest.mark.parametrize(("weights", "value"), [("none", 0.583509), ("linear", 0.677623), ("quadratic", 0.772056)])
def test_kappa_of_three_reviewers(weights: Weights, value: float) -> None:
    rows = list(csv.DictReader(golden("agreement/three_reviewers.csv").splitlines()))
    grade = {"not_relevant": 0, "relevant": 1, "highly_relevant": 2}
    given = {(row["topic"], row["document_id"], row["annotator"]): grade[row["label"]] for row in rows}
    items = sorted({(topic, passage) for topic, passage, _ in given})
    first, second = ([given[*item, rater] for item in items] for rater in ("a0", "a1"))
    assert cohen_kappa(first, second, weights) == pytest.approx(value, abs=1e-6)


def test_kappa_by_hand() -> None:
    assert cohen_kappa([0, 1, 2], [0, 1, 2], "quadratic") == 1.0
    assert cohen_kappa([0, 0], [0, 0]) == 1.0
    assert cohen_kappa([0, 0, 1, 1], [0, 1, 0, 1]) == pytest.approx(0.0)
    with pytest.raises(InputError):
        cohen_kappa([], [])
