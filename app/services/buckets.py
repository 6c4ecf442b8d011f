"""Bars of the dashboard and the way back from each to its items: a bucket is a short text that says which comparisons are in a bar."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlencode

from app.ranking.errors import InputError
from app.services.comparisons import Comparison, Move

MOVED = 3  # places from which a passage counts as moved
BINS = 10
Band = tuple[int, int | None]
FIRST_BANDS: tuple[Band, ...] = ((1, 5), (6, 10), (11, 15), (16, 20), (21, None))
FLOW_BANDS: tuple[Band, ...] = ((1, 1), (2, 3), (4, 5), (6, 10), (11, 20), (21, None))
Holds = Callable[[Comparison], bool]


def band_of(rank: float, bands: tuple[Band, ...]) -> int:
    """Number of the band in which a 1-based rank lies; a middle rank such as 5.5 lies in the band that begins before it."""
    return max(number for number, (start, _) in enumerate(bands) if rank >= start)


def direction(move: Move) -> str:
    """Whether a person set a passage higher or lower than the model by MOVED places or more."""
    return "up" if move.up >= MOVED else "down" if move.up <= -MOVED else "same"


def bin_of(disagreement: float) -> int:
    """Number of the bin of a disagreement from 0 to 1."""
    return min(int(disagreement * BINS), BINS - 1)


def path(*, project: str | None, topic: str | None, model: str | None, bucket: str = "") -> str:
    """Address of the items of a bar."""
    given = {"project": project, "topic": topic, "model": model, "bucket": bucket}
    return "/api/v1/dashboard/items?" + urlencode({name: value for name, value in given.items() if value}, quote_via=quote)


def holds(bucket: str) -> tuple[Holds, str]:
    """A test of comparisons by a bucket, and what it says in words. Raises InputError for a text that is no bucket."""
    kind, _, rest = bucket.partition(":")
    try:
        return _KINDS[kind](rest)
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(f"bucket {bucket[:60]!r} is none of this dashboard's: take it from a bar") from error


def _bin(rest: str) -> tuple[Holds, str]:
    number = int(rest)
    if not 0 <= number < BINS:
        raise ValueError(rest)
    words = f"disagreement from {number / BINS:g} to {(number + 1) / BINS:g}"
    return lambda one: one.disagreement is not None and bin_of(one.disagreement) == number, words


def _first(rest: str) -> tuple[Holds, str]:
    place, way = rest.split(":")
    number = int(place)
    said = {"up": f"moved up by {MOVED} or more", "down": f"moved down by {MOVED} or more", "same": "left about where it was"}[way]
    words = f"a passage of first-stage ranks {told(FIRST_BANDS[number])} {said}"
    return lambda one: any(band_of(move.first, FIRST_BANDS) == number and direction(move) == way for move in one.moves.values()), words


def _flow(rest: str) -> tuple[Holds, str]:
    start, end = (int(part) for part in rest.split(":"))
    words = f"a passage from the model's ranks {told(FLOW_BANDS[start])} on people's ranks {told(FLOW_BANDS[end])}"

    def test(one: Comparison) -> bool:
        bands = ((band_of(move.model, FLOW_BANDS), band_of(move.people, FLOW_BANDS)) for move in one.moves.values())
        return (start, end) in bands

    return test, words


def _passage(rest: str) -> tuple[Holds, str]:
    list_id, _, passage = rest.partition(":")
    if not passage:
        raise ValueError(rest)
    return lambda one: one.list_id == list_id and passage in one.moves, f"passage {passage}"


def _day(rest: str) -> tuple[Holds, str]:
    if len(rest) != len("2026-11-28"):
        raise ValueError(rest)
    return lambda one: one.day == rest, f"judged on {rest}"


def told(band: Band) -> str:
    """A band in words."""
    start, end = band
    return f"{start} and below" if end is None else str(start) if start == end else f"{start} to {end}"


_KINDS: dict[str, Callable[[str], tuple[Holds, str]]] = {"bin": _bin, "first": _first, "flow": _flow, "passage": _passage, "day": _day}
