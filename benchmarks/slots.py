"""A server with so many slots that speaks the OpenAI chat protocol: `python -m benchmarks.slots --slots 20 --seconds 2 --pieces 20`.

It stands for a batching model server: a call takes a slot for a set time and writes its answer in equal pieces; without a free slot it
waits in line. Its answers are right: passages of `listed` tell their worth, and the server ranks by it in the form that the prompt asks
for. It runs in a process of its own, counts its busy slots itself, and tells them at /stats (from the last /reset on).
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import math
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.ranking.backends.openai import Endpoint, Limits, OpenAIBackend  # noqa: E402
from app.ranking.values import Passage  # noqa: E402

_WORTH = re.compile(r"worth (0\.\d+)")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_WORDS = [
    "water",
    "stone",
    "light",
    "field",
    "engine",
    "paper",
    "river",
    "metal",
    "garden",
    "signal",
    "winter",
    "valley",
    "copper",
    "forest",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """`seconds` a call in `pieces`. With `spread` up to so many seconds more, exponentially distributed, by `seed` and the prompt alone."""

    slots: int = 20
    seconds: float = 2.0
    pieces: int = 20
    spread: float = 0.0
    seed: int = 0

    def of(self, text: str) -> float:
        """Seconds that the call with this prompt takes."""
        if not self.spread:
            return self.seconds
        draw = random.Random(hashlib.sha256(f"{self.seed} {text}".encode()).digest()).expovariate(1.0)
        return self.seconds + self.spread * min(1.0, draw / 3.0)


@dataclass(slots=True)
class Ledger:
    """How many slots were busy from when on."""

    slots: int
    calls: int = 0
    busy: int = 0
    changes: list[tuple[float, int]] = field(default_factory=list)

    def note(self, step: int, now: float) -> None:
        """A slot is taken (1) or given back (-1)."""
        self.calls += step > 0
        self.busy += step
        self.changes.append((now, self.busy))

    @property
    def plain(self) -> dict[str, Any]:
        """`share` of the slot-seconds between the first and the last moment of full load that were used, `overall` from first to last call.

        `span` and `whole` are the seconds of both.
        """
        spans = [(at, until, busy) for (at, busy), (until, _) in zip(self.changes, self.changes[1:], strict=False)]
        full = [number for number, (_, _, busy) in enumerate(spans) if busy == self.slots]
        between = spans[full[0] : full[-1] + 1] if full else []
        (share, span), (overall, whole) = self._used(between), self._used(spans)
        peak = max((busy for _, busy in self.changes), default=0)
        return {"calls": self.calls, "peak": peak, "share": share, "span": span, "overall": overall, "whole": whole}

    def _used(self, spans: Sequence[tuple[float, float, int]]) -> tuple[float, float]:
        """Share of the slots in use over neighbouring spans, and their seconds."""
        seconds = spans[-1][1] - spans[0][0] if spans else 0.0
        return sum((until - at) * busy for at, until, busy in spans) / (seconds * self.slots) if seconds else 0.0, seconds


def answer_to(messages: Sequence[dict[str, Any]]) -> tuple[str, str, list[dict[str, float]]]:
    """Trace, answer and log-probabilities of its first token, in the form that a built-in profile asks for."""
    text = str(messages[-1]["content"])
    worth = [float(found) for found in _WORTH.findall(text)]
    order = sorted(range(len(worth)), key=lambda place: -worth[place])
    trace = " ".join(f"[{place + 1}] says more than what follows." for place in order) if "<think>" in text else ""
    if "true if it helps" in text:
        chance = min(0.9999, max(0.0001, worth[0]))
        return trace, "true" if chance > 0.5 else "false", [{"true": math.log(chance), "false": math.log(1 - chance)}]
    answer = f"[{order[0] + 1}]" if "the one passage" in text else " > ".join(f"[{place + 1}]" for place in order)
    return trace, f"<answer>{answer}</answer>" if "<answer>" in text else answer, []


def cut(text: str, pieces: int) -> list[str]:
    """A text in so many pieces of nearly equal length, some empty where it is too short."""
    return [text[len(text) * at // pieces : len(text) * (at + 1) // pieces] for at in range(pieces)]


class SlotServer:
    """One server; `port` is known once it listens."""

    def __init__(self, service: Service) -> None:
        self._service, self._ledger = service, Ledger(service.slots)
        self._free = asyncio.Semaphore(service.slots)

    async def listen(self) -> asyncio.Server:
        """Accept connections on a free port of this machine."""
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request; the connection is closed with it."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1])) if length else b""
            if head.startswith(b"POST"):
                await self._complete(json.loads(body)["messages"], writer)
            else:
                _begin(writer, "application/json")
                writer.write(json.dumps(self._ledger.plain).encode())
                if b"/reset" in head.split(b"\r\n", 1)[0]:
                    self._ledger = Ledger(self._service.slots)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone; its slot is free again
        finally:
            writer.close()

    async def _complete(self, messages: Sequence[dict[str, Any]], writer: asyncio.StreamWriter) -> None:
        text = json.dumps(messages)
        async with self._free:
            self._ledger.note(1, time.monotonic())
            try:
                await self._write(messages, self._service.of(text), writer)
            finally:
                self._ledger.note(-1, time.monotonic())
        writer.write(_event({"choices": [], "usage": {"prompt_tokens": len(text.split()), "completion_tokens": self._service.pieces}}))
        writer.write(b"data: [DONE]\n\n")

    async def _write(self, messages: Sequence[dict[str, Any]], seconds: float, writer: asyncio.StreamWriter) -> None:
        """All pieces, each at its time counted from the start, so that delays don't add up."""
        began, count = time.monotonic(), self._service.pieces
        trace, answer, logprobs = answer_to(messages)
        whole = [*cut(f"<think>{trace}", count - 1), f"</think>{answer}"] if trace and count > 1 else cut(answer, count)
        if trace and count == 1:
            whole = [f"<think>{trace}</think>{answer}"]
        _begin(writer, "text/event-stream")
        for number, piece in enumerate(whole, start=1):
            await asyncio.sleep(max(0.0, began + seconds * number / count - time.monotonic()))
            last = number == count
            choice: dict[str, Any] = {"index": 0, "delta": {"content": piece}, "finish_reason": "stop" if last else None}
            if last and logprobs:
                choice["logprobs"] = {"content": [_place(place, answer) for place in logprobs]}
            writer.write(_event({"choices": [choice]}))
            await writer.drain()


def _place(known: dict[str, float], said: str) -> dict[str, Any]:
    offered = [{"token": token, "logprob": value, "bytes": None} for token, value in known.items()]
    return {"token": said, "logprob": known[said], "bytes": None, "top_logprobs": offered}


def _begin(writer: asyncio.StreamWriter, kind: str) -> None:
    writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n".encode())


def _event(fields: dict[str, Any]) -> bytes:
    whole = {"id": "slots", "object": "chat.completion.chunk", "created": 0, "model": "slots", **fields}
    return f"data: {json.dumps(whole)}\n\n".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """A running server."""

    address: str

    def backend(self, concurrent: int = 256) -> OpenAIBackend:
        """Our own backend for it; the queue is left to the server."""
        endpoint = Endpoint(name="slots", address=f"{self.address}/v1", model="slots", logprobs=True)
        return OpenAIBackend(endpoint, Limits(first=900.0, concurrent=concurrent, tries=1))

    def stats(self) -> dict[str, Any]:
        """See `Ledger.plain`."""
        with urlopen(f"{self.address}/stats", timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def reset(self) -> None:
        """Count from now on."""
        urlopen(f"{self.address}/reset", timeout=30).close()


@contextmanager
def serving(service: Service) -> Iterator[Slots]:
    """A server in a process of its own."""
    flags = [part for name in ("slots", "seconds", "pieces", "spread", "seed") for part in (f"--{name}", str(getattr(service, name)))]
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.slots", *flags], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://"), "the slot server did not say where it is"
        yield Slots(address=address)
    finally:
        process.terminate()
        process.wait(20)


def listed(seed: int, n: int = 100) -> tuple[Passage, ...]:
    """Passages of about 80 words that tell their worth, in the order of a first stage that has half an idea of it."""
    rng = random.Random(seed)
    worth = rng.sample(range(100, 9900), n)
    filler = " ".join(rng.choice(_WORDS) for _ in range(78))
    passages = [Passage(id=f"p{number}", text=f"worth {value / 10_000:.4f} {filler}") for number, value in enumerate(worth)]
    noisy = {passage.id: value + rng.gauss(0, 3000) for passage, value in zip(passages, worth, strict=True)}
    return tuple(sorted(passages, key=lambda passage: -noisy[passage.id]))


def true_top(passages: Sequence[Passage], top: int = 10) -> list[str]:
    """Ids of the best, best first."""
    return [passage.id for passage in sorted(passages, key=lambda passage: passage.text[: len("worth 0.0000")], reverse=True)[:top]]


async def _main(service: Service) -> None:
    server = await SlotServer(service).listen()
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("slots", 20), ("seconds", 2.0), ("pieces", 20), ("spread", 0.0), ("seed", 0)):
        parser.add_argument(f"--{name}", type=type(default), default=default)
    asyncio.run(_main(Service(**vars(parser.parse_args()))))
