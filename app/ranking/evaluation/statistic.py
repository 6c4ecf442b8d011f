"""A number with what belongs to it: how many things it is over, how sure it is, or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import SettingsError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """A named number or a sentence that says why it is undefined, never both and never neither.

    `n` counts what the number is over: items for labels, passages for two orders, topics for a panel. `interval` says what `low` and `high`
    are: a bootstrap, or bounds over what a list leaves open.
    """

    name: str
    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    interval: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.why):
            raise ValueError(f"{self.name}: a statistic has a value or a reason why there is none")


def undefined(name: str, n: int, why: str) -> Statistic:
    """A statistic without a number."""
    return Statistic(name=name, value=None, n=n, why=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """How percentile bootstrap intervals are drawn (Efron and Tibshirani 1993, chapter 13): `samples` 0 means none are."""

    samples: int = 1000
    seed: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.samples < 0:
            raise SettingsError(f"there can't be {self.samples} resamples: give 0 for no interval, or a number such as 1000")
        if self.seed < 0:
            raise SettingsError(f"seed is {self.seed}: it must be 0 or more")
        if not 0.0 < self.level < 1.0:
            raise SettingsError(f"level is {self.level}: it must lie between 0 and 1")


def with_interval(statistic: Statistic, drawn: Sequence[float] | np.ndarray, how: Resampling) -> Statistic:
    """The statistic with the percentile interval of its resamples; those without a number (NaN) are left out, and how many is said."""
    import numpy as np

    values = np.asarray(drawn, dtype=np.float64)
    defined = values[~np.isnan(values)]
    if statistic.value is None:
        return statistic
    if not len(defined):
        return replace(statistic, interval="none: no resample has a number")
    low, high = np.quantile(defined, [(1.0 - how.level) / 2.0, (1.0 + how.level) / 2.0])
    lost = len(values) - len(defined)
    text = f"{how.level:.0%} percentile bootstrap, {how.samples} resamples, seed {how.seed}" + (f", {lost} undefined" if lost else "")
    return replace(statistic, low=float(low), high=float(high), interval=text)


def resampled(count: int, how: Resampling, value: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Values of resamples of `count` units, with replacement. `value` takes indices (rows x count) and gives one number a row."""
    import numpy as np

    draw = np.random.default_rng(how.seed)
    rows = max(1, 1_000_000 // count)
    starts = range(0, how.samples, rows)
    return np.concatenate([value(draw.integers(0, count, (min(rows, how.samples - start), count))) for start in starts])
