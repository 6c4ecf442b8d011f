"""A real server on a real socket that sends exactly the bytes a test tells it to, and hangs up where it tells it to."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any

Step = bytes | float | None
"""Bytes are sent, a number is waited for in seconds, None cuts the connection."""
Script = Callable[[int, dict[str, Any]], Sequence[Step]]
"""Steps for request number n (from 1) with its JSON body."""

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def event(data: Any) -> bytes:
    """One server-sent event."""
    return b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n\n"


def delta(finish: str | None = None, **fields: Any) -> bytes:
    """One chunk of the chat protocol."""
    choice = {"index": 0, "delta": fields, "finish_reason": finish}
    return event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})


def says(text: str, finish: str | None = "stop", piece: int = 20) -> list[Step]:
    """A whole well-formed stream with this content."""
    pieces = [delta(content=text[start : start + piece]) for start in range(0, len(text), piece)]
    return [HEAD, *pieces, *([delta(finish)] if finish else []), DONE]


def refuses(status: int, text: str, **headers: str) -> list[Step]:
    """An HTTP error with a JSON body."""
    body = json.dumps({"error": {"message": text, "code": status}}).encode()
    lines = [f"HTTP/1.1 {status} Error", f"Content-Length: {len(body)}", "Content-Type: application/json", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ["\r\n".join([*lines, "", ""]).encode() + body]


class Wire:
    """Serves a script on a thread. `asked` are the bodies of all requests, `gone` counts clients that left before the end."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[dict[str, Any]] = []
        self.gone = 0
        self.port = 0
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Wire:
        ready: Future[int] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        self.port = ready.result(timeout=10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(timeout=10)

    async def _serve(self, ready: Future[int]) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._one, "127.0.0.1", 0)
        ready.set_result(server.sockets[0].getsockname()[1])
        await self._ended.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(head.split("content-length:")[1].split("\r\n")[0]) if "content-length:" in head else 0
            body = json.loads(await reader.readexactly(length) or b"{}")
            with self._lock:
                self.asked.append(body)
                number = len(self.asked)
            for step in self.script(number, body):
                if step is None:
                    return writer.transport.abort()
                if isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    writer.write(step)
                    await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone += 1
        finally:
            writer.close()
