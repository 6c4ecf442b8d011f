"""Whether a candidate may take the place of the active model: a pure function of measured values, JSON in and out.

The rule is fixed before anything is measured. One primary measure decides whether the candidate is better; guards only say no:

- primary: people's holdout, where it has enough judgements, else the graded gold lists; the interval of the mean paired difference of
  NDCG@10 (candidate minus active, percentile bootstrap over topics) lies above 0, and the paired randomisation test agrees;
- gold: the lower end of the interval of the mean difference on the gold lists is not below -gold_drop;
- domains: no domain's mean difference is below -domain_drop;
- outcomes: the share of lists whose answers are all clean has not fallen by more than outcome_drop;
- seconds: a list takes at most `slower` times as long.

There is one primary measure, so no correction for several tests is needed; guards can only make a promotion rarer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from ..errors import InputError, SettingsError
from .significance import Interval, bootstrap, randomisation_test, smallest_difference

Primary = Literal["people", "gold"]
Pair = tuple[float, float]  # (active, candidate)
Pairs = Mapping[str, Pair]  # topic -> (active, candidate)
_MOST_SAMPLES = 1_000_000
SETS: Mapping[Primary, str] = {"people": "people's holdout", "gold": "the gold lists"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """What the gate asks for. Drops are differences of NDCG@10 or of a share, all at least 0; `slower` is a factor.

    `min_people` counts judgements, not lists. Domains of fewer than `domain_topics` topics are not looked at. `level` is that of the
    intervals and, as 1 - level, the bound on p; `power` the one for the smallest difference that could have been seen.
    """

    min_people: int = 40
    gold_drop: float = 0.02
    domain_drop: float = 0.08
    domain_topics: int = 5
    outcome_drop: float = 0.02
    slower: float = 1.5
    level: float = 0.95
    power: float = 0.8
    samples: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("gold_drop", "domain_drop", "outcome_drop", "slower"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0.0:
                raise SettingsError(f"the gate's {name} is {value}: it must be a number of at least 0")
        for name in ("level", "power"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise SettingsError(f"the gate's {name} is {getattr(self, name)}: it must lie between 0 and 1")
        for name, least in (("min_people", 1), ("domain_topics", 1), ("samples", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise SettingsError(f"the gate's {name} is {getattr(self, name)}: it must be a whole number of at least {least}")
        if self.samples > _MOST_SAMPLES:
            raise SettingsError(f"the gate's samples are {self.samples}: more than {_MOST_SAMPLES} say nothing more, and take long")

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Margins:
        """From JSON; what is left out takes its default. Raises SettingsError for unknown names and other kinds of values."""
        known = {item.name: item.default for item in fields(cls)}
        made: dict[str, Any] = {}
        for name, value in plain.items():
            if name not in known:
                raise SettingsError(f"the gate knows no margin {name!r}: choose from {', '.join(known)}")
            whole = isinstance(known[name], int)
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
                raise SettingsError(f"the gate's {name} is {value!r}: it must be a {'whole number' if whole else 'number'}")
            made[name] = value if whole else float(value)
        return cls(**made)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was measured of the active model and of the candidate, each pair in this order.

    `gold` and `people` hold NDCG@10 by topic, `domains` the domain of topics of either, `judgements` how many of people's judgements are
    behind `people`. `outcomes` are shares of lists that were answered cleanly, `seconds` medians per list. `made` says how it was measured
    (template, data set, versions, seed, samples) and takes no part in the decision. Raises InputError for values that are missing or no
    finite number.
    """

    gold: Pairs
    people: Pairs = field(default_factory=dict)
    domains: Mapping[str, str] = field(default_factory=dict)
    judgements: int = 0
    outcomes: Pair = (0.0, 0.0)
    seconds: Pair = (0.0, 0.0)
    made: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in SETS:
            for topic, pair in getattr(self, name).items():
                _checked(pair, f"topic {topic!r} of {SETS[name]}", 1.0)
        _checked(self.outcomes, "the share of clean answers", 1.0)
        _checked(self.seconds, "the seconds per list", math.inf)

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON: pairs are lists."""
        lists = {name: {topic: list(pair) for topic, pair in getattr(self, name).items()} for name in ("gold", "people")}
        return {
            **lists, "domains": dict(self.domains), "judgements": self.judgements, "outcomes": list(self.outcomes),
            "seconds": list(self.seconds), "made": dict(self.made),
        }  # fmt: skip

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Evidence:
        """From JSON. Raises InputError for what is not evidence."""
        try:
            sets = {name: {str(topic): _pair(pair) for topic, pair in plain[name].items()} for name in ("gold", "people")}
            return cls(
                **sets, domains=dict(plain["domains"]), judgements=int(plain["judgements"]), outcomes=_pair(plain["outcomes"]),
                seconds=_pair(plain["seconds"]), made=dict(plain["made"]),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"this is no evidence of two models ({error!r}): measure both again") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was asked: its value with its interval, the limit that it was held to, over `n` topics, and all that in words."""

    name: str
    passed: bool
    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    limit: float | None = None
    n: int = 0
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the gate says. `checks` begin with the primary measure; `smallest` is the smallest difference it could have seen."""

    promote: bool
    primary: Primary
    reason: str
    checks: tuple[Check, ...]
    smallest: float | None

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "checks": [asdict(check) for check in self.checks]}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Decision:
        """From JSON. Raises InputError for what is no decision."""
        try:
            return cls(**{**plain, "checks": tuple(Check(**check) for check in plain["checks"])})
        except (KeyError, TypeError) as error:
            raise InputError(f"this is no decision of the gate ({error!r}): decide again from the evidence") from error


def paired(active: Mapping[str, float], candidate: Mapping[str, float]) -> dict[str, Pair]:
    """Values of two models by topic. Raises InputError where one of them lacks a topic."""
    odd = sorted(set(active) ^ set(candidate))
    if odd:
        raise InputError(f"{len(odd)} topics were measured for one model only ({', '.join(odd[:3])}): measure both on the same lists")
    return {topic: (active[topic], candidate[topic]) for topic in active}


def decide(evidence: Evidence, margins: Margins | None = None) -> Decision:
    """Whether to promote. Deterministic: topics are taken by their differences, never by name or place."""
    margins = margins or Margins()
    primary: Primary = "people" if evidence.people and evidence.judgements >= margins.min_people else "gold"
    smallest = _smallest(_differences(getattr(evidence, primary)), margins)
    checks = (
        _better(evidence, primary, smallest, margins),
        _gold(evidence, margins),
        *_domains(evidence, margins),
        _outcomes(evidence, margins),
        _seconds(evidence, margins),
    )
    failed = [check for check in checks if not check.passed]
    return Decision(promote=not failed, primary=primary, reason=_reason(checks, failed), checks=checks, smallest=smallest)


def _reason(checks: Sequence[Check], failed: Sequence[Check]) -> str:
    if not failed:
        return f"promoted: {checks[0].text}, and all {len(checks) - 1} guards hold"
    more = f" (failed too: {', '.join(check.name for check in failed[1:])})" if len(failed) > 1 else ""
    return f"rejected by the check {failed[0].name!r}: {failed[0].text}{more}"


def _better(evidence: Evidence, primary: Primary, smallest: float | None, margins: Margins) -> Check:
    pairs: Pairs = getattr(evidence, primary)
    if not pairs:
        return Check(name="better", passed=False, value=None, limit=0.0, text=f"{SETS[primary]} hold no topic, so nothing can be better")
    found = _interval(pairs, margins)
    p = _p(pairs, margins)
    better = found.low > 0.0 and p < 1.0 - margins.level
    judged = f"{evidence.judgements} of the {margins.min_people} judgements that people's holdout needs"
    text = (
        f"NDCG@10 on {SETS[primary]} {_changed(found)} over {found.n} lists, p = {p:.4f}, {'' if better else 'not '}surely better; "
        + (f"the smallest difference that could have been seen is {smallest:.3f}" if smallest else "differences don't vary between lists")
        + (f"; there are {judged}" if primary == "gold" else f"; {evidence.judgements} judgements")
    )
    return Check(name="better", passed=better, value=found.mean, low=found.low, high=found.high, p=p, limit=0.0, n=found.n, text=text)


def _gold(evidence: Evidence, margins: Margins) -> Check:
    if not evidence.gold:
        return Check(
            name="gold", passed=False, value=None, limit=-margins.gold_drop, text="there are no gold lists to guard what was known"
        )
    found = _interval(evidence.gold, margins)
    text = f"NDCG@10 on {SETS['gold']} {_changed(found)} over {found.n} lists, its lower end may not be below {-margins.gold_drop:+.3f}"
    passed, p = found.low >= -margins.gold_drop, _p(evidence.gold, margins)
    limit = -margins.gold_drop
    return Check(name="gold", passed=passed, value=found.mean, low=found.low, high=found.high, p=p, limit=limit, n=found.n, text=text)


def _domains(evidence: Evidence, margins: Margins) -> list[Check]:
    """One check for each domain of each set that has enough topics, by name."""
    found: dict[str, dict[str, Pair]] = {}
    for name in SETS:
        for topic, pair in getattr(evidence, name).items():
            if domain := evidence.domains.get(topic, ""):
                found.setdefault(f"{domain}" if name == "gold" else f"{domain}, people's", {})[topic] = pair
    return [_domain(name, found[name], margins) for name in sorted(found) if len(found[name]) >= margins.domain_topics]


def _domain(name: str, pairs: Pairs, margins: Margins) -> Check:
    interval, limit = _interval(pairs, margins), -margins.domain_drop
    text = f"NDCG@10 in the domain {name} {_changed(interval)} over {interval.n} lists, its mean may not be below {limit:+.3f}"
    return Check(
        name=f"domain {name}", passed=interval.mean >= limit, value=interval.mean, low=interval.low, high=interval.high,
        limit=limit, n=interval.n, text=text,
    )  # fmt: skip


def _outcomes(evidence: Evidence, margins: Margins) -> Check:
    active, candidate = evidence.outcomes
    # In whole billionths: 0.98 is not below 1.0 - 0.02, whatever their last bits say.
    passed, limit = round(candidate - active + margins.outcome_drop, 9) >= 0.0, -margins.outcome_drop
    text = f"{candidate:.1%} of the candidate's lists were clean, {active:.1%} of the active model's, at most {-limit:.1%} fewer may be"
    return Check(name="outcomes", passed=passed, value=candidate - active, limit=limit, n=_lists(evidence), text=text)


def _seconds(evidence: Evidence, margins: Margins) -> Check:
    active, candidate = evidence.seconds
    text = (
        f"a list took the candidate {candidate:.3g} s, the active model {active:.3g} s, at most {margins.slower:g} times as long is allowed"
    )
    ratio = candidate / active if active else None
    return Check(
        name="seconds", passed=candidate <= margins.slower * active, value=ratio, limit=margins.slower, n=_lists(evidence), text=text
    )


def _lists(evidence: Evidence) -> int:
    return len(evidence.gold) + len(evidence.people)


def _differences(pairs: Pairs) -> list[float]:
    """Candidate minus active, sorted, so that a decision does not depend on the order of topics."""
    return sorted(candidate - active for active, candidate in pairs.values())


def _interval(pairs: Pairs, margins: Margins) -> Interval:
    return bootstrap(_differences(pairs), samples=margins.samples, seed=margins.seed, level=margins.level)


def _p(pairs: Pairs, margins: Margins) -> float:
    active, candidate = ({topic: pair[side] for topic, pair in pairs.items()} for side in (0, 1))
    return randomisation_test(candidate, active, samples=margins.samples, seed=margins.seed)


def _smallest(differences: Sequence[float], margins: Margins) -> float | None:
    return smallest_difference(differences, level=margins.level, power=margins.power) if len(differences) > 1 else None


def _changed(found: Interval) -> str:
    return f"changed by {found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"


def _pair(values: Sequence[float]) -> Pair:
    active, candidate = values
    return active, candidate


def _checked(pair: Pair, what: str, most: float) -> None:
    good = len(pair) == 2 and all(isinstance(one, int | float) and math.isfinite(one) and 0.0 <= one <= most for one in pair)
    if not good:
        raise InputError(f"{what} has the values {pair!r}: two numbers are needed, of the active model and of the candidate; measure again")
