"""Many annotators saving at once: `python benchmarks/annotation_load.py [--annotators 200] [--seconds 30]`.

Each of N signed-in annotators has a task of 20 passages in hand and saves one version of it after another, as the page's outbox does: a new
key each time, based on the version before. Two paces: `paced` saves every 2.5 seconds, as the page's autosave of somebody who never stops
moving passages, and `flat out` saves as soon as the last save was answered. Beside it the same saves as events of a Gradio page (see
`benchmarks/annotation_server.py`). Client and server share the machine. Every save that was answered must be in the database once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.services.accounts import hashed  # noqa: E402
from app.services.actors import LOCAL, Actor  # noqa: E402
from app.services.studio import Studio  # noqa: E402
from app.settings import Settings  # noqa: E402
from benchmarks.results import Results  # noqa: E402
from benchmarks.visitors import p95  # noqa: E402
from db.models import now  # noqa: E402
from db.session import Database  # noqa: E402
from db.store import accounts  # noqa: E402
from db.store.accounts import NewAccount  # noqa: E402

PASSAGES, WORDS = 20, 60
PACE_SECONDS = 2.5
START_SECONDS = 120


@dataclass
class Annotator:
    """A person with a task in hand."""

    token: str
    assignment: str
    shown: list[str]
    version: int = 0
    taken: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def draft(self) -> dict[str, Any]:
        """The next save: a new order, a new key."""
        order = random.sample(self.shown, len(self.shown))
        return {
            "assignment": self.assignment, "idempotency_key": str(uuid.uuid4()), "base_version": self.version, "shown_order": self.shown,
            "order": [[one] for one in order], "grades": {order[0]: 3, order[1]: 2}, "state": "draft", "active_seconds": 12.5,
        }  # fmt: skip


async def _people(studio: Studio, count: int) -> list[Annotator]:
    """Accounts, a project, and a task in each one's hands."""
    made = await studio.projects.create(LOCAL, {"name": "load", "overlap": 2, "tutorial": False, "lease_minutes": 600})
    text = " ".join(["word"] * WORDS)
    lists = [
        {"topic": str(n), "query": f"question {n}?", "passages": [{"id": f"d{n}-{i}", "text": f"{i} {text}"} for i in range(PASSAGES)]}
        for n in range(count)
    ]
    await studio.task_imports.add_lists(LOCAL, made["id"], "plain", lists)
    people = []
    for token, actor in await asyncio.to_thread(_accounts, studio.settings.url, count):
        task = (await studio.queue.next(actor, made["id"]))["task"]
        people.append(Annotator(token, task["assignment"], task["shown_order"]))
    return people


def _accounts(url: str, count: int) -> list[tuple[str, Actor]]:
    database, made = Database(url), []
    with database.write() as session:
        for number in range(count):
            new = NewAccount(name=f"A{number}", email=f"a{number}@example.org", roles=["annotator"], password_hash="none")
            row, token = accounts.create(session, new), f"token-{number}-{uuid.uuid4()}"
            accounts.open_session(session, row.id, hashed(token), now() + timedelta(days=1))
            made.append((token, Actor(id=row.id, name=row.name, roles=frozenset({"visitor", "annotator"}))))
    database.close()
    return made


class Line:
    """One kept-open HTTP connection."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Status and body of an answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=2**22)
        reader, writer = self._streams
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nX-Requested-With: reasonrank\r\n"
            f"Content-Type: application/json\r\nCookie: rr_session={self._token}\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        writer.write(head.encode() + data)
        await writer.drain()
        top = (await reader.readuntil(b"\r\n\r\n")).lower()
        return int(top.split(b" ", 2)[1]), await _body(reader, top)


async def _body(reader: asyncio.StreamReader, top: bytes) -> bytes:
    if b"transfer-encoding: chunked" not in top:
        return await reader.readexactly(int(top.partition(b"content-length:")[2].split(b"\r\n")[0] or 0))
    whole = b""
    while size := int(await reader.readline(), 16):
        whole += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return whole


async def save_by_route(line: Line, person: Annotator) -> int:
    """One save through the page's own route; the version it became."""
    status, body = await line.ask("POST", "/api/v1/judgements", person.draft())
    if status != 201:
        raise AssertionError(f"{status} {body[:200]!r}")
    return int(json.loads(body)["judgement"]["version"])


async def save_by_event(line: Line, person: Annotator) -> int:
    """The same as a Gradio event: join the queue, then read its stream to the end."""
    session = uuid.uuid4().hex
    posted = {"data": [person.token, json.dumps(person.draft())], "fn_index": 0, "session_hash": session}
    status, body = await line.ask("POST", "/gradio_api/queue/join", posted)
    if status != 200:
        raise AssertionError(f"{status} {body[:200]!r}")
    _, stream = await line.ask("GET", f"/gradio_api/queue/data?session_hash={session}")
    events = [json.loads(part.removeprefix("data: ")) for part in stream.decode().split("\n\n") if part.startswith("data: ")]
    done = next(event for event in events if event["msg"] == "process_completed")
    answer = json.loads(done["output"]["data"][0])
    if "version" not in answer:
        raise AssertionError(str(answer))
    return int(answer["version"])


async def work(port: int, person: Annotator, by_route: bool, pace: float, until: float) -> None:
    """Save until the time is over."""
    line, save = Line(port, person.token), save_by_route if by_route else save_by_event
    await asyncio.sleep(random.random() * pace)
    while time.perf_counter() < until:
        began = time.perf_counter()
        try:
            person.version = await save(line, person)
            person.taken.append(time.perf_counter() - began)
        except (AssertionError, OSError, asyncio.IncompleteReadError, StopIteration) as error:
            person.errors.append(repr(error))
            return
        await asyncio.sleep(max(0.0, pace - (time.perf_counter() - began)))


@contextmanager
def serving(kind: str, folder: Path) -> Iterator[int]:
    """A server on a free port, once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    process = subprocess.Popen([sys.executable, str(ROOT / "benchmarks" / "annotation_server.py"), kind, str(folder), str(port)], cwd=ROOT)
    try:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def measure(kind: str, count: int, seconds: float, pace: float) -> dict[str, Any]:
    """One cell: so many annotators, at one pace, against one kind of server."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        studio = Studio.open(Settings(data_dir=folder))
        people = asyncio.run(_people(studio, count))
        asyncio.run(studio.aclose())
        with serving(kind, folder) as port:
            until = time.perf_counter() + seconds + pace

            async def crowd() -> None:
                await asyncio.gather(*(work(port, person, kind == "routes", pace, until) for person in people))

            began = time.perf_counter()
            asyncio.run(crowd())
            spent = time.perf_counter() - began
        stored = _stored(f"sqlite:///{folder / 'studio.db'}")
    taken = [one for person in people for one in person.taken]
    errors = [error for person in people for error in person.errors]
    assert stored == len(taken), f"{stored} saves are stored, {len(taken)} were answered"
    return {
        "annotators": count, "pace_seconds": pace, "saves": len(taken), "saves_per_second": round(len(taken) / spent, 1),
        "median_ms": round(sorted(taken)[len(taken) // 2] * 1000, 1), "p95_ms": round(p95(taken) * 1000, 1),
        "worst_ms": round(max(taken) * 1000, 1), "errors": len(errors), "first_error": errors[0][:200] if errors else "",
    }  # fmt: skip


def _stored(url: str) -> int:
    from sqlalchemy import text

    database = Database(url)
    with database.read() as session:
        found = session.execute(text("SELECT count(*) FROM judgements")).scalar()
    database.close()
    return int(found or 0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one table; cells go to a file where one is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--annotators", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--kinds", nargs="+", default=["routes", "events", "events40"])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    results = Results("annotation_load", given.out, again=True)
    print(f"{'server':>9} {'pace':>9} {'saves/s':>8} {'median ms':>10} {'p95 ms':>8} {'worst ms':>9} {'errors':>7}")
    for pace in (PACE_SECONDS, 0.0):
        for kind in given.kinds:
            row = results.add(f"{kind}, {'paced' if pace else 'flat out'}", measure(kind, given.annotators, given.seconds, pace))
            cells = (row["saves_per_second"], row["median_ms"], row["p95_ms"], row["worst_ms"], row["errors"])
            widths = (8, 10, 8, 9, 7)
            shown = " ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
            print(f"{kind:>9} {'paced' if pace else 'flat out':>9} {shown} {row['first_error']}")


if __name__ == "__main__":
    main()
