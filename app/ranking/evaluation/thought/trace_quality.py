"""How true traces are to their own answers, from what they say of passages: consistency, claims per passage, contradictions.

Nothing here knows the right order: a trace may be perfectly consistent and wrong. A claim is read as everywhere else
(`app.ranking.claims`): by a template's own grammar, or as a sentence that cites passages, with its polarity. docs/method.md has the
definitions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...claims import claims
from ...errors import InputError
from ...protocols import PromptTemplate
from ...values import Claim, Passage

# A side as a number, for traces that give no grades.
_SIDES: Mapping[str, float] = {"for": 1.0, "neutral": 0.0, "against": -1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One trace with its answer: `shown` are passage ids in the order of the prompt, `order` the same ids as answered, best first."""

    template: PromptTemplate
    reasoning: str
    shown: tuple[str, ...]
    order: tuple[str, ...]

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What the trace says of its passages; only their ids and places matter for that."""
        return claims(self.template, self.reasoning, [Passage(id=one, text="") for one in self.shown])


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTrace:
    """A single trace in numbers. `consistency` is None where it tells no two passages apart, `contradictions` where it speaks of none.

    `told` counts the pairs told apart; `claims_per_passage` and `spoken` are per passage shown.
    """

    consistency: float | None
    told: int
    claims_per_passage: float
    spoken: float
    contradictions: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceQuality:
    """Means over `n` traces, each trace counting the same; None where no trace has the value.

    `consistency`: share, 0 to 1, of the pairs of passages told apart by a trace that its answer has the same way round, over the `n_told`
    traces that tell any apart. `claims_per_passage`: claims about a passage, per passage shown. `spoken`: share of the passages shown that
    the trace speaks of. `contradiction_rate`: share of those of which it says both for and against, or gives different grades, over the
    `n_spoken` traces that speak of any.
    """

    consistency: float | None
    claims_per_passage: float | None
    spoken: float | None
    contradiction_rate: float | None
    n: int
    n_told: int
    n_spoken: int

    @property
    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def last_said(said: Iterable[Claim]) -> dict[str, float]:
    """The last word of a trace on each passage it speaks of: its grade where the claim has one, else 1 for, 0 neutral, -1 against."""
    return {one: claim.grade if claim.grade is not None else _SIDES[claim.polarity] for claim in said for one in claim.passage_ids}


def consistency(said: Iterable[Claim], order: Sequence[str]) -> tuple[float | None, int]:
    """Share of the pairs that claims tell apart which `order` (ids, best first) has the same way round, and the number of such pairs.

    Two passages are told apart where the last word on one is above the last word on the other. The share is None for no such pair.
    Raises InputError where `order` lacks a passage that is spoken of.
    """
    values, rank = last_said(said), {one: place for place, one in enumerate(order)}
    missing = [one for one in values if one not in rank]
    if missing:
        raise InputError(f"the order lacks passage {missing[0]!r}, which the trace speaks of: give the whole order of the window")
    told = [(a, b) for a in values for b in values if values[a] > values[b]]
    return (sum(rank[a] < rank[b] for a, b in told) / len(told), len(told)) if told else (None, 0)


def contradicted(said: Iterable[Claim]) -> tuple[int, int]:
    """How many passages claims speak of, and of how many they say both for and against or give different grades."""
    sides: dict[str, set[str]] = {}
    grades: dict[str, set[float]] = {}
    for claim in said:
        for one in claim.passage_ids:
            sides.setdefault(one, set()).add(claim.polarity)
            grades.setdefault(one, set()).update([] if claim.grade is None else [claim.grade])
    both = sum(sides[one] >= {"for", "against"} or len(grades[one]) > 1 for one in sides)
    return len(sides), both


def one_trace(trace: Trace) -> OneTrace:
    """A trace in numbers. Raises InputError for an order that lacks a passage it speaks of, or for no passage shown."""
    if not trace.shown:
        raise InputError("a trace about no passage can't be measured: give the ids in the order of the prompt")
    said = trace.claims
    share, told = consistency(said, trace.order)
    spoken, both = contradicted(said)
    return OneTrace(
        consistency=share,
        told=told,
        claims_per_passage=sum(len(claim.passage_ids) for claim in said) / len(trace.shown),
        spoken=spoken / len(trace.shown),
        contradictions=both / spoken if spoken else None,
    )


def trace_quality(traces: Iterable[Trace]) -> TraceQuality:
    """Means over traces, in one pass; calls without a trace (blank reasoning) are left out, also of `n`. Raises what `one_trace` raises."""
    return summed(one_trace(trace) for trace in traces if trace.reasoning.strip())


def by_version(traces: Iterable[tuple[str, Trace]]) -> dict[str, TraceQuality]:
    """The same for each version of a model (any name), in the order in which they are first met; versions without a trace have n = 0."""
    found: dict[str, list[OneTrace]] = {}
    for version, trace in traces:
        kept = found.setdefault(version, [])
        if trace.reasoning.strip():
            kept.append(one_trace(trace))
    return {version: summed(kept) for version, kept in found.items()}


def summed(traces: Iterable[OneTrace]) -> TraceQuality:
    """Means over single traces."""
    consistent, contradictory, dense, spoken = _Mean(), _Mean(), _Mean(), _Mean()
    for trace in traces:
        dense.add(trace.claims_per_passage)
        spoken.add(trace.spoken)
        consistent.add(trace.consistency)
        contradictory.add(trace.contradictions)
    return TraceQuality(
        consistency=consistent.value,
        claims_per_passage=dense.value,
        spoken=spoken.value,
        contradiction_rate=contradictory.value,
        n=dense.n,
        n_told=consistent.n,
        n_spoken=contradictory.n,
    )


class _Mean:
    """A mean in one pass; None adds nothing."""

    def __init__(self) -> None:
        self.n, self._sum = 0, 0.0

    def add(self, value: float | None) -> None:
        if value is not None:
            self.n += 1
            self._sum += value

    @property
    def value(self) -> float | None:
        return self._sum / self.n if self.n else None
