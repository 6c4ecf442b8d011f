"""What a trace says of its passages: the only answer to "which sentence speaks of passage 7".

A template that knows the grammar of its own traces brings its own reader (the embedded model does); for free text a claim is a sentence
that cites passages by number. Spans are code-point offsets in the raw reasoning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from .protocols import PromptTemplate
from .values import Claim, Passage

# A sentence ends at . ! ? followed by a blank and something that can begin a sentence, or at a line's end.
_SENTENCE_END = re.compile(r"(?<=[.!?])[ \t]+(?=[A-Z\[\"'(])|\n+")
_CITATION = re.compile(r"\[(\d{1,4})\]")


@runtime_checkable
class ReadsOwnTrace(Protocol):
    """A template whose traces have a grammar of their own."""

    def claims(self, reasoning: str, window: Sequence[Passage]) -> tuple[Claim, ...]:
        """Claims in the order of the trace; an unfinished last one is left out."""
        ...


def claims(template: PromptTemplate, reasoning: str, window: Sequence[Passage]) -> tuple[Claim, ...]:
    """Claims of a trace about the passages of its window, in the order of the trace."""
    return template.claims(reasoning, window) if isinstance(template, ReadsOwnTrace) else sentence_claims(reasoning, window)


def sentence_claims(reasoning: str, window: Sequence[Passage]) -> tuple[Claim, ...]:
    """One claim per sentence that cites at least one passage of the window; ids count from c1."""
    out: list[Claim] = []
    for start, end in _sentences(reasoning):
        numbers = dict.fromkeys(int(number) for number in _CITATION.findall(reasoning[start:end]))
        cited = tuple(window[number - 1].id for number in numbers if 1 <= number <= len(window))
        if cited:
            out.append(Claim(id=f"c{len(out) + 1}", passage_ids=cited, start=start, end=end))
    return tuple(out)


def _sentences(text: str) -> list[tuple[int, int]]:
    """Spans of sentences, blanks at both ends left out."""
    edges = [0, *(edge for found in _SENTENCE_END.finditer(text) for edge in found.span()), len(text)]
    spans = zip(edges[::2], edges[1::2], strict=True)
    return [(a + len(text[a:b]) - len(text[a:b].lstrip()), a + len(text[a:b].rstrip())) for a, b in spans if text[a:b].strip()]
