"""How much is hoped to be learnt from judging a task once more: the largest of four disagreements, each from 0 to 1.

Distances are (1 - tau-b) / 2, the share of discordant pairs where nothing is tied: 0 the same order, 1 the reverse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from .evaluation.rank_agreement import tau_b
from .evaluation.weak_orders import WeakOrder

# Where two are equally large the first names the reason.
REASONS: Mapping[str, str] = {
    "people": "the people who judged it disagree",
    "model": "people put it in another order than the model",
    "instability": "the model's own orders of it differ",
    "first_stage": "the model moved far from the first stage's order",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinions:
    """What is said of a list. `models` are orders of its runs, newest first; `intervals` best and worst rank of each passage, 1-based."""

    first_stage: Sequence[str]
    models: Sequence[Sequence[str]] = ()
    people: Sequence[WeakOrder] = ()
    intervals: Mapping[str, Sequence[int]] | None = None


def signals_of(opinions: Opinions) -> dict[str, float]:
    """The parts that are defined, each from 0 to 1: people, model, instability, first_stage."""
    models = [_strict(order) for order in opinions.models]
    newest = models[:1]
    parts = {
        "people": _mean(distance(one, other) for one, other in combinations(opinions.people, 2)),
        "model": _mean(distance(one, order) for one in opinions.people for order in newest),
        "instability": _instability(opinions, models),
        "first_stage": _mean(distance(order, _strict(opinions.first_stage)) for order in newest),
    }
    return {name: round(value, 6) for name, value in parts.items() if value is not None}


def priority(signals: Mapping[str, float]) -> tuple[float, str]:
    """The largest part, and in plain words which it is; 0 and no words where nothing is known or nobody differs."""
    name = max(REASONS, key=lambda one: signals.get(one, 0.0))
    value = signals.get(name, 0.0)
    return (value, REASONS[name]) if value > 0 else (0.0, "")


def distance(one: WeakOrder, other: WeakOrder) -> float | None:
    """(1 - tau-b) / 2 over the passages that both ranked; None where that is not defined."""
    value = tau_b(one, other).value
    return None if value is None else (1 - value) / 2


def _instability(opinions: Opinions, models: Sequence[WeakOrder]) -> float | None:
    """Mean spread of the ranks over one run's orders, as a share of the widest there can be; else the mean distance between runs."""
    places = len(opinions.first_stage) - 1
    if opinions.intervals and places > 0:
        return min(1.0, fmean((worst - best) / places for best, worst in opinions.intervals.values()))
    return _mean(distance(one, other) for one, other in combinations(models, 2))


def _strict(order: Iterable[str]) -> WeakOrder:
    return WeakOrder.of([[passage] for passage in order])


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
