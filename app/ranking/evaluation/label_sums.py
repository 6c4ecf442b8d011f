"""Statistics of labels as functions of how often each pattern of labels was seen. Undefined ones are NaN.

Shapes: P patterns, V levels, R annotators, K pairs of labels within patterns, C couples of annotators with an item in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .labels import Labels

if TYPE_CHECKING:
    import numpy as np

Kind = Literal["nominal", "ordinal", "interval"]
Weights = Literal["none", "linear", "quadratic"]
KINDS: tuple[Kind, ...] = ("nominal", "ordinal", "interval")
WEIGHTS: tuple[Weights, ...] = ("none", "linear", "quadratic")


class LabelCounts:
    """For alpha and Fleiss' kappa, which look at how often each level was given, not by whom."""

    def __init__(self, labels: Labels, pairs: LabelPairs) -> None:
        import numpy as np

        self.given = np.zeros((len(labels.patterns), len(labels.scale.levels)))  # P x V
        for row, pattern in zip(self.given, labels.patterns, strict=True):
            for _, level in pattern:
                row[level] += 1.0
        self.sizes = self.given.sum(axis=1)
        self.values = None if labels.scale.values is None else np.asarray(labels.scale.values)
        self.pairs = pairs

    def alphas(self, times: np.ndarray) -> list[float]:
        """Alpha for each kind: 1 - (n - 1) * sum(o d) / sum(n_c n_k d), o the matrix of coincidences (Krippendorff 2004, p. 232)."""
        import numpy as np

        weights = np.where(self.sizes > 1, times / np.maximum(self.sizes - 1.0, 1.0), 0.0)
        seen = self._coincidences(weights)
        margin = seen.sum(axis=0)
        return [self._alpha(seen, margin, kind) for kind in KINDS]

    def _coincidences(self, weights: np.ndarray) -> np.ndarray:
        """V x V: pairs of labels of one item, in both directions. Pair by pair where levels are many, by products where annotators are."""
        import numpy as np

        v = self.given.shape[1]
        if len(self.pairs.pattern) < self.given.size * v / 8:
            cells = self.pairs.left.astype(np.int64) * v + self.pairs.right
            once = np.bincount(cells, weights[self.pairs.pattern], v * v).reshape(v, v)
            return np.asarray(once + once.T)
        weighted = self.given * weights[:, None]
        seen = self.given.T @ weighted
        seen[np.diag_indices_from(seen)] -= weighted.sum(axis=0)
        return np.asarray(seen)

    def _alpha(self, seen: np.ndarray, margin: np.ndarray, kind: Kind) -> float:
        import numpy as np

        if kind == "nominal":
            apart = 1.0 - np.eye(len(margin))
        elif self.values is None:
            return np.nan
        else:
            # Ordinal: labels given between the two, each end counted half.
            places = np.cumsum(margin) - margin / 2.0 if kind == "ordinal" else self.values
            apart = (places[:, None] - places[None, :]) ** 2
        chance = float(margin @ apart @ margin)
        return 1.0 - float(margin.sum() - 1.0) * float((seen * apart).sum()) / chance if chance > 0.0 else np.nan

    def fleiss(self, times: np.ndarray) -> float:
        """Fleiss' kappa of items with m labels each (Fleiss 1971, equations 2 to 9)."""
        import numpy as np

        m, items = self.sizes[0], times.sum()
        alike = float(times @ ((self.given**2).sum(axis=1) - m)) / (items * m * (m - 1.0))
        chance = float((((times @ self.given) / (items * m)) ** 2).sum())
        return (alike - chance) / (1.0 - chance) if chance < 1.0 else np.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Couple:
    """Two annotators, by number, with how many items both labelled."""

    first: int
    second: int
    items: int


class LabelPairs:
    """For Cohen's kappas: all pairs of labels that two annotators gave to one item."""

    def __init__(self, labels: Labels) -> None:
        import numpy as np

        at, left, right, who = _pairs(labels)
        self.pattern, self.left, self.right = at, left, right  # K each
        codes, self.couple = np.unique(who, return_inverse=True)
        self.levels = len(labels.scale.levels)
        shared = np.bincount(self.couple, np.asarray(labels.times)[self.pattern], len(codes)).astype(int)
        split = [divmod(int(code), len(labels.annotators)) for code in codes]
        self.couples = [Couple(first=a, second=b, items=int(n)) for (a, b), n in zip(split, shared, strict=True)]

    def kappas(self, times: np.ndarray, weights: Sequence[Weights]) -> np.ndarray:
        """Weights x C: 1 - observed / expected disagreement (Cohen 1968)."""
        import numpy as np

        n, v, each = len(self.couples), self.levels, times[self.pattern]
        total = np.bincount(self.couple, each, n)
        left = np.bincount(self.couple * v + self.left, each, n * v).reshape(n, v)
        right = np.bincount(self.couple * v + self.right, each, n * v).reshape(n, v)
        steps = np.abs(np.arange(v)[:, None] - np.arange(v)[None, :]).astype(np.float64)
        out = np.full((len(weights), n), np.nan)
        for row, weight in zip(out, weights, strict=True):
            apart = (steps > 0).astype(np.float64) if weight == "none" else steps ** {"linear": 1, "quadratic": 2}[weight]
            chance = ((left @ apart) * right).sum(axis=1)
            observed = np.bincount(self.couple, each * apart[self.left, self.right], n)
            np.divide(observed * total, chance, out=row, where=chance > 0.0)
            np.subtract(1.0, row, out=row)
        return out


def _pairs(labels: Labels) -> tuple[np.ndarray, ...]:
    """Of each pair of labels within a pattern: the pattern, both levels, both annotators as one number. Patterns of a size go together."""
    import numpy as np

    sizes = np.asarray([len(pattern) for pattern in labels.patterns], dtype=np.int64)
    found = list[tuple[np.ndarray, ...]]()
    for size in np.unique(sizes[sizes > 1]):
        rows = np.flatnonzero(sizes == size)
        labelled = np.asarray([labels.patterns[row] for row in rows], dtype=np.int32)  # patterns x size x (annotator, level)
        one, other = np.triu_indices(size, 1)
        who = labelled[:, one, 0].astype(np.int64) * len(labels.annotators) + labelled[:, other, 0]
        found.append((np.repeat(rows, len(one)), labelled[:, one, 1].ravel(), labelled[:, other, 1].ravel(), who.ravel()))
    nothing = np.zeros(0, dtype=np.int64)
    return tuple(np.concatenate([nothing, *column]) for column in zip(*found, strict=True)) if found else (nothing,) * 4
