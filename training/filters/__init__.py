"""Filters of training data: one score per item and filter with its reasons, and thresholds that only decide what a dataset keeps.

A new filter is one function and one line in FILTERS. Scores are stored with the item, so that thresholds can be moved without asking a
teacher again. Nothing here is random, and nothing depends on a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.ranking.errors import SettingsError
from training.synthesis.values import Item

from .injection import injection_score
from .traces import faithful, format_score, length, shown_only
from .values import NOTHING, Filter, Keeps, Score
from .votes import consistency, labels, people, samples

__all__ = ["FILTERS", "NOTHING", "Filter", "Keeps", "Score", "described", "dropped_by", "item_scores", "thresholds"]

_ALL = (
    Filter(
        name="consistency",
        about="NDCG@10 of the teacher's order by the labels that count: does the listwise order put the labelled passages on top?",
        keeps="at_least", threshold=0.4, judge=consistency,
    ),
    Filter(
        name="samples",
        about="Agreement of the teacher's own listwise answers over shuffled lists: mean AP correlation of all pairs, 0 for chance.",
        keeps="at_least", threshold=0.2, low=-1.0, judge=samples,
    ),
    Filter(
        name="labels",
        # Drops nothing by itself: with votes of a few positives each it lost more good items than it found bad ones (docs/experiments.md).
        about="Agreement on which passages are relevant: of the pointwise answers with each other, and with human labels if any.",
        keeps="at_least", threshold=0.0, judge=labels,
    ),
    Filter(
        name="people",
        about="Share of the pairs that people of this studio ordered which the teacher's order has the same way, weighted by trust.",
        keeps="at_least", threshold=0.6, judge=people,
    ),
    Filter(
        name="format",
        about="Share of listwise answers that were complete and well formed; an answer that had to be repaired counts a half.",
        keeps="at_least", threshold=0.5, judge=format_score,
    ),
    Filter(
        name="faithful",
        about="Does the order follow from the trace? 1 where what the trace praises stands above what it disparages.",
        keeps="at_least", threshold=0.7, judge=faithful,
    ),
    Filter(
        name="shown_only",
        about="Share of the passages cited in the trace that were shown to the teacher at all.",
        keeps="at_least", threshold=0.95, judge=shown_only,
    ),
    Filter(
        name="length",
        about="1 where the trace is as long as its list needs; the ratio to the nearest bound where it is shorter or longer.",
        keeps="at_least", threshold=0.8, judge=length,
    ),
    Filter(
        name="duplicate",
        about="Likeness of the query to the closest earlier one of this set: Jaccard similarity of runs of three words.",
        keeps="at_most", threshold=0.8,
    ),
    Filter(
        name="contamination",
        about="Likeness of the query to the closest one of a benchmark or of this studio's holdout, measured as for duplicates.",
        keeps="at_most", threshold=0.7,
    ),
    Filter(
        name="holdout",
        about="1 for the fifth of all queries that is kept for evaluation and never trained on.",
        keeps="at_most", threshold=0.0, fixed=True,
    ),
    Filter(
        name="injection",
        about="How much the most suspicious passage looks like an attempt to instruct the model that ranks it.",
        keeps="at_most", threshold=0.5, judge=injection_score,
    ),
)  # fmt: skip

FILTERS: dict[str, Filter] = {one.name: one for one in _ALL}


def item_scores(item: Item) -> dict[str, Score]:
    """Scores of one item by filter, of the filters that need no other item."""
    return {name: one.judge(item) for name, one in FILTERS.items() if one.judge is not None}


def dropped_by(scores: Mapping[str, float | None], thresholds: Mapping[str, float]) -> tuple[str, ...]:
    """Names of the filters that an item falls out by, in the order of FILTERS; a filter without a score lets it pass.

    Filters missing in `thresholds` use their own.
    """
    return tuple(name for name, one in FILTERS.items() if one.drops(scores.get(name), thresholds.get(name, one.threshold)))


def thresholds(overrides: Mapping[str, float] | None = None) -> dict[str, float]:
    """Thresholds of all filters, some of them changed. Raises SettingsError for an unknown filter, one out of range, or a fixed one."""
    for name, value in (overrides or {}).items():
        if name not in FILTERS:
            raise SettingsError(f"there is no filter {name!r}: choose among {', '.join(FILTERS)}")
        one = FILTERS[name]
        if one.fixed and value != one.threshold:
            raise SettingsError(f"the threshold of {name!r} can't be moved from {one.threshold:g}: leave it out")
        if not one.low <= value <= one.high:
            raise SettingsError(f"the threshold of {name!r} is {value:g}: it must lie from {one.low:g} to {one.high:g}")
    return {name: float((overrides or {}).get(name, one.threshold)) for name, one in FILTERS.items()}


def described(thresholds: Mapping[str, float] | None = None) -> list[dict[str, Any]]:
    """The filters as JSON holds them, with these thresholds: all that a page needs to judge stored scores."""
    given = thresholds or {}
    return [
        {
            "name": one.name, "about": one.about, "keeps": one.keeps, "threshold": given.get(one.name, one.threshold), "low": one.low,
            "high": one.high, **({"fixed": True} if one.fixed else {}),
        }
        for one in FILTERS.values()
    ]  # fmt: skip
