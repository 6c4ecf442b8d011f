"""How well each of the 49 plans would have ranked a list, and how much of that is the list's own luck.

With ten passages that count, the best plan of a single list is mostly chance: the plan that wins on most lists is not among the best by
mean (docs/experiments.md). So a list's scores are drawn towards the means over all lists that people judged, and `own` says which share
of a list's departure from them is believed: 1 takes each list at its word, 0 teaches one choice for all. This is shrinkage as of James
and Stein (1961), with a share that is set and not estimated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from app.ranking.errors import InputError
from app.ranking.evaluation.metrics import ndcg
from app.ranking.evidence import digits
from app.ranking.models.nano.cards import Digits, Plan, best_order, grade
from app.ranking.values import Passage
from training.baselines import PLANS
from training.datasets.hindsight import gains_of
from training.datasets.version import Version

Scores = tuple[float, ...]
"""One number per plan, in the order of PLANS."""


def scores(cards: Sequence[Digits], gains: Sequence[int]) -> Scores:
    """NDCG@10 of every plan's ranking of the cards, by gains, one per card."""
    wanted = {str(at): gain for at, gain in enumerate(gains)}
    orders = (best_order([grade(plan, card) for card in cards]) for plan in PLANS)
    return tuple(ndcg([str(at) for at in order], wanted, 10) for order in orders)


def means(found: Iterable[Scores]) -> Scores:
    """The mean of each plan over lists. Raises InputError for none."""
    columns = list(zip(*found, strict=True))
    if not columns:
        raise InputError("no list says how good a plan is: give a version with judged lists")
    return tuple(fmean(column) for column in columns)


def means_of(version: Version) -> Scores:
    """The means over all lists of a version that have evidence, of both stages: what is learned of single lists stays in its stage."""
    return means(scores(*found) for one in version.examples() if (found := listed(one)) is not None)


def best(found: Scores) -> Plan:
    """The plan of the highest number; of equals the first."""
    return PLANS[max(range(len(PLANS)), key=found.__getitem__)]


def listed(example: Mapping[str, Any]) -> tuple[list[Digits], list[int]] | None:
    """Cards and gains of an example; None where its passages have no evidence."""
    passages = [Passage(id=one["id"], text="", features=one["features"]) for one in example["passages"]]
    try:
        return [digits(passage) for passage in passages], gains_of(example)
    except InputError:
        return None


def believed(own_scores: Scores, shared: Scores, own: float) -> Scores:
    """The means, and a share `own` (0 to 1) of how a list departs from them; its general level, which favours no plan, is left out."""
    level, usual = fmean(own_scores), fmean(shared)
    return tuple(mean + own * ((score - level) - (mean - usual)) for score, mean in zip(own_scores, shared, strict=True))
