"""A network that fails: a proxy in front of a server that may be away, and a client that asks until it is answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from dataclasses import dataclass, field
from typing import Any

# What may happen to one request and its answer.
FAULTS = ("none", "none", "none", "none", "not_sent", "half_sent", "answer_lost", "answer_cut", "slow")
_MOST = 4 * 1024 * 1024
_PAUSE = 0.02


@dataclass
class Proxy:
    """Listens on a port of its own and passes each connection's one request on to `target`, or does not."""

    target: int
    random: random.Random
    faulty: bool = True
    port: int = 0
    drawn: dict[str, int] = field(default_factory=dict)

    async def start(self) -> asyncio.Server:
        """Begin to listen."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=_MOST)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self.random.choice(FAULTS) if self.faulty else "none"
        self.drawn[fault] = self.drawn.get(fault, 0) + 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._pass_on(fault, await read_message(reader), writer)
        writer.close()

    async def _pass_on(self, fault: str, request: bytes, writer: asyncio.StreamWriter) -> None:
        if fault == "not_sent":
            return
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target, limit=_MOST)
        try:
            if fault == "half_sent":
                server_writer.write(request[: len(request) // 2])
                await server_writer.drain()
                return
            server_writer.write(request)
            await server_writer.drain()
            answer = await read_message(server_reader)
            if fault == "slow":
                await asyncio.sleep(self.random.random() * 0.2)
            if fault != "answer_lost":
                writer.write(answer[: len(answer) // 2] if fault == "answer_cut" else answer)
                await writer.drain()
        finally:
            server_writer.close()


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """One HTTP message with a Content-Length, whole. Raises IncompleteReadError where it ends before."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    return head + await reader.readexactly(length)


async def ask(port: int, token: str, method: str, path: str, body: Any = None) -> tuple[int, Any] | None:
    """Status and JSON of an answer, or None where none came whole."""
    data = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} /api/v1/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nX-Requested-With: reasonrank\r\n"
        f"Cookie: rr_session={token}\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_MOST)
    except OSError:
        return None
    try:
        writer.write(head.encode() + data)
        await writer.drain()
        answer = await asyncio.wait_for(read_message(reader), 10)
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
        return None
    finally:
        writer.close()
    status = int(answer.split(b" ", 2)[1])
    return status, json.loads(answer.partition(b"\r\n\r\n")[2] or b"null")


async def insist(port: int, token: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """The answer to a request that is sent, the same bytes each time, until one comes that is not the server's own trouble."""
    while True:
        answer = await ask(port, token, method, path, body)
        if answer is not None and answer[0] < 500 and answer[0] != 429:
            return answer
        await asyncio.sleep(_PAUSE)
