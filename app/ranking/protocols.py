"""The seams of the ranking library. A new implementation is one new file and one line in the registry beside its Protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from .values import Completion, Delta, Parsed, Passage, Plan, PlanCost, Prompt, Sampling, Unit


class Tokenizer(Protocol):
    """Counts and cuts text in a model's tokens. `exact` is False for an estimate by words, which the trace then says."""

    @property
    def exact(self) -> bool:
        """True where counts are the model's own."""
        ...

    def count(self, text: str) -> int:
        """Number of tokens in `text`."""
        ...

    def truncate(self, text: str, max_tokens: int) -> str:
        """The longest beginning of `text` that encodes to at most `max_tokens` (encode, cut, decode)."""
        ...


class Backend(Protocol):
    """A way to run a model. Safe to call concurrently; k samples are k calls.

    `can` holds what it is able to do beyond plain chat: "prefix" (continue a begun answer), "logprobs".
    """

    @property
    def name(self) -> str:
        """Name in settings, traces and tables."""
        ...

    @property
    def can(self) -> frozenset[str]:
        """Abilities beyond plain chat."""
        ...

    @property
    def revision(self) -> str:
        """Which model answers: its id and revision or a hash of its weights, never an address, key or path; empty where unknown."""
        ...

    @property
    def tokenizer(self) -> Tokenizer:
        """Counts and cuts in this model's tokens."""
        ...

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncIterator[Delta | Completion]:
        """Deltas, then exactly one Completion. Every failure is a `BackendError`."""
        ...

    async def aclose(self) -> None:
        """Free what the backend holds."""
        ...


class Strategy(Protocol):
    """Decides which windows to ask about. Pure: no model, no clock, no randomness but its own seed."""

    @property
    def name(self) -> str:
        """Name in settings and tables."""
        ...

    @property
    def unit(self) -> Unit:
        """What the template must ask about; a mismatch is a SettingsError before any call."""
        ...

    def plan(self, passages: Sequence[Passage]) -> Plan:
        """Yield rounds, be sent one Parsed per window of the round, return all passages in their final order.

        A plan may also yield a `Fork` of plans that do not depend on each other and is then sent their orders.
        """
        ...

    def cost(self, n: int) -> PlanCost:
        """Least and most calls, serial depth and passages read for n passages."""
        ...


class PromptTemplate(Protocol):
    """Asks for a format and reads the same format, so that the two can't drift."""

    @property
    def name(self) -> str:
        """Name of the profile."""
        ...

    @property
    def unit(self) -> Unit:
        """What one call is about."""
        ...

    @property
    def sampling(self) -> Sampling:
        """How the model is meant to be decoded."""
        ...

    @property
    def thinks(self) -> bool:
        """Whether the format has a trace before the answer."""
        ...

    def render(self, query: str, window: Sequence[Passage], tokenizer: Tokenizer) -> Prompt:
        """The prompt that shows `window` in its given order."""
        ...

    def begin(self, reasoning: str) -> str:
        """The beginning of an answer after a trace that is given and closed ("" for none), for a backend that can continue it.

        Raises TemplateError where the format has no trace, or its answer can't do without.
        """
        ...

    def answer_tokens(self, size: int) -> int:
        """Tokens that an answer about `size` passages needs at most, without its trace."""
        ...

    def parse(self, completion: Completion, size: int) -> Parsed:
        """What the completion says of a window of `size` passages; never raises on model text."""
        ...

    def provisional(self, partial: str, size: int) -> tuple[int, ...] | None:
        """A guess at the order from reasoning written so far, for the screen and for early exit; never a result."""
        ...


class Retriever(Protocol):
    """Finds candidates: at most k, best first, scores non-increasing, ids unique, ties by id."""

    def search(self, query: str, k: int) -> list[Passage]:
        """The k best passages for `query`, each with its `score`."""
        ...


class Signals(Protocol):
    """Adds evidence to any list of passages: retrieved, pasted, from a run file, from the API."""

    def annotate(self, query: str, passages: Sequence[Passage]) -> list[Passage]:
        """The same passages in the same order with `features` filled."""
        ...
