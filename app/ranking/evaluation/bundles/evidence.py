"""What the calls of two bundles show, topic by topic: whether the model was shown the same, asked the same, and said the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .read import Bundle
from .values import CallRow, Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """A call without its texts."""

    shown: tuple[str, ...]
    prompt: str
    texts: str
    words: tuple[int, int]
    order: tuple[str, ...]
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Calls of a topic that showed the same passages in the same order in both bundles, counted; `unpaired` are the others of both.

    `other_texts`: their texts differ before any cutting. `other_prompt`: the prompts differ though the texts don't, `by_words` by how many
    words (second minus first, one a call). `same_prompt`: the same prompt, `other_answer` of them with another order. `same_plan`: the
    first calls showed the same and there are as many. `both`: both bundles have calls of the topic.
    """

    pairs: int = 0
    unpaired: int = 0
    other_texts: int = 0
    other_prompt: int = 0
    by_words: tuple[int, ...] = ()
    same_prompt: int = 0
    other_answer: int = 0
    same_plan: bool = True
    both: bool = False

    @property
    def blind(self) -> bool:
        """Whether no two prompts can be compared: never the same passages with the same texts."""
        return self.pairs == self.other_texts


def seen(first: Bundle, second: Bundle) -> Mapping[Key, Seen]:
    """By topic of either bundle; a topic without any call is left out."""
    ours, theirs = _briefs(first.calls()), _briefs(second.calls())
    return {key: _seen(ours.get(key, []), theirs.get(key, [])) for key in dict.fromkeys((*ours, *theirs))}


def _briefs(calls: Iterator[CallRow]) -> dict[Key, list[Brief]]:
    found: dict[Key, list[Brief]] = {}
    for call in calls:
        brief = Brief(
            shown=call.shown,
            prompt=call.prompt_hash,
            texts=call.texts_hash,
            words=(call.prompt_words, call.text_words),
            order=call.order,
            outcome=call.outcome,
        )
        found.setdefault(call.key, []).append(brief)
    return found


def _seen(ours: list[Brief], theirs: list[Brief]) -> Seen:
    by_shown: dict[tuple[str, ...], list[Brief]] = {}
    for call in theirs:
        by_shown.setdefault(call.shown, []).append(call)
    pairs = []
    for call in ours:
        if by_shown.get(call.shown):
            pairs.append((call, by_shown[call.shown].pop(0)))
    asked = [(one, other) for one, other in pairs if one.prompt == other.prompt]
    otherwise = [(one, other) for one, other in pairs if one.prompt != other.prompt and one.texts == other.texts]
    return Seen(
        pairs=len(pairs),
        unpaired=len(ours) + len(theirs) - 2 * len(pairs),
        other_texts=sum(one.texts != other.texts for one, other in pairs),
        other_prompt=len(otherwise),
        by_words=tuple(other.words[0] - one.words[0] for one, other in otherwise),
        same_prompt=len(asked),
        other_answer=sum(one.order != other.order for one, other in asked),
        same_plan=len(ours) == len(theirs) and bool(ours) and ours[0].shown == theirs[0].shown,
        both=bool(ours and theirs),
    )
