"""A small server that speaks the OpenAI chat protocol over real sockets, well or badly, for tests and for trying the page by hand.

The model's name chooses the manner: `inline`, `reasoning` and `reasoning_content` answer, everything in `FAULTS` fails in its own way.
By hand: `python -m tests.openai_server --port 8001 --pieces 40 --seconds 4`, then an entry in the models file with that address.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

Json = dict[str, Any]
_PASSAGE = re.compile(r"^\[(\d+)\] (.*)$", re.MULTILINE)
_WORDS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error"}

# Model name -> (status, message, headers) of a request that is refused.
REFUSALS: dict[str, tuple[int, str, Json]] = {
    "wrong-key": (401, "Incorrect API key provided: {key}. Find yours at {address}.", {}),
    "no-model": (404, "The model `{model}` does not exist.", {}),
    "too-long": (400, "This model's maximum context length is 4096 tokens, your prompt at {address} has 5000. Key {key}", {}),
    "bad-request": (400, "stop must have at most 4 items; ask root@{address}/v1 with {key}", {}),
    "busy": (429, "Rate limit reached, [2] > [1]", {"Retry-After": "0"}),
    "busy-long": (429, "Rate limit reached", {"Retry-After": "3600"}),
    "broken": (500, "<answer>[3] > [1] > [2]</answer> 503 502", {}),
}
# Refused the first time they are asked, answered well after that.
RECOVERING = {"busy-once": "busy", "broken-once": "broken"}
STREAMS = frozenset(
    {"cut", "disconnect", "hang", "stall", "garbage", "odd-chunk", "error-event", "refusal", "content-filter", "empty", "page", "hang-up"}
)
FAULTS = frozenset(REFUSALS) | frozenset(RECOVERING) | STREAMS


@dataclass
class OpenAIServer:
    """Runs on a thread from `start` (or `with`) to `stop`. `pieces` and `seconds` shape every answer.

    `requests` holds (headers, body) of each request in order; `left` counts clients that hung up before the end. `listed` is what it says
    that it has, if it says that at all; any name is answered.
    """

    port: int = 0
    pieces: int = 12
    seconds: float = 0.0
    listed: list[str] | None = None
    requests: list[tuple[dict[str, str], Json]] = field(default_factory=list)
    left: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    most_at_once: int = 0
    _at_once: int = 0
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Base URL, as it would stand in a models file."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def bodies(self) -> list[Json]:
        """The JSON of each request."""
        return [body for _, body in self.requests]

    def start(self) -> Self:
        """Listen; returns once connections are taken."""
        ready: Future[int] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        self.port = ready.result(timeout=10)
        return self

    def stop(self) -> None:
        """Drop all connections and end the thread."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(timeout=10)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    async def _serve(self, ready: Future[int]) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port)
        ready.set_result(server.sockets[0].getsockname()[1])
        await self._ended.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request per connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = json.loads(await reader.readexactly(int(headers.get("content-length", "0"))) or b"{}")
        if head[0].startswith("GET /v1/models ") and self.listed is not None:
            said = [{"id": name, "object": "model", "created": 1, "owned_by": "test"} for name in self.listed]
            return await _whole(writer, 200, {"object": "list", "data": said}, {})
        if not head[0].startswith("POST /v1/chat/completions "):
            return await _whole(writer, 404, {"error": {"message": "no such route"}}, {})
        self.requests.append((headers, body))
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        answering = asyncio.create_task(self._answer(headers, body, writer))
        leaving = asyncio.create_task(reader.read(1))  # returns only when the client goes: it has nothing more to say
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                self.left.release()
        finally:
            self._at_once -= 1
            answering.cancel()
            leaving.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)
            writer.close()

    async def _answer(self, headers: dict[str, str], body: Json, writer: asyncio.StreamWriter) -> None:
        model = str(body.get("model"))
        first = sum(asked.get("model") == model for asked in self.bodies) == 1
        model = (RECOVERING[model] if first else "inline") if model in RECOVERING else model
        if model in REFUSALS:
            status, text, extra = REFUSALS[model]
            said = text.format(key=headers.get("authorization", "").removeprefix("Bearer "), address=self.address, model=model)
            return await _whole(writer, status, {"error": {"message": said, "code": status}}, extra)
        if model == "hang-up":
            return writer.transport.abort()
        if model == "page":
            return await _whole(writer, 200, {"hello": "[3] > [2] > [1]"}, {})
        await self._stream(model, body, writer)

    async def _stream(self, model: str, body: Json, writer: asyncio.StreamWriter) -> None:
        """Server-sent events of one answer, ended as the model's name asks."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        chunks = self._chunks(model, body)
        async for chunk in chunks:
            if chunk is None:
                return writer.transport.abort()
            await _event(writer, chunk if isinstance(chunk, str) else json.dumps(chunk))
        if model != "cut":
            await _event(writer, "[DONE]")
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _chunks(self, model: str, body: Json) -> AsyncIterator[Json | str | None]:
        """Chunks of the protocol; text is sent as it is, None hangs up."""
        yield _chunk({"role": "assistant"})
        if model in ("hang", "refusal", "content-filter", "empty"):
            async for chunk in _short(model):
                yield chunk
            return
        pieces = list(_deltas(model, body, self.pieces))
        for number, piece in enumerate(pieces):
            await asyncio.sleep(self.seconds / len(pieces))
            yield _chunk(piece)
            if number >= len(pieces) // 3 and model in ("disconnect", "cut", "stall", "garbage", "odd-chunk", "error-event"):
                if model == "stall":
                    await asyncio.sleep(60)
                broken: dict[str, Json | str | None] = {
                    "disconnect": None,
                    "garbage": "{not json [3] > [2]",
                    "odd-chunk": "[1, 2]",
                    "error-event": {"error": {"message": "[3] > [2] > [1] engine died"}},
                }
                if model != "cut":
                    yield broken[model]
                return
        yield _chunk({}, finish="length" if model == "too-short" else "stop")
        if (body.get("stream_options") or {}).get("include_usage") and model != "no-usage":
            yield {"object": "chat.completion.chunk", "choices": [], "usage": {"prompt_tokens": 321, "completion_tokens": 123}}


async def _short(model: str) -> AsyncIterator[Json]:
    """Streams without an answer."""
    if model == "hang":
        await asyncio.sleep(60)
    if model == "refusal":
        yield _chunk({"refusal": "I can't help with [2] > [1]."})
    yield _chunk({}, finish="content_filter" if model == "content-filter" else "stop")


def _deltas(model: str, body: Json, pieces: int) -> Iterator[Json]:
    """The answer to a prompt in about `pieces` pieces, the reasoning where the model's name puts it."""
    reasoning, answer = answer_to(body)
    field_name = model if model in ("reasoning", "reasoning_content") else ""
    if not field_name:
        yield from ({"content": piece} for piece in _cut(f"<think>{reasoning}</think>\n{answer}", pieces))
        return
    yield from ({field_name: piece, "content": None} for piece in _cut(reasoning, max(1, pieces - 2)))
    yield from ({"content": piece} for piece in _cut(answer, 2))


def answer_to(body: Json) -> tuple[str, str]:
    """(reasoning, answer) from the numbers of the passages in the prompt: the incoming order reversed."""
    text = str(body["messages"][-1]["content"])
    shown = [(number, words) for number, words in _PASSAGE.findall(text)]
    thoughts = [
        f"[{number}] begins with {' '.join(words.split()[:4])!r}, which helps with part {i}." for i, (number, words) in enumerate(shown)
    ]
    numbers = [f"[{number}]" for number, _ in reversed(shown)]
    return "What would answer this? " + " ".join(reversed(thoughts)), f"<answer> {' > '.join(numbers)} </answer>"


def _cut(text: str, pieces: int) -> list[str]:
    size = -(-len(text) // pieces) or 1
    return [text[start : start + size] for start in range(0, len(text), size)]


def _chunk(delta: Json, finish: str | None = None) -> Json:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": int(time.time()), "model": "test", "choices": [choice]}


async def _event(writer: asyncio.StreamWriter, data: str) -> None:
    """One server-sent event as one HTTP chunk."""
    line = f"data: {data}\n\n".encode()
    writer.write(b"%x\r\n%s\r\n" % (len(line), line))
    await writer.drain()


async def _whole(writer: asyncio.StreamWriter, status: int, body: Json, headers: Json) -> None:
    """A response that is not a stream."""
    text = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} {_WORDS[status]}", "Content-Type: application/json", f"Content-Length: {len(text)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode() + text)
    await writer.drain()
    writer.close()


def main(argv: list[str] | None = None) -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.openai_server", description="A pretend model behind the OpenAI protocol.")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--pieces", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=4.0)
    given = parser.parse_args(argv)
    with OpenAIServer(port=given.port, pieces=given.pieces, seconds=given.seconds) as server:
        print(f"listening at {server.address}; models: inline, reasoning, reasoning_content, {', '.join(sorted(FAULTS))}", flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main()
