"""Headroom: how much of what is missing a better first stage would bring, and how much a better reranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from app.reporting.plots import Curve
from app.reporting.shown import Shown, sets_of
from app.reporting.text import number, percent, short

MEASURE = "nDCG@10"
"""Headroom is told in this measure, whatever else a bundle is judged by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One set of one bundle, as shares of a perfect 1. `unfound`: relevant passages that are not among the candidates; `unranked`: those
    that are, but not in their places. `gained`: what the reranking took of what it could have, None without a first stage or room.
    """

    title: str
    letter: str
    depth: int
    first: float | None
    ranked: float
    perfect: float
    gained: float | None

    @property
    def unfound(self) -> float:
        """Lost before any reranking."""
        return 1.0 - self.perfect

    @property
    def unranked(self) -> float:
        """Lost by the order of what was found."""
        return self.perfect - self.ranked

    @property
    def advice(self) -> str:
        """Which of the two is worth mending first, and its share of the loss."""
        if max(self.unfound, self.unranked) < 0.005:
            return "nothing left to mend"
        share = self.unfound / ((self.unfound + self.unranked) or 1.0)
        if 0.45 <= share <= 0.55:
            return "both alike"
        return f"retrieval, {percent(share)}" if share > 0.5 else f"reranking, {percent(1 - share)}"


def rooms(shown: Sequence[Shown]) -> tuple[Room, ...]:
    """One for each set and bundle that tell their headroom."""
    return tuple(
        room
        for about in sets_of(shown)
        for one in shown
        if about.name in one.sets and (room := _room(one, one.sets[about.name])) is not None
    )


def _room(one: Shown, about: Mapping[str, Any]) -> Room | None:
    ceiling, ranked, first = _ceiling(about), about["means"].get(MEASURE), (about.get("first") or {}).get(MEASURE)
    if not ceiling or ranked is None:
        return None
    wanted = int(one.manifest.get("depth") or 0) or max(ceiling)
    # What the reranking could see; a depth between two known ones is told by the upper, so that nobody takes more than all of the room.
    depth = min([known for known in ceiling if known >= wanted], default=max(ceiling))
    perfect = ceiling[depth]
    room = perfect - first if first is not None else 0.0
    gained = (ranked - first) / room if first is not None and room > 0.0005 else None
    return Room(title=short(about["title"], 80), letter=one.letter, depth=depth, first=first, ranked=ranked, perfect=perfect, gained=gained)


def curves(shown: Sequence[Shown]) -> tuple[Curve, ...]:
    """One a set: ceilings and first stage of the bundle with most topics that tells them, and every bundle's own mean."""
    out = list[Curve]()
    for one in sets_of(shown):
        abouts = {some.label: some.sets[one.name] for some in shown if one.name in some.sets}
        telling = [about for about in abouts.values() if _ceiling(about)]
        if telling:
            widest = max(telling, key=lambda about: int(about["topics"]))
            ceiling, first = _ceiling(widest), (widest.get("first") or {}).get(MEASURE)
            ranked = {label: about["means"][MEASURE] for label, about in abouts.items() if MEASURE in about["means"]}
            out.append(Curve(title=one.title, n=one.topics, ceiling=ceiling, first=first, ranked=ranked))
    return tuple(out)


def _ceiling(about: Mapping[str, Any]) -> dict[int, float]:
    return {int(depth): float(value) for depth, value in (about.get("headroom") or {}).items()}


def verdict(found: Sequence[Room], letter: str) -> str:
    """One sentence over the sets of a bundle: what is lost where, on the mean over sets."""
    mine = [room for room in found if room.letter == letter]
    if not mine:
        return ""
    unfound, unranked = fmean(room.unfound for room in mine), fmean(room.unranked for room in mine)
    ends = [sum(word in room.advice for room in mine) for word in ("retrieval", "reranking")]
    text = (
        f"Of a perfect {MEASURE} of 1 the first stage loses {number(unfound, 3)}, since relevant passages are not among its candidates, and"
        f" their order loses {number(unranked, 3)} (means over {len(mine)} set{'s' * (len(mine) > 1)})"
    )
    if max(unfound, unranked) < 0.005:
        return text + ": there is nothing left to mend."
    if len(mine) > 1 and all(ends):
        return text + f": retrieval is what to mend first on {ends[0]}, reranking on {ends[1]}."
    return text + f": {'retrieval' if unfound > unranked else 'reranking'} is what to mend first."
