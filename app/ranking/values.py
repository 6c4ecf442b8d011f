"""The values that cross every seam of the ranking library: frozen, keyword-built, free of behaviour that does I/O.

Words: `order` holds 0-based positions in a window, best first; `rank` is 1-based and for people.
A passage is identified by its `id` alone, never by its text or its place.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

Finish = Literal["stop", "length", "refused", "cut"]
Outcome = Literal["clean", "repaired", "truncated", "no_answer", "error", "refused"]
Channel = Literal["reasoning", "answer"]
Unit = Literal["list", "passage", "best"]
Polarity = Literal["for", "against", "neutral"]

# Features by which a consensus hands on its certificate: 1-based best and worst rank over its orders.
RANK_BEST, RANK_WORST = "rank_best", "rank_worst"

_NOTHING: Mapping[str, float] = MappingProxyType({})


def _no_features() -> Mapping[str, float]:
    return _NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One candidate text.

    `score` is the first stage's score (higher is better), None where nobody scored it.
    `features` are evidence values by name, filled by a `Signals`: see `app.ranking.signals`.
    """

    id: str
    text: str
    title: str = ""
    score: float | None = None
    features: Mapping[str, float] = field(default_factory=_no_features)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Passages shown to the model in one call; `[1]` in the prompt is `passages[0]`."""

    id: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Windows that do not depend on each other, and the standing of the whole list before they run."""

    windows: tuple[Window, ...]
    standing: tuple[Passage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Plans that do not depend on each other: each is walked at its own pace, and the step is answered with the order of each."""

    plans: tuple[Plan, ...]


Plan: TypeAlias = Generator["Round | Fork", Any, tuple[Passage, ...]]
"""Yields rounds and is sent one Parsed per window; yields forks and is sent one order (passages) per plan; returns the final order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One chat message."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a model is asked: chat messages, and the beginning of the answer where one is forced.

    `template` names the profile that made it, so that stored calls can be told apart. `size` is the number of passages shown.
    `notes` are plain sentences about what had to be done to make it, such as passages cut by an estimate of their length.
    """

    messages: tuple[Message, ...]
    template: str
    prefix: str = ""
    size: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to decode. `temperature` 0 is greedy; `max_tokens` bounds reasoning and answer together."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int = 3172
    stop: tuple[str, ...] = ()
    seed: int | None = None
    top_logprobs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A piece of text as it was written, on the channel it was written to."""

    channel: Channel
    text: str


ForceReason = Literal["truncated", "budget", "settled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forcing:
    """A trace that we closed, and whose answer was asked for with the trace given.

    `reason`: the length limit cut it (`truncated`), it had used its token `budget`, or its provisional top had `settled`.
    `trace_tokens` is how much of the trace was used. `guess` is the provisional order at that moment, `kept` the share of the guess's top
    that the forced answer has in its top, None without a guess. `saved_tokens` and `same_top` compare with the answer that the whole
    trace led to: measured, and therefore known only where a run audits itself by letting the trace go on to its end.
    """

    reason: ForceReason
    trace_tokens: int
    guess: tuple[int, ...] | None = None
    kept: float | None = None
    saved_tokens: int | None = None
    same_top: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """Everything one model call returned.

    `reasoning` is the text inside the think tags (or the server's reasoning field), `answer` all that came after.
    `counted` is True where token numbers come from the model's own tokenizer or the server's usage, False for estimates.
    `finish` is `cut` when the stream ended without saying why. `requests` counts what was sent to the model for this one call: retries
    and a forced answer are requests beyond the plan. `cached` says that it was answered from stored answers, nothing was sent.
    `logprobs` are log-probabilities by token, one mapping per token of the answer channel, where they were asked for.
    """

    answer: str
    reasoning: str = ""
    finish: Finish = "stop"
    tokens_in: int = 0
    tokens_out: int = 0
    counted: bool = False
    seconds: float = 0.0
    logprobs: tuple[Mapping[str, float], ...] = ()
    requests: int = 1
    cached: bool = False
    forced: Forcing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What an answer says of a window of n passages. `order` is always a permutation of range(n).

    `problems` are names from `app.ranking.parsing.PROBLEMS`; `outcome` is clean only when there are none.
    `scores`, where a template yields them, are one per position of the window (not of the order).
    """

    order: tuple[int, ...]
    outcome: Outcome
    problems: frozenset[str] = frozenset()
    scores: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a ranking is measured against: grades by passage id, and a teacher's order where there is one."""

    grades: Mapping[str, int]
    teacher_order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One statement of a trace about passages: `start:end` is its span in the raw reasoning text."""

    id: str
    passage_ids: tuple[str, ...]
    start: int
    end: int
    polarity: Polarity = "neutral"
    grade: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCost:
    """Least and most that a strategy asks for on n passages; equal where the plan does not depend on the answers."""

    calls: tuple[int, int]
    depth: tuple[int, int]
    passages_read: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One finished model call of a run, kept whole so that it can be stored, shown and replayed."""

    window: Window
    depth: int
    prompt: Prompt
    completion: Completion
    parsed: Parsed
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """A finished run: passages best first, and every call that led there. `outcome` is the worst of its calls'.

    `notes` are plain sentences for the reader of the ranking. `unfused` is the model's own order of ids where the final one was fused
    with the first stage's.
    """

    query: str
    passages: tuple[Passage, ...]
    calls: tuple[Call, ...] = ()
    outcome: Outcome = "clean"
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    unfused: tuple[str, ...] | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Passage ids, best first."""
        return tuple(passage.id for passage in self.passages)

    @property
    def depth(self) -> int:
        """Model calls that had to wait for each other."""
        return max((call.depth for call in self.calls), default=0)

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens read and written over all calls."""
        return sum(c.completion.tokens_in for c in self.calls), sum(c.completion.tokens_out for c in self.calls)

    @property
    def requests(self) -> int:
        """Requests sent to the model: the calls of the plan, retries and forced answers; answers from the cache count nothing."""
        return sum(0 if call.completion.cached else call.completion.requests for call in self.calls)

    @property
    def intervals(self) -> Mapping[str, tuple[int, int]]:
        """Best and worst rank of each passage over the orders of a consensus, by id; empty for other strategies."""
        held = (passage for passage in self.passages if RANK_BEST in passage.features)
        return {p.id: (int(p.features[RANK_BEST]), int(p.features[RANK_WORST])) for p in held}


# Events of a run, in the order in which they can come: (WindowStarted (TraceDelta | Standing)* WindowDone)* Finished.


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowStarted:
    """A model call begins: `number` counts calls from 1, `depth` counts rounds from 1."""

    window: Window
    number: int
    depth: int
    prompt: Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceDelta:
    """The model wrote something."""

    window_id: str
    channel: Channel
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The order of the whole list so far. A provisional one is a guess for the screen and is never stored as an order."""

    ids: tuple[str, ...]
    provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowDone:
    """A model call ended, well or not: see `call.parsed.outcome`."""

    call: Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The last event of every run that was not stopped."""

    ranking: Ranking


Event = WindowStarted | TraceDelta | Standing | WindowDone | Finished

# From harmless to harmful; a run is as good as its worst call.
SEVERITY: Sequence[Outcome] = ("clean", "repaired", "truncated", "no_answer", "refused", "error")


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """The most harmful of some outcomes; clean for none."""
    return max(outcomes, key=SEVERITY.index, default="clean")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A topic of a collection."""

    id: str
    text: str
    metadata: Mapping[str, str] = field(default_factory=dict)
