"""How much a model thinks: reasoned, direct or decided per query, a token budget, early exit, one forced answer for a trace that was cut.

All of it happens inside one call of the plan, behind the `Backend` seam: the trace is closed where the rule says so, and the answer is
asked for with that trace given. What was done, and why, is in `Completion.forced`. No published listwise system stops a trace on
evidence; see docs/method.md.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Literal

from .errors import BackendError, SettingsError, TemplateError
from .protocols import Backend, PromptTemplate, Tokenizer
from .router import read_router
from .values import Completion, Delta, ForceReason, Forcing, Passage, Prompt, Sampling

Mode = Literal["profile", "reasoned", "direct", "auto"]
MODES: tuple[Mode, ...] = ("profile", "reasoned", "direct", "auto")
# Looking at a trace means to scan it: look every this many new characters, and on a long trace once per 2 % of new text.
LOOK_EVERY, LOOK_SHARE = 24, 0.02
# From the first CJK radical on, scripts mostly write no spaces: between any two of their characters a trace may be cut.
_UNSPACED = "\u2e80"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """Early exit: close the trace once its provisional top `top` has not changed for `patience` tokens."""

    top: int = 10
    patience: int = 200

    def __post_init__(self) -> None:
        if self.top < 1 or self.patience < 1:
            raise SettingsError(f"early exit with top {self.top} and patience {self.patience}: each must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """The controls of one run. `profile` thinks as the profile asks, `reasoned` insists on a trace, `direct` leaves it out.

    `auto` takes one of these two for each query, before any call, by a `router`: the file of one that was fitted on measured queries.
    `budget` bounds the tokens of a trace, 0 for no bound. `audit` measures early exit instead of using it: each trace goes on to its end,
    the answer at the exit is asked for beside it and compared, and the ranking is the one of the whole trace.
    """

    mode: Mode = "profile"
    budget: int = 0
    settle: Settle | None = None
    audit: bool = False
    # Not in the repr, which names stored answers: those of a query are asked for under the mode that was taken.
    router: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise SettingsError(f"thinking {self.mode!r} is unknown: use profile, reasoned, direct or auto")
        if self.router and self.mode != "auto":
            raise SettingsError(f"a router decides in thinking 'auto' only, not in {self.mode!r}: leave it out, or choose auto")
        if self.budget < 0:
            raise SettingsError(f"a thinking budget of {self.budget} tokens can't be kept: give at least 1, or 0 for none")
        if self.mode == "direct" and self.cuts:
            raise SettingsError("a direct answer has no trace to bound: leave out the budget and early exit, or use reasoned")
        if self.audit and not self.cuts:
            raise SettingsError("there is nothing to audit: give a budget or early exit")

    @property
    def cuts(self) -> bool:
        """Whether a trace may be closed before its end."""
        return bool(self.budget or self.settle)

    def routed(self, router: str) -> Thinking:
        """The same with a model's own router, where `auto` was asked for without one."""
        return replace(self, router=router) if self.mode == "auto" and not self.router else self

    @property
    def taken(self) -> Mapping[str, Thinking]:
        """What `auto` can come to, by mode: a trace under the same controls, or none."""
        return {"reasoned": replace(self, mode="reasoned", router=""), "direct": Thinking(mode="direct")}

    def of(self, query: str, passages: Sequence[Passage]) -> tuple[Thinking, str]:
        """The controls for one query, and a sentence where a router took them. Raises SettingsError for a router that can't be read."""
        if self.mode != "auto":
            return self, ""
        decision = read_router(self.router).decide(query, passages)
        return self.taken[decision.mode], decision.text

    @property
    def top(self) -> int:
        """How many places at the top are compared."""
        return self.settle.top if self.settle else 10


def check_thinking(thinking: Thinking, template: PromptTemplate, backend: Backend) -> None:
    """Raises SettingsError with the reason where a control can't be had, so that none is silently left out."""
    if thinking.mode == "auto":
        _check_auto(thinking, template, backend)
        return
    if thinking.mode == "reasoned" and not template.thinks:
        raise SettingsError(f"profile {template.name!r} asks for no trace: choose a reasoning profile, or thinking 'direct'")
    needs = "a direct answer" if thinking.mode == "direct" and template.thinks else "a budget or early exit" if thinking.cuts else ""
    if not needs:
        return
    if not template.thinks:
        raise SettingsError(f"profile {template.name!r} asks for no trace, so there is none to close: leave out {needs}")
    if "prefix" not in backend.can:
        raise SettingsError(
            f"{needs} needs a model that can continue a begun answer, and {backend.name!r} can't: leave it out, use the profile 'direct', "
            "or name in the models file how its server continues one"
        )
    try:
        template.begin("" if thinking.mode == "direct" else "trace")
    except TemplateError as error:
        raise SettingsError(f"{needs} can't be had from profile {template.name!r}: {error}") from error


def _check_auto(thinking: Thinking, template: PromptTemplate, backend: Backend) -> None:
    """Both of what `auto` can come to must be possible, and its router readable."""
    if not thinking.router:
        raise SettingsError(
            "thinking 'auto' needs a router, and none is given: fit one with `python -m app thinking REASONED DIRECT --fit FILE` and name "
            "it for this model, or choose reasoned or direct"
        )
    read_router(thinking.router)
    for mode, one in thinking.taken.items():
        try:
            check_thinking(one, template, backend)
        except SettingsError as error:
            raise SettingsError(f"thinking 'auto' must be able to take {mode!r}: {error}") from error


class Around:
    """What is the same for every backend around another: closing it leaves the inner one open."""

    def __init__(self, inner: Backend) -> None:
        self.name, self.can = inner.name, inner.can
        self._inner = inner

    @property
    def revision(self) -> str:
        """The inner backend's."""
        return self._inner.revision

    @property
    def tokenizer(self) -> Tokenizer:
        """The inner backend's."""
        return self._inner.tokenizer

    async def aclose(self) -> None:
        """Nothing of its own is held."""


class ThinkingBackend(Around):
    """A backend under the controls of a query (never `auto`, which `Thinking.of` has decided); itself a `protocols.Backend`."""

    def __init__(self, inner: Backend, template: PromptTemplate, thinking: Thinking) -> None:
        check_thinking(thinking, template, inner)
        super().__init__(inner)
        self._template, self._thinking = template, thinking

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
        """See `protocols.Backend`; one completion for all that was asked."""
        if not self._template.thinks or prompt.prefix:
            async for piece in self._inner.stream(prompt, sampling):
                yield piece
            return
        if self._thinking.mode == "direct":
            async for piece in self._inner.stream(*self._forced(prompt, sampling, "")):
                yield piece
            return
        watch, whole, began = Watch(self._template, prompt.size, (self._thinking, self.tokenizer)), None, time.monotonic()
        async with aclosing(pieces(self._inner, prompt, sampling)) as stream:
            async for piece in stream:
                if isinstance(piece, Completion):
                    whole = piece
                    continue
                if watch.feed(piece) and not self._thinking.audit:
                    yield replace(piece, text=piece.text[: len(piece.text) - watch.beyond])
                    break
                yield piece
        first = whole or self._unfinished(prompt, watch.reasoning, time.monotonic() - began)
        async with aclosing(self._finish(prompt, sampling, first, watch)) as stream:
            async for piece in stream:
                yield piece

    async def _finish(self, prompt: Prompt, sampling: Sampling, first: Completion, watch: Watch) -> AsyncGenerator[Delta | Completion]:
        """What follows the first ask: nothing, or a forced answer."""
        cut = watch.cut if watch.cut else first.reasoning if self._was_truncated(first, prompt.size) else ""
        if not cut:
            yield first
            return
        second: Completion | None = None
        try:
            async with aclosing(pieces(self._inner, *self._forced(prompt, sampling, cut))) as stream:
                async for piece in stream:
                    if isinstance(piece, Completion):
                        second = piece
                    elif not self._thinking.audit:
                        yield piece
        except BackendError:
            if watch.cut and not self._thinking.audit:
                raise
            # The first answer stands, as truncated as it was; that another one was asked for is in the count.
            yield replace(first, requests=first.requests + 1)
            return
        assert second is not None  # `pieces` ends with a completion
        forcing = self._forcing(watch, cut, second, prompt.size)
        yield (
            self._audited(first, second, forcing, prompt.size)
            if watch.cut and self._thinking.audit
            else _joined(first, second, cut, forcing)
        )

    def _forced(self, prompt: Prompt, sampling: Sampling, trace: str) -> tuple[Prompt, Sampling]:
        room = self._template.answer_tokens(prompt.size)
        return replace(prompt, prefix=self._template.begin(trace.strip())), replace(sampling, max_tokens=room)

    def _was_truncated(self, first: Completion, size: int) -> bool:
        can = "prefix" in self._inner.can and bool(first.reasoning.strip())
        return can and self._template.parse(first, size).outcome == "truncated"

    def _unfinished(self, prompt: Prompt, reasoning: str, seconds: float) -> Completion:
        """A first ask that we closed: the server gave no numbers, so they are counted here."""
        count = self.tokenizer.count
        read = sum(count(message.content) for message in prompt.messages)
        return Completion(answer="", reasoning=reasoning, finish="cut", tokens_in=read, tokens_out=count(reasoning), seconds=seconds)

    def _forcing(self, watch: Watch, cut: str, second: Completion, size: int) -> Forcing:
        guess = watch.guess if watch.cut else self._template.provisional(cut, size)
        kept = None if guess is None else overlap(guess, self._template.parse(second, size).order, self._thinking.top)
        return Forcing(reason=watch.reason or "truncated", trace_tokens=self.tokenizer.count(cut), guess=guess, kept=kept)

    def _audited(self, whole: Completion, second: Completion, forcing: Forcing, size: int) -> Completion:
        """The whole trace's answer, with what the exit would have saved and changed."""
        usual, early = self._template.parse(whole, size).order, self._template.parse(second, size).order
        saved = whole.tokens_out - forcing.trace_tokens - second.tokens_out
        forcing = replace(forcing, saved_tokens=saved, same_top=overlap(usual, early, self._thinking.top))
        return replace(_joined(whole, second, whole.reasoning, forcing), answer=whole.answer, finish=whole.finish)


class Watch:
    """Reads a trace as it is written and says when it should be closed: `reason` and `cut` are set once and stay.

    Both follow from the text alone: a server that sends many tokens at once, because it or we were busy, ends where any other does.
    """

    def __init__(self, template: PromptTemplate, size: int, rules: tuple[Thinking, Tokenizer]) -> None:
        self.reasoning = ""
        self.reason: ForceReason | None = None
        self.cut = ""
        self.guess: tuple[int, ...] | None = None
        self._template, self._size = template, size
        self._thinking, self._tokenizer = rules
        self._looked, self._tokens, self._changed_at = 0, 0, 0
        self._answering = False

    def feed(self, piece: Delta) -> bool:
        """Take a piece; True from when the trace should be closed."""
        if piece.channel == "answer":
            self._answering = self._answering or bool(piece.text.strip())
            return self.reason is not None
        self.reasoning += piece.text
        while self._thinking.cuts and self.reason is None and not self._answering and (end := self._next_look()):
            self._look(end)
        return self.reason is not None

    @property
    def beyond(self) -> int:
        """How many characters came after the place where the trace is closed."""
        return len(self.reasoning) - len(self.cut) if self.reason else 0

    def _next_look(self) -> int:
        """Where the trace is looked at next, never within a word; 0 until one character more than that is there."""
        first = self._looked + max(LOOK_EVERY, int(LOOK_SHARE * self._looked))
        last = min(first + LOOK_EVERY, len(self.reasoning) - 1)  # a longer word is cut all the same
        ends = (at for at in range(first, last + 1) if at == first + LOOK_EVERY or not _joins(self.reasoning[at - 1 : at + 1]))
        return next(ends, 0)

    def _look(self, end: int) -> None:
        self._tokens += self._tokenizer.count(self.reasoning[self._looked : end])
        self._looked = end
        settle, guess = self._thinking.settle, self._template.provisional(self.reasoning[:end], self._size)
        if guess is None or self.guess is None or not settle or guess[: settle.top] != self.guess[: settle.top]:
            self._changed_at = self._tokens
        self.guess = guess
        if settle and guess is not None and self._tokens - self._changed_at >= settle.patience:
            self.reason = "settled"
        elif self._thinking.budget and self._tokens >= self._thinking.budget:
            self.reason = "budget"
        self.cut = self.reasoning[:end] if self.reason else ""


def _joins(pair: str) -> bool:
    """Whether two neighbours are of one word, which is what stands between blanks."""
    return not any(sign.isspace() or sign >= _UNSPACED for sign in pair)


def overlap(first: Sequence[int], second: Sequence[int], top: int) -> float:
    """Share of the first `top` places of two orders that hold the same passages, in any order; 1.0 for empty lists."""
    size = min(top, len(first), len(second))
    return len(set(first[:size]) & set(second[:size])) / size if size else 1.0


def _joined(first: Completion, second: Completion, reasoning: str, forcing: Forcing) -> Completion:
    """Both asks as one completion, with the second's answer."""
    return Completion(
        answer=second.answer,
        reasoning=reasoning,
        finish=second.finish,
        tokens_in=first.tokens_in + second.tokens_in,
        tokens_out=first.tokens_out + second.tokens_out,
        counted=first.counted and second.counted,
        seconds=first.seconds + second.seconds,
        logprobs=second.logprobs,
        requests=first.requests + second.requests,
        forced=forcing,
    )


async def pieces(backend: Backend, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
    """A backend's stream as a closable generator, with the promise "exactly one Completion, last" enforced."""
    completion: Completion | None = None
    stream = backend.stream(prompt, sampling)
    try:
        async for piece in stream:
            if completion is not None:
                raise BackendError(f"backend {backend.name!r} went on after its completion: this is a defect of the backend")
            completion = piece if isinstance(piece, Completion) else None
            yield piece
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
    if completion is None:
        raise BackendError(f"backend {backend.name!r} ended without a completion: the connection may have been cut")
