"""Thresholds, what drops, and how filters describe themselves."""

from __future__ import annotations

import json

import pytest

from app.ranking.errors import SettingsError
from training.filters import FILTERS, described, dropped_by, item_scores, thresholds
from training.filters.whole import NAMES
from training.synthesis.recipe import load_synthesis_recipe

from .made import item

ALL = (
    "consistency", "samples", "labels", "people", "format", "faithful", "shown_only", "length", "duplicate", "contamination", "holdout",
    "injection",
)  # fmt: skip


def test_there_are_the_filters_that_the_page_and_the_datasets_know() -> None:
    assert tuple(FILTERS) == ALL
    assert tuple(item_scores(item())) == tuple(name for name in ALL if name not in NAMES)
    assert all(one.low <= one.threshold <= one.high for one in FILTERS.values())


def test_a_score_at_the_threshold_stays_and_none_passes() -> None:
    assert dropped_by({"consistency": 0.4, "duplicate": 0.8, "people": None}, thresholds()) == ()
    assert dropped_by({"consistency": 0.39, "duplicate": 0.81, "holdout": 1.0}, thresholds()) == ("consistency", "duplicate", "holdout")
    assert dropped_by({"consistency": 0.39}, {"consistency": 0.3}) == ()
    assert dropped_by({"consistency": 0.39}, {}) == ("consistency",)


def test_thresholds_take_overrides_within_range() -> None:
    assert thresholds({"consistency": 0.7})["consistency"] == 0.7
    assert thresholds({"samples": -1})["samples"] == -1.0
    assert thresholds({"holdout": 0})["holdout"] == 0.0


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"consistencies": 0.4}, "no filter 'consistencies'.*consistency"),
        ({"consistency": 1.5}, "must lie from 0 to 1"),
        ({"consistency": float("nan")}, "must lie from 0 to 1"),
        ({"holdout": 1.0}, "can't be moved"),
    ],
)
def test_wrong_thresholds_are_named(overrides: dict[str, float], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        thresholds(overrides)


def test_descriptions_are_json_with_the_thresholds_in_use() -> None:
    told = {one["name"]: one for one in json.loads(json.dumps(described(thresholds({"labels": 0.1}))))}
    assert told["labels"]["threshold"] == 0.1 and told["samples"]["low"] == -1.0
    assert told["holdout"]["fixed"] is True and "fixed" not in told["labels"]


@pytest.mark.parametrize("name", ["corrections", "update"])
def test_recipes_of_judgements_keep_an_order_that_somebody_gave_without_a_trace(name: str) -> None:
    wanted = load_synthesis_recipe(name).filters
    scores = {filter_: score.value for filter_, score in item_scores(item((2, 1, 3), template="nano")).items()}
    assert dropped_by(scores, wanted) == ()
    assert dropped_by(scores, thresholds()) == ("length",)
