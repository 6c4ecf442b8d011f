"""What is known of a query and its candidates before a model is asked: plain numbers by name, for a router.

Features of scores are in standard deviations of the list's own scores, so that retrievers with other scales can be compared. A feature that
can't be told (no scores, no texts, no evidence) is left out, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import log
from statistics import fmean, pstdev

from .values import Passage

_WORD = re.compile(r"\w+")
# Words that begin a question, and those among them that ask for a reason or a way, not for a fact.
_ASKS = frozenset(
    ("what", "which", "who", "whom", "whose", "when", "where", "why", "how", "is", "are", "was", "were", "do", "does", "did", "can")
    + ("could", "should", "would", "will", "has", "have")
)
_REASONS = frozenset(("why", "how", "explain", "prove", "derive", "cause", "reason", "because"))
_TOP = 10
_LONG_WORD = 4  # shorter words are mostly grammar

NAMES: dict[str, str] = {
    "words": "words of the query (natural logarithm)",
    "asks": "1 where the query is a question",
    "reasons": "1 where it asks why or how",
    "symbols": "share of its characters that are neither letters nor blanks",
    "candidates": "number of candidates (natural logarithm)",
    "best": "first-stage score of the best candidate above the list's mean, in standard deviations",
    "gap": "distance of the two best scores, in standard deviations",
    "step": "mean score of the best ten above the rest's, in standard deviations",
    "ties": "share of candidates whose score another one has too",
    "length": "words of a passage, mean (natural logarithm)",
    "lengths": "how much the lengths vary: standard deviation over mean",
    "found": "share of the query's longer words that any passage has",
    "held": "share of them that the passage with most of them has",
    "agree": "share of the five best by words that are among the five best by meaning",
    "coverage": "highest share of the query's rare terms in one passage",
    "near": "highest cosine of a passage with the query",
    "nearer": "distance of the two highest cosines",
}
"""Every feature and what it measures."""


def features(query: str, passages: Sequence[Passage]) -> dict[str, float]:
    """Features of a query over its candidates in first-stage order, by the names of NAMES, in their order; pure."""
    found = {**_of_query(query), "candidates": log(1 + len(passages))}
    scores = [passage.score for passage in passages if passage.score is not None]
    if passages and len(scores) == len(passages):
        found.update(_of_scores(scores))
    if passages and all(passage.text.strip() for passage in passages):
        found.update(_of_texts(query, [f"{passage.title} {passage.text}" for passage in passages]))
    if passages and all({"words", "meaning", "coverage", "cosine"} <= passage.features.keys() for passage in passages):
        found.update(_of_evidence(passages))
    return {name: found[name] for name in NAMES if name in found}


def _of_query(query: str) -> dict[str, float]:
    words = [word.lower() for word in _WORD.findall(query)]
    marks = sum(not letter.isalpha() and not letter.isspace() for letter in query)
    return {
        "words": log(1 + len(words)),
        "asks": float(query.rstrip().endswith(("?", "\uff1f")) or (bool(words) and words[0] in _ASKS)),
        "reasons": float(any(word in _REASONS for word in words)),
        "symbols": marks / len(query) if query else 0.0,
    }


def _of_scores(scores: Sequence[float]) -> dict[str, float]:
    best, spread = sorted(scores, reverse=True), pstdev(scores)
    ties = sum(best.count(score) > 1 for score in best) / len(best)
    if not spread:
        return {"best": 0.0, "gap": 0.0, "step": 0.0, "ties": ties}
    rest = best[_TOP:]
    return {
        "best": (best[0] - fmean(best)) / spread,
        "gap": (best[0] - best[1]) / spread,
        "step": (fmean(best[:_TOP]) - fmean(rest)) / spread if rest else 0.0,
        "ties": ties,
    }


def _of_texts(query: str, texts: Sequence[str]) -> dict[str, float]:
    held = [[word.lower() for word in _WORD.findall(text)] for text in texts]
    lengths = [float(len(words)) for words in held]
    asked = {word.lower() for word in _WORD.findall(query) if len(word) >= _LONG_WORD}
    sets = [asked.intersection(words) for words in held]
    mean = fmean(lengths)
    return {
        "length": log(1 + mean),
        "lengths": pstdev(lengths) / mean if mean else 0.0,
        "found": len(set().union(*sets)) / len(asked) if asked else 0.0,
        "held": max(map(len, sets)) / len(asked) if asked else 0.0,
    }


def _of_evidence(passages: Sequence[Passage]) -> dict[str, float]:
    def top(name: str) -> set[int]:
        return set(sorted(range(len(passages)), key=lambda at: -passages[at].features[name])[:5])

    cosines = sorted((passage.features["cosine"] for passage in passages), reverse=True)
    return {
        "agree": len(top("words") & top("meaning")) / min(5, len(passages)),
        "coverage": max(passage.features["coverage"] for passage in passages),
        "near": cosines[0],
        "nearer": cosines[0] - cosines[1] if len(cosines) > 1 else 0.0,
    }
