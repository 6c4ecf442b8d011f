"""Statistics of labels against two libraries, published and reference numbers, with and without gaps; intervals; what is undefined."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ranking.errors import InputError, SettingsError
from app.ranking.evaluation.label_agreement import Agreement, agreement
from app.ranking.evaluation.labels import Labels
from app.ranking.evaluation.statistic import Resampling, Statistic

Given = dict[tuple[str, ...], dict[str, str]]
KINDS = ("nominal", "ordinal", "interval")
WEIGHTS = {"none": None, "linear": "linear", "quadratic": "quadratic"}


def table(rows: list[str]) -> Given:
    """One text an annotator, one character an item, a dot where it is missing."""
    return {(str(at),): {f"r{who}": row[at] for who, row in enumerate(rows) if row[at] != "."} for at in range(len(rows[0]))}


def drawn(seed: int, *, items: int = 60, annotators: int = 4, levels: int = 4, kept: float = 1.0) -> Given:
    draw = random.Random(seed)
    truth = [draw.randrange(levels) for _ in range(items)]
    return {
        (str(at),): {
            f"r{who}": str(min(levels - 1, max(0, true + draw.choice((-1, 0, 0, 0, 1)))))
            for who in range(annotators)
            if draw.random() < kept
        }
        for at, true in enumerate(truth)
    }


def named(found: Agreement) -> dict[str, Statistic]:
    return {one.name: one for one in found.overall}


def by_library(given_: Given, kind: str) -> float:
    """Krippendorff's alpha by the library, from a matrix annotators x items."""
    import krippendorff

    measured: Any = kind
    annotators = sorted({who for labels in given_.values() for who in labels})
    matrix = [[float(labels[who]) if who in labels else math.nan for labels in given_.values()] for who in annotators]
    return float(krippendorff.alpha(matrix, level_of_measurement=measured))


def kappa_by_library(given_: Given, first: str, second: str, weights: str) -> float:
    metrics: Any = pytest.importorskip("sklearn.metrics")
    both = [(labels[first], labels[second]) for labels in given_.values() if first in labels and second in labels]
    levels = sorted({label for labels in given_.values() for label in labels.values()})
    return float(metrics.cohen_kappa_score(*zip(*both, strict=True), labels=levels, weights=WEIGHTS[weights]))


@pytest.mark.oracle
@pytest.mark.parametrize("kept", [1.0, 0.7, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_alpha_and_kappas_are_those_of_the_libraries(seed: int, kept: float) -> None:
    given_ = drawn(seed, kept=kept, levels=2 + seed)
    found = agreement(Labels.of(given_))
    for kind in KINDS:
        assert named(found)[f"alpha {kind}"].value == pytest.approx(by_library(given_, kind), abs=1e-12)
    kappas = {(one.first, one.second, one.statistic.name): one.statistic.value for one in found.pairs}
    for weights in WEIGHTS:
        name = "Cohen kappa" if weights == "none" else f"Cohen kappa {weights}"
        each = [kappa_by_library(given_, *pair, weights) for pair in itertools.combinations(("r0", "r1", "r2", "r3"), 2)]
        ours = [kappas[(*pair, name)] for pair in itertools.combinations(("r0", "r1", "r2", "r3"), 2)]
        assert ours == pytest.approx(each, abs=1e-12)
        assert named(found)[f"{name}, mean of pairs"].value == pytest.approx(sum(each) / 6, abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text("013.", min_size=7, max_size=7), min_size=2, max_size=4))
def test_alpha_is_the_librarys_wherever_that_has_one(rows: list[str]) -> None:
    given_ = table(rows)
    for kind in KINDS:
        found = named(agreement(Labels.of(given_)))[f"alpha {kind}"]
        if found.value is not None:
            assert found.value == pytest.approx(by_library(given_, kind), abs=1e-9)
        else:
            compared = {label for labels in given_.values() if len(labels) > 1 for label in labels.values()}
            assert len(compared) < 2 and found.why


def test_many_levels_are_summed_pair_by_pair() -> None:
    given_ = drawn(9, items=80, annotators=3, levels=60, kept=0.8)
    for kind in KINDS:
        assert named(agreement(Labels.of(given_)))[f"alpha {kind}"].value == pytest.approx(by_library(given_, kind), abs=1e-12)


def test_published_alpha_of_four_observers() -> None:
    # Krippendorff 2011 (Computing Krippendorff's alpha-reliability), example C: nominal .743, ordinal .815, interval .849.
    found = named(agreement(Labels.of(table(["123321412...", "1233224125.3", ".3332342251.", "12332441251."]))))
    assert [round(found[f"alpha {kind}"].value or 0, 3) for kind in KINDS] == [0.743, 0.815, 0.849]


def test_published_fleiss() -> None:
    # Fleiss' kappa of the worked example of 14 raters on 10 subjects in 5 categories: 0.210.
    counts = [
        "0 0 0 0 14",
        "0 2 6 4 2",
        "0 0 3 5 6",
        "0 3 9 2 0",
        "2 2 8 1 1",
        "7 7 0 0 0",
        "3 2 6 3 0",
        "2 5 3 2 2",
        "6 5 2 1 0",
        "0 2 2 3 7",
    ]
    given_: Given = {}
    for at, line in enumerate(counts):
        labels = [str(level) for level, count in enumerate(line.split()) for _ in range(int(count))]
        given_[(str(at),)] = {f"r{who:02}": label for who, label in enumerate(labels)}
    assert named(agreement(Labels.of(given_)))["Fleiss kappa"].value == pytest.approx(0.210, abs=5e-4)


def test_kappa_by_hand() -> None:
    # 2 of 4 alike; margins 1/2, 1/2 and 3/4, 1/4: chance 1/2. Linear weights are the same for two levels.
    found = agreement(Labels.of(table(["0011", "0001"])), weights=("none", "linear"))
    assert [one.statistic.value for one in found.pairs] == pytest.approx([(0.75 - 0.5) / 0.5] * 2)
    assert [one.statistic.n for one in found.pairs] == [4, 4]


@pytest.mark.parametrize(
    ("rows", "name", "why"),
    [
        (["012"], "alpha nominal", "only r0 gave labels: agreement needs two annotators"),
        (["0..", ".12"], "alpha ordinal", "no item has labels of two annotators"),
        (["000", "000"], "alpha interval", "where nothing varies chance agrees as well"),
        (["000", "000"], "Fleiss kappa", "where nothing varies chance agrees as well"),
        (["000", "000"], "Cohen kappa, mean of pairs", "where nothing varies chance agrees as well"),
        (["012", "01.", "011"], "Fleiss kappa", "items have from 2 to 3 labels"),
        (["aab", "abb"], "alpha ordinal", "name the levels from lowest to highest"),
        (["aab", "abb"], "Cohen kappa linear, mean of pairs", "name the levels from lowest to highest"),
    ],
)
def test_what_is_undefined_says_why(rows: list[str], name: str, why: str) -> None:
    found = named(agreement(Labels.of(table(rows)), Resampling(samples=20)))[name]
    assert found.value is None and why in found.why


def test_nothing_at_all_and_pairs_that_never_met() -> None:
    assert {one.why for one in agreement(Labels.of({}), Resampling()).overall} == {"there is no label"}
    found = agreement(Labels.of(table(["01..", "00..", "..10", "..11"])))
    whys = {(one.first, one.second): one.statistic.why for one in found.pairs}
    assert whys["r0", "r2"] == "r0 and r2 labelled no item in common" and whys["r0", "r1"] == ""
    assert named(found)["Cohen kappa, mean of pairs"].value == 0.0


def test_two_who_always_differ_have_a_kappa_and_an_order_can_be_given() -> None:
    assert agreement(Labels.of(table(["000", "111"]))).pairs[0].statistic.value == 0.0
    given_ = table(["lmh", "lmm"])
    assert named(agreement(Labels.of(given_, "lmh")))["alpha ordinal"].value is not None
    with pytest.raises(InputError, match="label 'h' is not among the levels l,m"):
        Labels.of(given_, "lm")
    with pytest.raises(InputError, match="each label can have one place"):
        Labels.of(given_, "lmhl")


def test_numbers_are_sorted_as_numbers() -> None:
    labels = Labels.of({("a",): {"x": "10", "y": "9"}, ("b",): {"x": "-1", "y": "2.5"}})
    assert labels.scale.levels == ("-1", "2.5", "9", "10") and labels.scale.values == (-1.0, 2.5, 9.0, 10.0)


def test_a_resample_is_the_statistic_of_the_items_drawn() -> None:
    # Whatever counts the patterns have, each statistic is that of the table with so many copies of the items.
    import numpy as np

    from app.ranking.evaluation.label_sums import LabelCounts, LabelPairs

    given_ = drawn(3, items=12, annotators=3, kept=0.8)
    labels = Labels.of(given_)
    times = np.asarray([at % 4 for at in range(len(labels.patterns))], dtype=np.float64)
    copied: Given = {
        (f"{at}-{copy}",): {labels.annotators[who]: labels.scale.levels[level] for who, level in pattern}
        for at, pattern in enumerate(labels.patterns)
        for copy in range(int(times[at]))
    }
    found = LabelCounts(labels, LabelPairs(labels)).alphas(times)
    assert found == pytest.approx([by_library(copied, kind) for kind in KINDS], abs=1e-12)


def test_an_interval_covers_the_value_and_can_be_repeated() -> None:
    labels = Labels.of(drawn(1, items=200, kept=0.9))
    found, again, other = (agreement(labels, Resampling(samples=400, seed=seed)) for seed in (7, 7, 8))
    assert found == again and found != other
    for one in [*found.overall, *(each.statistic for each in found.pairs)]:
        if one.value is not None:
            assert one.low is not None and one.high is not None and one.low < one.value < one.high < one.low + 0.4
            assert one.interval == "95% percentile bootstrap, 400 resamples, seed 7"


def test_the_interval_is_as_wide_as_theory_says() -> None:
    # Two annotators, balanced margins: the standard error of kappa is about sqrt(po (1 - po) / n) / (1 - pe) (Cohen 1960).
    given_ = table(["0" * 200 + "1" * 200, "0" * 160 + "1" * 40 + "1" * 160 + "0" * 40])
    one = agreement(Labels.of(given_), Resampling(samples=4000)).pairs[0].statistic
    assert one.value == pytest.approx(0.6) and one.low is not None and one.high is not None
    assert one.high - one.low == pytest.approx(2 * 1.96 * math.sqrt(0.8 * 0.2 / 400) / 0.5, rel=0.08)


def test_resamples_without_variation_are_left_out_and_said() -> None:
    found = named(agreement(Labels.of(table(["0001", "0001"])), Resampling(samples=200)))["alpha nominal"]
    assert found.value == 1.0 and "undefined" in found.interval


def test_settings_of_the_bootstrap() -> None:
    for wrong in ({"samples": -1}, {"seed": -1}, {"level": 1.0}):
        with pytest.raises(SettingsError):
            Resampling(**wrong)
    assert all(one.low is None for one in agreement(Labels.of(drawn(1)), Resampling(samples=0)).overall)
    with pytest.raises(ValueError, match="a value or a reason"):
        Statistic(name="x", value=None, n=0)


def test_kappas_of_many_who_hardly_met_are_not_averaged() -> None:
    given_: Given = {(str(at),): {f"r{at:02}": "0", f"r{at + 1:02}": str(at % 2)} for at in range(20)}
    found = agreement(Labels.of(given_))
    assert found.pairs == () and "share 1.0 items on average" in named(found)["Cohen kappa, mean of pairs"].why
    assert named(found)["alpha nominal"].value is not None
