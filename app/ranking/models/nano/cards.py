"""What the embedded model reads and what it is taught to write: evidence cards, plans, grades, reasons and traces.

Pure arithmetic over digits and words; the vocabulary, the template, the decoder, the teacher and the screen all build on this file.
Every word of a trace after its plan follows from the cards, so that a trace can be checked by code: see `faithfulness`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...evidence import SIGNALS
from ...values import Claim, Passage, Polarity

LETTERS = "WMSCPL"
"""One letter per signal, in the order of SIGNALS: `W5M7` on a card: words 5, meaning 7."""

ALL = "all"
CHOICES: tuple[str, ...] = (*SIGNALS, ALL)
NONE = "none"
MAX_CARDS = 40
BEST = 49
"""Grades run from 0 to BEST."""

# Most passages have no phrase and no lead match: their absence is no reason to mention.
BASIC: tuple[str, ...] = ("words", "meaning", "sentence", "coverage")

Digits = tuple[int, ...]
"""Six digits 0-9, in the order of SIGNALS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which evidence counts most. `all` gives no signal a bonus: `Plan()` is the plain sum of the six."""

    first: str = ALL
    then: str = ALL

    @property
    def weights(self) -> tuple[int, ...]:
        """One weight per signal: 1 for each, 4 more for the first, 2 more for the next."""
        return tuple(1 + 4 * (name == self.first) + 2 * (name == self.then) for name in SIGNALS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a trace says of one card: the strongest point, the weakest point, the grade; the span is in the trace."""

    number: int
    plus: str = NONE
    minus: str = NONE
    grade: int = 0
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Faithfulness:
    """How far a trace is true to its cards under its own plan.

    `grade_error` is the mean distance of the written grades from the arithmetic (0..49), `reason_error` the share of wrong reasons,
    `order_agreement` the share of neighbours in the answer whose own grades do not contradict it (1.0 for fewer than two).
    """

    complete: bool
    grade_error: float
    reason_error: float
    order_agreement: float


def grade(plan: Plan, digits: Digits) -> int:
    """Weighted mean of the digits on the scale 0..49, halves rounded up: 49 w.d / (9 sum w)."""
    weights = plan.weights
    total = sum(weights)
    dot = sum(w * d for w, d in zip(weights, digits, strict=True))
    return (2 * BEST * dot + 9 * total) // (18 * total)


def reasons(plan: Plan, digits: Digits) -> tuple[str, str]:
    """The strongest and the weakest point of a card: largest and smallest weighted distance from 4.5, or `none`.

    Ties go to the earlier signal. Only BASIC signals are named as missing.
    """
    excess = {name: w * (2 * d - 9) for name, w, d in zip(SIGNALS, plan.weights, digits, strict=True)}
    plus = max(SIGNALS, key=lambda name: excess[name])
    minus = min(BASIC, key=lambda name: excess[name])
    return plus if excess[plus] > 0 else NONE, minus if excess[minus] < 0 else NONE


def best_order(grades: Sequence[int]) -> tuple[int, ...]:
    """Positions by grade, best first; equal grades keep their incoming order."""
    return tuple(sorted(range(len(grades)), key=lambda position: -grades[position]))


_QUESTION: frozenset[str] = frozenset(
    ("what", "why", "how", "when", "where", "who", "which", "whose", "whom", "is", "are", "was", "were")
    + ("do", "does", "did", "can", "could", "should", "would", "will")
)


def agreement(cards: Sequence[Digits]) -> int:
    """How many passages are among the best five both by words and by meaning: 0..5, equal digits in incoming order."""
    words, meaning = (set(sorted(range(len(cards)), key=lambda at, signal=signal: -cards[at][signal])[:5]) for signal in (0, 1))  # type: ignore[misc]
    return len(words & meaning)


def best_coverage(cards: Sequence[Digits]) -> int:
    """The highest coverage digit of a list."""
    return max((card[3] for card in cards), default=0)


def header(query: str, cards: Sequence[Digits]) -> tuple[str, ...]:
    """Five words about the list: size, query length, kind of query, agreement of words and meaning, best coverage.

    Scripts without blanks count as one word.
    """
    words = query.lower().split()
    asks = query.rstrip().endswith(("?", "\uff1f")) or (bool(words) and words[0] in _QUESTION)
    length = min(5, len(words) // 4)
    return f"N{len(cards)}", f"len{length}", "asks" if asks else "names", f"agree{agreement(cards)}", f"cover{best_coverage(cards)}"


def card_words(number: int, digits: Digits) -> tuple[str, ...]:
    """The four words of a card: `W5M7 S3C2 P0L1 =[1]`. The number stands last, so that its word has already read the evidence."""
    marked = [f"{letter}{digit}" for letter, digit in zip(LETTERS, digits, strict=True)]
    return (*("".join(marked[start : start + 2]) for start in (0, 2, 4)), f"=[{number}]")


def prompt_text(query: str, cards: Sequence[Digits]) -> str:
    """The whole user message for a list of at most MAX_CARDS cards."""
    words = [*header(query, cards)]
    for number, digits in enumerate(cards, start=1):
        words += card_words(number, digits)
    return " ".join(words)


def plan_words(plan: Plan) -> tuple[str, str, str]:
    """The opening of a trace."""
    return "weigh", f"first:{plan.first}", f"then:{plan.then}"


def verdict_words(number: int, plan: Plan, digits: Digits) -> tuple[str, str, str, str]:
    """The four words of a trace about one card."""
    plus, minus = reasons(plan, digits)
    return f"[{number}]", f"g{grade(plan, digits):02d}", f"+{plus}", f"-{minus}"


def write_reasoning(plan: Plan, cards: Sequence[Digits]) -> str:
    """The true trace for a plan (the teacher's): what belongs between the think tags."""
    words = [*plan_words(plan)]
    for number, digits in enumerate(cards, start=1):
        words += verdict_words(number, plan, digits)
    return " ".join(words)


def write_answer(order: Sequence[int]) -> str:
    """The answer for an order of 0-based positions, tags included."""
    words = [f"[{position + 1}]" if rank == 0 else f">[{position + 1}]" for rank, position in enumerate(order)]
    return " ".join(["<answer>", *words, "</answer>"])


_PLAN = re.compile(r"\bfirst:(?P<first>[a-z]+)(?:\s+then:(?P<then>[a-z]+))?")
_PLUS, _MINUS = "|".join((*SIGNALS, NONE)), "|".join((*BASIC, NONE))
_VERDICT = re.compile(rf"\[(?P<number>\d{{1,3}})\]\s+g(?P<grade>\d\d)\s+\+(?P<plus>{_PLUS})\s+-(?P<minus>{_MINUS})(?![a-z])")


def read_plan(reasoning: str) -> tuple[Plan, int, int] | None:
    """The plan of a trace and its span, once both of its words are written; None before, or if they are not plan words."""
    match = _PLAN.search(reasoning)
    if not match or match["first"] not in CHOICES or match["then"] not in CHOICES:
        return None
    return Plan(first=match["first"], then=match["then"]), match.start(), match.end()


def read_verdicts(reasoning: str, size: int) -> Iterator[Verdict]:
    """The finished verdicts of a trace, begun ones left out; numbers outside 1..size and repeated ones are skipped."""
    seen: set[int] = set()
    for match in _VERDICT.finditer(reasoning):
        number, value = int(match["number"]), int(match["grade"])
        if not 1 <= number <= size or number in seen or value > BEST:
            continue
        seen.add(number)
        yield Verdict(number=number, plus=match["plus"], minus=match["minus"], grade=value, start=match.start(), end=match.end())


def _polarity(verdict: Verdict) -> Polarity:
    if verdict.plus == NONE:
        return "against"
    return "for" if verdict.minus == NONE or 2 * verdict.grade > BEST else "neutral"


def claims(reasoning: str, window: Sequence[Passage]) -> tuple[Claim, ...]:
    """What a whole or begun trace says, with spans in the raw text: `c0` is the plan, `c7` the verdict on passage [7]."""
    found: list[Claim] = []
    plan = read_plan(reasoning)
    if plan:
        found.append(Claim(id="c0", passage_ids=(), start=plan[1], end=plan[2]))
    for verdict in read_verdicts(reasoning, len(window)):
        found.append(
            Claim(
                id=f"c{verdict.number}",
                passage_ids=(window[verdict.number - 1].id,),
                start=verdict.start,
                end=verdict.end,
                polarity=_polarity(verdict),
                grade=float(verdict.grade),
            )
        )
    return tuple(found)


def faithfulness(reasoning: str, order: Sequence[int], cards: Sequence[Digits]) -> Faithfulness:
    """Check a trace and the order that followed it against the cards. A trace without a plan is measured against `Plan()`."""
    read = read_plan(reasoning)
    plan = read[0] if read else Plan()
    verdicts = list(read_verdicts(reasoning, len(cards)))
    grade_error = sum(abs(v.grade - grade(plan, cards[v.number - 1])) for v in verdicts)
    reason_error = sum((v.plus, v.minus) != reasons(plan, cards[v.number - 1]) for v in verdicts)
    own = {v.number - 1: v.grade for v in verdicts}
    pairs = [(own.get(a, 0), own.get(b, 0)) for a, b in zip(order, order[1:], strict=False)]
    return Faithfulness(
        complete=read is not None and len(verdicts) == len(cards),
        grade_error=grade_error / max(1, len(verdicts)),
        reason_error=reason_error / max(1, len(verdicts)),
        order_agreement=sum(a >= b for a, b in pairs) / len(pairs) if pairs else 1.0,
    )
