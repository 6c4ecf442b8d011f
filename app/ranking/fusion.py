"""What the first stage still has to say after reranking: fusion with its order, and a warning where the two disagree wildly.

Reranking hurts some domains (ReasonRank loses on LeetCode under every model, Table 1 of arXiv 2508.07050), and no list says so by itself.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import SettingsError
from .values import Passage

_LEAST = 10  # passages: below that a score can't stand out
_STANDS_OUT = 2.0  # standard deviations above the mean of the list
_FEW = 5  # a first stage that is sure of many passages at once is not sure


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """Weighted reciprocal rank fusion (Cormack et al. 2009): weight / (k + model rank) + (1 - weight) / (k + first-stage rank).

    `weight` 1 is the model's order, 0 the first stage's. Ranks are 1-based.
    """

    weight: float = 0.5
    k: int = 60

    def __post_init__(self) -> None:
        if not 0.0 <= self.weight <= 1.0 or self.k < 1:
            raise SettingsError(f"fusion with weight {self.weight} and k {self.k}: the weight is between 0 and 1, k at least 1")


def fuse(fusion: Fusion, first_stage: Sequence[Passage], ranked: Sequence[Passage]) -> tuple[Passage, ...]:
    """The passages of `ranked` in fused order; equal sums keep the model's order."""
    first_rank = {passage.id: rank for rank, passage in enumerate(first_stage, start=1)}

    def worth(place: tuple[int, Passage]) -> float:
        rank, passage = place
        return fusion.weight / (fusion.k + rank) + (1 - fusion.weight) / (fusion.k + first_rank[passage.id])

    return tuple(passage for _, passage in sorted(enumerate(ranked, start=1), key=worth, reverse=True))


def confident_head(first_stage: Sequence[Passage]) -> list[Passage]:
    """Passages that the first stage is sure of: at most five, each scored two standard deviations above the list's mean."""
    scores = [passage.score for passage in first_stage if passage.score is not None]
    if len(scores) < max(_LEAST, len(first_stage)):
        return []
    bound = statistics.fmean(scores) + _STANDS_OUT * statistics.pstdev(scores)
    head = [passage for passage in first_stage if passage.score is not None and passage.score > bound]
    return head if len(head) <= _FEW else []


def harm_note(first_stage: Sequence[Passage], ranked: Sequence[Passage]) -> str:
    """A sentence where every passage that the first stage was sure of ended in the lower half of the ranking; empty otherwise."""
    head = confident_head(first_stage)
    rank = {passage.id: place for place, passage in enumerate(ranked, start=1)}
    if not head or any(2 * rank[passage.id] <= len(ranked) for passage in head):
        return ""
    where = ", ".join(f"{passage.id} to rank {rank[passage.id]}" for passage in head)
    return (
        f"the first stage was sure of {len(head)} of {len(ranked)} passages and the model moved every one into the lower half ({where}): "
        "compare both orders before trusting this one, or fuse them"
    )
