"""One strict parser of listwise answers, for inference, reward and annotation alike.

Grammar: the answer, stripped, is in full `\\[\\d+\\](\\s*>\\s*\\[\\d+\\])*` in ASCII digits. Where a profile has tags, the answer is
what stands inside the one closed `<answer>` of the answer channel, with nothing around it. Reasoning text is never read as a ranking,
and neither is anything that does not match: the incoming order is kept and the problem named. Numbers in the text are 1-based
positions in the window.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .values import Channel, Completion, Outcome, Parsed

OPEN_THINK, CLOSE_THINK = "<think>", "</think>"
OPEN_ANSWER, CLOSE_ANSWER = "<answer>", "</answer>"

MENDED: frozenset[str] = frozenset({"duplicate", "out_of_range", "missing", "code_fence", "final_period"})
FATAL: frozenset[str] = frozenset(
    {"no_tags", "unclosed_think", "unclosed_answer", "two_answers", "text_around", "bad_separator", "not_a_list"}
)  # fmt: skip
PROBLEMS: frozenset[str] = MENDED | FATAL

_LIST = re.compile(r"\[[0-9]+\](?:\s*>\s*\[[0-9]+\])*")
_ID = re.compile(r"\[([0-9]+)\]")
_IDS_AND_SEPARATORS = re.compile(r"[\s>,;|/\-\[\]0-9.]*")
_FENCE = re.compile(r"```[a-z]*[ \t]*\n(.*?)\n?```", re.DOTALL)
# A window never has that many passages, so longer digit runs need not be turned into integers (which Python refuses beyond 4300 digits).
_MAX_DIGITS = 9
_UNFINISHED = frozenset({"unclosed_think", "unclosed_answer", "no_tags", "not_a_list"})


@dataclass(frozen=True, slots=True)
class Found:
    """The text that should be the answer, and the trims that were needed to get at it; or the reason and outcome where there is none."""

    text: str = ""
    trims: frozenset[str] = frozenset()
    reason: str = ""
    outcome: Outcome = "no_answer"


def parse_answer(completion: Completion, size: int, *, tags: bool) -> Parsed:
    """Read a completion for a window of `size` passages; always a permutation of range(size), never raises on model text.

    `tags` says whether the profile asks for `<answer>` tags. Outcomes: clean; repaired (at least half of the ids right, the rest
    appended in incoming order); truncated (the length limit came before the answer was closed); refused; no_answer.
    """
    found = inside_tags(completion, tags=tags)
    if found.reason or found.outcome == "refused":
        return _kept(size, found.outcome, frozenset({found.reason} - {""}))
    parsed = _read(found, size)
    # A bare list has no closing tag, so the length limit may have cut it after any id.
    cut_short = completion.finish in ("length", "cut") and not tags and parsed.outcome != "clean"
    return _kept(size, "truncated", parsed.problems) if cut_short else parsed


def inside_tags(completion: Completion, *, tags: bool) -> Found:
    """The answer of a completion, trimmed: what stands inside the one closed answer tag, or the whole answer channel without tags."""
    if completion.finish == "refused":
        return Found(outcome="refused")
    found = _tagged(completion) if tags else _bare(completion)
    unfinished = completion.finish in ("length", "cut") and found.reason in _UNFINISHED
    return replace(found, outcome="truncated") if unfinished else found


def parse_lenient(text: str, size: int) -> Parsed:
    """The digit scan of RankGPT and its descendants: every run of digits is an id, whatever stands around it.

    For replaying published runs only: it makes rankings of error messages, of years and of reasoning. Duplicates and ids outside the
    window are dropped, missing ones appended in incoming order. No template reads answers with it.
    """
    if any(letter.isdigit() and not letter.isdecimal() for letter in text):
        # The original meets a superscript, can't turn it into a number, and leaves the list as it was.
        return _kept(size, "no_answer", frozenset({"not_a_list"}))
    numbers = "".join(letter if letter.isdigit() else " " for letter in text).split()
    order, problems = _positions(numbers, size)
    whole = order + [position for position in range(size) if position not in set(order)]
    return Parsed(order=tuple(whole), outcome="repaired" if problems else "clean", problems=problems)


def _kept(size: int, outcome: Outcome, problems: frozenset[str]) -> Parsed:
    return Parsed(order=tuple(range(size)), outcome=outcome, problems=problems)


def _bare(completion: Completion) -> Found:
    """The answer of a format without answer tags. A trace that was opened and not closed in it is no answer."""
    if OPEN_THINK in completion.answer or (not completion.answer.strip() and completion.reasoning and completion.finish != "stop"):
        return Found(reason="unclosed_think")
    return _trim(completion.answer)


def _tagged(completion: Completion) -> Found:
    """What stands inside the one closed answer tag of the answer channel."""
    text = completion.answer.strip()
    if not text and completion.reasoning:
        return Found(reason="unclosed_think" if completion.finish in ("length", "cut") else "no_tags")
    opened, closed = text.count(OPEN_ANSWER), text.count(CLOSE_ANSWER)
    if OPEN_THINK in text and CLOSE_THINK not in text:
        return Found(reason="unclosed_think")
    if opened == 0:
        return Found(reason="no_tags")
    if opened > 1 or closed > 1:
        return Found(reason="two_answers")
    if closed == 0:
        return Found(reason="unclosed_answer")
    if not (text.startswith(OPEN_ANSWER) and text.endswith(CLOSE_ANSWER)):
        return Found(reason="text_around")
    return _trim(text[len(OPEN_ANSWER) : -len(CLOSE_ANSWER)])


def _trim(text: str) -> Found:
    """Named trims before matching, each a problem of its own."""
    text, trims = text.strip(), set[str]()
    fenced = _FENCE.fullmatch(text)
    if fenced:
        text = fenced.group(1).strip()
        trims.add("code_fence")
    if text.endswith("]."):
        text = text[:-1]
        trims.add("final_period")
    return Found(text=text, trims=frozenset(trims)) if text else Found(reason="not_a_list")


def _read(found: Found, size: int) -> Parsed:
    """Ids of a text that should be a list, mended where at least half are right."""
    if not _LIST.fullmatch(found.text):
        shaped = _ID.search(found.text) and _IDS_AND_SEPARATORS.fullmatch(found.text)
        return _kept(size, "no_answer", frozenset({"bad_separator" if shaped else "not_a_list"}))
    order, problems = _positions(_ID.findall(found.text), size)
    problems |= found.trims
    if 2 * len(order) < size:
        # Well formed, but not a list of these passages.
        return _kept(size, "no_answer", problems | {"not_a_list"})
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

    Only a think block at the very start counts; an unclosed one is all reasoning. Where a chat template opened the block, the text begins
    inside it: a `</think>` that nothing opened ends the reasoning too. Without either everything is answer.
    """
    body = text.lstrip()
    if body.startswith(OPEN_THINK):
        reasoning, closed, answer = body[len(OPEN_THINK) :].partition(CLOSE_THINK)
        return reasoning, answer if closed else ""
    reasoning, closed, answer = text.partition(CLOSE_THINK)
    return (reasoning, answer) if closed and OPEN_THINK not in reasoning else ("", text)


class ThinkSplitter:
    """The same split over a stream of pieces: `feed` returns what can be decided, holding back only a possible half tag.

    A block that a chat template opened looks like an answer until its `</think>` comes: what was shown as answer by then was reasoning,
    and `whole` says so.
    """

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"
        self._heard: list[str] = []

    @property
    def whole(self) -> tuple[str, str]:
        """`split_thinking` of all that was fed."""
        return split_thinking("".join(self._heard))

    def feed(self, piece: str) -> list[tuple[Channel, str]]:
        """(channel, text) pairs, channel `reasoning` or `answer`, never empty text."""
        self._held += piece
        self._heard.append(piece)
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
