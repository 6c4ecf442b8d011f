"""The figures of a bundle that lists of many bundles are drawn from: means with intervals, the difference to the first stage, domains,
headroom, and prints that say which bundles may be compared at all. Plain JSON values, so that a row of a database holds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ..cache import content_hash
from .differences import Compared, difference
from .significance import bootstrap

if TYPE_CHECKING:
    from .bundles.read import Bundle
    from .bundles.values import TopicRow

_LEVEL = 0.95


def figures(bundle: Bundle) -> dict[str, Any]:
    """What a leaderboard shows of a bundle, of its primary measure.

    `value` is the mean over topics with a 95 % percentile bootstrap interval, `set_mean` the mean of the sets' means; `gain` the mean
    difference to the first stage, paired by topic, with its interval, the p of a paired randomisation test, wins, ties and losses: all
    None or 0 where the bundle has no first stage. `clean` is the share of calls with a clean answer; `calls`, `tokens` and `seconds` are
    per topic. `domains` has a mean for each domain of a set, `headroom` the means of perfect rerankings by depth.
    """
    rows, measure = bundle.topics, bundle.primary
    values = [row.values.get(measure, 0.0) for row in rows]
    mean = bootstrap(values, level=_LEVEL) if values else None
    usage: Mapping[str, Any] = bundle.manifest.get("usage", {})
    return {
        "measure": measure,
        "n": len(rows),
        "value": mean.mean if mean else None,
        "low": mean.low if mean else None,
        "high": mean.high if mean else None,
        "set_mean": bundle.manifest.get("means", {}).get("sets", {}).get(measure),
        **_against_first(rows, measure),
        "clean": _clean(bundle.manifest.get("outcomes") or {}),
        "calls": _each(usage.get("calls"), len(rows)),
        "tokens": _each(usage.get("tokens_in", 0) + usage.get("tokens_out", 0), len(rows)),
        "seconds": _each(usage.get("seconds"), len(rows)),
        "domains": domains(rows, measure),
        "headroom": headroom(bundle.sets),
        "prints": prints(rows),
    }


def prints(rows: Iterable[TopicRow]) -> dict[str, str]:
    """32 hex digits each of the topics, their judgements, their candidates in order, and where they are known the candidates' texts."""
    listed = sorted(rows, key=lambda row: row.key)
    named = {"topics": "", "qrels": "qrels_hash", "candidates": "candidates_hash", "texts": "texts_hash"}
    out = {}
    for name, field in named.items():
        parts = [part for row in listed for part in (*row.key, getattr(row, field) if field else "")]
        known = not field or any(getattr(row, field) for row in listed)
        out[name] = content_hash(parts) if known else ""
    return out


_APART = {
    "topics": "other topics ({n} here, {most} in most)",
    "qrels": "other judgements",
    "candidates": "other candidates, or the same in another order: another first stage, or cut at another depth",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One entry of a suite: its prints, how many topics it has, and when it was made (any text that sorts by time)."""

    prints: Mapping[str, str]
    n: int
    created: str

    @property
    def group(self) -> str:
        """Entries of one group may be compared."""
        return content_hash(str(self.prints.get(name, "")) for name in _APART)


def apart(entries: Sequence[Standing]) -> tuple[str, ...]:
    """Of each entry of one suite why it can't be compared with most of them; "" where it can.

    Most of them: the group with the most entries, of two as large the one with more topics, then the one with the newer entry.
    """
    groups: dict[str, list[Standing]] = {}
    for entry in entries:
        groups.setdefault(entry.group, []).append(entry)
    if not groups:
        return ()
    main = max(groups.values(), key=lambda group: (len(group), group[0].n, max(one.created for one in group)))[0]
    return tuple(_why(entry, main) for entry in entries)


def why_apart(one: Mapping[str, str], other: Mapping[str, str], n: tuple[int, int]) -> tuple[str, ...]:
    """What differs between two entries, by their prints; `n` are their topics. Nothing where they may be compared."""
    texts = [text for name, text in _APART.items() if one.get(name) != other.get(name)]
    # Where the topics are others, all prints differ: the topics are the reason.
    shown = texts[:1] if one.get("topics") != other.get("topics") else texts
    return tuple(text.format(n=n[0], most=n[1]) for text in shown)


def domains(rows: Sequence[TopicRow], measure: str) -> list[dict[str, Any]]:
    """{"name", "n", "value", "first"} of each domain, in the order of the rows; a topic without one counts to its set."""
    groups: dict[str, list[TopicRow]] = {}
    for row in rows:
        groups.setdefault(row.domain or row.set, []).append(row)
    out = []
    for name, group in groups.items():
        firsts = [row.first[measure] for row in group if measure in row.first]
        out.append(
            {
                "name": name,
                "n": len(group),
                "value": fmean(row.values.get(measure, 0.0) for row in group),
                "first": fmean(firsts) if len(firsts) == len(group) else None,
            }
        )
    return out


def headroom(sets: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Mean over topics of a perfect reranking's nDCG@10 by depth, with first stage and what was reached; None where it is not known."""
    measured = [one for one in sets if one.get("headroom") and one.get("topics")]
    if not measured:
        return None
    depths = sorted({int(depth) for one in measured for depth in one["headroom"]})
    whole = [depth for depth in depths if all(str(depth) in one["headroom"] for one in measured)]
    total = sum(one["topics"] for one in measured)

    def mean(of: str) -> float | None:
        found = [one.get(of, {}).get("nDCG@10") for one in measured]
        return None if None in found else sum(x * one["topics"] for x, one in zip(found, measured, strict=True)) / total

    return {
        "depths": whole,
        "ceiling": [sum(one["headroom"][str(depth)] * one["topics"] for one in measured) / total for depth in whole],
        "first": mean("first"),
        "reached": mean("means"),
    }


def _why(entry: Standing, main: Standing) -> str:
    found = why_apart(entry.prints, main.prints, (entry.n, main.n))
    return f"It has {' and '.join(found)}." if found else ""


def _against_first(rows: Sequence[TopicRow], measure: str) -> dict[str, Any]:
    pairs = [(row.values.get(measure, 0.0), row.first[measure]) for row in rows if measure in row.first]
    if not pairs or len(pairs) < len(rows):
        return {name: None for name in ("first", "gain", "gain_low", "gain_high", "p")} | {"wins": 0, "ties": 0, "losses": 0}
    keys = [row.key for row in rows]
    values, firsts = (dict(zip(keys, side, strict=True)) for side in zip(*pairs, strict=True))
    found = difference(values, firsts, Compared(measure=measure))
    return {
        "first": fmean(firsts.values()),
        "gain": found.mean,
        "gain_low": found.low,
        "gain_high": found.high,
        **{name: getattr(found, name) for name in ("p", "wins", "ties", "losses")},
    }


def _clean(outcomes: Mapping[str, int]) -> float | None:
    total = sum(outcomes.values())
    return outcomes.get("clean", 0) / total if total else None


def _each(total: float | None, n: int) -> float | None:
    return total / n if total is not None and n else None
