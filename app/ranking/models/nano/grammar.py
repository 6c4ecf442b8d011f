"""What the embedded model may write next: the trace's grammar, token by token, so that the answer follows from the trace.

The think part names a plan and judges each card once in the order of the prompt; the answer takes, at every step, only passages whose own
grade is the highest left. Whatever the weights, the result is a permutation that agrees with its own grades.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from .vocabulary import ANSWER, ANSWERED, END, FIRST, GRADES, IDS, MINUS, PLUS, THEN, THINK, THOUGHT, WORDS

Allowed = tuple[int, ...]
"""Token ids, in the order in which ties between equal scores are broken."""


def _ids(words: Sequence[str]) -> Allowed:
    return tuple(IDS[word] for word in words)


_FIRST, _THEN, _GRADES, _PLUS, _MINUS = _ids(FIRST), _ids(THEN), _ids(GRADES), _ids(PLUS), _ids(MINUS)
_NUMBER_OF = {IDS[word]: int(word[2:-1]) for word in WORDS if word.startswith("=[")}


def card_numbers(prompt: Sequence[int]) -> tuple[int, ...]:
    """Numbers of the cards in a prompt given as token ids, in their order."""
    return tuple(_NUMBER_OF[token] for token in prompt if token in _NUMBER_OF)


def grammar(numbers: Sequence[int]) -> Generator[Allowed, int, None]:
    """Yields the token ids allowed next and is sent the one that was taken; ends after the end token.

    `numbers` are the cards of the prompt, in order. A single allowed id is forced: no model needs to be asked.
    """
    yield (IDS[THINK],)
    yield (IDS["weigh"],)
    yield _FIRST
    yield _THEN
    left: dict[int, int] = {}
    for number in numbers:
        yield (IDS[f"[{number}]"],)
        left[number] = yield _GRADES
        yield _PLUS
        yield _MINUS
    yield (IDS[THOUGHT],)
    yield (IDS[ANSWER],)
    mark = "["
    while left:
        # Ids of grades rise with the grade.
        best = max(left.values())
        ties = {IDS[f"{mark}{number}]"]: number for number, token in left.items() if token == best}
        taken = yield tuple(ties)
        del left[ties[taken]]
        mark = ">["
    yield (IDS[ANSWERED],)
    yield (IDS[END],)


def longest(size: int) -> int:
    """Tokens of a whole trace and answer for `size` cards, the end token included."""
    return 8 + 5 * size
