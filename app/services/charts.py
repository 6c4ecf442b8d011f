"""From comparisons to the data of charts. Pure: nothing of the database. Each bar has n and the way to its items."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any, TypeVar

from app.services import buckets
from app.services.buckets import BINS, FIRST_BANDS, FLOW_BANDS, MOVED, path
from app.services.comparisons import Comparison
from app.services.panel import over_tasks, plain

Json = dict[str, Any]
Key = TypeVar("Key")
CONTESTED = 30
CHANCE = 0.5


def grouped(all_: Iterable[Comparison], key: Callable[[Comparison], Key]) -> dict[Key, list[Comparison]]:
    """Comparisons by a key."""
    out: dict[Key, list[Comparison]] = {}
    for one in all_:
        out.setdefault(key(one), []).append(one)
    return out


def _by_list(some: Sequence[Comparison], value: Callable[[Comparison], float | None]) -> list[list[float]]:
    """Values by list, which are what an interval resamples: judgements of one list are not independent."""
    groups = grouped(some, lambda one: one.list_id).values()
    return [[found for one in group if (found := value(one)) is not None] for group in groups]


def cell(some: Sequence[Comparison], project: str | None, topic: str | None, objections: Mapping[str, int]) -> Json:
    """CELL of the HTTP interface, without fragility. All comparisons are of one model."""
    model = some[0].model
    tops = [one.top1 for one in some if one.top1 is not None]
    ways = Counter(buckets.direction(move) for one in some for move in one.moves.values())
    moved = sum(ways.values())
    why = "no two passages were ranked by the person and the model both"
    return {
        "topic": topic,
        "model": model,
        "n": len(some),
        "lists": len({one.list_id for one in some}),
        "visible": sum(one.visible for one in some),
        "holdout": sum(one.holdout for one in some),
        "tau": plain(over_tasks("(1 - tau-b) / 2", _by_list(some, lambda one: one.disagreement), why)),
        "rbo": plain(over_tasks("1 - RBO", _by_list(some, lambda one: one.rbo), why)),
        "top1": {"share": sum(tops) / len(tops) if tops else None, "n": len(tops)},
        **{way: {"share": ways[way] / moved if moved else None, "n": moved} for way in ("up", "down")},
        "bins": _bins(some, project, topic, model),
        "objections": {state: objections.get(state, 0) for state in ("new", "accepted", "rejected")},
        "bucket": "",
        "items": path(project=project, topic=topic, model=model),
    }


def _bins(some: Sequence[Comparison], project: str | None, topic: str | None, model: str) -> list[Json]:
    counts = Counter(buckets.bin_of(one.disagreement) for one in some if one.disagreement is not None)
    return [
        {
            "from": at / BINS,
            "to": (at + 1) / BINS,
            "n": counts[at],
            "bucket": f"bin:{at}",
            "items": path(project=project, topic=topic, model=model, bucket=f"bin:{at}"),
        }
        for at in range(BINS)
    ]


def with_fragility(cells: Sequence[Json]) -> list[Json]:
    """Cells of one topic, each with how many objections would change its place among the models, or against chance for the last one.

    An objection counts as one more judgement, of full trust, with the opposite order (disagreement 1), which is the most that it can do.
    With mean m over n judgements and the next model at t, k objections reach (n m + k) / (n + k) > t from k > n (t - m) / (1 - t) on.
    """
    known = sorted((one for one in cells if one["tau"]["value"] is not None), key=lambda one: one["tau"]["value"])
    places = {id(one): place for place, one in enumerate(known)}
    return [one | {"fragility": _fragility(one, known, places.get(id(one)))} for one in cells]


def _fragility(one: Json, known: Sequence[Json], place: int | None) -> Json:
    if place is None:
        return {"flips": None, "sentence": "There is no score that an objection could change."}
    mean, n, accepted = one["tau"]["value"], one["n"], one["objections"]["accepted"]
    after = known[place + 1] if place + 1 < len(known) else None
    if after is None and mean >= CHANCE:
        return {"flips": None, "sentence": "People agree with this model no better than chance: objections can't change that."}
    limit = CHANCE if after is None else after["tau"]["value"]
    result = "would make it no better than chance" if after is None else f"would put it behind {after['model']}"
    if limit >= 1.0:
        return {"flips": None, "sentence": "No number of objections would change its place."}
    flips = math.floor(n * (limit - mean) / (1.0 - limit) + 1e-9) + 1
    have = f"{accepted} {'is' if accepted == 1 else 'are'} accepted"
    many = "1 objection" if flips == 1 else f"{flips} objections"
    return {"flips": flips, "sentence": f"{many} of full trust and opposite order, if counted as judgements, {result}; {have}."}


def moves(all_: Sequence[Comparison], project: str | None, model: str | None) -> Json:
    """How often people moved passages against the model, by first-stage rank."""
    counts = Counter((buckets.band_of(move.first, FIRST_BANDS), buckets.direction(move)) for one in all_ for move in one.moves.values())
    bands = []
    for number, (start, end) in enumerate(FIRST_BANDS):
        n = sum(counts[number, way] for way in ("up", "same", "down"))
        bars = {}
        for way in ("up", "same", "down"):
            bucket = f"first:{number}:{way}"
            found = counts[number, way]
            items = path(project=project, topic=None, model=model, bucket=bucket)
            bars[way] = {"n": found, "share": found / n if n else None, "bucket": bucket, "items": items}
        bands.append({"from": start, "to": end, "n": n, **bars})
    return {"k": MOVED, "bands": bands}


def flow(all_: Sequence[Comparison], project: str | None, model: str | None) -> Json:
    """From the model's ranks to people's, in bands."""
    counts = Counter(
        (buckets.band_of(move.model, FLOW_BANDS), buckets.band_of(move.people, FLOW_BANDS)) for one in all_ for move in one.moves.values()
    )
    told = [
        {
            "model": start,
            "people": end,
            "n": n,
            "bucket": f"flow:{start}:{end}",
            "items": path(project=project, topic=None, model=model, bucket=f"flow:{start}:{end}"),
        }
        for (start, end), n in sorted(counts.items())
    ]
    return {"bands": [{"from": start, "to": end} for start, end in FLOW_BANDS], "counts": told}


def contested(all_: Sequence[Comparison], project: str | None) -> list[Json]:
    """Passages that people moved furthest, one or more people each: by |mean move| * n / (n + 1), so that one person weighs half."""
    found: dict[tuple[str, str, str], list[tuple[Comparison, float, float]]] = {}
    for one in all_:
        for passage, move in one.moves.items():
            found.setdefault((one.list_id, passage, one.model), []).append((one, move.model, move.people))
    rows = [_contested(key, values, project) for key, values in found.items()]
    rows.sort(key=lambda row: (-abs(row["move"]) * row["n"] / (row["n"] + 1), row["list"], row["passage_id"]))
    return [row for row in rows[:CONTESTED] if row["move"]]


def _contested(key: tuple[str, str, str], values: Sequence[tuple[Comparison, float, float]], project: str | None) -> Json:
    list_id, passage, model = key
    n, one = len(values), values[0][0]
    model_rank, people_rank = fmean(rank for _, rank, _ in values), fmean(rank for _, _, rank in values)
    spread = stdev(people for _, _, people in values) if n > 1 else None
    bucket = f"passage:{list_id}:{passage}"
    return {
        "passage_id": passage, "query": one.query, "list": list_id, "topic": one.topic, "model": model, "model_rank": model_rank,
        "people_rank": people_rank, "move": model_rank - people_rank, "spread": spread, "n": n, "bucket": bucket,
        "items": path(project=project, topic=None, model=model, bucket=bucket),
    }  # fmt: skip


def days(all_: Sequence[Comparison], project: str | None) -> list[Json]:
    """Mean disagreement by day and model."""
    out = []
    for (day, model), some in sorted(grouped(all_, lambda one: (one.day, one.model)).items()):
        known = [one.disagreement for one in some if one.disagreement is not None]
        items = path(project=project, topic=None, model=model, bucket=f"day:{day}")
        mean = math.fsum(known) / len(known) if known else None
        out.append({"day": day, "model": model, "n": len(some), "disagreement": mean, "bucket": f"day:{day}", "items": items})
    return out
