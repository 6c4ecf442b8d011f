"""A model of the transformers library in this process: no server, one generation at a time, for machines without an engine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..errors import BackendError, BackendUnavailable
from ..parsing import CLOSE_THINK, OPEN_THINK, ThinkSplitter
from ..tokens import WordTokenizer
from ..values import Channel, Completion, Delta, Finish, Prompt, Sampling
from . import check_abilities
from .transformers_text import ModelTokenizer, TextOf, Until, begun_text, folder_revision


class TransformersBackend:
    """Implements `app.ranking.protocols.Backend` over a folder or hub id with safetensors weights; no code of the model's is ever run.

    Generations wait for each other in the order in which they were asked for, over all event loops: they share one thread. A stream that
    is closed early stops at the next token. Loading happens at the first use or in `warm`, once; until then, and where loading failed,
    `tokenizer` loads by itself and falls back to an estimate, so that the failure is reported by the call and not by its prompt.

    `revision` of a hub id is a branch, tag or commit; what was really loaded is in the property. `waiting` counts generations queued or at
    work, so that a caller can be told its place.
    """

    can: frozenset[str] = frozenset({"prefix"})
    slots = 1

    def __init__(self, path: Path | str, *, name: str = "transformers", revision: str = "") -> None:
        self.name = name
        self.waiting = 0
        self._path, self._wanted = str(path), revision
        self._folder_revision: str | None = None
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"generate-{name}")
        self._words: Any = None
        self._model: Any = None

    @property
    def revision(self) -> str:
        """The hub's commit, or for a folder 16 hex digits over its files (see `folder_revision`); empty where unknown."""
        if self._folder_revision is None:
            folder = Path(self._path).expanduser()
            self._folder_revision = folder_revision(folder) if folder.is_dir() else ""
        if self._folder_revision:
            return self._folder_revision
        commit = getattr(getattr(self._model, "config", None), "_commit_hash", None)
        return str(commit or self._wanted)

    @property
    def tokenizer(self) -> ModelTokenizer | WordTokenizer:
        """The model's own tokenizer; an estimate where it can't be loaded."""
        try:
            return ModelTokenizer(self._tokenizer())
        except BackendUnavailable:
            return WordTokenizer()

    def load_tokenizer(self) -> ModelTokenizer:
        """The model's own tokenizer, without its weights. Raises BackendUnavailable."""
        return ModelTokenizer(self._tokenizer())

    async def warm(self) -> None:
        """Load tokenizer and weights now, on another thread. Raises BackendUnavailable."""
        await asyncio.wrap_future(self._worker.submit(self._load))

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta | Completion]:
        """See `protocols.Backend`. `seconds` counts from the start of the generation, not from the place in the queue.

        Raises BackendUnavailable (package, files or chat template missing) or BackendError (prompt too long, out of memory).
        """
        check_abilities(self, prompt, sampling)
        loop = asyncio.get_running_loop()
        said: asyncio.Queue[str | None] = asyncio.Queue()
        job = _Job(prompt, sampling, _sender(loop, said))
        try:
            done = self._worker.submit(self._generate, job)
        except RuntimeError as error:
            raise BackendUnavailable(f"model {self.name!r} was closed: make a new one") from error
        done.add_done_callback(lambda _: job.send(None))
        self.waiting += 1
        splitter = ThinkSplitter()
        text: dict[Channel, str] = {"reasoning": "", "answer": ""}
        try:
            while (piece := await said.get()) is not None:
                for channel, part in _answer(piece) if prompt.prefix else splitter.feed(piece):
                    text[channel] += part
                    yield Delta(channel=channel, text=part)
            await self._outcome(done)
            for channel, part in splitter.close():
                text[channel] += part
                yield Delta(channel=channel, text=part)
            yield job.completion(*_whole(prompt, text, splitter))
        finally:
            self.waiting -= 1
            job.stop.set()
            done.cancel()

    async def aclose(self) -> None:
        """Wait for the generation at work and free the weights."""
        await asyncio.to_thread(self._worker.shutdown, wait=True, cancel_futures=True)
        self._model = self._words = None

    async def _outcome(self, done: Any) -> None:
        """Raises what the generation raised, as a BackendError."""
        try:
            await asyncio.wrap_future(done)
        except (RuntimeError, ValueError, IndexError, MemoryError) as error:
            reason = "ran out of memory" if "memory" in f"{type(error).__name__} {error}".lower() else f"failed ({type(error).__name__})"
            raise BackendError(f"model {self.name!r} {reason} while it wrote: ask for fewer passages, or use a smaller model") from error

    def _generate(self, job: _Job) -> None:
        """One generation on the worker's thread."""
        if job.stop.is_set():
            return
        self._load()
        job.began = time.monotonic()
        text = begun_text(self._words, job.prompt, self.name)
        ids = self._words(text, add_special_tokens=False, return_tensors="pt")["input_ids"].to(self._model.device)
        context = self._model.config.get_text_config().max_position_embeddings
        job.tokens_in = int(ids.shape[1])
        if job.tokens_in >= context:
            raise BackendError(
                f"the prompt has {job.tokens_in} tokens and model {self.name!r} takes {context}: use a smaller window or shorter passages"
            )
        if not job.prompt.prefix and text.rstrip().endswith(OPEN_THINK):
            job.send(OPEN_THINK)  # the template opened the reasoning, so the model will not write the tag itself
        _decode(self._model, ids, job, TextOf(self._words), min(job.sampling.max_tokens, context - job.tokens_in))

    def _tokenizer(self) -> Any:
        with self._lock:
            if self._words is None:
                self._words = _load(self._path, self.name, "AutoTokenizer", self._wanted)
            return self._words

    def _load(self) -> None:
        self._tokenizer()
        with self._lock:
            if self._model is None:
                self._model = _load(self._path, self.name, "AutoModelForCausalLM", self._wanted)


class _Job:
    """One generation: what is asked, where its text goes, and what is known once it has ended."""

    def __init__(self, prompt: Prompt, sampling: Sampling, send: Callable[[str | None], None]) -> None:
        self.prompt, self.sampling, self.send = prompt, sampling, send
        self.stop = threading.Event()
        self.began = time.monotonic()
        self.finish: Finish = "cut"
        self.tokens_in = self.tokens_out = 0

    def completion(self, reasoning: str, answer: str) -> Completion:
        """The whole call, in the model's own tokens."""
        return Completion(
            answer=answer,
            reasoning=reasoning,
            finish=self.finish,
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
            counted=True,
            seconds=time.monotonic() - self.began,
        )


def _answer(piece: str) -> list[tuple[Channel, str]]:
    """A piece that goes on with a begun answer: its thinking is over."""
    return [("answer", piece)] if piece else []


def _whole(prompt: Prompt, text: Mapping[Channel, str], splitter: ThinkSplitter) -> tuple[str, str]:
    """Reasoning and answer of a generation; those of a begun answer start in its prefix."""
    if not prompt.prefix:
        return splitter.whole
    trace, _, begun = prompt.prefix.removeprefix(OPEN_THINK).partition(CLOSE_THINK)
    return trace, begun.lstrip() + text["answer"]


def _sender(loop: asyncio.AbstractEventLoop, queue: asyncio.Queue[str | None]) -> Callable[[str | None], None]:
    """Puts into a loop's queue from another thread; does nothing once the loop is gone, because then nobody listens."""

    def send(piece: str | None) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(queue.put_nowait, piece)

    return send


def _decode(model: Any, ids: Any, job: _Job, text_of: TextOf, room: int) -> None:
    """Generate at most `room` tokens after `ids` (1, n), sending text as it comes; sets the job's finish and count."""
    import torch
    from transformers import GenerationConfig, StoppingCriteriaList

    until, ends = Until(job.sampling.stop), _end_tokens(model)
    last: list[int] = []

    def heard(sequences: Any, scores: Any, **_: Any) -> Any:
        token = int(sequences[0, -1])
        last.append(token)
        job.send(until.feed("" if token in ends else text_of.feed(token)))
        return torch.full((1,), job.stop.is_set() or until.reached, dtype=torch.bool, device=sequences.device)

    config = GenerationConfig(
        max_new_tokens=room, eos_token_id=sorted(ends) or None, pad_token_id=min(ends, default=0), **_how(job.sampling)
    )
    # The generator of torch is global: forked, so that a seed here changes nothing for others.
    with torch.inference_mode(), torch.random.fork_rng(enabled=job.sampling.temperature > 0):
        if job.sampling.temperature > 0:
            torch.manual_seed(secrets.randbits(63) if job.sampling.seed is None else job.sampling.seed)
        mask = torch.ones_like(ids)
        model.generate(ids, attention_mask=mask, generation_config=config, stopping_criteria=StoppingCriteriaList([heard]))
    job.send(until.feed(text_of.close()) + until.close())
    job.tokens_out = len(last)
    if until.reached or (last and last[-1] in ends):
        job.finish = "stop"
    elif len(last) >= room:
        job.finish = "length"


def _how(sampling: Sampling) -> dict[str, Any]:
    """Decoding arguments; those of the model's own folder are never mixed in."""
    if sampling.temperature <= 0:
        return {"do_sample": False}
    return {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}


def _end_tokens(model: Any) -> set[int]:
    """Tokens that end an answer."""
    ends = model.generation_config.eos_token_id
    return set() if ends is None else {ends} if isinstance(ends, int) else set(ends)


def _load(path: str, name: str, kind: str, revision: str) -> Any:
    """Tokenizer or model, by the class name of the library. Raises BackendUnavailable, which never shows the path."""
    folder = Path(path).expanduser()
    is_hub_id = path.count("/") == 1 and not path.startswith((".", "~", "/"))
    if not path or not (folder.is_dir() or is_hub_id):
        raise BackendUnavailable(f"model {name!r} has no folder at its path: correct the path in the models file")
    try:
        import torch
        import transformers
    except ImportError as error:
        raise BackendUnavailable(f"model {name!r} needs torch and transformers, {error.name} is missing: install them") from error
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "on", "true", "yes")
    common: dict[str, Any] = {"local_files_only": offline, "trust_remote_code": False, **({"revision": revision} if revision else {})}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    weights = {"use_safetensors": True, "dtype": "auto" if device == "cuda" else torch.float32}
    where = str(folder) if folder.is_dir() else path
    try:
        if kind == "AutoTokenizer":
            return transformers.AutoTokenizer.from_pretrained(where, **common)
        return transformers.AutoModelForCausalLM.from_pretrained(where, **common, **weights).to(device).eval()
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        what = "tokenizer" if kind == "AutoTokenizer" else "safetensors weights"
        raise BackendUnavailable(
            f"the {what} of model {name!r} can't be loaded ({type(error).__name__}): give the models file a path with config.json, "
            "tokenizer.json and *.safetensors, or a hub id that this machine has or may download"
        ) from error
