"""Fits a router on measured queries, and says what it gains on queries it was not fitted on.

Ridge regression of the gain (reasoned minus direct, in the measure) on standardised features; the penalty is chosen on the fitted queries
alone, by leave-one-out. With features that tell nothing the penalty is large and the router becomes the mean gain, which is one mode for
all. What it gains is measured by repeated stratified cross-validation (strata: a trace helped, hurt, or changed nothing), penalty and
scales included, against always reasoned, always direct, and an oracle that knows the outcome. Needs scikit-learn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import fsum, isfinite
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ...query_features import NAMES
from ...router import FARTHEST, Router, Weight
from ..significance import Interval, bootstrap

if TYPE_CHECKING:
    import numpy as np

LEAST = 20
"""Fewer queries than this are refused: five folds of four can't tell a rule from luck."""
# The penalties tried: from hardly any to nearly the mean alone.
_PENALTIES = tuple(10.0 ** (power / 2) for power in range(0, 11))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One query ranked both ways: its features, its value in the measure (0 to 1) and the tokens written, each reasoned and direct."""

    key: str
    features: Mapping[str, float]
    reasoned: float
    direct: float
    tokens_reasoned: float = 0.0
    tokens_direct: float = 0.0

    @property
    def gain(self) -> float:
        """What the trace added."""
        return self.reasoned - self.direct


@dataclass(frozen=True, slots=True, kw_only=True)
class Folds:
    """How the check is made: `folds` parts, `repeats` times, drawn by `seed`. `tolerance` is a loss of the measure that does not matter."""

    folds: int = 5
    repeats: int = 20
    seed: int = 0
    tolerance: float = 0.005

    def __post_init__(self) -> None:
        if self.folds < 2 or self.repeats < 1 or self.tolerance < 0:
            raise InputError(f"{self.folds} folds, {self.repeats} repeats, tolerance {self.tolerance}: give 2, 1 and 0 at least")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a router of this kind does on queries it was not fitted on: means over `n` queries, differences with intervals over queries.

    `quality` and `tokens` by way: routed, reasoned, direct, oracle (for tokens the oracle takes the cheaper way where both are equal).
    `reasoned_share` is how often a trace was taken, `right` how often the better way where the two differ, None where they never do.
    `over_chance` is the difference from a coin that takes a trace equally often: what the features are good for.
    """

    n: int
    quality: Mapping[str, float]
    tokens: Mapping[str, float]
    reasoned_share: float
    right: float | None
    over_reasoned: Interval
    over_direct: Interval
    over_chance: Interval
    how: Folds

    @property
    def gains(self) -> bool:
        """Whether it is better than both fixed ways beyond chance: both intervals lie above 0."""
        return self.over_reasoned.low > 0 and self.over_direct.low > 0

    @property
    def saves(self) -> bool:
        """Whether it writes a tenth less than always reasoned at no loss that matters, and does so by more than luck.

        Where traces help on the whole, leaving out a few at random costs little too: therefore it must beat always direct, and the coin.
        """
        as_good = self.over_reasoned.low > -self.how.tolerance
        cheaper = self.tokens["routed"] < 0.9 * self.tokens["reasoned"]
        return as_good and cheaper and self.over_direct.low > 0 and self.over_chance.low > 0

    @property
    def pays(self) -> bool:
        """Whether it is worth using."""
        return self.gains or self.saves

    @property
    def verdict(self) -> str:
        """A sentence."""
        over, under = _signed(self.over_reasoned), _signed(self.over_direct)
        facts = f"out of sample {over} over always reasoned and {under} over always direct (n = {self.n})"
        if self.gains:
            return f"The router pays: {facts}."
        if self.saves:
            part = 1 - self.tokens["routed"] / self.tokens["reasoned"]
            return f"The router saves {part:.0%} of the tokens at no loss that matters: {facts}."
        return f"The router does not pay, and should stay off: {facts}."

    @property
    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "n": self.n,
            "quality": dict(self.quality),
            "tokens": dict(self.tokens),
            "reasoned_share": self.reasoned_share,
            "right": self.right,
            "over_reasoned": _interval(self.over_reasoned),
            "over_direct": _interval(self.over_direct),
            "over_chance": _interval(self.over_chance),
            "gains": self.gains,
            "saves": self.saves,
            "pays": self.pays,
            "verdict": self.verdict,
            **asdict(self.how),
        }


def fit(seen: Sequence[Seen], *, measure: str, margin: float = 0.0, about: Mapping[str, Any] | None = None) -> Router:
    """A router of all queries given, over the features that every one of them has and that vary.

    `margin` is the expected gain below which a trace is not worth its tokens. Raises InputError for fewer than LEAST queries, a key given
    twice, or numbers that are none.
    """
    _check(seen)
    names = shared(seen)
    matrix, gains = _matrix(seen, names), [one.gain for one in seen]
    weights, intercept = _solved(matrix, gains)
    kept = [Weight(name=name, mean=mean, scale=scale, weight=weight) for name, (mean, scale, weight) in zip(names, weights, strict=True)]
    return Router(weights=tuple(kept), intercept=intercept, measure=measure, margin=margin, about=about or {})


def check(seen: Sequence[Seen], *, measure: str, margin: float = 0.0, how: Folds = Folds()) -> Checked:
    """Repeated stratified cross-validation of `fit`. Raises what `fit` raises."""
    _check(seen)
    names = shared(seen)
    taken = [0] * len(seen)  # how often each query was sent to a trace, over the repeats
    for train, test in _splits(seen, how):
        router = _fitted([seen[at] for at in train], names, margin)
        for at in test:
            taken[at] += router(seen[at].features)
    return _checked(seen, [count / how.repeats for count in taken], how)


def shared(seen: Sequence[Seen]) -> tuple[str, ...]:
    """Features that every query has and in which they differ, in the order of NAMES."""
    known = set.intersection(*(set(one.features) for one in seen)) if seen else set()
    return tuple(name for name in NAMES if name in known and len({one.features[name] for one in seen}) > 1)


def applied(router: Router, seen: Sequence[Seen], *, seed: int = 0) -> Checked:
    """The same figures for a finished router on other queries than those it was fitted on. Raises InputError for none."""
    if not seen:
        raise InputError("a router can't be checked on no query")
    return _checked(seen, [float(router.gain(one.features) > router.margin) for one in seen], Folds(seed=seed))


def _checked(seen: Sequence[Seen], shares: Sequence[float], how: Folds) -> Checked:
    """Figures of queries of which each took a trace in this share of the repeats."""
    rows, average = list(zip(seen, shares, strict=True)), fmean(shares)
    right = [share if one.gain > 0 else 1 - share for one, share in rows if one.gain]
    return Checked(
        n=len(seen),
        quality=_by_way(seen, shares, lambda one: (one.reasoned, one.direct)),
        tokens=_by_way(seen, shares, lambda one: (one.tokens_reasoned, one.tokens_direct)),
        reasoned_share=average,
        right=fmean(right) if right else None,
        over_reasoned=bootstrap([(share - 1) * one.gain for one, share in rows], seed=how.seed),
        over_direct=bootstrap([share * one.gain for one, share in rows], seed=how.seed),
        over_chance=bootstrap([(share - average) * one.gain for one, share in rows], seed=how.seed),
        how=how,
    )


def _check(seen: Sequence[Seen]) -> None:
    if len(seen) < LEAST:
        raise InputError(f"{len(seen)} queries are too few to fit a router: measure {LEAST} or more both ways")
    repeated = [key for key, count in Counter(one.key for one in seen).items() if count > 1]
    if repeated:
        raise InputError(f"query {repeated[0]!r} is given twice: it would be fitted on and checked on at once")
    numbers = [number for one in seen for number in (one.reasoned, one.direct, *one.features.values())]
    if not all(map(isfinite, numbers)):
        raise InputError("a value or feature of a query is no finite number: leave the query out")


def _matrix(seen: Sequence[Seen], names: Sequence[str]) -> np.ndarray:
    import numpy as np

    return np.array([[one.features[name] for name in names] for one in seen], dtype=np.float64).reshape(len(seen), len(names))


def _solved(matrix: np.ndarray, gains: Sequence[float]) -> tuple[list[tuple[float, float, float]], float]:
    """(mean, scale, weight) of each column, and the intercept. `matrix` has shape (queries, features)."""
    import numpy as np
    from sklearn.linear_model import RidgeCV
    from sklearn.preprocessing import StandardScaler

    if not matrix.shape[1]:
        return [], fsum(gains) / len(gains)
    scaler = StandardScaler().fit(matrix)
    held = np.clip(scaler.transform(matrix), -FARTHEST, FARTHEST)
    model = RidgeCV(alphas=_PENALTIES).fit(held, np.asarray(gains))
    rows = zip(scaler.mean_, scaler.scale_, model.coef_, strict=True)
    return [(float(mean), float(scale), float(weight)) for mean, scale, weight in rows], float(model.intercept_)


def _fitted(seen: Sequence[Seen], names: Sequence[str], margin: float) -> Callable[[Mapping[str, float]], bool]:
    """A router of a part of the queries, as a function: True for a trace."""
    weights, intercept = _solved(_matrix(seen, names), [one.gain for one in seen])
    kept = [Weight(name=name, mean=mean, scale=scale, weight=weight) for name, (mean, scale, weight) in zip(names, weights, strict=True)]
    router = Router(weights=tuple(kept), intercept=intercept, measure="")
    return lambda known: router.gain(known) > margin


def _splits(seen: Sequence[Seen], how: Folds) -> list[tuple[list[int], list[int]]]:
    """Folds with about the same share of helped, hurt and unchanged queries in each."""
    from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

    strata = [(one.gain > 0) - (one.gain < 0) for one in seen]
    counts = Counter(strata)
    # A stratum with fewer members than folds can't be spread; it goes with those of no change.
    strata = [side if counts[side] >= how.folds else 0 for side in strata]
    fits = min(Counter(strata).values()) >= how.folds
    kind = RepeatedStratifiedKFold if fits else RepeatedKFold
    splitter = kind(n_splits=how.folds, n_repeats=how.repeats, random_state=how.seed)
    return [(list(map(int, train)), list(map(int, test))) for train, test in splitter.split([[0]] * len(seen), strata)]


def _by_way(seen: Sequence[Seen], shares: Sequence[float], pair: Callable[[Seen], tuple[float, float]]) -> dict[str, float]:
    """Means of a pair (reasoned, direct) under each way; the oracle knows the gain, and takes no trace where there is none."""
    pairs = [pair(one) for one in seen]
    return {
        "routed": fmean(share * a + (1 - share) * b for share, (a, b) in zip(shares, pairs, strict=True)),
        "reasoned": fmean(a for a, _ in pairs),
        "direct": fmean(b for _, b in pairs),
        "oracle": fmean(a if one.gain > 0 else b for one, (a, b) in zip(seen, pairs, strict=True)),
    }


def _signed(interval: Interval) -> str:
    return f"{interval.mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def _interval(interval: Interval) -> dict[str, Any]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high, "level": interval.level}
