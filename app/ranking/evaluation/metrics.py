"""Ranking metrics in trec_eval's conventions (Buckley and Voorhees), as pure functions of plain mappings.

Passages are ordered by score, compared as 32-bit floats, ties by id descending; ranks in a run file are ignored. Gain is linear; the
ideal is taken over all judgements of the topic; a grade of 1 or more is relevant. Every topic of the qrels counts: one missing from the
run scores 0, one with no relevant passage scores 0.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence

from ..errors import SettingsError

Qrels = Mapping[str, Mapping[str, int]]  # topic -> passage id -> grade
Run = Mapping[str, Mapping[str, float]]  # topic -> passage id -> score
Grades = Mapping[str, int]


def ordered(scores: Mapping[str, float]) -> list[str]:
    """Passage ids best first, as trec_eval sorts them."""
    return sorted(scores, key=lambda id_: (_float32(scores[id_]), id_), reverse=True)


def ndcg(ids: Sequence[str], grades: Grades, k: int = 10) -> float:
    """Normalised discounted cumulative gain of the first k (Jarvelin and Kekalainen 2002, linear gain, discount log2(rank + 1))."""
    ideal = _dcg(sorted((grade for grade in grades.values() if grade > 0), reverse=True)[:k])
    return _dcg([max(0, grades.get(id_, 0)) for id_ in ids[:k]]) / ideal if ideal else 0.0


def recall(ids: Sequence[str], grades: Grades, k: int) -> float:
    """Share of the relevant passages among the first k."""
    relevant = _relevant(grades)
    return len(relevant.intersection(ids[:k])) / len(relevant) if relevant else 0.0


def precision(ids: Sequence[str], grades: Grades, k: int) -> float:
    """Share of the first k that are relevant; always divided by k, as trec_eval does for short lists."""
    return len(_relevant(grades).intersection(ids[:k])) / k


def reciprocal_rank(ids: Sequence[str], grades: Grades, k: int | None = None) -> float:
    """1 / rank of the first relevant passage (among the first k), 0 where there is none."""
    relevant = _relevant(grades)
    return next((1.0 / rank for rank, id_ in enumerate(ids[:k], start=1) if id_ in relevant), 0.0)


def average_precision(ids: Sequence[str], grades: Grades, k: int | None = None) -> float:
    """Mean over all relevant passages of the precision where each is found (among the first k)."""
    relevant = _relevant(grades)
    found, total = 0, 0.0
    for rank, id_ in enumerate(ids[:k], start=1):
        if id_ in relevant:
            found += 1
            total += found / rank
    return total / len(relevant) if relevant else 0.0


Measure = Callable[[Sequence[str], Grades], float]

# By the names of ir_measures. A cut is written `@10`; those that need one refuse to go without.
_CUT: Mapping[str, Callable[[Sequence[str], Grades, int], float]] = {
    "nDCG": ndcg,
    "R": recall,
    "P": precision,
    "RR": reciprocal_rank,
    "AP": average_precision,
}
_WHOLE: Mapping[str, Measure] = {
    "nDCG": lambda ids, grades: ndcg(ids, grades, max(len(ids), len(grades), 1)),
    "RR": reciprocal_rank,
    "AP": average_precision,
}


def measure(name: str) -> Measure:
    """A measure by name: nDCG@10, R@20, P@5, RR, RR@10, AP. Raises SettingsError for anything else."""
    match = re.fullmatch(r"(nDCG|R|P|RR|AP)(?:@([1-9]\d*))?", name)
    if match is None or (match[2] is None and match[1] not in _WHOLE):
        raise SettingsError(f"measure {name!r} is unknown: use nDCG@k, R@k, P@k, RR, RR@k, AP or AP@k with a whole number k above 0")
    if match[2] is None:
        return _WHOLE[match[1]]
    function, k = _CUT[match[1]], int(match[2])
    return lambda ids, grades: function(ids, grades, k)


def per_topic(name: str, qrels: Qrels, run: Run) -> dict[str, float]:
    """The measure for every topic of the qrels, in their order."""
    function = measure(name)
    return {topic: function(ordered(run.get(topic, {})), grades) for topic, grades in qrels.items()}


def mean(name: str, qrels: Qrels, run: Run) -> float:
    """Mean of the measure over all topics of the qrels; 0 for no topic."""
    values = per_topic(name, qrels, run)
    return sum(values.values()) / len(values) if values else 0.0


def as_run(rankings: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    """Orders as a run: the scores are whole numbers falling to 1, so that no tie can reorder them."""
    return {topic: {id_: float(len(ids) - place) for place, id_ in enumerate(ids)} for topic, ids in rankings.items()}


def _dcg(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def _relevant(grades: Grades) -> set[str]:
    return {id_ for id_, grade in grades.items() if grade > 0}


def _float32(value: float) -> float:
    """The nearest 32-bit float; beyond its range, infinity."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.inf if value > 0 else -math.inf
