"""The embedded model as a backend: in process, no key, no download, many requests decoded together on one thread."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import threading
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from ..errors import BackendError, BackendUnavailable
from ..models.nano.decoding import Begun
from ..models.nano.grammar import card_numbers, whole_verdicts
from ..models.nano.vocabulary import ANSWER, END, IDS, THINK, THOUGHT, UNKNOWN, WORDS, NanoTokenizer, chat_text, encode
from ..values import Channel, Completion, Delta, Prompt, Sampling

if TYPE_CHECKING:
    from ..models.nano.engine import Engine, Piece
    from ..models.nano.network import Network

WEIGHTS = Path(__file__).parent.parent / "models" / "nano" / "weights"
FILES = ("config.json", "model.safetensors", "tokenizer.json")
"""What a folder with weights of the embedded model holds, at least."""
_FRAME = {IDS[THINK], IDS[END]}


class NanoBackend:
    """Implements `app.ranking.protocols.Backend` over the weights in a folder (default: the ones that ship with the library).

    Loading happens at the first call or in `warm`, once. Decoding is greedy under the model's grammar: `sampling` gives the token limit
    only. A stream that is closed early stops its own row and no other.
    """

    can: frozenset[str] = frozenset({"prefix"})

    def __init__(self, path: Path | str = WEIGHTS, *, name: str = "nano") -> None:
        self.name, self.tokenizer = name, NanoTokenizer()
        self._path = Path(path)
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._revision: str | None = None

    @property
    def revision(self) -> str:
        """16 hex digits of the sha256 of the weights; empty where they are missing."""
        if self._revision is None:
            weights = self._path / "model.safetensors"
            self._revision = hashlib.sha256(weights.read_bytes()).hexdigest()[:16] if weights.is_file() else ""
        return self._revision

    @property
    def ready(self) -> bool:
        """Whether the weights are loaded."""
        return self._engine is not None

    async def warm(self) -> None:
        """Load the weights now, on another thread. Raises BackendUnavailable."""
        await asyncio.to_thread(self._load)

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncIterator[Delta | Completion]:
        """Deltas of the trace and of the answer as they are written, then the Completion with exact token numbers.

        Raises BackendUnavailable (weights or packages missing), BackendBusy, or BackendError for a prompt that is not made of cards.
        """
        began = time.perf_counter()
        ids = _prompt_ids(prompt)
        begun = _begun(prompt.prefix, card_numbers(ids)) if prompt.prefix else None
        engine = await asyncio.to_thread(self._load) if self._engine is None else self._engine
        pieces: asyncio.Queue[Piece | BackendError] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def hand_over(piece: Piece | BackendError) -> None:
            # The loop may be gone by the time the last words come.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(pieces.put_nowait, piece)

        ticket = engine.submit(ids, sampling.max_tokens, hand_over, begun)
        words = _Words(prompt.prefix)
        try:
            while True:
                piece = await pieces.get()
                if isinstance(piece, BackendError):
                    raise piece
                tokens, finish = piece
                for delta in words.feed(tokens):
                    yield delta
                if finish is not None:
                    break
            yield Completion(
                answer=words.text["answer"],
                reasoning=words.text["reasoning"],
                finish=cast(Literal["stop", "length"], finish),
                tokens_in=len(ids) + len(begun.tokens if begun else ()),
                tokens_out=words.count,
                counted=True,
                seconds=time.perf_counter() - began,
            )
        finally:
            ticket.cancel()

    async def aclose(self) -> None:
        """Stop the model's thread and free the weights."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await asyncio.to_thread(engine.close)

    def _load(self) -> Engine:
        with self._lock:
            if self._engine is None:
                from ..models.nano.engine import Engine

                self._engine = Engine(load_model(self._path))
            return self._engine


class _Words:
    """Tokens as text on two channels: the trace inside the think tags, the answer after them, one blank between words."""

    def __init__(self, prefix: str = "") -> None:
        trace, closed, answer = prefix.removeprefix(THINK).partition(THOUGHT)
        self.text: dict[Channel, str] = {"reasoning": trace.strip(), "answer": answer.strip()}
        self.count = 0
        self._channel: Channel = "answer" if closed else "reasoning"

    def feed(self, tokens: Sequence[int]) -> list[Delta]:
        """New text of each channel that got some."""
        before = dict(self.text)
        self.count += len(tokens)
        for token in tokens:
            if token == IDS[THOUGHT]:
                self._channel = "answer"
            elif token not in _FRAME:
                said = self.text[self._channel]
                self.text[self._channel] = f"{said} {WORDS[token]}" if said else WORDS[token]
        fresh = ((channel, text[len(before[channel]) :]) for channel, text in self.text.items())
        return [Delta(channel=channel, text=text) for channel, text in fresh if text]


def load_model(path: Path) -> Network:
    """The model in a folder. Raises BackendUnavailable with what is missing."""
    from ..models.nano.network import Network

    for name in FILES:
        if not (path / name).is_file():
            raise BackendUnavailable(f"the embedded model has no {name} in {path.name!r}: restore the folder or train it anew")
    vocabulary = json.loads((path / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    if vocabulary != IDS:
        raise BackendUnavailable(f"the weights in {path.name!r} were trained with another vocabulary: train them anew")
    return Network.load(path)


def _prompt_ids(prompt: Prompt) -> list[int]:
    """Token ids of a prompt that the nano template made."""
    if len(prompt.messages) != 1 or prompt.messages[0].role != "user":
        raise BackendError("the embedded model takes one user message: use the template 'nano'")
    ids = encode(chat_text(prompt.messages[0].content))
    numbers = card_numbers(ids)
    if IDS[UNKNOWN] in ids or not numbers or len(set(numbers)) < len(numbers):
        raise BackendError("the embedded model reads evidence cards, one per passage, and nothing else: use the template 'nano'")
    return ids


def _begun(prefix: str, numbers: Sequence[int]) -> Begun:
    """The beginning of an answer as the nano template writes it. Raises BackendError for any other."""
    words = encode(prefix)
    if len(words) < 3 or words[0] != IDS[THINK] or words[-2:] != [IDS[THOUGHT], IDS[ANSWER]]:
        raise BackendError(
            "the embedded model can only go on after a whole think block and the opening answer tag: use the template 'nano'"
        )
    try:
        trace, grades = whole_verdicts(words[1:-2], numbers)
    except ValueError as error:
        raise BackendError(f"the embedded model can't go on after a trace that is not its own ({error}): give one that it wrote") from error
    if not trace:
        raise BackendError("the embedded model's order follows from its trace: give it one that has begun")
    return Begun(tokens=(IDS[THINK], *trace, IDS[THOUGHT], IDS[ANSWER]), grades=grades)
