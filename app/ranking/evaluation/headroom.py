"""How much reranking can win: nDCG@10 of a perfect reranking of the first d candidates, by topic and depth, beside the first stage's own.

A perfect reranking puts the first d candidates in order of falling grade; what was not retrieved stays lost, so the gap between it and 1 is
what only better retrieval can win. Conventions of trec_eval (see `metrics`): linear gain, ideal over all judgements, every topic counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import InputError
from .metrics import Grades, Qrels, ndcg, ordered, recall

if TYPE_CHECKING:
    import pandas as pd

DEPTHS = (10, 20, 30, 40, 50, 75, 100)
CUT = 10
"""nDCG is cut here."""
Orders = Mapping[str, Sequence[tuple[str, float]]]
"""A first stage by topic: (passage id, score), best first."""
ByDepth = Mapping[int, float]
# A first stage has lost about as much to retrieval as to order where the shares are nearer than this.
_EVEN = 1.25


class Judged(Protocol):
    """A test collection: grades and a first stage by topic."""

    @property
    def qrels(self) -> Qrels:
        """Grades by topic and passage id."""
        ...

    @property
    def run(self) -> Orders:
        """First stage by topic."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """nDCG@10 by topic, between 0 and 1: `first` of the first stage as trec_eval reads it, `ceiling` of a perfect reranking by depth.

    `recall` is the share of the relevant passages among the first candidates, by depth.
    """

    depths: tuple[int, ...]
    first: Mapping[str, float]
    ceiling: Mapping[str, ByDepth]
    recall: Mapping[str, ByDepth]

    @property
    def n(self) -> int:
        """Topics."""
        return len(self.first)

    @property
    def mean_first(self) -> float:
        """Mean of the first stage."""
        return fmean(self.first.values())

    def mean_ceiling(self, depth: int) -> float:
        """Mean of a perfect reranking at a depth. Raises KeyError for a depth that was not asked for."""
        return fmean(by[depth] for by in self.ceiling.values())

    def mean_recall(self, depth: int) -> float:
        """Mean recall at a depth. Raises KeyError for a depth that was not asked for."""
        return fmean(by[depth] for by in self.recall.values())

    @property
    def means(self) -> dict[int, float]:
        """Mean of a perfect reranking by depth."""
        return {depth: self.mean_ceiling(depth) for depth in self.depths}

    @property
    def sentence(self) -> str:
        """Whether retrieval or reranking is to be mended first, in points of nDCG@10 times 100."""
        deepest = self.depths[-1]
        now, best = 100 * self.mean_first, 100 * self.mean_ceiling(deepest)
        order, retrieval = best - now, 100 - best
        if order > _EVEN * retrieval:
            advice = "mend reranking first"
        elif retrieval > _EVEN * order:
            advice = "mend retrieval first"
        else:
            advice = "retrieval and reranking have lost about as much"
        return (
            f"{now:.1f} now, {best:.1f} with a perfect reranking of {deepest}: reranking can win {order:.1f}, "
            f"only better retrieval the other {retrieval:.1f}: {advice}"
        )

    @property
    def plain(self) -> dict[str, Any]:
        """Means for JSON."""
        return {
            "n": self.n,
            "first": self.mean_first,
            "ceiling": {str(depth): self.mean_ceiling(depth) for depth in self.depths},
            "recall": {str(depth): self.mean_recall(depth) for depth in self.depths},
        }

    def to_frame(self) -> pd.DataFrame:
        """A row per topic, columns first, perfect@d and R@d."""
        import pandas as pd

        rows = {
            topic: {
                "first": first,
                **{f"perfect@{depth}": value for depth, value in self.ceiling[topic].items()},
                **{f"R@{depth}": value for depth, value in self.recall[topic].items()},
            }
            for topic, first in self.first.items()
        }
        frame = pd.DataFrame.from_dict(rows, orient="index")
        frame.index.name = "topic"
        return frame


def headroom(source: Judged | tuple[Qrels, Orders], depths: Sequence[int] = DEPTHS) -> Headroom:
    """Headroom of a test collection, or of qrels and a first stage, for every topic of the qrels in their order.

    Raises InputError for no topic, or depths that don't rise from 1 or more.
    """
    qrels, run = source if isinstance(source, tuple) else (source.qrels, source.run)
    if not qrels:
        raise InputError("headroom needs at least one topic with judgements: none was given")
    if not depths or depths[0] < 1 or any(low >= high for low, high in zip(depths, depths[1:], strict=False)):
        raise InputError(f"depths {tuple(depths)} must be whole numbers from 1 on, each greater than the one before")
    ids = {topic: [id_ for id_, _ in run.get(topic, ())] for topic in qrels}
    return Headroom(
        depths=tuple(depths),
        first={topic: ndcg(ordered(dict(run.get(topic, ()))), grades, CUT) for topic, grades in qrels.items()},
        ceiling={topic: {depth: perfect(ids[topic][:depth], grades) for depth in depths} for topic, grades in qrels.items()},
        recall={topic: {depth: recall(ids[topic], grades, depth) for depth in depths} for topic, grades in qrels.items()},
    )


def perfect(ids: Sequence[str], grades: Grades, k: int = CUT) -> float:
    """nDCG@k of these candidates in order of falling grade."""
    return ndcg(sorted(ids, key=lambda id_: grades.get(id_, 0), reverse=True), grades, k)
