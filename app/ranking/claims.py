"""What a trace says of its passages: the only answer to "which sentence speaks of passage 7".

A template that knows the grammar of its own traces brings its own reader (the embedded model does); for free text a claim is a sentence
that cites passages by number. Spans are code-point offsets in the raw reasoning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

from .polarity import polarities
from .protocols import PromptTemplate
from .values import Claim, Passage, Polarity

# A sentence ends at . ! ? followed by a blank and something that can begin a sentence, or at a line's end.
_SENTENCE_END = re.compile(r"(?<=[.!?])[ \t]+(?=[A-Z\[\"'(])|\n+")


@runtime_checkable
class ReadsOwnTrace(Protocol):
    """A template whose traces have a grammar of their own."""

    def claims(self, reasoning: str, window: Sequence[Passage]) -> tuple[Claim, ...]:
        """Claims in the order of the trace; an unfinished last one is left out."""
        ...


def claims(template: PromptTemplate, reasoning: str, window: Sequence[Passage]) -> tuple[Claim, ...]:
    """Claims of a trace about the passages of its window, in the order of the trace."""
    return template.claims(reasoning, window) if isinstance(template, ReadsOwnTrace) else sided_claims(reasoning, window)


def sentence_claims(reasoning: str, window: Sequence[Passage]) -> tuple[Claim, ...]:
    """One claim per sentence that cites at least one passage of the window; ids count from c1.

    `polarity` is what the sentence says of all of them, neutral where it says different things: see `polarity`.
    """
    return tuple(claim if len(sides) == 1 else replace(claim, polarity="neutral") for claim, sides in _sided(reasoning, window))


def sided_claims(reasoning: str, window: Sequence[Passage]) -> tuple[Claim, ...]:
    """As `sentence_claims`, but a sentence that says different things of its passages makes one claim per side, each of the whole sentence.

    The side that is cited first keeps the sentence's id, the others follow as c1b and c1c, so that ids count sentences in either way.
    """
    out: list[Claim] = []
    for claim, sides in _sided(reasoning, window):
        for letter, (polarity, ids) in zip(("", "b", "c"), sides.items(), strict=False):
            out.append(replace(claim, id=claim.id + letter, passage_ids=tuple(ids), polarity=polarity))
    return tuple(out)


def _sided(reasoning: str, window: Sequence[Passage]) -> Iterator[tuple[Claim, dict[Polarity, list[str]]]]:
    """Claims by sentences, each with its passages by what is said of them."""
    count = 0
    for start, end in _sentences(reasoning):
        sides: dict[Polarity, list[str]] = {}
        cited: list[str] = []
        for number, polarity in polarities(reasoning[start:end]).items():
            if 1 <= number <= len(window):
                cited.append(window[number - 1].id)
                sides.setdefault(polarity, []).append(cited[-1])
        if cited:
            count += 1
            yield Claim(id=f"c{count}", passage_ids=tuple(cited), start=start, end=end, polarity=next(iter(sides))), sides


def _sentences(text: str) -> list[tuple[int, int]]:
    """Spans of sentences, blanks at both ends left out."""
    edges = [0, *(edge for found in _SENTENCE_END.finditer(text) for edge in found.span()), len(text)]
    spans = zip(edges[::2], edges[1::2], strict=True)
    return [(a + len(text[a:b]) - len(text[a:b].lstrip()), a + len(text[a:b].rstrip())) for a, b in spans if text[a:b].strip()]
