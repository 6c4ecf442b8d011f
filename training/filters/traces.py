"""Scores by the trace and its answer: were they well formed, does one follow from the other, and do they speak of what was shown?"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from app.ranking.claims import ReadsOwnTrace, claims, sentence_claims
from app.ranking.errors import RankingError
from app.ranking.evidence import SIGNALS, digits
from app.ranking.models.nano import cards
from app.ranking.prompts import template_for
from app.ranking.protocols import PromptTemplate
from app.ranking.values import Claim, Passage
from training.synthesis.values import Item, Sample

from .values import NOTHING, Score
from .votes import nth

_TOLD = 3
_PER_PASSAGE, _MOST = 2, 2_000  # words of a trace
_GRADES_OFF = 10.0  # mean error of the grades of a card trace (of 49) at which nothing is left of them
_CITED = re.compile(r"\[(\d{1,4}(?:\s*[,;\u2013-]\s*\d{1,4})*)\]")


def format_score(item: Item) -> Score:
    """Share of all listwise answers that were clean, a repaired one counts a half; None without answers."""
    if not item.samples:
        return NOTHING
    worth = {"clean": 1.0, "repaired": 0.5}
    spoilt = [one for one in item.samples if one.outcome != "clean"]
    reasons = tuple(f"answer {one.sample + 1} was {_outcome(one)}" for one in spoilt[:_TOLD])
    return Score(value=sum(worth.get(one.outcome, 0.0) for one in item.samples) / len(item.samples), reasons=reasons)


def _outcome(one: Sample) -> str:
    return f"{one.outcome.replace('_', ' ')}{': ' if one.problems else ''}{', '.join(one.problems)}"


def shown_only(item: Item) -> Score:
    """Share of the numbers cited in brackets, [7] or [3, 5], that stand for a passage of the prompt; None without a citation."""
    best = item.best
    cited = [int(number) for found in _CITED.findall(best.reasoning) for number in re.findall(r"\d+", found)] if best else []
    if best is None or not cited:
        return NOTHING
    outside = sorted({number for number in cited if not 1 <= number <= len(best.shown)})
    reasons = (f"cites {', '.join(f'[{number}]' for number in outside[:5])}; {len(best.shown)} passages were shown",) if outside else ()
    return Score(value=sum(1 <= number <= len(best.shown) for number in cited) / len(cited), reasons=reasons)


def length(item: Item) -> Score:
    """1 for a trace between its bounds in words, else the ratio to the nearest one; None where the answer comes without a trace.

    At least two words per passage, since less can't say anything of each; at most 2,000, since a longer one leaves an answer of the
    usual 3,172 tokens no room. A trace of the embedded model has a grammar: exactly three words and four more per passage.
    """
    best, template = item.best, _template(item.template)
    if best is None or (template is not None and not template.thinks):
        return NOTHING
    words, n = len(best.reasoning.split()), len(best.shown)
    low, high = (3 + 4 * n,) * 2 if item.template == "nano" else (_PER_PASSAGE * n, _MOST)
    if low <= words <= high:
        return Score(value=1.0)
    return Score(
        value=words / low if words < low else high / words, reasons=(f"the trace has {words} words, {low} to {high} are expected",)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A trace beside its answer: `rank` from 1 and `number` (in the prompt) by id, `grade` as far as the trace gives grades."""

    rank: Mapping[str, int]
    number: Mapping[str, int]
    found: tuple[Claim, ...]

    def name(self, id_: str) -> str:
        return f"[{self.number[id_]}]"


def faithful(item: Item) -> Score:
    """Does the order follow from the trace? 0 to 1, the worst of its parts; None where the trace takes no side.

    Free text: (a) of all pairs of a praised and a disparaged passage, the share that the order has that way round; (b) the share of the
    judged passages that don't stand at the wrong end: praised in the last third although there is room above, or disparaged in the
    first. Traces with grades (the embedded model's): the share of pairs with different grades that the order has that way round, of the
    passages with a verdict, and, where the evidence is at hand, of the right reasons and how close the grades are to the arithmetic.
    0.5 is what a random order gets in (a).
    """
    best = item.best
    if best is None or not best.reasoning.strip():
        return NOTHING
    by_id = {passage.id: passage for passage in item.passages}
    window = [by_id[id_] for id_ in best.shown if id_ in by_id]
    if len(window) != len(best.shown):
        return NOTHING
    read = _Read(
        rank={id_: place for place, id_ in enumerate(best.order, start=1)},
        number={id_: place for place, id_ in enumerate(best.shown, start=1)},
        found=_claims(item.template, best.reasoning, window),
    )
    graded = {claim.passage_ids[0]: claim.grade for claim in read.found if claim.grade is not None and claim.passage_ids}
    parts = [*_by_grades(read, graded)] if graded else [*_by_sides(read)]
    if graded:
        parts += _by_cards(best, window)
    if not parts:
        return NOTHING
    parts.sort(key=lambda part: part.value or 0.0)
    return Score(value=parts[0].value, reasons=tuple(reason for part in parts for reason in part.reasons)[:_TOLD])


def _by_grades(read: _Read, graded: Mapping[str, float]) -> Iterator[Score]:
    """Pairs by the trace's own grades, and how many passages have one."""
    ranked = [id_ for id_ in graded if id_ in read.rank]
    pairs = [(a, b) if graded[a] > graded[b] else (b, a) for a, b in combinations(ranked, 2) if graded[a] != graded[b]]
    yield from _pairs(read, pairs, "grades {} higher than {}")
    missing = len(read.number) - len(graded)
    reasons = (f"the trace has no verdict on {missing} of {len(read.number)} passages",) if missing else ()
    yield Score(value=len(graded) / len(read.number), reasons=reasons)


def _by_sides(read: _Read) -> Iterator[Score]:
    """Pairs of a praised and a disparaged passage, and passages at the wrong end of the list."""
    sides = _sides(read.found)
    praised = [id_ for id_, side in sides.items() if side > 0 and id_ in read.rank]
    disparaged = [id_ for id_, side in sides.items() if side < 0 and id_ in read.rank]
    yield from _pairs(read, [(a, b) for a in praised for b in disparaged], "praises {} and not {}")
    if not praised and not disparaged:
        return
    n = len(read.rank)
    low = [id_ for id_ in praised if read.rank[id_] > max(2 * n / 3, len(praised))]
    high = [id_ for id_ in disparaged if read.rank[id_] <= min(n / 3, n - len(disparaged))]
    told = [f"the trace praises {read.name(id_)}, the list puts it {nth(read.rank[id_])}" for id_ in low]
    told += [f"the trace disparages {read.name(id_)}, the list puts it {nth(read.rank[id_])}" for id_ in high]
    yield Score(value=1 - (len(low) + len(high)) / (len(praised) + len(disparaged)), reasons=tuple(told[:_TOLD]))


def _pairs(read: _Read, pairs: Sequence[tuple[str, str]], says: str) -> Iterator[Score]:
    """The share of pairs (better, worse by the trace) that the order has so; nothing for none."""
    if not pairs:
        return
    wrong = [(read.rank[a] - read.rank[b], a, b) for a, b in pairs if read.rank[a] > read.rank[b]]
    told = tuple(
        f"the trace {says.format(read.name(a), read.name(b))}, the list has them {nth(read.rank[a])} and {nth(read.rank[b])}"
        for _, a, b in sorted(wrong, key=lambda one: (-one[0], one[1:]))[:_TOLD]
    )
    yield Score(value=1 - len(wrong) / len(pairs), reasons=told)


def _sides(found: Sequence[Claim]) -> dict[str, int]:
    """Above 0 for passages that a trace praises more often than not, below for the others; a draw is decided by what it says last."""
    said: defaultdict[str, list[int]] = defaultdict(list)
    for claim in found:
        for id_ in claim.passage_ids:
            if claim.polarity != "neutral":
                said[id_].append(1 if claim.polarity == "for" else -1)
    return {id_: sum(values) or values[-1] for id_, values in said.items()}


def _by_cards(best: Sample, window: Sequence[Passage]) -> Iterator[Score]:
    """A card trace against the evidence that its passages carry; nothing where they carry none."""
    if any(name not in passage.features for passage in window for name in SIGNALS):
        return
    place = {id_: at for at, id_ in enumerate(best.shown)}
    order = [place[id_] for id_ in best.order if id_ in place]
    found = cards.faithfulness(best.reasoning, order, [digits(passage) for passage in window])
    wrong, off = found.reason_error, found.grade_error
    yield Score(value=1 - wrong, reasons=(f"{wrong:.0%} of its reasons are not what the evidence says",) if wrong else ())
    yield Score(value=max(0.0, 1 - off / _GRADES_OFF), reasons=(f"its grades are off by {off:.1f} of 49 on average",) if off >= 1 else ())


def _claims(name: str, reasoning: str, window: Sequence[Passage]) -> tuple[Claim, ...]:
    template = _template(name)
    if isinstance(template, ReadsOwnTrace) or template is not None:
        return claims(template, reasoning, window)
    return sentence_claims(reasoning, window)


@functools.cache
def _template(name: str) -> PromptTemplate | None:
    """The profile that reads the traces; None for one that is no longer there: its traces are read as free text."""
    try:
        return template_for(name) if name else None
    except RankingError:
        return None
