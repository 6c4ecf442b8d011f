"""Answers about other units than a list: the best of some passages, or one passage alone. As strict as the parser of lists."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from .parsing import inside_tags
from .values import Completion, Outcome, Parsed

_ONE = re.compile(r"\[([0-9]{1,9})\]")


def parse_best(completion: Completion, size: int, *, tags: bool) -> Parsed:
    """The one passage named as best, first; the others in incoming order. Anything but one `[k]` with k in 1..size is no answer."""
    found = inside_tags(completion, tags=tags)
    if found.reason:
        return _kept(size, found.outcome, found.reason)
    match = _ONE.fullmatch(found.text)
    if match is None:
        return _kept(size, "no_answer", "not_a_list")
    best = int(match[1]) - 1
    if not 0 <= best < size:
        return _kept(size, "no_answer", "out_of_range")
    order = (best, *(position for position in range(size) if position != best))
    return Parsed(order=order, outcome="repaired" if found.trims else "clean", problems=found.trims)


def parse_passage(completion: Completion, size: int, *, tags: bool, words: tuple[str, str]) -> Parsed:
    """A judgement of one passage: score 1 for the positive word, 0 for the negative one.

    With log-probabilities the score is the softmax of the two words at the last place where one of them was possible (Rank1, Weller et al.
    2025, section 3). Case of the word is ignored. Raises nothing; anything else is no answer and has no score.
    """
    positive, negative = words
    found = inside_tags(completion, tags=tags)
    if found.reason:
        return _kept(size, found.outcome, found.reason)
    said = found.text.strip().rstrip(".").lower()
    if said not in (positive.lower(), negative.lower()):
        return _kept(size, "no_answer", "not_a_list")
    score = _softmax(completion, words)
    score = float(said == positive.lower()) if score is None else score
    scores = (score,) * size
    return Parsed(order=tuple(range(size)), outcome="repaired" if found.trims else "clean", problems=found.trims, scores=scores)


def _softmax(completion: Completion, words: tuple[str, str]) -> float | None:
    """Probability of the positive word against the negative one; None where no token position offers either."""
    for place in reversed(completion.logprobs):
        yes, no = (_best(place, word) for word in words)
        if yes is not None or no is not None:
            # A word that is not among the reported ones is less likely than all of them.
            floor = min(place.values()) - 1.0
            high, low = floor if yes is None else yes, floor if no is None else no
            return 1.0 / (1.0 + math.exp(min(700.0, low - high)))
    return None


def _best(place: Mapping[str, float], word: str) -> float | None:
    return max((value for token, value in place.items() if token.strip().lower() == word.lower()), default=None)


def _kept(size: int, outcome: Outcome, problem: str) -> Parsed:
    problems = frozenset({problem} if problem else ())
    return Parsed(order=tuple(range(size)), outcome=outcome, problems=problems)
