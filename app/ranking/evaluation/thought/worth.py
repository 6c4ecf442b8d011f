"""Was it worth to think? Two bundles of the same topics and candidates, one with traces and one without, topic by topic.

Quality is compared as any two systems are (`differences`); tokens and seconds are those that the bundles measured. A point is 0.01 of the
measure. Which features go with the gain is told by rank correlation (Spearman 1904) with p corrected by Holm's rule over all features:
that a feature goes with the gain here is no promise that a router pays, which `fitting.check` measures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import fsum
from statistics import fmean
from typing import Any

from ...errors import InputError
from ...query_features import NAMES, features
from ...values import Passage
from ..bundles.read import Bundle
from ..bundles.values import Key, TopicRow
from ..differences import Compared, Difference, difference, holm
from ..significance import Interval, bootstrap
from .fitting import Seen, shared

POINT = 0.01
_SAME = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Means per topic of what was paid, and the difference reasoned minus direct with its interval over topics."""

    name: str
    reasoned: float
    direct: float
    more: Interval

    @property
    def times(self) -> float | None:
        """How many times as much reasoned cost; None where direct cost nothing."""
        return self.reasoned / self.direct if self.direct else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicWorth:
    """One topic both ways: `gain` in the measure, `tokens` and `seconds` paid more, and what was known of it before any call."""

    set: str
    topic: str
    query: str
    reasoned: float
    direct: float
    tokens_reasoned: int
    tokens_direct: int
    seconds: float
    features: Mapping[str, float]

    @property
    def gain(self) -> float:
        """Reasoned minus direct."""
        return self.reasoned - self.direct

    @property
    def seen(self) -> Seen:
        """As a router is fitted on it."""
        return Seen(
            key=f"{self.set} {self.topic}",
            features=self.features,
            reasoned=self.reasoned,
            direct=self.direct,
            tokens_reasoned=self.tokens_reasoned,
            tokens_direct=self.tokens_direct,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Goes:
    """How a feature goes with the gain: rank correlation, its p and the same corrected over all features; means where it helped or hurt.

    A mean is None where no topic was helped, or hurt.
    """

    feature: str
    correlation: float
    p: float
    p_corrected: float
    helped: float | None
    hurt: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """The comparison. `topics` are sorted by gain, most helped first; `costs` are tokens written, tokens read, seconds, calls."""

    measure: str
    names: tuple[str, str]
    ids: tuple[str, str]
    quality: Difference
    costs: tuple[Cost, ...]
    topics: tuple[TopicWorth, ...]
    goes: tuple[Goes, ...]

    @property
    def tokens_per_point(self) -> float | None:
        """Further tokens written per point (0.01 of the measure) gained on average; None where nothing was gained on average."""
        return self.costs[0].more.mean / (self.quality.mean / POINT) if self.quality.mean > _SAME else None

    @property
    def helped(self) -> tuple[TopicWorth, ...]:
        """Topics with a gain, largest first."""
        return tuple(topic for topic in self.topics if topic.gain > _SAME)

    @property
    def hurt(self) -> tuple[TopicWorth, ...]:
        """Topics with a loss, largest first."""
        return tuple(topic for topic in reversed(self.topics) if topic.gain < -_SAME)

    @property
    def text(self) -> str:
        """A sentence or three."""
        written, seconds = self.costs[0], self.costs[2]
        times = f", {written.times:.1f} times as many" if written.times else ""
        price = self.tokens_per_point
        paid = f" A point of {self.measure} ({POINT}) cost {price:,.0f} tokens." if price is not None else " No point was gained for them."
        return (
            f"{self.quality.text} A topic took {written.more.mean:+,.0f} tokens written{times}, and {seconds.more.mean:+.2f} s of calls "
            f"that wait for each other.{paid}"
        )

    @property
    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "measure": self.measure,
            "reasoned": {"name": self.names[0], "id": self.ids[0]},
            "direct": {"name": self.names[1], "id": self.ids[1]},
            "quality": asdict(self.quality),
            "costs": [{**asdict(cost), "times": cost.times} for cost in self.costs],
            "tokens_per_point": self.tokens_per_point,
            "helped": len(self.helped),
            "hurt": len(self.hurt),
            "topics": [{**asdict(topic), "features": dict(topic.features), "gain": topic.gain} for topic in self.topics],
            "features": [asdict(one) for one in self.goes],
            "text": self.text,
        }


def worth(
    reasoned: Bundle, direct: Bundle, *, measure: str = "", passages: Mapping[Key, Sequence[Passage]] | None = None, seed: int = 0
) -> Worth:
    """Compare two bundles. `measure` is the first's primary one by default.

    `passages` are candidates by (set, topic) in first-stage order with texts or evidence, where they are at hand: a bundle knows the scores
    of its first stage and no texts, so that features of texts are told only with them. Raises InputError where topics, judgements or
    candidates differ, or where a bundle lacks the measure.
    """
    name = measure or reasoned.primary
    first, second = reasoned.values(name), direct.values(name)
    what = Compared(measure=name, first=reasoned.name, second=direct.name)
    quality = difference(first, second, what)  # refuses other topics
    _check_same(reasoned, direct)
    listed = passages if passages is not None else _listed(reasoned)
    rows = [(reasoned.by_key[key], direct.by_key[key]) for key in first]
    topics = [_topic(one, other, (first[one.key], second[one.key]), listed.get(one.key, ())) for one, other in rows]
    topics.sort(key=lambda topic: (-topic.gain, topic.set, topic.topic))
    return Worth(
        measure=name,
        names=(reasoned.name, direct.name),
        ids=(reasoned.id, direct.id),
        quality=quality,
        costs=tuple(_cost(field, rows, seed) for field in ("tokens_out", "tokens_in", "seconds", "calls")),
        topics=tuple(topics),
        goes=_goes(topics),
    )


def _check_same(reasoned: Bundle, direct: Bundle) -> None:
    for field, what in (("qrels_hash", "judgements"), ("candidates_hash", "candidates")):
        odd = [key for key, row in reasoned.by_key.items() if getattr(row, field) != getattr(direct.by_key[key], field)]
        if odd:
            raise InputError(
                f"{len(odd)} topics have other {what} in {direct.name!r} than in {reasoned.name!r} ({' '.join(odd[0])} ...): make both "
                "bundles of the same files and depth"
            )


def _listed(bundle: Bundle) -> dict[Key, tuple[Passage, ...]]:
    """Candidates by first-stage score, best first, equal scores as the file has them; ids and scores only."""
    found: dict[Key, tuple[Passage, ...]] = {}
    for one in bundle.sets:
        first = bundle.first(one["name"])
        for row in bundle.topics:
            if row.set == one["name"] and row.topic in first:
                best = sorted(first[row.topic], key=lambda pair: -pair[1])[: row.candidates or None]
                found[row.key] = tuple(Passage(id=id_, text="", score=score) for id_, score in best)
    return found


def _topic(one: TopicRow, other: TopicRow, values: tuple[float, float], passages: Sequence[Passage]) -> TopicWorth:
    return TopicWorth(
        set=one.set,
        topic=one.topic,
        query=one.query,
        reasoned=values[0],
        direct=values[1],
        tokens_reasoned=one.tokens_out,
        tokens_direct=other.tokens_out,
        seconds=one.seconds - other.seconds,
        features=features(one.query, passages),
    )


def _cost(field: str, rows: Iterable[tuple[TopicRow, TopicRow]], seed: int) -> Cost:
    pairs = [(float(getattr(one, field)), float(getattr(other, field))) for one, other in rows]
    return Cost(
        name=field,
        reasoned=fmean(a for a, _ in pairs),
        direct=fmean(b for _, b in pairs),
        more=bootstrap([a - b for a, b in pairs], seed=seed),
    )


def _goes(topics: Sequence[TopicWorth]) -> tuple[Goes, ...]:
    """Features that vary, strongest correlation first; none where the gain does not vary."""
    from scipy.stats import spearmanr

    gains = [topic.gain for topic in topics]
    names = shared([topic.seen for topic in topics])
    if not names or max(gains) - min(gains) <= _SAME or len(topics) < 3:
        return ()
    told = [spearmanr([topic.features[name] for topic in topics], gains) for name in names]
    corrected = holm([float(one.pvalue) for one in told])
    found = [
        Goes(
            feature=name,
            correlation=float(one.statistic),
            p=float(one.pvalue),
            p_corrected=p,
            helped=_mean(topic.features[name] for topic in topics if topic.gain > _SAME),
            hurt=_mean(topic.features[name] for topic in topics if topic.gain < -_SAME),
        )
        for name, one, p in zip(names, told, corrected, strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (-abs(one.correlation), list(NAMES).index(one.feature))))


def _mean(values: Iterable[float]) -> float | None:
    held = list(values)
    return fsum(held) / len(held) if held else None
