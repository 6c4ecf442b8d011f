"""The k best of many scores, in an order that is the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..errors import InputError
from ..values import Passage


def best(passages: Sequence[Passage], scores: Any, k: int, *, above: float | None = None) -> list[Passage]:
    """At most k passages with their scores, best first, ties by id; only those scoring more than `above` where it is given.

    `scores` is an array of one float per passage. Raises InputError for a negative k.
    """
    import numpy as np

    if k < 0:
        raise InputError(f"k is {k}: ask for 0 or more passages")
    rows = np.flatnonzero(scores > above) if above is not None else np.arange(len(passages))
    if 0 < k < len(rows):
        # All that tie with the k-th score stay in, so that ids and not memory order decide who is cut.
        rows = rows[scores[rows] >= np.partition(scores[rows], -k)[-k]]
    ordered = sorted(((-float(scores[row]), passages[row].id, row) for row in rows.tolist()), key=lambda item: item[:2])
    return [replace(passages[row], score=-negative) for negative, _, row in ordered[:k]]
