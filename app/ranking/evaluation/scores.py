"""Scores of a run, by measure and topic, in trec_eval's conventions: from memory, or from a file of any size, topic by topic.

Passages are ordered by score as 32-bit floats, ties by id descending, gain is linear; every topic of the qrels counts, one that the run
lacks with 0. `RBO` compares with a second run (rbo.py) and needs no judgements, but is over the same topics.
"""

from __future__ import annotations

import heapq
import math
import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, SettingsError
from ..formats.run_stream import run_topics
from .named_measures import Named, Qrels, Run, evaluate, named
from .rbo import rbo
from .weak_orders import WeakOrder

if TYPE_CHECKING:
    import pandas as pd

_AT_ONCE = 20_000  # passages that are evaluated together: some megabytes
_DEEP = 11  # the last of them could be among the first 10 by its id
_RBO = re.compile(r"RBO(?:\(p=(0?\.\d+)\))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Values of each measure for each topic that counts, in the order of the qrels, and what else has to be said about the run.

    `values`: measure (as ir_measures prints it) -> topic -> value. `missing`: topics of the qrels that the run lacks; they count 0, unless
    only topics of the run were asked for. `unjudged`: topics of the run without judgements, left out. `tied`: topics with equal scores
    among the first 11, so that trec_eval, which orders those by id, decides what the first 10 are. `disjoint`: topics for which the run has
    passages, but none that is judged; if all are, run and judgements hardly belong together.
    """

    values: Mapping[str, Mapping[str, float]]
    missing: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()
    tied: tuple[str, ...] = ()
    disjoint: tuple[str, ...] = ()

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the measures, in the order asked for."""
        return tuple(self.values)

    @property
    def topics(self) -> tuple[str, ...]:
        """Topics that count."""
        return tuple(next(iter(self.values.values()), {}))

    def mean(self, measure: str) -> float:
        """Mean over the topics. Raises InputError for a measure that was not asked for, or where no topic counts."""
        if measure not in self.values:
            raise InputError(f"there are no values of {measure!r}: this run was measured by {', '.join(self.measures) or 'nothing'}")
        values = self.values[measure].values()
        if not values:
            raise InputError("no topic of the run has judgements: check that run and qrels name their topics alike")
        return math.fsum(values) / len(values)

    def to_frame(self) -> pd.DataFrame:
        """One row a topic, one column a measure."""
        import pandas as pd

        return pd.DataFrame({name: pd.Series(values, dtype="float64") for name, values in self.values.items()}).rename_axis("topic")


def score(run: Run, qrels: Qrels, measures: Sequence[str], *, judged_only: bool = False, against: Run | None = None) -> Scores:
    """Scores of a run in memory. `judged_only` leaves topics out that the run lacks; `against` is the run that RBO compares with.

    Raises SettingsError for an unknown measure, or RBO without a second run; InputError for qrels without a topic.
    """
    return _scores(run.items(), qrels, _Asked.of(measures, against), judged_only)


def score_file(path: Path, qrels: Qrels, measures: Sequence[str], *, judged_only: bool = False, against: Run | None = None) -> Scores:
    """Scores of a run file, gzipped or not, with one topic of it in memory. Raises as `score` does, and InputError naming a bad line."""
    return _scores(run_topics(path), qrels, _Asked.of(measures, against), judged_only)


def asks_for_overlap(measures: Sequence[str]) -> bool:
    """Whether a measure among these needs a second run."""
    return any(_RBO.fullmatch(name) for name in measures)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is asked for: trec_eval's measures, RBO's name and p, the names of both in the order given, the run that RBO compares with."""

    plain: tuple[Named, ...]
    overlaps: Mapping[str, float]
    names: tuple[str, ...]
    against: Run = field(default_factory=dict)

    @classmethod
    def of(cls, measures: Sequence[str], against: Run | None) -> _Asked:
        if not measures:
            raise SettingsError("no measure is asked for: name one, such as nDCG@10")
        plain, overlaps, names = dict[str, Named](), dict[str, float](), list[str]()
        for text in measures:
            if match := _RBO.fullmatch(text):
                p = float(match[1] or 0.9)
                names.append(f"RBO(p={p:g})")
                overlaps[names[-1]] = p
            else:
                one = named(text)
                names.append(one.name)
                plain[one.name] = one
        if overlaps and against is None:
            raise SettingsError("RBO compares two runs: give a second one")
        if not all(0.0 < p < 1.0 for p in overlaps.values()):
            raise SettingsError("RBO's p must lie between 0 and 1, such as RBO(p=0.9)")
        return cls(plain=tuple(plain.values()), overlaps=overlaps, names=tuple(dict.fromkeys(names)), against=against or {})


def _scores(groups: Iterable[tuple[str, Mapping[str, float]]], qrels: Qrels, asked: _Asked, judged_only: bool) -> Scores:
    if not qrels:
        raise InputError("the qrels hold no topic: nothing can be measured by them")
    values = {name: dict.fromkeys(qrels, 0.0) for name in asked.names}
    seen, unjudged, tied, disjoint = set[str](), list[str](), list[str](), list[str]()
    batch, held = dict[str, Mapping[str, float]](), 0
    for topic, scores in groups:
        if topic not in qrels:
            unjudged.append(topic)
        elif scores:
            seen.add(topic)
            if _has_ties(scores):
                tied.append(topic)
            if qrels[topic].keys().isdisjoint(scores):
                disjoint.append(topic)
            batch[topic] = scores
            held += len(scores)
        if held >= _AT_ONCE:
            _measure(batch, qrels, asked, values)
            batch, held = {}, 0
    _measure(batch, qrels, asked, values)
    if judged_only:
        values = {name: {topic: value for topic, value in column.items() if topic in seen} for name, column in values.items()}
    missing = tuple(topic for topic in qrels if topic not in seen)
    return Scores(values=values, missing=missing, unjudged=tuple(unjudged), tied=tuple(tied), disjoint=tuple(disjoint))


def _measure(batch: Run, qrels: Qrels, asked: _Asked, values: Mapping[str, dict[str, float]]) -> None:
    """Values of these topics, put in place."""
    if batch and asked.plain:
        for name, found in evaluate(asked.plain, {topic: qrels[topic] for topic in batch}, batch).items():
            values[name].update(found)
    for name, p in asked.overlaps.items():
        for topic, scores in batch.items():
            other = asked.against.get(topic)
            values[name][topic] = (rbo(_weak_order(scores), _weak_order(other), p=p).value or 0.0) if other else 0.0


def _weak_order(scores: Mapping[str, float]) -> WeakOrder:
    """Passages of equal score are tied."""
    singles = dict(zip(scores, array("f", scores.values()), strict=True))
    ids = sorted(singles, key=lambda id_: (-singles[id_], id_))
    return WeakOrder(groups=tuple(tuple(group) for _, group in groupby(ids, key=singles.__getitem__)))


def _has_ties(scores: Mapping[str, float]) -> bool:
    # Rounding to 32 bits keeps the order, so that the highest numbers are the highest after it too.
    return any(one == other for one, other in pairwise(array("f", heapq.nlargest(_DEEP, scores.values()))))
