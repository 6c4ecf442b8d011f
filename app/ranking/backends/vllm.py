"""A vLLM engine in this process (AsyncLLM): many calls decoded together, on a GPU host or with vLLM's CPU build.

The engine belongs to one event loop, and callers come from any: it runs on a loop of its own on a thread, and text is handed over as it
comes. A server of its own (backend `openai`) is the better choice where several processes share a GPU.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
import uuid
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from ..errors import BackendError, BackendUnavailable
from ..parsing import CLOSE_THINK, OPEN_THINK, ThinkSplitter
from ..tokens import WordTokenizer
from ..values import Channel, Completion, Delta, Finish, Prompt, Sampling
from . import check_abilities
from .transformers_text import ModelTokenizer, begun_text, folder_revision

_FINISH: Mapping[str, Finish] = {"stop": "stop", "length": "length"}
_QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}


class VllmBackend:
    """Implements `app.ranking.protocols.Backend` over a folder or hub id with safetensors weights; no code of the model's is ever run.

    Loading takes from half a minute on and happens at the first call or in `warm`, once. `options` are further engine arguments of vLLM,
    such as tensor_parallel_size or max_model_len. `waiting` counts calls queued or at work.
    """

    can: frozenset[str] = frozenset({"prefix", "logprobs"})

    def __init__(self, path: Path | str, *, name: str = "vllm", revision: str = "", options: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self.waiting = 0
        self._path, self._wanted, self._options = str(path), revision, dict(options or {})
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: Any = None
        self._words: Any = None

    @property
    def revision(self) -> str:
        """For a folder 16 hex digits over its files (see `folder_revision`), for a hub id the revision asked for."""
        folder = Path(self._path).expanduser()
        return folder_revision(folder) if folder.is_dir() else self._wanted

    @property
    def tokenizer(self) -> ModelTokenizer | WordTokenizer:
        """The model's own tokenizer; an estimate until the engine is loaded."""
        return ModelTokenizer(self._words) if self._words is not None else WordTokenizer()

    async def warm(self) -> None:
        """Load the engine now, on its own thread. Raises BackendUnavailable."""
        await asyncio.to_thread(self._load)

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
        """See `protocols.Backend`. Closing the stream aborts the request.

        Raises BackendUnavailable (package, files or chat template missing) or BackendError (prompt too long, engine dead).
        """
        check_abilities(self, prompt, sampling)
        self.waiting += 1
        work: Future[None] | None = None
        try:
            if self._engine is None:
                await self.warm()
            reply = _Reply(prompt, begun_text(self._words, prompt, self.name), self._words)
            fresh: asyncio.Queue[Any] = asyncio.Queue()
            assert self._loop is not None  # `_load` made it
            work = asyncio.run_coroutine_threadsafe(self._generate(reply.ids, sampling, _sender(fresh)), self._loop)
            while (output := await fresh.get()) is not None:
                for delta in reply.feed(output):
                    yield delta
            _raise(work, self.name)
            for delta in reply.close():
                yield delta
            yield reply.completion()
        finally:
            self.waiting -= 1
            if work is not None:
                work.cancel()

    async def aclose(self) -> None:
        """Stop the engine and its loop."""
        engine, loop = self._engine, self._loop
        self._engine = self._loop = None
        if engine is not None:
            await asyncio.to_thread(engine.shutdown)
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)

    async def _generate(self, ids: list[int], sampling: Sampling, send: Any) -> None:
        """One request, on the engine's loop."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        params = SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            max_tokens=sampling.max_tokens,
            stop=list(sampling.stop) or None,
            seed=sampling.seed,
            logprobs=sampling.top_logprobs or None,
            output_kind=RequestOutputKind.DELTA,
        )
        try:
            outputs = self._engine.generate({"prompt_token_ids": ids}, params, uuid.uuid4().hex)
            async with contextlib.aclosing(outputs):
                async for output in outputs:
                    send(output.outputs[0])
        finally:
            send(None)

    def _load(self) -> None:
        with self._lock:
            if self._engine is not None:
                return
            for name, value in _QUIET.items():
                os.environ.setdefault(name, value)
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name=f"vllm-{self.name}", daemon=True).start()
            made = asyncio.run_coroutine_threadsafe(self._start(), self._loop)
            self._engine, self._words = made.result()

    async def _start(self) -> tuple[Any, Any]:
        """Engine and tokenizer, on the engine's loop. Raises BackendUnavailable, which never shows the path."""
        try:
            from vllm.engine.arg_utils import AsyncEngineArgs
            from vllm.v1.engine.async_llm import AsyncLLM
        except ImportError as error:
            install = "requirements-gpu.txt on a GPU host, or requirements-cpu.txt"
            raise BackendUnavailable(f"model {self.name!r} needs vllm, {error.name} is missing: install {install}") from error
        wanted = {"load_format": "safetensors", "trust_remote_code": False, **({"revision": self._wanted} if self._wanted else {})}
        try:
            engine = AsyncLLM.from_engine_args(AsyncEngineArgs(model=self._path, disable_log_stats=True, **{**wanted, **self._options}))
            return engine, _tokenizer(engine)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise BackendUnavailable(
                f"vLLM can't load model {self.name!r} ({type(error).__name__}): give the models file a path with config.json, "
                "tokenizer.json and *.safetensors that fits the memory, or a hub id that this machine has or may download"
            ) from error


class _Reply:
    """What one request has said so far."""

    def __init__(self, prompt: Prompt, text: str, words: Any) -> None:
        self.ids: list[int] = words(text, add_special_tokens=False)["input_ids"]
        self._prompt, self._splitter = prompt, ThinkSplitter()
        self._answer, self._tokens, self._finish = "", 0, "cut"
        self._logprobs: list[dict[str, float]] = []
        self._began = time.monotonic()
        # The template opened the reasoning, so the model will not write the tag itself.
        self._opened = OPEN_THINK if not prompt.prefix and text.rstrip().endswith(OPEN_THINK) else ""

    def feed(self, output: Any) -> list[Delta]:
        """New text of one output of the engine."""
        self._tokens += len(output.token_ids)
        self._finish = _FINISH.get(str(output.finish_reason), "cut") if output.finish_reason else self._finish
        text, self._opened = self._opened + output.text, ""
        if self._prompt.prefix:
            self._answer += output.text
            pairs: list[tuple[Channel, str]] = [("answer", output.text)] if output.text else []
        else:
            pairs = self._splitter.feed(text)
        if output.logprobs and any(channel == "answer" for channel, _ in pairs):
            self._logprobs += [{one.decoded_token: one.logprob for one in place.values()} for place in output.logprobs]
        return [Delta(channel=channel, text=part) for channel, part in pairs]

    def close(self) -> list[Delta]:
        """What was still held back."""
        return [Delta(channel=channel, text=part) for channel, part in self._splitter.close()]

    def completion(self) -> Completion:
        """The whole call, in the model's own tokens."""
        trace, _, begun = self._prompt.prefix.removeprefix(OPEN_THINK).partition(CLOSE_THINK)
        reasoning, answer = (trace, begun.lstrip() + self._answer) if self._prompt.prefix else self._splitter.whole
        return Completion(
            answer=answer,
            reasoning=reasoning,
            finish=_FINISH.get(self._finish, "cut"),
            tokens_in=len(self.ids),
            tokens_out=self._tokens,
            counted=True,
            seconds=time.monotonic() - self._began,
            logprobs=tuple(self._logprobs),
        )


def _tokenizer(engine: Any) -> Any:
    """The engine's tokenizer; older engines hand it out by a method."""
    found = getattr(engine, "tokenizer", None)
    if found is None:
        raise BackendUnavailable("this version of vLLM keeps its tokenizer elsewhere: install the version of requirements-gpu.txt")
    return getattr(found, "tokenizer", found)


def _sender(queue: asyncio.Queue[Any]) -> Any:
    """Puts into a caller's queue from the engine's thread; does nothing once the caller's loop is gone."""
    loop = asyncio.get_running_loop()

    def send(output: Any) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(queue.put_nowait, output)

    return send


def _raise(work: Future[None], name: str) -> None:
    """Raises what the request raised, as a BackendError."""
    try:
        work.result(timeout=30)
    except Exception as error:
        said = str(error)
        if "maximum context" in said or "max_model_len" in said or "longer than" in said:
            reason = "the prompt is longer than its context: use a smaller window or shorter passages"
        else:
            reason = f"its engine failed ({type(error).__name__}): try again, or look at the log"
        raise BackendError(f"model {name!r} was asked to rank and {reason}") from error
