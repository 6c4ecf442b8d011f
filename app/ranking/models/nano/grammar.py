"""What the embedded model may write next: the trace's grammar, token by token, so that the answer follows from the trace.

The think part names a plan and judges each card once in the order of the prompt; the answer takes, at every step, only passages whose own
grade is the highest left. Whatever the weights, the result is a permutation that agrees with its own grades.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

from .vocabulary import ANSWER, ANSWERED, END, FIRST, GRADES, IDS, MINUS, PLUS, THEN, THINK, THOUGHT, WORDS

Allowed = tuple[int, ...]
"""Token ids, in the order in which ties between equal scores are broken."""


def _ids(words: Sequence[str]) -> Allowed:
    return tuple(IDS[word] for word in words)


_FIRST, _THEN, _GRADES, _PLUS, _MINUS = _ids(FIRST), _ids(THEN), _ids(GRADES), _ids(PLUS), _ids(MINUS)
_CARD_OF = {IDS[word]: int(word[1:-1]) for word in WORDS if word.startswith("[")}
_NUMBER_OF = {IDS[word]: int(word[2:-1]) for word in WORDS if word.startswith("=[")}


def card_numbers(prompt: Sequence[int]) -> tuple[int, ...]:
    """Numbers of the cards in a prompt given as token ids, in their order."""
    return tuple(_NUMBER_OF[token] for token in prompt if token in _NUMBER_OF)


def grammar(numbers: Sequence[int], given: Mapping[int, int] | None = None) -> Generator[Allowed, int, None]:
    """Yields the token ids allowed next and is sent the one that was taken; ends after the end token.

    `numbers` are the cards of the prompt, in order. A single allowed id is forced: no model needs to be asked. `given` are the verdicts
    of a trace that was written before, as grade tokens by card: then the answer begins at once, and cards without a verdict come last, in
    the order of the prompt.
    """
    left = (yield from _trace(numbers)) if given is None else {number: given[number] for number in numbers if number in given}
    rest = [number for number in numbers if number not in left]
    mark = "["
    while left:
        # Ids of grades rise with the grade.
        best = max(left.values())
        ties = {IDS[f"{mark}{number}]"]: number for number, token in left.items() if token == best}
        taken = yield tuple(ties)
        del left[ties[taken]]
        mark = ">["
    for number in rest:
        yield (IDS[f"{mark}{number}]"],)
        mark = ">["
    yield (IDS[ANSWERED],)
    yield (IDS[END],)


def _trace(numbers: Sequence[int]) -> Generator[Allowed, int, dict[int, int]]:
    """The think part and the tag that opens the answer; grade tokens by card in the end."""
    yield (IDS[THINK],)
    yield (IDS["weigh"],)
    yield _FIRST
    yield _THEN
    grades: dict[int, int] = {}
    for number in numbers:
        yield (IDS[f"[{number}]"],)
        grades[number] = yield _GRADES
        yield _PLUS
        yield _MINUS
    yield (IDS[THOUGHT],)
    yield (IDS[ANSWER],)
    return grades


def whole_verdicts(trace: Sequence[int], numbers: Sequence[int]) -> tuple[list[int], dict[int, int]]:
    """The part of a begun trace (token ids after the think tag) that is whole: its tokens, and grade tokens by card.

    A verdict that was cut off is left out. Raises ValueError where the trace does not follow the grammar.
    """
    walk, kept, grades = _trace(numbers), list[int](), dict[int, int]()
    next(walk)
    allowed = walk.send(IDS[THINK])
    whole = 0
    for token in trace:
        if token not in allowed or token == IDS[THOUGHT]:
            raise ValueError(f"{WORDS[token]!r} can't stand at word {len(kept) + 1} of a trace")
        kept.append(token)
        allowed = walk.send(token)
        if len(kept) >= 3 and (len(kept) - 3) % 4 == 0:
            whole = len(kept)
    for at in range(3, whole, 4):
        grades[_CARD_OF[kept[at]]] = kept[at + 1]
    return kept[:whole], grades


def longest(size: int) -> int:
    """Tokens of a whole trace and answer for `size` cards, the end token included."""
    return 8 + 5 * size
