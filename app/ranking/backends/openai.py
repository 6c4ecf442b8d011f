"""Any server that speaks the OpenAI chat protocol: vLLM, SGLang, llama.cpp, hosted models. One streamed request per call.

Reasoning is read from the field `reasoning` (vLLM) or `reasoning_content` (SGLang, DeepSeek), or from think tags inside the content.
A client is made for each call and closed with it: `Ranker.rank` runs a loop of its own per call, and connections belong to a loop.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from ..errors import BackendError, BackendUnavailable
from ..parsing import ThinkSplitter
from ..tokens import WordTokenizer
from ..values import Channel, Completion, Delta, Finish, Prompt, Sampling
from . import check_abilities
from .openai_faults import Fault, fault_of

_T = TypeVar("_T")
# The protocol's reasons and the ones that known servers give instead; any other reason ends a call as `cut`.
_FINISH: Mapping[str, Finish] = {
    "stop": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "refused",
    "refusal": "refused",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A server and what to ask it for. `address` is its base URL (mostly ending in /v1), `key` may be empty for a server without one.

    Only `name` is ever shown; address, model and key stay out of errors and out of `repr`.
    """

    name: str
    address: str = field(repr=False)
    model: str = field(repr=False)
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one call, times in seconds. `first` is the wait for the first text, `gap` between two pieces, `total` all tries together.

    `tries` counts requests in all; a server that asks to wait longer than `longest_wait` is not waited for.
    `concurrent` calls are in flight at once per endpoint and event loop, further ones queue in the order in which they came.
    """

    connect: float = 10.0
    first: float = 180.0
    gap: float = 120.0
    total: float = 900.0
    tries: int = 4
    backoff: float = 0.5
    longest_wait: float = 30.0
    concurrent: int = 8


class OpenAIBackend:
    """Implements `app.ranking.protocols.Backend` over one endpoint."""

    can: frozenset[str] = frozenset()

    def __init__(self, endpoint: Endpoint, limits: Limits | None = None) -> None:
        self.name = endpoint.name
        self.tokenizer = WordTokenizer()
        self._endpoint, self._limits = endpoint, limits or Limits()
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
        """See `protocols.Backend`. `seconds` counts from the first request, not from the place in the queue.

        Raises BackendUnavailable (key, address, model or package wrong, host unreachable), BackendBusy (told to come back later), or
        BackendError (timeout, broken or unreadable stream, prompt too long). Only a call that has not yet written anything is retried.
        """
        check_abilities(self, prompt, sampling)
        library = await asyncio.to_thread(_library)
        async with self._gate():
            reply, clock = _Reply(), _Clock(self.name, self._limits)
            async with aclosing(self._tries(library, _request(self._endpoint, prompt, sampling), reply, clock)) as deltas:
                async for delta in deltas:
                    yield delta
            for delta in reply.close():
                yield delta
            yield reply.completion(prompt, self.tokenizer, clock.seconds)

    async def aclose(self) -> None:
        """Nothing is held between calls."""

    def _gate(self) -> asyncio.Semaphore:
        """The endpoint's limiter on the running loop."""
        return self._gates.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._limits.concurrent))

    async def _tries(self, library: Any, request: dict[str, Any], reply: _Reply, clock: _Clock) -> AsyncGenerator[Delta]:
        """Deltas of the first try that gets as far as writing something."""
        for number in range(1, self._limits.tries + 1):
            try:
                async with aclosing(self._try(library, request, reply, clock)) as deltas:
                    async for delta in deltas:
                        yield delta
                return
            except Fault as fault:
                wait = self._limits.backoff * 2 ** (number - 1) * random.uniform(0.5, 1.0) if fault.wait is None else fault.wait
                final = reply.begun or not fault.retry or number == self._limits.tries
                if final or wait > min(self._limits.longest_wait, clock.left):
                    raise fault.error from fault.__cause__
            await asyncio.sleep(wait)

    async def _try(self, library: Any, request: dict[str, Any], reply: _Reply, clock: _Clock) -> AsyncGenerator[Delta]:
        """One request. Raises Fault; leaving it early closes the connection, which tells the server to stop."""
        client = await asyncio.to_thread(self._client, library)
        clock.start()
        try:
            asked = client.chat.completions.create(**request, extra_headers=self._unsent(library))
            async with client, await clock.bound(asked, reply.begun) as stream:
                chunks = aiter(stream)
                while (chunk := await clock.bound(anext(chunks, None), reply.begun)) is not None:
                    for delta in reply.feed(_fields(self.name, chunk, reply.begun)):
                        yield delta
            if reply.chunks == 0:
                raise _unreadable(self.name, reply.begun)
        except library.OpenAIError as error:
            raise fault_of(library, error, self._endpoint.name, self._secrets(), begun=reply.begun) from error
        except ValueError as error:  # a line that is not JSON or not UTF-8
            raise _unreadable(self.name, reply.begun) from error

    def _client(self, library: Any) -> Any:
        """A client for one try. Raises BackendUnavailable for an address or key that can't be one."""
        end = self._endpoint
        if not _is_address(end.address):
            raise BackendUnavailable(f"model {end.name!r} has no usable address: give it one like https://host/v1 in the models file")
        if not (end.key.isascii() and end.key.isprintable() and " " not in end.key):
            raise BackendUnavailable(f"the key of model {end.name!r} has blanks or letters that no key has: set its variable anew")
        timeout = library.Timeout(self._limits.total, connect=self._limits.connect)
        return library.AsyncOpenAI(api_key=end.key or "none", base_url=end.address, timeout=timeout, max_retries=0)

    def _unsent(self, library: Any) -> dict[str, Any]:
        """Headers to leave out: those that the package would fill from the environment, and the key where there is none."""
        names = ("OpenAI-Organization", "OpenAI-Project", *(() if self._endpoint.key else ("Authorization",)))
        return dict.fromkeys(names, library.omit)

    def _secrets(self) -> tuple[str, ...]:
        """What must not be shown even where the server says it."""
        end = self._endpoint
        parts = urlsplit(end.address)
        # Shorter texts are no secrets, and replacing them would garble what the server says.
        return tuple(text for text in (end.key, end.address, parts.netloc, parts.hostname or "", end.model) if len(text) > 3)


class _Clock:
    """The time limits of one call over all its tries."""

    def __init__(self, name: str, limits: Limits) -> None:
        self._name, self._limits = name, limits
        self._began = self._try_began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the call began."""
        return time.monotonic() - self._began

    @property
    def left(self) -> float:
        """Until the call must have ended."""
        return self._limits.total - self.seconds

    def start(self) -> None:
        """A try begins."""
        self._try_began = time.monotonic()

    async def bound(self, awaited: Awaitable[_T], begun: bool) -> _T:
        """The result of something that must come within the limits: `begun` says whether any text was written already."""
        first = self._limits.first - (time.monotonic() - self._try_began)
        step = self._limits.gap if begun else first
        try:
            async with asyncio.timeout(max(0.0, min(step, self.left))):
                return await awaited
        except TimeoutError as error:
            raise BackendError(self._sentence(begun)) from error

    def _sentence(self, begun: bool) -> str:
        if self.left <= 0:
            said = f"was not done after {self._limits.total:g} s"
        else:
            said = f"fell silent for {self._limits.gap:g} s" if begun else f"wrote nothing for {self._limits.first:g} s"
        return f"model {self._name!r} was asked to rank and {said}: try again, or ask for fewer passages"


class _Reply:
    """What a stream has said so far, on two channels."""

    def __init__(self) -> None:
        self.chunks = 0
        self._text: dict[Channel, list[str]] = {"reasoning": [], "answer": []}
        self._splitter = ThinkSplitter()
        self._finish: Finish = "cut"
        self._refused = False
        self._tokens: tuple[int, int] | None = None

    @property
    def begun(self) -> bool:
        """Whether anything was written."""
        return any(self._text.values())

    def feed(self, chunk: Mapping[str, Any]) -> list[Delta]:
        """The new text of one chunk of the protocol."""
        self.chunks += 1
        usage = chunk.get("usage")
        if isinstance(usage, dict) and isinstance(usage.get("prompt_tokens"), int) and isinstance(usage.get("completion_tokens"), int):
            self._tokens = usage["prompt_tokens"], usage["completion_tokens"]
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        if choice.get("finish_reason"):
            self._finish = _FINISH.get(str(choice["finish_reason"]), "cut")
        delta = choice.get("delta")
        return self._read(delta) if isinstance(delta, dict) else []

    def close(self) -> list[Delta]:
        """What the splitter still held."""
        return self._kept(self._splitter.close())

    def completion(self, prompt: Prompt, tokenizer: WordTokenizer, seconds: float) -> Completion:
        """The whole call; tokens from the server, or estimated where it gave none."""
        reasoning, answer = "".join(self._text["reasoning"]), "".join(self._text["answer"])
        guess = sum(tokenizer.count(message.content) for message in prompt.messages), tokenizer.count(f"{reasoning} {answer}")
        tokens_in, tokens_out = self._tokens or guess
        return Completion(
            answer=answer,
            reasoning=reasoning,
            finish="refused" if self._refused else self._finish,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            counted=self._tokens is not None,
            seconds=seconds,
        )

    def _read(self, delta: Mapping[str, Any]) -> list[Delta]:
        pairs: list[tuple[Channel, str]] = []
        thought = delta.get("reasoning") or delta.get("reasoning_content")
        if isinstance(thought, str):
            pairs.append(("reasoning", thought))
        if isinstance(delta.get("content"), str):
            pairs += self._splitter.feed(delta["content"])
        refusal = delta.get("refusal")
        if isinstance(refusal, str) and refusal:
            self._refused = True
            pairs.append(("answer", refusal))
        return self._kept(pairs)

    def _kept(self, pairs: list[tuple[Channel, str]]) -> list[Delta]:
        for channel, text in pairs:
            self._text[channel].append(text)
        return [Delta(channel=channel, text=text) for channel, text in pairs]


def _is_address(text: str) -> bool:
    """Whether a text can be a server's base URL."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # half an IPv6 address, or a port that is no number
        return False


def _library() -> Any:
    """The openai package, on a thread: its first import takes a second or more."""
    try:
        import openai
    except ImportError as error:
        raise BackendUnavailable(f"models behind an address need the package openai, {error.name} is missing: install it") from error
    return openai


def _request(end: Endpoint, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
    """Arguments of the chat completion call."""
    request: dict[str, Any] = {
        "model": end.model,
        "messages": [{"role": message.role, "content": message.content} for message in prompt.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
    }
    if sampling.stop:
        request["stop"] = list(sampling.stop)
    if sampling.seed is not None:
        request["seed"] = sampling.seed
    if sampling.top_k > 0:
        request["extra_body"] = {"top_k": sampling.top_k}  # not of the protocol, but vLLM, SGLang and llama.cpp take it
    return request


def _fields(name: str, chunk: Any, begun: bool) -> dict[str, Any]:
    """A chunk as plain data, fields beyond the protocol included."""
    dump = getattr(chunk, "model_dump", None)
    if dump is None:
        raise _unreadable(name, begun)
    fields: dict[str, Any] = dump(warnings=False)
    return fields


def _unreadable(name: str, begun: bool) -> Fault:
    if begun:
        return Fault(BackendError(f"model {name!r} was asked to rank and its server sent something unreadable in the middle: try again"))
    cure = "check in the models file that the address ends where the protocol begins, mostly in /v1"
    return Fault(BackendError(f"model {name!r} was asked to rank and its server sent no stream of a chat completion: {cure}"))
