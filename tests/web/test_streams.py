"""Streams of events: the wire format, keep-alive, and ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from app.ranking.errors import NotFound, StoreError
from app.services.actors import LOCAL
from app.services.runs_live import ServerEvent
from app.web.streams import Follower, event_bytes, last_event_id

from .fakes import HOSTILE, TOKEN, FakeStudio


def test_text_can_not_forge_an_event() -> None:
    wire = event_bytes(ServerEvent(number=3, name="trace", data={"text": HOSTILE + "\r\r\ud800"})).decode()
    assert wire.count("\n\n") == 1 and wire.count("event:") - HOSTILE.count("event:") == 1 and "\r" not in wire
    fields = dict(line.split(": ", 1) for line in wire.strip().split("\n"))
    assert fields["id"] == "3" and json.loads(fields["data"])["text"].startswith("</script>")


@pytest.mark.parametrize(("header", "number"), [(None, 0), ("7", 7), (" 7 ", 7), ("-7", 0), ("x", 0), ("٣", 0)])
def test_a_last_event_id_is_a_number_or_nothing(header: str | None, number: int) -> None:
    assert last_event_id(header) == number


async def _collect(follower: Follower, count: int) -> list[bytes]:
    found: list[bytes] = []
    chunks = follower.chunks()
    async for chunk in chunks:
        found.append(chunk)
        if len(found) == count:
            break
    await chunks.aclose()
    return found


def test_a_silent_run_keeps_the_line_alive_and_lets_go_when_the_reader_goes() -> None:
    studio = FakeStudio(open_ended=True)

    async def follow() -> list[bytes]:
        follower = Follower(studio.events(LOCAL, TOKEN, 5), keep_alive=0.01)
        await follower.begin()
        return await _collect(follower, 3)

    first, *rest = asyncio.run(follow())
    assert first.startswith(b"id: 6\n") and rest == [b": still here\n\n"] * 2
    assert studio.released


def test_a_closing_server_ends_the_stream() -> None:
    async def follow() -> list[bytes]:
        follower = Follower(FakeStudio(open_ended=True).events(LOCAL, TOKEN, 0))
        asyncio.get_running_loop().call_later(0.05, follower.close)
        return [chunk async for chunk in follower.chunks()]

    assert len(asyncio.run(asyncio.wait_for(follow(), 5))) == 6


def test_what_fails_at_once_is_raised_and_what_fails_later_is_told() -> None:
    async def at_once() -> None:
        await Follower(FakeStudio().events(LOCAL, "another", 0)).begin()

    with pytest.raises(NotFound):
        asyncio.run(at_once())

    async def failing() -> AsyncIterator[ServerEvent]:
        yield ServerEvent(number=1, name="start", data={})
        raise StoreError("the database went away")

    async def later() -> list[bytes]:
        follower = Follower(failing())
        await follower.begin()
        return [chunk async for chunk in follower.chunks()]

    first, last = asyncio.run(later())
    assert first.startswith(b"id: 1\n") and last.startswith(b"event: error\n") and b"the database went away" in last
