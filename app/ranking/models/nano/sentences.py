"""Sentences for people: a pure rendering of what a trace says, with the query terms that really stand in each passage.

The raw trace stays the record. A sentence adds no judgement: it words the plan, the strong point, the weak point and the grade that the
model wrote, and names terms only where the caller found them. VERSION changes with any wording, so that a stored page can be told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...sentences import Citation, Sentence
from ...values import Passage
from .cards import ALL, BEST, NONE, Plan, Verdict, read_plan, read_verdicts

VERSION = "1"
_MOST_TERMS = 4

# Signals as they stand in a sentence: as what a list is judged by, as what speaks for a passage, as what it lacks.
_JUDGED_BY = {
    "words": "shared words",
    "meaning": "similar meaning",
    "sentence": "the single closest sentence",
    "coverage": "how much of the query is covered",
    "phrase": "query words side by side",
    "lead": "the title and opening sentence",
}
_FOR = {
    "words": "shared words{terms}",
    "meaning": "a meaning close to the query",
    "sentence": "one sentence close in meaning",
    "coverage": "covering the query's rarer terms{terms}",
    "phrase": "query words side by side{terms}",
    "lead": "query terms in its title or opening{terms}",
}
_LACKS = {
    "words": "few shared words",
    "meaning": "a distant overall meaning",
    "sentence": "no single close sentence",
    "coverage": "few of the query's rarer terms",
}
# Only these speak of words that can be shown.
_LEXICAL = frozenset({"words", "coverage", "phrase", "lead"})


def sentences(reasoning: str, window: Sequence[Passage], terms: Mapping[str, Sequence[str]] | None = None) -> tuple[Sentence, ...]:
    """The sentences of a whole or begun trace, in its order; words still unfinished give none yet.

    `window` are the passages as shown to the model; `terms` are the matched query terms by passage id. More trace never changes
    the sentences that are already there.
    """
    found: list[Sentence] = []
    plan = read_plan(reasoning)
    if plan:
        found.append(Sentence(claim_id="c0", parts=(_plan_text(plan[0]),)))
    for verdict in read_verdicts(reasoning, len(window)):
        passage = window[verdict.number - 1]
        cite = Citation(passage_id=passage.id, number=verdict.number)
        text = _verdict_text(verdict, (terms or {}).get(passage.id, ()))
        found.append(Sentence(claim_id=f"c{verdict.number}", parts=(cite, text)))
    return tuple(found)


def _plan_text(plan: Plan) -> str:
    """The plan in words; the weights behind them are those of `Plan.weights`."""
    first, then = _JUDGED_BY.get(plan.first, plan.first), _JUDGED_BY.get(plan.then, plan.then)
    if plan.first == plan.then == ALL:
        return "This list is judged by all six kinds of evidence alike."
    if plan.first == plan.then:
        return f"This list is judged above all by {first}."
    if plan.then == ALL:
        return f"This list is judged mainly by {first}, then by the rest alike."
    if plan.first == ALL:
        return f"This list is judged by all six kinds of evidence, with some extra weight on {then}."
    return f"This list is judged mainly by {first}, then by {then}."


def _verdict_text(verdict: Verdict, terms: Sequence[str]) -> str:
    """What follows the citation. How strongly it is put depends on the grade alone."""
    tail = f" \N{EN DASH} grade {verdict.grade} of {BEST}."
    lacks = _LACKS.get(verdict.minus)
    if verdict.plus == NONE:
        return (f" offers little: {lacks}" if lacks else " stands out in nothing") + tail
    good = _FOR.get(verdict.plus, verdict.plus).format(terms=_quoted(terms) if verdict.plus in _LEXICAL else "")
    verb = "stands out for" if 3 * verdict.grade >= 2 * BEST else "has a point in" if 3 * verdict.grade >= BEST else "has only"
    return f" {verb} {good}" + (f", against {lacks}" if lacks else "") + tail


def _quoted(terms: Sequence[str]) -> str:
    """Terms in brackets and quotes, at most four, each once; nothing for none."""
    shown = list(dict.fromkeys(terms))[:_MOST_TERMS]
    return " (" + ", ".join(f"\N{LEFT DOUBLE QUOTATION MARK}{term}\N{RIGHT DOUBLE QUOTATION MARK}" for term in shown) + ")" if shown else ""
