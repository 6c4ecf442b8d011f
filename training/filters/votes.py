"""Scores by votes: the teacher's order against labels, its answers among each other, and people as a third voter."""

from __future__ import annotations

import functools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from app.ranking.errors import RankingError
from app.ranking.evaluation.metrics import ndcg
from app.ranking.evaluation.rank_agreement import tau_ap_b
from app.ranking.evaluation.weak_orders import WeakOrder
from training.synthesis.prompts import mining_prompt
from training.synthesis.values import Item, Opinion, Sample

from .values import NOTHING, Score

DEPTH = 10
_TOLD = 3  # reasons per score


def consistency(item: Item) -> Score:
    """NDCG@10 of the chosen order by the labels that count, 0 to 1 (linear gain, ideal over the list); None without a positive.

    The check of the ReasonRank paper (arXiv 2508.07050, section 3.2), there with binary labels and a threshold of 0.4: a single positive
    has to stand among the first four.
    """
    best = item.best
    positives = [id_ for id_, grade in item.grades.items() if grade > 0]
    if best is None or not positives:
        return NOTHING
    rank = {id_: place for place, id_ in enumerate(best.order, start=1)}
    top = max(item.grades.values())
    late = sorted((rank.get(id_, len(rank) + 1), id_) for id_ in positives if item.grades[id_] == top)
    reasons = tuple(
        f"a passage labelled {top}, {numbered(best, id_)}, stands {nth(place)}" for place, id_ in late if place > len(positives)
    )
    return Score(value=ndcg(best.order, item.grades, DEPTH), reasons=reasons[:_TOLD])


def samples(item: Item) -> Score:
    """Mean AP correlation (tau_AP,b of Urbano and Marrero 2017) of all pairs of clean answers, -1 to 1; None for fewer than two.

    It is symmetric, 1 for equal orders, 0 by chance for any length, and errors at the top weigh most: of twenty passages most are of no
    use, nobody says in which order those must stand, and Kendall's tau would count that noise as disagreement. RBO weighs the top, too,
    but its value by chance depends on the length of the list.
    """
    clean = [one for one in item.samples if one.outcome == "clean"]
    if len(clean) < 2:
        return NOTHING
    values = [(_agreement(a, b), a.sample, b.sample) for a, b in combinations(clean, 2)]
    told = [(value, a, b) for value, a, b in values if value is not None]
    if not told:
        return NOTHING
    least, a, b = min(told)
    reasons = (f"answers {a + 1} and {b + 1} agree least: {least:.2f}",) if least < 1.0 else ()
    return Score(value=math.fsum(value for value, _, _ in told) / len(told), reasons=reasons)


def _agreement(first: Sample, second: Sample) -> float | None:
    return tau_ap_b(WeakOrder.of([[id_] for id_ in first.order]), WeakOrder.of([[id_] for id_ in second.order])).value


def labels(item: Item) -> Score:
    """Agreement on what is relevant, 0 to 1: mean positive agreement of all pairs of votes; None where there is nothing to compare.

    A vote is one pointwise sample (all windows of it), or the human labels; votes are compared over the passages that both saw. Samples of
    different prompts ask for different things and are not compared, and a prompt for hard negatives not with people. Positive agreement
    is 2 a / (2 a + b + c) with a passages relevant to both (Cicchetti and Feinstein 1990): of twenty passages most are relevant to nobody,
    so that plain agreement is high whoever votes.
    """
    votes = pointwise(item)
    found = [
        value
        for (one, mine), (other, theirs) in combinations(votes.items(), 2)
        if one[0] == other[0] and (value := _positive_agreement(mine, theirs)) is not None
    ]
    human = item.grades if item.labelled_by != "teacher" else {}
    against = [mine for (prompt, _), mine in votes.items() if human and not asks_for_hard(prompt)]
    found += [value for mine in against if (value := _positive_agreement(mine, human)) is not None]
    if not found:
        return NOTHING
    said = [*(mine for (prompt, _), mine in votes.items() if not asks_for_hard(prompt)), *([human] if human else [])]
    return Score(value=math.fsum(found) / len(found), reasons=_disputed(said))


def pointwise(item: Item) -> dict[tuple[str, int], dict[str, int]]:
    """Grades by passage id of every pointwise sample, by (prompt, sample): its windows together."""
    votes: dict[tuple[str, int], dict[str, int]] = {}
    for one in item.mined:
        votes.setdefault((one.prompt, one.sample), {}).update(one.grades)
    return votes


@functools.cache
def asks_for_hard(prompt: str) -> bool:
    """Whether a mining prompt looks for hard negatives, so that what it names is not relevant."""
    try:
        return mining_prompt(prompt).marks == "hard"
    except RankingError:
        return False  # a prompt that is no longer there


def _positive_agreement(one: Mapping[str, int], other: Mapping[str, int]) -> float | None:
    both = one.keys() & other.keys()
    a, b = ({id_ for id_ in both if grades[id_] > 0} for grades in (one, other))
    return 2 * len(a & b) / (len(a) + len(b)) if a or b else None


def _disputed(votes: Sequence[Mapping[str, int]]) -> tuple[str, ...]:
    """Passages on which the votes differ, those in the middle first."""
    said: defaultdict[str, list[bool]] = defaultdict(list)
    for vote in votes:
        for id_, grade in vote.items():
            said[id_].append(grade > 0)
    split = sorted((abs(sum(each) / len(each) - 0.5), id_, each) for id_, each in said.items() if 0 < sum(each) < len(each))
    return tuple(f"passage {shortened(id_)} is relevant to {sum(each)} of {len(each)} votes" for _, id_, each in split[:_TOLD])


def people(item: Item) -> Score:
    """Share of the pairs ordered by people that the chosen order has the same way, 0 to 1; None without such a pair.

    Every opinion counts each pair that it orders strictly with its trust; ties say nothing. Grades are taken where there is no order.
    """
    best = item.best
    if best is None:
        return NOTHING
    rank = {id_: place for place, id_ in enumerate(best.order)}
    wrong, weight, total = Counter[tuple[str, str]](), 0.0, 0.0
    for opinion in item.opinions:
        for better, worse in _ordered(opinion, rank):
            total += opinion.trust
            if rank[better] < rank[worse]:
                weight += opinion.trust
            else:
                wrong[better, worse] += 1
    if total <= 0.0:
        return NOTHING
    return Score(value=weight / total, reasons=_reversed(best, rank, wrong))


def _ordered(opinion: Opinion, known: Mapping[str, int]) -> Iterable[tuple[str, str]]:
    """Pairs (better, worse) that a person set apart, of passages of the list."""
    levels: dict[str, int] = {}
    for level, group in enumerate((*opinion.order, opinion.not_relevant)):
        for id_ in group:
            levels.setdefault(id_, level)
    levels = levels or {id_: -grade for id_, grade in opinion.grades.items()}
    kept = [(level, id_) for id_, level in levels.items() if id_ in known]
    return [(one, other) for (a, one), (b, other) in _both_ways(kept) if a < b]


def _both_ways(kept: Sequence[tuple[int, str]]) -> Iterable[tuple[tuple[int, str], tuple[int, str]]]:
    for one, other in combinations(kept, 2):
        yield (one, other) if one[0] <= other[0] else (other, one)


def _reversed(best: Sample, rank: Mapping[str, int], wrong: Mapping[tuple[str, str], int]) -> tuple[str, ...]:
    """The pairs that are furthest the other way round."""
    far = sorted(wrong, key=lambda pair: (-wrong[pair] * (rank[pair[0]] - rank[pair[1]]), pair))
    return tuple(
        f"people put {numbered(best, a)} before {numbered(best, b)}, the list has them {nth(rank[a] + 1)} and {nth(rank[b] + 1)}"
        for a, b in far[:_TOLD]
    )


def numbered(sample: Sample, id_: str) -> str:
    """A passage as the trace names it: its number in the prompt; its id where it was not shown."""
    return f"[{sample.shown.index(id_) + 1}]" if id_ in sample.shown else shortened(id_)


def shortened(id_: str) -> str:
    """An id for a sentence."""
    return id_ if len(id_) <= 40 else f"{id_[:39]}\u2026"


def nth(rank: int) -> str:
    """A rank in words: 1st, 2nd, 13th, 21st."""
    ending = "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{rank}{ending}"
