"""Any server that speaks the OpenAI chat protocol: vLLM, SGLang, llama.cpp, hosted models. One streamed request per call.

Reasoning is read from the field `reasoning` (vLLM) or `reasoning_content` (SGLang, DeepSeek), or from think tags inside the content.
A client is made for each call and closed with it: `Ranker.rank` runs a loop of its own per call, and connections belong to a loop.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from ..errors import BackendError, BackendUnavailable
from ..tokens import WordTokenizer
from ..values import Completion, Delta, Prompt, Sampling
from . import check_abilities
from .openai_faults import Fault, fault_of
from .openai_reply import Reply

_T = TypeVar("_T")
_CHECK_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A server and what to ask it for. `address` is its base URL (mostly ending in /v1), `key` may be empty for a server without one.

    Only `name` is ever shown; address, model and key stay out of errors and out of `repr`.

    `continues` says how the server goes on with a begun answer: `final_message` (vLLM, SGLang: the last message is continued),
    `prefix` (DeepSeek: the last message carries a flag), or not at all. `logprobs`: it gives log-probabilities. `template_args` are
    arguments of its chat template, such as enable_thinking.
    """

    name: str
    address: str = field(repr=False)
    model: str = field(repr=False)
    key: str = field(default="", repr=False)
    continues: Literal["", "final_message", "prefix"] = field(default="", repr=False)
    logprobs: bool = field(default=False, repr=False)
    template_args: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one call, times in seconds. `first` is the wait for the first text, `gap` between two pieces, `total` all tries together.

    `tries` counts requests in all; a server that asks to wait longer than `longest_wait` is not waited for.
    `concurrent` calls are in flight at once per endpoint and event loop, further ones queue in the order in which they came.
    `per_minute` bounds requests that begin within any minute, retries included; 0 for no bound.
    """

    connect: float = 10.0
    first: float = 180.0
    gap: float = 120.0
    total: float = 900.0
    tries: int = 4
    backoff: float = 0.5
    longest_wait: float = 30.0
    concurrent: int = 8
    per_minute: int = 0


class OpenAIBackend:
    """Implements `app.ranking.protocols.Backend` over one endpoint. Of `waiting` calls at most `slots` are at work, the others queue."""

    def __init__(self, endpoint: Endpoint, limits: Limits | None = None) -> None:
        self.name = endpoint.name
        self.can = frozenset({"prefix"} if endpoint.continues else ()) | frozenset({"logprobs"} if endpoint.logprobs else ())
        # A model's id may be a path, so it is told by its hash.
        self.revision = hashlib.sha256(endpoint.model.encode()).hexdigest()[:16]
        self.tokenizer = WordTokenizer()
        self.waiting = 0
        self._endpoint, self._limits = endpoint, limits or Limits()
        self.slots = self._limits.concurrent
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
        self._paces: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
        """See `protocols.Backend`. `seconds` counts from the first request, not from the place in the queue.

        Raises BackendUnavailable (key, address, model or package wrong, host unreachable), BackendBusy (told to come back later), or
        BackendError (timeout, broken or unreadable stream, prompt too long). Only a call that has not yet written anything is retried.
        """
        check_abilities(self, prompt, sampling)
        library = await asyncio.to_thread(_library)
        self.waiting += 1
        try:
            async with self._gate():
                reply, clock = Reply(prompt), _Clock(self.name, self._limits)
                async with aclosing(self._tries(library, _request(self._endpoint, prompt, sampling), reply, clock)) as deltas:
                    async for delta in deltas:
                        yield delta
                for delta in reply.close():
                    yield delta
                yield reply.completion(prompt, self.tokenizer, clock.seconds)
        finally:
            self.waiting -= 1

    async def check(self) -> str:
        """Why no call can succeed now, in a sentence; empty where one may. Asks the server for its models, once, for five seconds.

        A server that does not list its models passes: only a refused key, an unreachable host or a missing model is told.
        """
        try:
            library = await asyncio.to_thread(_library)
            names = await self._names(library)
        except BackendError as error:
            return str(error)
        except TimeoutError:
            return f"the server of model {self.name!r} did not answer within {_CHECK_SECONDS:g} s: check that it runs"
        except Exception as error:
            known = isinstance(error, library.APIConnectionError | library.AuthenticationError | library.PermissionDeniedError)
            return str(fault_of(library, error, self.name, self._secrets(), begun=False).error) if known else ""
        if names and self._endpoint.model not in names:
            return f"the server of model {self.name!r} offers {len(names)} models and not this one: correct `model` in the models file"
        return ""

    async def listed(self) -> bool:
        """Whether the server lists this model now. False, too, where it lists nothing or does not answer within five seconds."""
        try:
            return self._endpoint.model in await self._names(await asyncio.to_thread(_library))
        except Exception:  # whatever a server does instead of listing its models
            return False

    async def aclose(self) -> None:
        """Nothing is held between calls."""

    async def _names(self, library: Any) -> set[str]:
        """Names of the models that the server lists. Raises whatever the client does."""
        client = await asyncio.to_thread(self._client, library)
        async with client, asyncio.timeout(_CHECK_SECONDS):
            listed = await client.models.list(extra_headers=self._unsent(library))
            return {model.id for model in listed.data}

    def _pace(self) -> Any:
        """The endpoint's rate limiter on the running loop; does nothing where there is no limit."""
        if not self._limits.per_minute:
            return nullcontext()
        from aiolimiter import AsyncLimiter

        return self._paces.setdefault(asyncio.get_running_loop(), AsyncLimiter(self._limits.per_minute, 60))

    def _gate(self) -> asyncio.Semaphore:
        """The endpoint's limiter on the running loop."""
        return self._gates.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._limits.concurrent))

    async def _tries(self, library: Any, request: dict[str, Any], reply: Reply, clock: _Clock) -> AsyncGenerator[Delta]:
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
                    fault.error.requests = reply.requests
                    raise fault.error from fault.__cause__
            await asyncio.sleep(wait)

    async def _try(self, library: Any, request: dict[str, Any], reply: Reply, clock: _Clock) -> AsyncGenerator[Delta]:
        """One request. Raises Fault; leaving it early closes the connection, which tells the server to stop."""
        client = await asyncio.to_thread(self._client, library)
        async with self._pace():
            reply.requests += 1
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
        http = library.DefaultAsyncHttpxClient(verify=_trust())
        return library.AsyncOpenAI(api_key=end.key or "none", base_url=end.address, timeout=timeout, max_retries=0, http_client=http)

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


def _is_address(text: str) -> bool:
    """Whether a text can be a server's base URL."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # half an IPv6 address, or a port that is no number
        return False


@functools.cache
def _trust() -> Any:
    """What servers are trusted by, made once: reading the certificates takes tens of milliseconds, too much for every call."""
    from httpx2 import create_ssl_context

    return create_ssl_context()


def _library() -> Any:
    """The openai package, on a thread: its first import takes a second or more."""
    try:
        import openai
    except ImportError as error:
        raise BackendUnavailable(f"models behind an address need the package openai, {error.name} is missing: install it") from error
    return openai


def _request(end: Endpoint, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
    """Arguments of the chat completion call."""
    messages: list[dict[str, Any]] = [{"role": message.role, "content": message.content} for message in prompt.messages]
    extra: dict[str, Any] = {}
    if prompt.prefix:
        messages.append({"role": "assistant", "content": prompt.prefix, **({"prefix": True} if end.continues == "prefix" else {})})
    if prompt.prefix and end.continues == "final_message":
        extra |= {"continue_final_message": True, "add_generation_prompt": False}
    if end.template_args:
        extra["chat_template_kwargs"] = dict(end.template_args)
    request: dict[str, Any] = {
        "model": end.model,
        "messages": messages,
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
    if sampling.top_logprobs:
        request |= {"logprobs": True, "top_logprobs": sampling.top_logprobs}
    if sampling.top_k > 0:
        extra["top_k"] = sampling.top_k  # not of the protocol, but vLLM, SGLang and llama.cpp take it
    return {**request, "extra_body": extra} if extra else request


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
