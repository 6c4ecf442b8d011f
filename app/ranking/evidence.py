"""Evidence values: the names, the order and the scale that signals, cards, the embedded model and the screen share.

Six signals per passage, each scaled to 0..1 and cut to a digit 0-9 for a card. The first three are min-max scaled inside the list
(they say "best of what is here"), the last three are absolute.
"""

from __future__ import annotations

from collections.abc import Sequence

from .errors import InputError
from .values import Passage

SIGNALS: tuple[str, ...] = ("words", "meaning", "sentence", "coverage", "phrase", "lead")

SAYS: dict[str, str] = {
    "words": "shared words (BM25)",
    "meaning": "similar meaning (cosine of embeddings)",
    "sentence": "one sentence close in meaning",
    "coverage": "share of the query's rare terms present",
    "phrase": "query words standing side by side",
    "lead": "query terms in the title or first sentence",
}


def digit(value: float) -> int:
    """A scaled value as a digit: 0..1 to 0..9, values outside are clamped."""
    return max(0, min(9, int(value * 10)))


def digits(passage: Passage) -> tuple[int, ...]:
    """The six digits of a passage's card, in the order of SIGNALS. Raises InputError where a signal is missing."""
    missing = [name for name in SIGNALS if name not in passage.features]
    if missing:
        raise InputError(f"passage {passage.id!r} has no {', '.join(missing)}: annotate the list with a Signals first")
    return tuple(digit(passage.features[name]) for name in SIGNALS)


def evidence_sum(passage: Passage) -> float:
    """Untrained sum of the six scaled signals, 0..6: the score of the `signals` ranker."""
    return sum(passage.features.get(name, 0.0) for name in SIGNALS)


def by_evidence(passages: Sequence[Passage]) -> list[Passage]:
    """Passages by their evidence sum, best first; equal sums keep their incoming order."""
    return sorted(passages, key=evidence_sum, reverse=True)
