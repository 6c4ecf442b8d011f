"""The topics that tell most: best and worst of a difference, with both orders and what the model wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from app.ranking.evaluation import metrics
from app.reporting.against import Pair
from app.reporting.plots import EVEN_WITHIN
from app.reporting.shown import Shown
from app.reporting.text import number, printable, short, signed

if TYPE_CHECKING:
    from app.ranking.evaluation.bundles.read import Bundle
    from app.ranking.evaluation.bundles.values import CallRow, Key, TopicRow

SIDE = 5
"""Topics from either end of a difference."""
TOP = 10
CALLS = 9
"""Calls of a topic: those of a sliding window over 100 passages."""
TRACE, QUERY, NAMED = 2000, 400, 8
"""Characters of a trace and of a query; topics of a list of names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A passage at a rank. `grade` is None where nobody judged it; `moved` says where the order beside it has it."""

    rank: int
    passage: str
    grade: int | None
    moved: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One call as it is told. `words` are the sentences of a trace that has a grammar of its own, none for a trace in plain language."""

    number: int
    outcome: str
    about: str
    trace: str
    answer: str
    error: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One telling topic of one bundle. `values` by letter; `gain` is the difference that it was chosen for, signed.

    `before` is the order that the bundle's, `after`, is compared with: `beside` says whose.
    """

    anchor: str
    set: str
    topic: str
    query: str
    gain: str
    better: bool
    values: tuple[tuple[str, str], ...]
    remark: str
    beside: str
    before: tuple[Place, ...]
    after: tuple[Place, ...]
    calls: tuple[Told, ...] = ()
    more_calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """The topics of one difference: those won most and those lost most."""

    pair: Pair
    best: tuple[Topic, ...]
    worst: tuple[Topic, ...]
    traces: bool


def telling(pairs: Sequence[Pair], shown: Sequence[Shown], measure: str) -> tuple[Telling, ...]:
    """For each pair up to five topics from either end. Calls of a bundle are read once."""
    out = list[Telling]()
    for at, pair in enumerate(pairs):
        best, worst = ends(pair.gains)
        calls = _calls(pair.one.bundle, {*best, *worst})
        other = next((one.bundle for one in shown if one.letter == pair.other), None)
        page = _Page(bundle=pair.one.bundle, other=other, beside=pair.other, shown=shown, measure=measure, calls=calls, prefix=f"t{at}")
        sides = [tuple(page.topic(key, pair.gains[key], place) for place, key in found) for found in _numbered(best, worst)]
        out.append(Telling(pair=pair, best=sides[0], worst=sides[1], traces=pair.one.bundle.has_calls))
    return tuple(out)


def ends(gains: Mapping[Key, float]) -> tuple[list[Key], list[Key]]:
    """Topics with the most gain and with the most loss, at most five each; those without either are left out."""
    ordered = sorted(gains, key=lambda key: (-gains[key], key))
    best = [key for key in ordered[:SIDE] if gains[key] > EVEN_WITHIN]
    return best, [key for key in reversed(ordered[-SIDE:]) if gains[key] < -EVEN_WITHIN]


def _numbered(best: Sequence[Key], worst: Sequence[Key]) -> Iterator[list[tuple[int, Key]]]:
    yield list(enumerate(best))
    yield list(enumerate(worst, start=len(best)))


def _calls(bundle: Bundle, wanted: set[Key]) -> dict[Key, list[CallRow]]:
    found: dict[Key, list[CallRow]] = {key: [] for key in wanted}
    if wanted and bundle.has_calls:
        for call in bundle.calls():
            if call.key in found:
                found[call.key].append(call)
    return found


@dataclass(frozen=True, kw_only=True)
class _Page:
    """What topics of one bundle are made from; its files are read when the first topic of a set asks."""

    bundle: Bundle
    other: Bundle | None
    """What its orders are shown beside; None for its own first stage."""
    beside: str
    shown: Sequence[Shown]
    measure: str
    calls: Mapping[Key, Sequence[CallRow]]
    prefix: str
    files: dict[str, Any] = field(default_factory=dict)

    def topic(self, key: Key, gain: float, place: int) -> Topic:
        row, calls = self.bundle.by_key[key], self.calls[key]
        start, run, grades = (one.get(row.topic, {}) for one in self._set(row.set))
        before, after = metrics.ordered(dict(start)), metrics.ordered(dict(run))
        was = {passage: rank for rank, passage in enumerate(before, start=1)}
        return Topic(
            anchor=f"{self.prefix}-{place}",
            set=printable(row.set),
            topic=printable(row.topic),
            query=short(row.query, QUERY),
            gain=signed(gain),
            better=gain > 0,
            values=self._values(key, row),
            remark=remark(row),
            beside="First stage" if self.other is None else f"Order of {self.beside}",
            before=tuple(_places(before, grades, {})),
            after=tuple(_places(after, grades, was)),
            calls=tuple(_told(call, self._template) for call in calls[:CALLS]),
            more_calls=max(0, len(calls) - CALLS),
        )

    def _set(self, name: str) -> tuple[Any, Any, Any]:
        if name not in self.files:
            start = self.bundle.first(name) if self.other is None else self.other.run(name)
            self.files[name] = (start, self.bundle.run(name), self.bundle.qrels(name))
        found: tuple[Any, Any, Any] = self.files[name]
        return found

    def _values(self, key: Key, row: TopicRow) -> tuple[tuple[str, str], ...]:
        """The first stage, every bundle of the report, and a perfect reranking of all candidates."""
        out = [("first stage", number(row.first.get(self.measure)))] if row.first else []
        for one in self.shown:
            other = one.bundle.by_key.get(key)
            out.append((one.letter, number(None if other is None else other.values.get(self.measure))))
        if row.ceiling:
            deepest = max(row.ceiling, key=int)
            out.append((f"perfect reranking of {deepest}, nDCG@10", number(row.ceiling[deepest])))
        return tuple(out)

    @cached_property
    def _template(self) -> Any:
        """The profile's template where it puts its traces into words itself."""
        from app.ranking.sentences import WordsOwnTrace

        name = str((self.bundle.manifest.get("profile") or {}).get("name") or "")
        if name != "nano":  # the one built-in profile with a grammar of its own
            return None
        from app.ranking.prompts import template_for

        found = template_for(name)
        return found if isinstance(found, WordsOwnTrace) else None


def _places(order: Sequence[str], grades: Mapping[str, int], was: Mapping[str, int]) -> Iterator[Place]:
    for rank, passage in enumerate(order[:TOP], start=1):
        before = was.get(passage)
        moved = "" if not was else "new" if before is None else "" if before == rank else f"from {before}"
        yield Place(rank=rank, passage=short(passage, 80), grade=grades.get(passage), moved=moved)


def _told(call: CallRow, template: Any) -> Told:
    about = [f"{call.tokens_in} tokens read, {call.tokens_out} written", f"{call.seconds:.1f} s", f"{len(call.shown)} passages"]
    if call.forced:
        about.append(f"trace closed: {call.forced}")
    about += [problem.replace("_", " ") for problem in call.problems]
    return Told(
        number=call.number,
        outcome=call.outcome.replace("_", " "),
        about=short("; ".join(about), 200),
        trace=_cut(call.reasoning),
        answer=_cut(call.answer),
        error=short(call.error, 300),
        words=_words(call, template),
    )


def _words(call: CallRow, template: Any) -> tuple[str, ...]:
    from app.ranking.errors import RankingError
    from app.ranking.values import Passage

    if template is None or not call.reasoning:
        return ()
    try:
        said = template.sentences(call.reasoning, tuple(Passage(id=id_, text="") for id_ in call.shown), {})
    except (RankingError, ValueError, IndexError, KeyError):
        return ()  # no trace of this grammar: it stands as it is
    return tuple(printable(one.text) for one in said[: len(call.shown) + 1])


def _cut(text: str) -> str:
    more = len(text) - TRACE
    return printable(text) if more <= 0 else f"{printable(text[:TRACE])}\N{HORIZONTAL ELLIPSIS} ({more} more characters are in the bundle)"


def remark(row: TopicRow) -> str:
    """What is wrong with a topic's number, or nothing."""
    parts = [
        "the run lacks this topic: it counts 0" if row.missing else "",
        f"it kept its incoming order: {short(row.error, 200)}" if row.error else "",
        "the worst call ended " + row.outcome.replace("_", " ") if row.outcome not in ("clean", "") else "",
        "equal scores among its first ten" if row.tied else "",
    ]
    return "; ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Topics of bundles that are not what they seem: `named` are at most eight of `n`."""

    letters: str
    what: str
    n: int
    named: tuple[str, ...]


def troubles(shown: Sequence[Shown]) -> tuple[Trouble, ...]:
    """Topics that are missing, failed, or hold ties; bundles with the same ones together."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for one in shown:
        for what, of in _TROUBLES.items():
            found = tuple(short(f"{row.set} {row.topic}", 60) for row in one.bundle.topics if of(row))
            if found:
                groups.setdefault((what, found), []).append(one.letter)
    return tuple(
        Trouble(letters=", ".join(letters), what=what, n=len(found), named=found[:NAMED]) for (what, found), letters in groups.items()
    )


_TROUBLES: Mapping[str, Any] = {
    "missing from the run, counted 0": lambda row: row.missing,
    "failed, counted with the incoming order": lambda row: bool(row.error),
    "with equal scores among the first ten, ordered by id as trec_eval does": lambda row: row.tied,
}
