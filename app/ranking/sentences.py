"""Sentences for people: a pure rendering of a trace, with citations that a page can make clickable. The raw trace stays the record."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from .claims import sentence_claims
from .protocols import PromptTemplate
from .values import Passage

_CITATION = re.compile(r"\[(\d{1,4})\]")

Terms = Mapping[str, Sequence[str]]
"""Matched query terms by passage id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A place in a sentence that stands for a passage: its id, and its 1-based number in the window."""

    passage_id: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence: `parts` are text and citations in order; `claim_id` names the claim that it words, None for none."""

    claim_id: str | None
    parts: tuple[str | Citation, ...]

    @property
    def text(self) -> str:
        """The sentence with citations as [7]."""
        return "".join(part if isinstance(part, str) else f"[{part.number}]" for part in self.parts)


@runtime_checkable
class WordsOwnTrace(Protocol):
    """A template whose traces need to be put into words."""

    def sentences(self, reasoning: str, window: Sequence[Passage], terms: Terms) -> tuple[Sentence, ...]:
        """Sentences of a whole or begun trace; more trace never changes those that are there."""
        ...


def sentences(template: PromptTemplate, reasoning: str, window: Sequence[Passage], terms: Terms) -> tuple[Sentence, ...]:
    """The claims of a trace as sentences, in its order. A trace in plain language is its own wording."""
    if isinstance(template, WordsOwnTrace):
        return template.sentences(reasoning, window, terms)
    return tuple(
        Sentence(claim_id=claim.id, parts=_parts(reasoning[claim.start : claim.end], window))
        for claim in sentence_claims(reasoning, window)
    )


def _parts(text: str, window: Sequence[Passage]) -> tuple[str | Citation, ...]:
    """Text and citations; a number that is not of this window stays text."""
    parts: list[str | Citation] = []
    at = 0
    for found in _CITATION.finditer(text):
        number = int(found[1])
        if 1 <= number <= len(window):
            parts += [text[at : found.start()], Citation(passage_id=window[number - 1].id, number=number)]
            at = found.end()
    return tuple(part for part in (*parts, text[at:]) if part)
