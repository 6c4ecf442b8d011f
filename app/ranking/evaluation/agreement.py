"""Agreement of two raters on ordered grades."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from ..errors import InputError

Weights = Literal["none", "linear", "quadratic"]
_POWER: dict[Weights, int] = {"linear": 1, "quadratic": 2}


def cohen_kappa(first: Sequence[int], second: Sequence[int], weights: Weights = "none") -> float:
    """Cohen's kappa, 1 - observed / expected disagreement (Cohen 1960; weighted: Cohen 1968). Grades are ordinal whole numbers.

    Where both raters always give one and the same grade, 1. Raises InputError for lists that are empty or of different length.
    """
    if not first or len(first) != len(second):
        raise InputError(f"raters gave {len(first)} and {len(second)} grades: kappa needs the same items, at least one")

    def apart(a: int, b: int) -> float:
        return float(a != b) if weights == "none" else float(abs(a - b) ** _POWER[weights])

    n = len(first)
    observed = sum(apart(a, b) for a, b in zip(first, second, strict=True)) / n
    left, right = Counter(first), Counter(second)
    expected = sum(apart(a, b) * left[a] * right[b] for a in left for b in right) / (n * n)
    return 1.0 - observed / expected if expected else 1.0
