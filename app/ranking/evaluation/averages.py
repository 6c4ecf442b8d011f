"""Means over topics of several test sets: each topic counting alike, or each set; sets like those learned from and unseen ones apart.

A table of a paper has the mean over sets; the mean over topics gives a set of 200 topics twice the weight of one of 100. Intervals are
percentile bootstraps (Efron and Tibshirani 1993): of topics for the mean over topics; of topics within each set for the mean over sets
(a stratified bootstrap: sets were chosen, not drawn, so what is uncertain is each set's own mean).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import InputError
from .significance import Interval, bootstrap
from .statistic import Resampling

_AT_ONCE = 1_000_000  # numbers drawn at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Average:
    """Mean over topics and mean over sets, each with its interval (`n`: topics), and the sets they are over."""

    topics: Interval
    sets: Interval
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Averages:
    """Over all sets, over those in source (of the kind that was learned from), and over unseen ones: None where there is no such set."""

    all: Average
    in_source: Average | None
    unseen: Average | None


def averages(values: Mapping[tuple[str, str], float], in_source: Mapping[str, bool], how: Resampling | None = None) -> Averages:
    """Averages of one value for each (set, topic). Raises InputError for no value, or a set of which `in_source` says nothing."""
    how = how or Resampling(samples=10_000)
    sets: dict[str, dict[str, float]] = {}
    for (name, topic), value in values.items():
        sets.setdefault(name, {})[topic] = value
    if not sets:
        raise InputError("there is nothing to average: give a value for at least one topic")
    if unknown := [name for name in sets if name not in in_source]:
        raise InputError(f"it is not said whether {', '.join(unknown)} is in source or unseen: say so for each set")
    parts = [{name: topics for name, topics in sets.items() if in_source[name] is wanted} for wanted in (True, False)]
    seen, unseen = (_average(part, how) if part else None for part in parts)
    return Averages(all=_average(sets, how), in_source=seen, unseen=unseen)


def _average(sets: Mapping[str, Mapping[str, float]], how: Resampling) -> Average:
    # By name, so that the order of the topics makes no difference.
    groups = [[sets[name][topic] for topic in sorted(sets[name])] for name in sorted(sets)]
    pooled = [value for group in groups for value in group]
    samples = max(1, how.samples)
    topics = bootstrap(pooled, samples=samples, seed=how.seed, level=how.level)
    return Average(topics=topics, sets=_over_sets(groups, samples, how), names=tuple(sets))


def _over_sets(groups: list[list[float]], samples: int, how: Resampling) -> Interval:
    """Mean of the sets' means; in each resample every set has as many topics as it has."""
    import numpy as np

    draw, total = np.random.default_rng(how.seed), np.zeros(samples)
    for group in groups:
        array = np.asarray(group, dtype=np.float64)
        rows = max(1, _AT_ONCE // len(array))
        for start in range(0, samples, rows):
            count = min(rows, samples - start)
            total[start : start + count] += array[draw.integers(0, len(array), (count, len(array)))].mean(axis=1)
    low, high = np.quantile(total / len(groups), [(1.0 - how.level) / 2.0, (1.0 + how.level) / 2.0])
    mean = float(np.mean([np.mean(group) for group in groups]))
    n = sum(map(len, groups))
    return Interval(mean=mean, low=float(low), high=float(high), n=n, level=how.level, samples=samples, seed=how.seed)
