"""The plan the embedded model is taught to choose before it has met a single judgement: a rule over the list, no label in it.

Four of the six signals count words, two compare meaning. Where both kinds pick the same passages the plain sum is as good as anything;
the less they agree, or the fewer of the query's rare terms stand anywhere in the list, the more shared words mislead, and the more
weight meaning gets.
"""

from __future__ import annotations

from collections.abc import Sequence

from .cards import ALL, Digits, Plan, agreement, best_coverage


def usual_plan(cards: Sequence[Digits]) -> Plan:
    """The cold start's plan for a list of cards; it depends on nothing but `agreement` and `best_coverage`."""
    agree, coverage = agreement(cards), best_coverage(cards)
    if coverage <= 2:
        return Plan(first="meaning", then="sentence")
    if agree <= 1:
        return Plan(first="meaning", then=ALL)
    if agree <= 3:
        return Plan(first=ALL, then="meaning")
    return Plan()
