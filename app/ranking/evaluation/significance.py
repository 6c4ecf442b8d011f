"""How sure a mean or a difference is: percentile bootstrap over topics (Efron and Tibshirani 1993; Sakai, SIGIR 2006)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import InputError

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean with its interval: how it was made belongs to every number shown."""

    mean: float
    low: float
    high: float
    n: int
    level: float
    samples: int
    seed: int

    @property
    def excludes_zero(self) -> bool:
        """True where the interval lies on one side of 0."""
        return self.low > 0.0 or self.high < 0.0

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}] n={self.n}"


def bootstrap(values: Sequence[float], *, samples: int = 10_000, seed: int = 0, level: float = 0.95) -> Interval:
    """Interval of the mean of one value per topic. Raises InputError for no value or a level outside 0..1."""
    import numpy as np

    if not values:
        raise InputError("an interval needs at least one topic: none was given")
    if not 0.0 < level < 1.0:
        raise InputError(f"level is {level}: it must lie between 0 and 1")
    array = np.asarray(values, dtype=np.float64)
    draw = np.random.default_rng(seed)
    rounds = [min(_AT_ONCE, samples - start) for start in range(0, samples, _AT_ONCE)]
    means = np.concatenate([array[draw.integers(0, len(array), (count, len(array)))].mean(axis=1) for count in rounds])
    low, high = np.quantile(means, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    mean = float(array.mean())
    return Interval(mean=mean, low=float(low), high=float(high), n=len(array), level=level, samples=samples, seed=seed)


def paired_bootstrap(
    first: Mapping[str, float], second: Mapping[str, float], *, samples: int = 10_000, seed: int = 0, level: float = 0.95
) -> Interval:
    """Interval of the mean difference first - second over the same topics. Raises InputError where the topics differ."""
    if set(first) != set(second):
        odd = sorted(set(first) ^ set(second))
        raise InputError(f"{len(odd)} topics are in one system only ({', '.join(odd[:3])} ...): compare both on the same qrels")
    return bootstrap([first[topic] - second[topic] for topic in first], samples=samples, seed=seed, level=level)
