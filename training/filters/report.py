"""What the filters found, as JSON: survivors by domain, what each filter drops and what it alone drops, scores as histograms, costs."""

from __future__ import annotations

import bisect
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from training.synthesis.values import Item

from . import FILTERS, described, dropped_by
from .votes import asks_for_hard, pointwise

BINS = 20


class Judged(Protocol):
    """An item with its scores: `training.synthesis.stored.StoredItem` is one."""

    @property
    def item(self) -> Item:
        """The item."""
        ...

    @property
    def scores(self) -> Mapping[str, float | None]:
        """Scores by filter."""
        ...

    @property
    def state(self) -> str:
        """made, empty or failed."""
        ...


@dataclass(slots=True)
class _Domain:
    """Sums of one domain. Costs are of all its items, whatever became of them."""

    made: int = 0
    kept: int = 0
    states: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    only: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    tokens: int = 0
    cost: float = 0.0
    labels: Counter[tuple[bool, bool]] = field(default_factory=Counter)  # (teacher, people) -> passages
    compared: int = 0


class Report:
    """Adds up items one by one; memory depends on the number of domains alone."""

    def __init__(self, thresholds: Mapping[str, float]) -> None:
        self._thresholds = dict(thresholds)
        self._domains: defaultdict[str, _Domain] = defaultdict(_Domain)
        self._edges = {
            name: [round(one.low + (one.high - one.low) * step / BINS, 6) for step in range(BINS + 1)] for name, one in FILTERS.items()
        }
        self._counts: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * BINS)
        self._none: Counter[str] = Counter()

    def add(self, judged: Judged) -> None:
        """Count an item. Only items with a ranking are judged; the others cost money, too."""
        domain = self._domains[judged.item.domain]
        domain.states[judged.state] += 1
        domain.calls += judged.item.cost.calls
        domain.tokens += judged.item.cost.tokens_in + judged.item.cost.tokens_out
        domain.cost += judged.item.cost.cost
        _compare(domain, judged.item)
        if judged.state != "made":
            return
        domain.made += 1
        dropped = dropped_by(judged.scores, self._thresholds)
        domain.kept += not dropped
        domain.dropped.update(dropped)
        domain.only.update(dropped if len(dropped) == 1 else ())
        for name in FILTERS:
            self._place(name, judged.item.domain, judged.scores.get(name))

    def _place(self, name: str, domain: str, value: float | None) -> None:
        if value is None:
            self._none[name] += 1
            return
        at = bisect.bisect_right(self._edges[name], value) - 1
        self._counts[name, domain][min(BINS - 1, max(0, at))] += 1

    def json(self, *, teacher: str, embedded: bool, currency: str | None = None) -> dict[str, Any]:
        """The report. A bin holds its lower edge, the last one both. `cost_per_kept` is None where nothing is kept."""
        names = sorted(self._domains)
        return {
            "before": sum(one.made for one in self._domains.values()),
            "after": sum(one.kept for one in self._domains.values()),
            "domains": [_domain_json(name, self._domains[name]) for name in names],
            "filters": [{**one, "histogram": self._histogram(one["name"], names)} for one in described(self._thresholds)],
            "agreement": _agreements({name: self._domains[name] for name in names}),
            "teacher": teacher,
            "embedded": embedded,
            "currency": currency,
        }

    def _histogram(self, name: str, domains: Sequence[str]) -> dict[str, Any]:
        counts = {domain: self._counts[name, domain] for domain in domains if (name, domain) in self._counts}
        return {"edges": self._edges[name], "counts": counts, "none": self._none[name]}


def _domain_json(name: str, one: _Domain) -> dict[str, Any]:
    return {
        "domain": name, "before": one.made, "after": one.kept, "dropped": dict(sorted(one.dropped.items())),
        "only": dict(sorted(one.only.items())), "failed": one.states["failed"], "empty": one.states["empty"], "calls": one.calls,
        "tokens": one.tokens, "cost": round(one.cost, 6), "cost_per_kept": round(one.cost / one.kept, 6) if one.kept else None,
    }  # fmt: skip


def _compare(domain: _Domain, item: Item) -> None:
    """The teacher's majority against the labels of people, passage by passage."""
    if item.labelled_by == "teacher":
        return
    said: defaultdict[str, list[bool]] = defaultdict(list)
    for (prompt, _), grades in pointwise(item).items():
        if not asks_for_hard(prompt):
            for id_, grade in grades.items():
                said[id_].append(grade > 0)
    both = [(2 * sum(votes) > len(votes), item.grades[id_] > 0) for id_, votes in said.items() if id_ in item.grades]
    domain.labels.update(both)
    domain.compared += bool(both)


def _agreements(domains: Mapping[str, _Domain]) -> dict[str, Any]:
    """Over all passages with labels of both, and by domain; empty where there are none."""
    found = {name: _agreement(one.labels, one.compared) for name, one in domains.items() if one.compared}
    if not found:
        return {}
    total = sum((one.labels for one in domains.values()), Counter[tuple[bool, bool]]())
    return {**_agreement(total, sum(one.compared for one in domains.values())), "domains": found}


def _agreement(labels: Mapping[tuple[bool, bool], int], items: int) -> dict[str, Any]:
    """Precision and recall of the teacher's labels against people's, and Cohen's kappa (1960); None where undefined."""
    both, teacher, people, neither = (labels.get(pair, 0) for pair in ((True, True), (True, False), (False, True), (False, False)))
    n = both + teacher + people + neither
    chance = ((both + teacher) * (both + people) + (neither + teacher) * (neither + people)) / n**2
    return {
        "items": items,
        "passages": n,
        "kappa": round(((both + neither) / n - chance) / (1 - chance), 6) if chance < 1 else None,
        "precision": round(both / (both + teacher), 6) if both + teacher else None,
        "recall": round(both / (both + people), 6) if both + people else None,
    }
