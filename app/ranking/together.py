"""Several streams side by side, their items as they come."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import TypeVar

_T = TypeVar("_T")


async def together(streams: Sequence[AsyncGenerator[_T]]) -> AsyncGenerator[_T]:
    """Items of several streams as they come; closing it closes them all, the first failure ends it."""
    if len(streams) == 1:
        async with contextlib.aclosing(streams[0]) as items:
            async for item in items:
                yield item
        return
    queue: asyncio.Queue[tuple[_T] | asyncio.Task[None]] = asyncio.Queue()

    async def drain(stream: AsyncGenerator[_T]) -> None:
        async with contextlib.aclosing(stream) as items:
            async for item in items:
                queue.put_nowait((item,))

    tasks = [asyncio.create_task(drain(stream)) for stream in streams]
    for task in tasks:
        task.add_done_callback(queue.put_nowait)
    try:
        unfinished = len(tasks)
        while unfinished:
            found = await queue.get()
            if isinstance(found, asyncio.Task):
                found.result()  # raises what the stream raised, instead of waiting for items that never come
                unfinished -= 1
            else:
                yield found[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
