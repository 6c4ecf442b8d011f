"""A teacher behind the OpenAI protocol that counts: every request by the hash of its prompt, and which of them it has answered whole.

It finds passages that hold the word "useful" relevant, whatever it is asked and in whatever order they are shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field

from app.ranking.prompts import prompt_hash
from app.ranking.values import Message, Prompt
from tests.openai_server import Json, OpenAIServer, _chunk, _event, _whole

_PASSAGE = re.compile(r"^\[(\d+)\] (.*)$", re.MULTILINE)
MINING, RANKING = "mining", "ranking"


@dataclass
class CountingServer(OpenAIServer):
    """`seconds` is how long each answer takes. Keys are hashes of prompts; `kinds` says what each asked for.
    Models that are `refusing` get an error and do not count."""

    asked: Counter[str] = field(default_factory=Counter)
    whole: Counter[str] = field(default_factory=Counter)
    now: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, str] = field(default_factory=dict)
    tokens: int = 0
    usage: tuple[int, int] | None = None
    refusing: set[str] = field(default_factory=set)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):  # a client that is killed hangs up anywhere
            await super()._connection(reader, writer)

    async def _answer(self, headers: dict[str, str], body: Json, writer: asyncio.StreamWriter) -> None:
        if body["model"] in self.refusing:
            return await _whole(writer, 400, {"error": {"message": "not today", "code": 400}}, {})
        key = key_of(body)
        self.requests.clear()  # the parent keeps every body
        self.asked[key] += 1
        self.now[key] += 1
        self.kinds[key] = kind_of(body)
        try:
            await self._write(body, writer)
            self.whole[key] += 1
        finally:
            self.now[key] -= 1

    async def _write(self, body: Json, writer: asyncio.StreamWriter) -> None:
        text = answer_of(body)
        tokens = self.usage or (sum(len(message["content"].split()) for message in body["messages"]), len(text.split()))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        await _event(writer, json.dumps(_chunk({"role": "assistant"})))
        await asyncio.sleep(self.seconds)
        await _event(writer, json.dumps(_chunk({"content": text})))
        await _event(writer, json.dumps(_chunk({}, finish="stop")))
        # Before the client can have the answer: what it books must not be more than what is counted here.
        self.tokens += sum(tokens)
        usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
        await _event(writer, json.dumps({"object": "chat.completion.chunk", "choices": [], "usage": usage}))
        await _event(writer, "[DONE]")
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    @property
    def repeated(self) -> set[str]:
        """Keys that were asked more than once."""
        return {key for key, count in self.asked.items() if count > 1}

    @property
    def in_flight(self) -> set[str]:
        """Keys that are being answered now."""
        return {key for key, count in self.now.items() if count > 0}

    def of(self, kind: str) -> int:
        """How many requests of a kind came."""
        return sum(count for key, count in self.asked.items() if self.kinds[key] == kind)


def key_of(body: Json) -> str:
    """`prompt_hash` of what was asked; no prompt of these tests is decoded in two ways."""
    return prompt_hash(Prompt(messages=tuple(Message(**message) for message in body["messages"]), template=""))


def kind_of(body: Json) -> str:
    """Whether passages were to be labelled or ranked: the pipeline's own prompts begin by saying so."""
    return MINING if body["messages"][0]["content"].startswith("You label passages") else RANKING


def answer_of(body: Json) -> str:
    """Labels or a ranking, from the passages that the prompt shows; with a trace where the prompt asks for tags."""
    text = "\n".join(message["content"] for message in body["messages"])
    shown = [(int(number), words) for number, words in _PASSAGE.findall(text)]
    useful = [number for number, words in shown if "useful" in words]
    if kind_of(body) == MINING:
        return " ".join(f"[{number}]" for number in useful) or "None"
    order = sorted(shown, key=lambda one: ("useful" not in one[1], one[1]))
    ranked = " > ".join(f"[{number}]" for number, _ in order)
    if "<answer>" not in text:
        return ranked
    trace = " ".join(_says(number, number in useful) for number, _ in order)
    return f"<think>What helps here is the fact itself. {trace}</think>\n<answer>{ranked}</answer>"


def _says(number: int, useful: bool) -> str:
    return f"[{number}] states the fact that is needed." if useful else f"[{number}] is off the subject."
