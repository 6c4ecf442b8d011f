"""What any trained model has to beat: a linear ranker over the six signals, and the one plan that does best without any training.

Both are fitted on labels and read nothing but evidence, as the embedded model does. The linear ranker is a pairwise logistic regression
without an intercept (RankNet with a linear score, Burges et al. 2005): of two passages of one list with different grades the higher one is
to have the higher score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from app.ranking.errors import InputError
from app.ranking.evaluation.metrics import ndcg
from app.ranking.evidence import SIGNALS, digits
from app.ranking.models.nano.cards import CHOICES, Plan, best_order, grade
from app.ranking.values import Passage

PLANS: tuple[Plan, ...] = tuple(Plan(first=first, then=then) for first in CHOICES for then in CHOICES)
"""All 49, in the order of the vocabulary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A list in first-stage order, annotated with signals, and grades by passage id."""

    passages: tuple[Passage, ...]
    grades: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A weighted sum of the six scaled signals; `weights` in the order of SIGNALS."""

    weights: tuple[float, ...]

    def order(self, passages: Sequence[Passage]) -> list[str]:
        """Passage ids by their sum, best first; equal sums keep their incoming order."""
        return [passage.id for passage in sorted(passages, key=self._score, reverse=True)]

    def _score(self, passage: Passage) -> float:
        return sum(w * passage.features[name] for w, name in zip(self.weights, SIGNALS, strict=True))


def fit_linear(lists: Sequence[Labelled], *, strength: float = 1.0) -> Linear:
    """Fit the pairwise ranker; `strength` is scikit-learn's C, the inverse of the L2 penalty.

    Every list has the same total weight, however many pairs it has. Raises InputError where no list tells two passages apart.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    rows: list[list[float]] = []
    weights: list[float] = []
    for listed in lists:
        pairs = _pairs(listed)
        rows += pairs
        weights += [1 / len(pairs) for _ in pairs]
    if not rows:
        raise InputError("no list has two passages of different grades: the linear ranker has nothing to learn from")
    # Each pair stands there both ways round, so that both classes are there and no intercept is called for.
    features = np.asarray(rows + [[-value for value in row] for row in rows])
    labels = np.repeat([1, 0], len(rows))
    # On average a pair weighs 1, which leaves the meaning of `strength` alone.
    shares = np.tile(weights, 2) * len(rows) / sum(weights)
    model = LogisticRegression(C=strength, fit_intercept=False, max_iter=1000).fit(features, labels, sample_weight=shares)
    return Linear(weights=tuple(float(weight) for weight in model.coef_[0]))


def _pairs(listed: Labelled) -> list[list[float]]:
    """Signals of the better passage less those of the worse one, for all pairs of different grades."""
    graded = [(passage, listed.grades[passage.id]) for passage in listed.passages if passage.id in listed.grades]
    return [
        [better.features[name] - worse.features[name] for name in SIGNALS]
        for better, high in graded
        for worse, low in graded
        if high > low
    ]  # fmt: skip


def plan_order(plan: Plan, passages: Sequence[Passage]) -> list[str]:
    """Passage ids in the order that a plan's exact grades lead to."""
    return [passages[at].id for at in best_order([grade(plan, digits(passage)) for passage in passages])]


def best_plan(lists: Sequence[Labelled]) -> Plan:
    """The one plan whose mean NDCG@10 over all lists is highest; of equally good ones the first of PLANS. Raises InputError for no list."""
    if not lists:
        raise InputError("no list was given: the best plan can't be told without one")
    return max(PLANS, key=lambda plan: mean(ndcg(plan_order(plan, one.passages), one.grades) for one in lists))
