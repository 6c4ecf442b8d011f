"""What a version's manifest and card count, collected while its items go by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from training.synthesis.values import Item

from .values import HOLDOUT

UNKNOWN = "not stated"
_BY = {"domain": "domain", "stage": "split", "labelled_by": "labelled_by", "order_by": "order_by", "source": "source"}


class Counts:
    """Numbers of items, of examples by several features, and of what dropped the others."""

    def __init__(self) -> None:
        self._states: Counter[str] = Counter()
        self._examples = 0
        self._traces = 0
        self._by: dict[str, Counter[str]] = {name: Counter() for name in _BY}
        self._dropped: Counter[str] = Counter()
        self._only: Counter[str] = Counter()
        self._before: Counter[str] = Counter()
        self._licences: Counter[str] = Counter()
        self.holdout = 0

    def add(self, state: str, item: Item, dropped: Sequence[str], made: Mapping[str, Any] | None) -> None:
        """One item with what became of it."""
        self._states[state] += 1
        self._before[item.domain] += 1
        self._dropped.update(dropped)
        self._only.update(dropped[:1] if len(dropped) == 1 else ())
        self.holdout += HOLDOUT in dropped
        if made is not None:
            self._examples += 1
            self._traces += bool(made["trace"])
            self._licences[made["licence"] or UNKNOWN] += 1
            for name, key in _BY.items():
                self._by[name][made[key]] += 1

    @property
    def licences(self) -> dict[str, int]:
        """Examples by licence."""
        return dict(sorted(self._licences.items()))

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON holds it; keys sorted, so that the order of the items does not show."""
        return {
            "items": sum(self._states.values()),
            "examples": self._examples,
            "with_trace": self._traces,
            **{state: self._states[state] for state in ("made", "empty", "failed")},
            "before": dict(sorted(self._before.items())),
            **{name: dict(sorted(counted.items())) for name, counted in self._by.items()},
            "dropped_by": dict(sorted(self._dropped.items())),
            "dropped_by_one": dict(sorted(self._only.items())),
        }
