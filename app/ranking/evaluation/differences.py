"""Whether one system is better than another on the same topics: the mean difference, how sure it is, and what it would take to tell.

Paired randomisation test and percentile bootstrap over topics are those of significance.py. Of several comparisons made together, p is
corrected by Holm's step-down rule (Scandinavian Journal of Statistics 6, 1979), which holds whatever the comparisons have to do with each
other: the family are all systems that one call compares with the same one, by one measure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist, stdev
from typing import TYPE_CHECKING, TypeVar

from ..errors import InputError
from .significance import paired_bootstrap, randomisation_test, smallest_difference
from .statistic import Resampling

if TYPE_CHECKING:
    import pandas as pd

Key = TypeVar("Key", str, tuple[str, str])
"""A topic, or (set, topic)."""

POWER = 0.8
_SAME = 1e-9  # values of a topic that differ by no more are equal: sums of the same numbers in another order
_MANY = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`first` minus `second`, over the topics of both.

    `low`, `high`: bootstrap interval of the mean. `p`: two-sided, of the randomisation test; `p_corrected`: by Holm's rule over a family of
    `family` comparisons (one: the same). `deviation`: standard deviation of the differences (n - 1). `effect`: Cohen's d_z, mean /
    deviation; None where the differences don't vary. `wins`, `ties`, `losses`: topics on which the first is better, equal, worse.
    `smallest`: the least true difference that so many topics would show four times out of five; None for one topic. `more`: topics beyond
    `n` by `queries_needed`; None where the two are told apart already, or no difference was seen at all. `text` says it in a sentence or
    two.
    """

    measure: str
    n: int
    mean: float
    low: float
    high: float
    p: float
    p_corrected: float
    effect: float | None
    wins: int
    ties: int
    losses: int
    smallest: float | None
    more: int | None
    text: str
    first: str = "the first"
    second: str = "the second"
    family: int = 1
    deviation: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What the two systems and the measure are called, and how intervals and p are drawn."""

    measure: str = ""
    first: str = "the first"
    second: str = "the second"
    how: Resampling = Resampling(samples=10_000)


def difference(first: Mapping[Key, float], second: Mapping[Key, float], what: Compared | None = None) -> Difference:
    """One comparison. The order of the topics makes no difference; swapping the systems changes signs only.

    Raises InputError where the topics differ, for none, and for values that are no finite numbers.
    """
    what = what or Compared()
    topics = _shared(first, second, what)
    ones, others = ({str(at): values[topic] for at, topic in enumerate(topics)} for values in (first, second))
    apart = [ones[at] - others[at] for at in ones]
    mean = math.fsum(apart) / len(apart)
    samples, seed = max(1, what.how.samples), what.how.seed
    interval = paired_bootstrap(ones, others, samples=samples, seed=seed, level=what.how.level)
    # The better one first: of more than 12 topics the flips are drawn, and must be the same ones whichever comes first.
    better, worse = (ones, others) if mean >= 0.0 else (others, ones)
    p = randomisation_test(better, worse, samples=samples, seed=seed)
    spread = stdev(apart) if len(apart) > 1 else 0.0
    found = Difference(
        measure=what.measure, n=len(apart), mean=mean, low=interval.low, high=interval.high, p=p, p_corrected=p,
        effect=mean / spread if spread > _SAME else None,
        wins=sum(one > _SAME for one in apart), ties=sum(abs(one) <= _SAME for one in apart), losses=sum(one < -_SAME for one in apart),
        smallest=smallest_difference(apart, level=what.how.level, power=POWER) if len(apart) > 1 else None,
        more=None, text="", first=what.first, second=what.second, deviation=spread,
    )  # fmt: skip
    return _judged(found, what.how.level)


def differences(
    systems: Mapping[str, Mapping[Key, float]], against: str, measure: str = "", how: Resampling | None = None
) -> tuple[Difference, ...]:
    """Each other system minus `against`, in the order given, p corrected over all of them. Raises InputError as `difference` does."""
    if against not in systems:
        raise InputError(f"there is no system {against!r} to compare with: there are {', '.join(systems) or 'none'}")
    how = how or Resampling(samples=10_000)
    found = [
        difference(values, systems[against], Compared(measure=measure, first=name, second=against, how=how))
        for name, values in systems.items()
        if name != against
    ]
    corrected = holm([one.p for one in found])
    family = [replace(one, p_corrected=p, family=len(found)) for one, p in zip(found, corrected, strict=True)]
    return tuple(_judged(one, how.level) for one in family)


def holm(ps: Sequence[float]) -> tuple[float, ...]:
    """p of each of a family of tests, corrected by Holm's rule: the i-th smallest of m times (m - i + 1), never below one before it."""
    corrected, highest = [0.0] * len(ps), 0.0
    for place, at in enumerate(sorted(range(len(ps)), key=lambda at: ps[at])):
        highest = max(highest, min(1.0, (len(ps) - place) * ps[at]))
        corrected[at] = highest
    return tuple(corrected)


def queries_needed(mean: float, deviation: float, *, level: float = 0.95, power: float = POWER) -> int | None:
    """Topics that a two-sided paired test at `level` needs to show a true difference of `mean` with probability `power`.

    n = ((z(1 - (1 - level) / 2) + z(power)) * s / mean)^2, rounded up, z the quantiles of the normal distribution, s the standard
    deviation of the differences (Cohen 1988, chapter 2, with normal quantiles for t's): `smallest_difference` solved for n. It takes the
    mean and s seen so far for the true ones. Never fewer than a randomisation test needs at all, whose least p is 2 / 2^n. None for a
    mean of 0.
    """
    if abs(mean) <= _SAME:
        return None
    normal, chance = NormalDist(), 1.0 - level
    needed = math.ceil(((normal.inv_cdf(1.0 - chance / 2.0) + normal.inv_cdf(power)) * deviation / mean) ** 2)
    return max(needed, math.floor(math.log2(2.0 / chance)) + 1)


def to_frame(rows: Iterable[Difference]) -> pd.DataFrame:
    """One row a comparison, one column a field."""
    import pandas as pd

    return pd.DataFrame([asdict(row) for row in rows], columns=list(Difference.__dataclass_fields__))


def _shared(first: Mapping[Key, float], second: Mapping[Key, float], what: Compared) -> list[Key]:
    odd = sorted(set(first) ^ set(second))
    if odd:
        names = ", ".join(" ".join(one) if isinstance(one, tuple) else one for one in odd[:3])
        names += " ..." * (len(odd) > 3)
        raise InputError(f"{len(odd)} topics are of {what.first} or {what.second} only ({names}): compare both on the same qrels")
    if not first or not all(math.isfinite(value) for values in (first, second) for value in values.values()):
        raise InputError(f"{what.first} and {what.second} can't be compared: both need a finite value for at least one topic")
    return sorted(first)


def _judged(found: Difference, level: float) -> Difference:
    """With what it would take to tell, and the sentence.

    Each comparison's share of 1 - level is Bonferroni's, 1 / family: what Holm's rule does not tell, Bonferroni's does not either.
    """
    told, more = found.p_corrected < 1.0 - level, None
    if not told:
        needed = queries_needed(found.mean, found.deviation, level=1.0 - (1.0 - level) / found.family)
        more = None if needed is None else max(1, needed - found.n)
    return replace(found, more=more, text=_text(replace(found, more=more), told))


def _text(found: Difference, told: bool) -> str:
    what = f"{found.measure}: " if found.measure else ""
    if found.wins == found.losses == 0:
        return f"{what}{found.first} and {found.second} are equal on all {found.n} queries."
    way = "better" if found.mean > 0 else "worse"
    seen = "no different on average from" if abs(found.mean) <= _SAME else f"{way} by {abs(found.mean):.4f} than"
    p = f"p {_p(found.p)}" + (f", {_p(found.p_corrected)} by Holm's rule for {found.family} comparisons" if found.family > 1 else "")
    counts = f"better on {found.wins} of {found.n} queries, equal on {found.ties}, worse on {found.losses}"
    sentence = f"{what}{found.first} is {seen} {found.second} [{found.low:.4f}, {found.high:.4f}], {counts} ({p})."
    return sentence if told else f"{sentence} {_untold(found)}"


def _untold(found: Difference) -> str:
    if found.more is None:
        return "More queries like these would show nothing either."
    many = f"about {found.more:,}" if found.more < _MANY else f"more than {_MANY:,}"
    queries = "query" if found.more == 1 else "queries"
    return f"That could be chance: were it the true difference, {many} more {queries} would be needed to show it four times out of five."


def _p(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"= {value:.4f}"
