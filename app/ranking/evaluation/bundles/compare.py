"""Why two numbers differ: every difference of two bundles, what each did to the measure, and what is left over.

A topic's change is taken apart twice. What can be undone by computing is undone (`recomputing`); the rest, which is what the model said, is
put down in equal parts to the causes that apply to the topic (`causes`). Shares count movement without its sign, so that topics that rise
don't hide others that fall.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...errors import InputError
from ..differences import Compared, Difference, difference
from ..statistic import Resampling
from .causes import Found, find
from .comparison import UNEXPLAINED, Cause, Comparison, PairRow, Side, ordered
from .pairing import Pair
from .read import Bundle
from .values import Key

_SAMPLES = 10_000
_SIDES = ("first", "second")


@dataclass(slots=True, kw_only=True)
class _Account:
    """What causes did: by topic of both in points of the topic's value, and beside that to the mean through topics of one bundle alone."""

    n: int
    moved: dict[str, dict[Key, float]] = field(default_factory=dict)
    beside: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, key: Key, amount: float) -> None:
        if amount:
            by_topic = self.moved.setdefault(name, {})
            by_topic[key] = by_topic.get(key, 0.0) + amount

    def effect(self, name: str) -> float:
        """On the mean over topics, signed."""
        return sum(self.moved.get(name, {}).values()) / max(1, self.n) + sum(self.beside.get(name, ()))

    def movement(self, name: str) -> float:
        """The same without signs."""
        return sum(map(abs, self.moved.get(name, {}).values())) / max(1, self.n) + sum(map(abs, self.beside.get(name, ())))

    @property
    def all_movement(self) -> float:
        return sum(self.movement(name) for name in dict.fromkeys((*self.moved, *self.beside)))


def compare(first: Bundle, second: Bundle, measure: str = "", *, samples: int = _SAMPLES) -> Comparison:
    """`second` against `first` by a measure of both (default: the first's primary one).

    Raises InputError where one has not got the measure, SettingsError for one that can't be computed again from run and qrels.
    """
    measure = measure or first.primary
    ours, theirs = first.values(measure), second.values(measure)
    pair = Pair.of(first, second, measure)
    found = find(pair)
    account = _Account(n=len(pair.common))
    _computed(pair, account)
    _residuals(pair, found, account)
    _alone(pair, (ours, theirs), account)
    causes = _causes(pair, found, account, _mean(theirs))
    return Comparison(
        measure=measure,
        first=_side(first),
        second=_side(second),
        rows=tuple(_row(pair, key, (ours[key], theirs[key]), account) for key in pair.common),
        causes=ordered(causes),
        differs=tuple((name, one, other) for name, (one, other) in pair.differs.items()),
        difference=_difference(pair, (ours, theirs), samples),
        notes=tuple(_notes(pair)),
    )


def _computed(pair: Pair, account: _Account) -> None:
    for key, step in pair.steps.items():
        account.add("qrels", key, step.qrels)
        account.add("ties", key, step.ties)
        account.add("missing topics", key, step.alone)
        account.add("lines", key, step.lines)


def _residuals(pair: Pair, found: Sequence[Found], account: _Account) -> None:
    """What the model said, topic by topic, in equal parts to what applies there; else to settings that differ, else to weak causes."""
    lines = next((one.name for one in found if one.name in ("dropped lines", "depth", "first stage")), "")
    if lines and "lines" in account.moved:
        account.moved[lines] = account.moved.pop("lines")
    for key, step in pair.steps.items():
        if step.residual:
            here = [one for one in found if key in one.keys and not one.weak]
            apply = here or [one for one in found if one.setting] or [one for one in found if one.weak]
            names = list(dict.fromkeys(one.name for one in apply)) or [UNEXPLAINED]
            for name in names:
                account.add(name, key, step.residual / len(names))


def _alone(pair: Pair, values: tuple[Mapping[Key, float], Mapping[Key, float]], account: _Account) -> None:
    """Topics that only one bundle has move its mean by their distance from the mean of the others."""
    shared, judged = set(pair.common), pair.judged_apart
    for side, sign in zip(values, (-1.0, 1.0), strict=True):
        common = _mean({key: side[key] for key in pair.common})
        for key, value in side.items():
            if key not in shared:
                name = "qrels" if key[0] in judged else "missing topics"
                account.beside.setdefault(name, []).append(sign * (value - common) / len(side))


def _causes(pair: Pair, found: Sequence[Found], account: _Account, mean: float) -> list[Cause]:
    named: dict[str, tuple[str, frozenset[Key]]] = {}
    for one in [*_found_by_computing(pair, account), *found]:
        if (one.weak or not one.keys) and one.name not in {*account.moved, *account.beside}:
            continue
        text, keys = named.get(one.name, ("", frozenset()))
        named[one.name] = f"{text}; {one.text}" if text else one.text, keys | one.keys
    if UNEXPLAINED in account.moved:
        named[UNEXPLAINED] = _unexplained(pair, account), frozenset(account.moved[UNEXPLAINED])
    total, causes = account.all_movement, []
    computed = {"qrels", "missing topics"} | ({"ties"} if not any(one.name == "ties" for one in found) else set())
    alone = pair.first.rows.keys() ^ pair.second.rows.keys()
    beside = {"qrels": sum(key[0] in pair.judged_apart for key in alone)}
    beside["missing topics"] = len(alone) - beside["qrels"]
    for name, (text, keys) in named.items():
        cause = Cause(
            name=name,
            text=text,
            topics=len(keys) + beside.get(name, 0),
            share=account.movement(name) / total if total else 0.0,
            effect=account.effect(name),
            measured=name in computed,
        )
        causes.append(_told(pair, cause, mean))
    return causes


def _told(pair: Pair, cause: Cause, mean: float) -> Cause:
    """The cause with its text ended by what it did."""
    if not cause.share:
        end = "changes nothing"
    elif cause.measured:
        end = f"without it the second has {mean - cause.effect:.4f} instead of {mean:.4f} {pair.measure}: explains {_percent(cause.share)}"
    else:
        end = f"{cause.effect:+.4f} {pair.measure} lie there: {_percent(cause.share)}"
    return replace(cause, text=f"{cause.text}; {end}")


def _percent(share: float) -> str:
    said = "less than 1" if share < 0.01 else f"{100 * share:.0f}"
    return f"{said} % of the change"


def _found_by_computing(pair: Pair, account: _Account) -> list[Found]:
    found = []
    judged = _beside(pair, judged=True)
    qrels = pair.where(lambda one, other: one.qrels_hash != other.qrels_hash)
    if qrels or any(judged):
        text = f"judgements differ on {pair.counted(qrels)} ({_judgements(pair, qrels)})"
        said = [f"{count} topics have judgements in the {name} alone" for name, count in zip(_SIDES, judged, strict=True) if count]
        found.append(Found(name="qrels", keys=qrels, text=", ".join([text, *said])))
    if "ties" in account.moved:
        keys = frozenset(account.moved["ties"])
        sides = [sum(pair.rows(key)[side].tied for key in keys) for side in (0, 1)]
        text = (
            f"equal scores are ordered by id instead of as the file has them on {pair.counted(keys)} (tied among the first ten: "
            f"{sides[0]} in the first run, {sides[1]} in the second)"
        )
        found.append(Found(name="ties", keys=keys, text=text))
    missing = pair.where(lambda one, other: one.missing != other.missing)
    beside = _beside(pair, judged=False)
    if missing or any(beside):
        found.append(Found(name="missing topics", keys=missing, text=_missing(pair, missing, beside)))
    return found


def _beside(pair: Pair, *, judged: bool) -> tuple[int, int]:
    """How many topics are in the first and in the second alone, of those sets where judgements are the reason or of the others."""
    ours, theirs = pair.first.rows.keys(), pair.second.rows.keys()
    first, second = (sum((key[0] in pair.judged_apart) == judged for key in side) for side in (ours - theirs, theirs - ours))
    return first, second


def _missing(pair: Pair, missing: frozenset[Key], beside: tuple[int, int]) -> str:
    lacks = [sum(pair.rows(key)[side].missing for key in missing) for side in (0, 1)]
    said = [f"the {name} run lacks {count} of {pair.several}, which count 0" for name, count in zip(_SIDES, lacks, strict=True) if count]
    said += [f"{count} topics are in the {name} bundle alone" for name, count in zip(_SIDES, beside, strict=True) if count]
    limit = pair.differs.get("limit")
    return " and ".join(said) + (f" (limit {limit[0]} against {limit[1]})" if limit else "")


def _judgements(pair: Pair, keys: frozenset[Key]) -> str:
    """How many judgements more, fewer and otherwise, in the second."""
    more = fewer = other = 0
    for key in keys:
        ours, theirs = pair.first.qrels.get(key, {}), pair.second.qrels.get(key, {})
        more += len(theirs.keys() - ours.keys())
        fewer += len(ours.keys() - theirs.keys())
        other += sum(ours[id_] != theirs[id_] for id_ in ours.keys() & theirs.keys())
    return f"in the second {more} more, {fewer} fewer, {other} graded otherwise"


def _unexplained(pair: Pair, account: _Account) -> str:
    keys = frozenset(account.moved[UNEXPLAINED])
    asked = sum(pair.shown(key).same_prompt for key in keys)
    other = sum(pair.shown(key).other_answer for key in keys)
    if other:
        return (
            f"{other} of {asked} calls were answered otherwise to the same prompt on {pair.counted(keys)}, though no setting differs: the "
            "engine repeats itself only in part, or the model was changed under its name"
        )
    return f"orders differ on {pair.counted(keys)} and nothing is known that would make them: the bundles don't say how they were made"


def _row(pair: Pair, key: Key, values: tuple[float, float], account: _Account) -> PairRow:
    one, other = pair.rows(key)
    return PairRow(
        set=key[0],
        topic=key[1],
        query=one.query or other.query,
        first=values[0],
        second=values[1],
        outcomes=(one.outcome, other.outcome),
        same_order=one.order_hash == other.order_hash,
        moved={name: by_topic[key] for name, by_topic in account.moved.items() if key in by_topic},
    )


def _side(bundle: Bundle) -> Side:
    usage, means = bundle.manifest["usage"], bundle.manifest["means"]
    topics = max(1, int(usage["topics"]))
    per_topic = {name: usage[name] / topics for name in ("calls", "requests", "tokens_in", "tokens_out", "seconds")}
    return Side(
        name=bundle.name,
        id=bundle.id,
        topics=len(bundle.topics),
        means=dict(means["topics"]),
        set_means=dict(means["sets"]),
        usage={**per_topic, "depth": usage["depth"]},
    )


def _difference(pair: Pair, values: tuple[Mapping[Key, float], Mapping[Key, float]], samples: int) -> Difference | None:
    if not pair.common:
        return None
    ours, theirs = ({key: side[key] for key in pair.common} for side in values)
    names = pair.second.bundle.name, pair.first.bundle.name
    first, second = names if names[0] != names[1] else ("the second", "the first")
    what = Compared(measure=pair.measure, first=first, second=second, how=Resampling(samples=samples))
    return difference(theirs, ours, what)


def _notes(pair: Pair) -> list[str]:
    notes = []
    if not pair.common:
        notes.append("the bundles have no topic in common: nothing can be said topic by topic")
    for which, one in (("first", pair.first), ("second", pair.second)):
        try:
            one.bundle.verify()
        except InputError as error:
            notes.append(f"{error}: causes are looked for in its files as they are now, values are those of its rows")
        if not one.bundle.has_calls:
            notes.append(f"the {which} bundle keeps no model calls: prompts and answers could not be compared")
    return notes


def _mean(values: Mapping[Key, float]) -> float:
    return sum(values.values()) / len(values) if values else 0.0
