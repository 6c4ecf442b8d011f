"""One strict parser of listwise answers, for inference, reward and annotation alike.

Grammar: the answer, stripped, is in full `\\[\\d+\\](\\s*>\\s*\\[\\d+\\])*` in ASCII digits. Where a profile has tags, the answer is
what stands inside the one closed `<answer>` of the answer channel, with nothing around it. Reasoning text is never read as a ranking,
and neither is anything that does not match: the incoming order is kept and the problem named. Numbers in the text are 1-based
positions in the window.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .values import Channel, Completion, Outcome, Parsed

OPEN_THINK, CLOSE_THINK = "<think>", "</think>"
OPEN_ANSWER, CLOSE_ANSWER = "<answer>", "</answer>"

MENDED: frozenset[str] = frozenset({"duplicate", "out_of_range", "missing", "code_fence", "final_period"})
FATAL: frozenset[str] = frozenset(
    {"no_tags", "unclosed_think", "unclosed_answer", "two_answers", "text_around", "bad_separator", "not_a_list", "too_few", "empty"}
)
PROBLEMS: frozenset[str] = MENDED | FATAL

_LIST = re.compile(r"\[[0-9]+\](?:\s*>\s*\[[0-9]+\])*")
_ID = re.compile(r"\[([0-9]+)\]")
_IDS_AND_SEPARATORS = re.compile(r"[\s>,;|/\-\[\]0-9.]*")
_FENCE = re.compile(r"```[a-z]*[ \t]*\n(.*?)\n?```", re.DOTALL)
# A window never has that many passages, so longer digit runs need not be turned into integers (which Python refuses beyond 4300 digits).
_MAX_DIGITS = 9


@dataclass(frozen=True, slots=True)
class _Found:
    """The text that should be a list, and the trims that were needed to get at it; or the reason why there is none."""

    text: str = ""
    trims: frozenset[str] = frozenset()
    reason: str = ""


def parse_answer(completion: Completion, size: int, *, tags: bool) -> Parsed:
    """Read a completion for a window of `size` passages; always a permutation of range(size), never raises on model text.

    `tags` says whether the profile asks for `<answer>` tags. Outcomes: clean; repaired (at least half of the ids right, the rest
    appended in incoming order); truncated (the length limit came before the answer was closed); refused; no_answer.
    """
    if completion.finish == "refused":
        return _kept(size, "refused", frozenset())
    found = _inside_tags(completion) if tags else _trim(completion.answer)
    if not found.reason:
        parsed = _read(found, size)
        # A bare list has no closing tag, so the length limit may have cut it after any id.
        cut_short = completion.finish in ("length", "cut") and not tags and parsed.outcome != "clean"
        return _kept(size, "truncated", parsed.problems) if cut_short else parsed
    unfinished = completion.finish in ("length", "cut") and found.reason in ("unclosed_think", "unclosed_answer", "no_tags", "empty")
    return _kept(size, "truncated" if unfinished else "no_answer", frozenset({found.reason}))


def _kept(size: int, outcome: Outcome, problems: frozenset[str]) -> Parsed:
    return Parsed(order=tuple(range(size)), outcome=outcome, problems=problems)


def _inside_tags(completion: Completion) -> _Found:
    """What stands inside the one closed answer tag of the answer channel."""
    text = completion.answer.strip()
    if not text and completion.reasoning:
        return _Found(reason="unclosed_think" if completion.finish in ("length", "cut") else "no_tags")
    opened, closed = text.count(OPEN_ANSWER), text.count(CLOSE_ANSWER)
    if opened == 0:
        return _Found(reason="no_tags")
    if opened > 1 or closed > 1:
        return _Found(reason="two_answers")
    if OPEN_THINK in text and CLOSE_THINK not in text:
        return _Found(reason="unclosed_think")
    if closed == 0:
        return _Found(reason="unclosed_answer")
    if not (text.startswith(OPEN_ANSWER) and text.endswith(CLOSE_ANSWER)):
        return _Found(reason="text_around")
    return _trim(text[len(OPEN_ANSWER) : -len(CLOSE_ANSWER)])


def _trim(text: str) -> _Found:
    """Named trims before matching, each a problem of its own."""
    text, trims = text.strip(), set[str]()
    fenced = _FENCE.fullmatch(text)
    if fenced:
        text = fenced.group(1).strip()
        trims.add("code_fence")
    if text.endswith("]."):
        text = text[:-1]
        trims.add("final_period")
    if not text:
        return _Found(reason="empty")
    return _Found(text=text, trims=frozenset(trims))


def _read(found: _Found, size: int) -> Parsed:
    """Ids of a text that should be a list, mended where at least half are right."""
    if not _LIST.fullmatch(found.text):
        shaped = _ID.search(found.text) and _IDS_AND_SEPARATORS.fullmatch(found.text)
        return _kept(size, "no_answer", frozenset({"bad_separator" if shaped else "not_a_list"}))
    order, problems = _positions(_ID.findall(found.text), size)
    problems |= found.trims
    if 2 * len(order) < size:
        return _kept(size, "no_answer", problems | {"too_few"})
    whole = order + [position for position in range(size) if position not in set(order)]
    return Parsed(order=tuple(whole), outcome="repaired" if problems else "clean", problems=problems)


def _positions(numbers: Sequence[str], size: int) -> tuple[list[int], frozenset[str]]:
    """Distinct 0-based positions inside the window in the order named, and what was wrong with the others."""
    seen: dict[int, None] = {}
    problems = set[str]()
    for number in numbers:
        position = int(number) - 1 if len(number) <= _MAX_DIGITS else size
        if not 0 <= position < size:
            problems.add("out_of_range")
        elif position in seen:
            problems.add("duplicate")
        else:
            seen[position] = None
    if len(seen) < size:
        problems.add("missing")
    return list(seen), frozenset(problems)


def split_thinking(text: str) -> tuple[str, str]:
    """Reasoning and answer of a text that carries its thinking inline: `<think> reasoning </think> answer`.

    Only a think block at the very start counts; without one everything is answer. An unclosed block is all reasoning.
    """
    body = text.lstrip()
    if not body.startswith(OPEN_THINK):
        return "", text
    reasoning, closed, answer = body[len(OPEN_THINK) :].partition(CLOSE_THINK)
    return reasoning, answer if closed else ""


class ThinkSplitter:
    """The same split over a stream of pieces: `feed` returns what can be decided, holding back only a possible half tag."""

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"

    def feed(self, piece: str) -> list[tuple[Channel, str]]:
        """(channel, text) pairs, channel `reasoning` or `answer`, never empty text."""
        self._held += piece
        out: list[tuple[Channel, str]] = []
        if self._state == "start":
            self._begin()
        if self._state == "reasoning":
            text, closed, rest = self._held.partition(CLOSE_THINK)
            keep = 0 if closed else _half_tag(text, CLOSE_THINK)
            out.append(("reasoning", text[: len(text) - keep]))
            self._held = rest if closed else text[len(text) - keep :]
            self._state = "answer" if closed else "reasoning"
        if self._state == "answer":
            out.append(("answer", self._held))
            self._held = ""
        return [(channel, text) for channel, text in out if text]

    def close(self) -> list[tuple[Channel, str]]:
        """What was still held back when the stream ended."""
        held, self._held = self._held, ""
        return [("reasoning" if self._state == "reasoning" else "answer", held)] if held else []

    def _begin(self) -> None:
        body = self._held.lstrip()
        if body.startswith(OPEN_THINK):
            self._held, self._state = body[len(OPEN_THINK) :], "reasoning"
        elif body and not OPEN_THINK.startswith(body):
            self._state = "answer"


def _half_tag(text: str, tag: str) -> int:
    """Length of the longest end of `text` that could be the beginning of `tag`."""
    return next((n for n in range(min(len(tag) - 1, len(text)), 0, -1) if tag.startswith(text[-n:])), 0)
