"""Stability in a report: bundles that repeat each other, and rank intervals of a consensus."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from app.ranking.errors import InputError
from app.ranking.evaluation import metrics
from app.ranking.evaluation.stability import Consensus, Stability, consensus, stability
from app.reporting.shown import Shown

if TYPE_CHECKING:
    from app.ranking.evaluation.bundles.read import Bundle
    from app.ranking.evaluation.bundles.values import CallRow, Key

TOP = 20
"""Ranks of the chart of a consensus."""
_WHOLE = ("clean", "repaired")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """Bundles that were made alike but for luck, and how far they agree."""

    letters: tuple[str, ...]
    label: str
    found: Stability


def repeated(shown: Sequence[Shown], measure: str) -> tuple[Repeated, ...]:
    """Groups of two or more bundles of one model, prompt, strategy and thinking, on the topics that all of a group have."""
    groups: dict[str, list[Shown]] = {}
    for one in shown:
        if (one.manifest.get("model") or {}).get("name", "first_stage") != "first_stage":
            groups.setdefault(json.dumps(_alike(one.manifest), sort_keys=True), []).append(one)
    out = list[Repeated]()
    for group in groups.values():
        orders = {one.letter: _orders(one.bundle) for one in group} if len(group) > 1 else {}
        if len(orders) > 1 and set.intersection(*(set(found) for found in orders.values())):
            values = {one.letter: one.value(measure) for one in group}
            letters = tuple(orders)
            label = f"{', '.join(letters[:-1])} and {letters[-1]}"
            out.append(Repeated(letters=letters, label=label, found=stability(orders, values)))
    return tuple(out)


def _alike(manifest: Mapping[str, Any]) -> Any:
    """What repeats have in common: everything but seeds."""
    model, strategy = manifest.get("model") or {}, manifest.get("strategy") or {}
    plain = {name: value for name, value in strategy.items() if name not in ("seed", "shuffle")}
    rest = [manifest.get(name) for name in ("suite", "profile", "thinking", "fusion", "depth", "passage_tokens")]
    return [model.get("name"), model.get("revision"), plain, *rest]


def _orders(bundle: Bundle) -> dict[Key, list[str]]:
    return {
        (about["name"], topic): metrics.ordered(dict(scored))
        for about in bundle.sets
        for topic, scored in bundle.run(about["name"]).items()
        if scored
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Rank intervals of one bundle; `best` and `worst` are means over topics by rank in the central order."""

    letter: str
    found: Consensus
    best: tuple[float, ...]
    worst: tuple[float, ...]


def intervals(one: Shown) -> Intervals | None:
    """Of a consensus whose calls saw the whole list of a topic several times; None elsewhere."""
    if (one.manifest.get("strategy") or {}).get("name") != "consensus" or not one.bundle.has_calls:
        return None
    orders: dict[Key, list[tuple[str, ...]]] = {}
    for call in one.bundle.calls():
        if _usable(call):
            orders.setdefault(call.key, []).append(call.order)
    same = {key: found for key, found in orders.items() if len({frozenset(order) for order in found}) == 1}
    try:
        found = consensus(same)
    except InputError:  # windows smaller than the lists: no call saw all of one
        return None
    ranks = range(min(TOP, min(len(rows) for rows in found.topics.values())))
    best, worst = (
        tuple(fmean(getattr(rows[rank], side) for rows in found.topics.values()) for rank in ranks) for side in ("best", "worst")
    )
    return Intervals(letter=one.letter, found=found, best=best, worst=worst)


def _usable(call: CallRow) -> bool:
    return call.outcome in _WHOLE and bool(call.order)
