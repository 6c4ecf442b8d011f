"""What a teacher is asked is asked once: every call is entered before it is sent and its answer committed before it is used.

A call is named by all that can change its answer, never by the recipe that asks, so that a changed recipe pays only for what it changed.
Before a call is sent the most that it can take is held back against the budget; what does not fit waits for calls in flight to end, and
where none is, the run has spent its budget.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from concurrent.futures import Future
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol
from weakref import WeakValueDictionary

from app.ranking.errors import BackendError, BackendUnavailable, RankingError
from app.ranking.prompts import prompt_hash, prompt_text
from app.ranking.protocols import Backend, Tokenizer
from app.ranking.thinking import pieces
from app.ranking.values import Completion, Forcing, Prompt, Sampling
from db.models import new_id
from db.store import teacher_calls, texts
from db.store.teacher_calls import Answer, Ask, Caps, Opened

from .writer import Writer

# Seconds between two looks at a call that another process is at, or at room that another process may free.
POLL = 0.5
# A chat template adds a few tokens to each message.
_AROUND = 8
# So many calls in a row without an answer, and the teacher is taken to be gone; at least twice what is in flight at once.
_TRIED = 10


class BudgetSpent(RankingError):
    """No further call fits the budget and none is in flight. What was made is kept; a run with a larger budget goes on from there."""


class TeacherGone(BudgetSpent):
    """The teacher answers nothing any more, so that asking on would only make failed items. Ends a run as a spent budget does."""


class Caller(Protocol):
    """Asks the teacher."""

    async def ask(self, step: str, prompt: Prompt, sampling: Sampling, sample: int) -> Completion:
        """The answer of a prompt, stored or new. `step` is a word for the account; `sample` tells samples of one prompt apart.

        Raises BackendError where there is no answer, and BudgetSpent.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """On whose account calls go, and what they may take. Prices are per million tokens; 0 is no cap.

    `daily_cap` is what may be begun to be spent on the model in a UTC day, None for a model that costs nothing.
    """

    synthesis_id: str
    tokens: int = 0
    cost: float = 0.0
    price_in: float = 0.0
    price_out: float = 0.0
    daily_cap: float | None = None
    session: str = ""

    def price(self, tokens_in: int, tokens_out: int) -> float:
        """What tokens cost, in the currency of the model's entry."""
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1e6


class StoredCalls:
    """Implements `Caller` over a backend and the database. Belongs to one event loop; `concurrency` calls are in flight at once."""

    def __init__(self, writer: Writer, backend: Backend, account: Account, concurrency: int) -> None:
        self._writer, self._backend = writer, backend
        self._account = account if account.session else replace(account, session=new_id())
        self.concurrency = max(1, min(concurrency, int(getattr(backend, "slots", concurrency))))
        self._slots = asyncio.Semaphore(self.concurrency)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._open: dict[str, Ask] = {}
        self._ends, self._ended = 0, asyncio.Event()
        self._failed_in_a_row = 0
        self._gone = ""

    async def ask(self, step: str, prompt: Prompt, sampling: Sampling, sample: int) -> Completion:
        """See `Caller`."""
        ask = self._ask(step, prompt, sampling, sample)
        lock = self._locks.get(ask.key)
        if lock is None:
            lock = self._locks[ask.key] = asyncio.Lock()
        async with lock:
            while True:
                seen = self._ends
                async with _Slot(self._slots) as slot:
                    opened = await self._enter(ask)
                    if opened.state == "answered":
                        return read_completion(opened.completion or {}, cached=True)
                    if opened.state == "open":
                        return await self._send(ask, (prompt, sampling), slot)
                await self._wait(opened, seen)

    def _ask(self, step: str, prompt: Prompt, sampling: Sampling, sample: int) -> Ask:
        most_in = most_tokens(prompt, self._backend.tokenizer)
        return Ask(
            key=call_key(self._backend, prompt, sampling, sample),
            synthesis_id=self._account.synthesis_id,
            step=step,
            model=self._backend.name,
            prompt_hash=prompt_hash(prompt),
            session=self._account.session,
            tokens=most_in + sampling.max_tokens,
            cost=self._account.price(most_in, sampling.max_tokens),
        )

    async def _enter(self, ask: Ask) -> Opened:
        """Open a call. Raises TeacherGone once the teacher is, unless the answer is there."""
        caps = self._caps()
        opening = self._writer.submit((0, ask.key), lambda session: teacher_calls.open_call(session, ask, caps))
        try:
            opened = await asyncio.wrap_future(opening)
        except asyncio.CancelledError:
            if not opening.cancel():
                await self._unsent(ask, opening)
            raise
        if opened.state == "open":
            self._open[ask.key] = ask
            if self._gone:
                await self._fail(ask, "unsent")
                raise TeacherGone(self._gone)
        return opened

    async def _unsent(self, ask: Ask, opening: Future[Opened]) -> None:
        """End a call that the writer was just opening when we were cancelled, and that nobody is going to send now.

        Waited for: whoever cancelled us closes the writer next, and then it takes nothing more.
        """
        opened = await asyncio.shield(asyncio.wrap_future(opening))
        if opened.state == "open":
            await self._fail(ask, "unsent")

    async def _fail(self, ask: Ask, outcome: str) -> None:
        await self._end(ask, self._writer.submit((1, ask.key), lambda session: teacher_calls.fail(session, ask, outcome)))

    async def _send(self, ask: Ask, asked: tuple[Prompt, Sampling], slot: _Slot) -> Completion:
        """Ask the backend for an open call; the answer is on disk when this returns.

        The slot is free from when the answer is handed to the writer: the next call is opened after it, in the same transaction or a
        later one, so that never more calls are in flight, in the database too, and the teacher waits for one commit instead of two.
        """
        try:
            completion = await _completion(self._backend, *asked)
        except asyncio.CancelledError:
            await self._end(ask, self._writer.submit((1, ask.key), lambda session: teacher_calls.lose(session, ask)))
            raise
        except Exception as error:
            await self._fail(ask, type(error).__name__[:32])
            self._count_failure(error)
            raise
        self._failed_in_a_row = 0
        got = self._answer(completion)
        writing = self._writer.submit((1, ask.key), lambda session: teacher_calls.answer(session, ask, got))
        slot.free()
        return read_completion(await self._end(ask, writing))

    async def _end(self, ask: Ask, writing: Any) -> Any:
        """Wait until the end of a call is written, even where we are cancelled meanwhile; then those who wait for room look again."""
        try:
            return await asyncio.shield(asyncio.wrap_future(writing))
        finally:
            self._open.pop(ask.key, None)
            self._ends += 1
            self._ended.set()
            self._ended = asyncio.Event()

    def _answer(self, completion: Completion) -> Answer:
        cost = self._account.price(completion.tokens_in, completion.tokens_out)
        return Answer(
            completion=completion_json(completion),
            outcome=completion.finish,
            tokens_in=completion.tokens_in,
            tokens_out=completion.tokens_out,
            cost=cost,
            seconds=completion.seconds,
            priced=self._account.daily_cap is not None,
        )

    def _count_failure(self, error: Exception) -> None:
        if not isinstance(error, BackendError):
            return
        self._failed_in_a_row += 1
        if isinstance(error, BackendUnavailable) and self._failed_in_a_row >= max(_TRIED, 2 * self.concurrency):
            self._gone = f"{self._failed_in_a_row} calls in a row got no answer, the last one because {error}"

    def _caps(self) -> Caps:
        """Today's money is told by the database, but for what is in flight here."""
        account = self._account
        held = sum(ask.cost for ask in self._open.values())
        today = None if account.daily_cap is None else max(0.0, account.daily_cap - held)
        return Caps(tokens=account.tokens, cost=account.cost, today=today)

    async def _wait(self, opened: Opened, seen: int) -> None:
        """Until a call that was not opened may be tried again. Raises BudgetSpent where nothing is in flight that could make room."""
        if opened.state == "full" and self._ends == seen:
            if self._open:
                await self._ended.wait()
            elif opened.waiting == 0:
                raise BudgetSpent(f"the budget is spent: {opened.why}")
            else:
                await asyncio.sleep(POLL)
        elif opened.state == "elsewhere":
            await asyncio.sleep(POLL)


class _Slot:
    """One of the calls that may be in flight; can be given back before the end of its block."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots, self._held = slots, False

    async def __aenter__(self) -> _Slot:
        await self._slots.acquire()
        self._held = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.free()

    def free(self) -> None:
        """Give it back. Harmless when repeated."""
        if self._held:
            self._held = False
            self._slots.release()


def call_key(backend: Backend, prompt: Prompt, sampling: Sampling, sample: int) -> str:
    """sha256 of all that can change an answer: model and its revision, prompt, how it is decoded, and which sample it is."""
    parts = [backend.name, backend.revision, prompt_text(prompt), asdict(sampling), sample]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True, sort_keys=True).encode()).hexdigest()


def most_tokens(prompt: Prompt, tokenizer: Tokenizer) -> int:
    """The most tokens that a prompt can have: counted where the tokenizer is the model's own, else one per byte of UTF-8.

    No usual vocabulary has a token for less than a byte, so a server's own count can't come out above it.
    """
    texts_of = [message.content for message in prompt.messages] + [prompt.prefix]
    counted = sum(tokenizer.count(text) if tokenizer.exact else len(text.encode("utf-8", "surrogatepass")) for text in texts_of)
    return counted + _AROUND * (len(texts_of) + 1)


def completion_json(completion: Completion) -> dict[str, Any]:
    """A completion as the database keeps it, without what PostgreSQL can't hold."""
    text = json.dumps(asdict(completion), ensure_ascii=False)
    data: dict[str, Any] = json.loads(texts.storable(text.replace("\\u0000", "\ufffd")))
    return data


def read_completion(data: dict[str, Any], *, cached: bool = False) -> Completion:
    """A completion from its JSON; `cached` marks one that was not asked for just now."""
    fields = dict(data)
    if fields["forced"] is not None:
        guess = fields["forced"]["guess"]
        fields["forced"] = Forcing(**{**fields["forced"], "guess": None if guess is None else tuple(guess)})
    return Completion(**{**fields, "logprobs": tuple(fields["logprobs"]), "cached": cached})


async def _completion(backend: Backend, prompt: Prompt, sampling: Sampling) -> Completion:
    found: Completion | None = None
    async with aclosing(pieces(backend, prompt, sampling)) as stream:
        async for piece in stream:
            found = piece if isinstance(piece, Completion) else found
    assert found is not None  # `pieces` ends with a completion
    return found
