"""Differences that a report tells: each bundle against its first stage, or against the first bundle, with interval, p and causes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.ranking.evaluation.differences import Compared, Difference, difference, differences
from app.reporting.shown import Shown
from app.reporting.text import chance, plural, signed

if TYPE_CHECKING:
    from app.ranking.evaluation.bundles.values import Key

FIRST_STAGE = "the first stage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A bundle against something else, on the topics that both have. `gains`: the difference by topic."""

    one: Shown
    other: str
    found: Difference
    gains: Mapping[Key, float]
    left_out: int

    @property
    def interval(self) -> str:
        """The 95 % interval of the mean difference."""
        return f"[{signed(self.found.low)}, {signed(self.found.high)}]"

    @property
    def told(self) -> bool:
        """Whether the two are told apart at the 5 % level."""
        return self.found.p_corrected < 0.05

    @property
    def p(self) -> str:
        """p, corrected where several comparisons were made."""
        return chance(self.found.p_corrected)


def to_first_stage(shown: Sequence[Shown], measure: str) -> tuple[Pair, ...]:
    """Each bundle that has a first stage against its own. p is corrected over the bundles that had the same one."""
    groups: list[tuple[dict[Key, float], list[Shown]]] = []
    for one in shown:
        start = one.first(measure)
        mine = next((group for begun, group in groups if begun == start), None)
        if mine is not None:
            mine.append(one)
        elif start:
            groups.append((start, [one]))
    found = [pair for start, group in groups for pair in _pairs(start, FIRST_STAGE, group, measure)]
    return tuple(sorted(found, key=lambda pair: pair.one.letter))


def to_bundle(shown: Sequence[Shown], measure: str) -> tuple[Pair, ...]:
    """Each later bundle against the first one, p corrected over all that have its topics."""
    return tuple(_pairs(shown[0].value(measure), shown[0].letter, shown[1:], measure))


def _pairs(base: Mapping[Key, float], other: str, group: Sequence[Shown], measure: str) -> Iterator[Pair]:
    """Those that have all topics of the base, and no more, are one family; others are compared by themselves on what they share."""
    values = {one.letter: one.value(measure) for one in group}
    whole = {letter: found for letter, found in values.items() if found.keys() == base.keys()}
    family = {found.first: found for found in differences({other: base, **whole}, other, measure)}
    for one in group:
        mine = values[one.letter]
        common = [key for key in mine if key in base]
        if common:
            what = Compared(measure=measure, first=one.letter, second=other)
            found = family.get(one.letter) or difference({key: mine[key] for key in common}, {key: base[key] for key in common}, what)
            gains = {key: mine[key] - base[key] for key in common}
            yield Pair(one=one, other=other, found=found, gains=gains, left_out=len(base.keys() | mine.keys()) - len(common))


def sentence(pair: Pair) -> str:
    """What matters about a difference: better or not, by how much, interval, n, p."""
    found, name = pair.found, f"{pair.one.letter} ({pair.one.name})"
    p = f"p {'' if pair.p.startswith('<') else '= '}{pair.p}" + (
        f" by Holm's rule for {found.family} comparisons" if found.family > 1 else ""
    )
    sure = f"95 % interval {pair.interval}, n = {plural(found.n, 'topic')}, {p}"
    numbers = f"{signed(found.mean)} {found.measure} ({sure})"
    if found.wins == found.losses == 0:
        return f"{name} and {pair.other} are equal on all {plural(found.n, 'topic')}."
    if pair.told:
        return f"{name} ranks {'better' if found.mean > 0 else 'worse'} than {pair.other}: {numbers}."
    more = f" It would take about {plural(found.more, 'more topic')} to tell." if found.more else ""
    return f"{name} can't be told apart from {pair.other}: {numbers}.{more}"
