"""A batch that is killed at any moment goes on where it was: no call whose answer had arrived is made again."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.openai_server import Json, OpenAIServer

pytestmark = pytest.mark.process
ROOT = Path(__file__).parent.parent.parent
TOPICS, PASSAGES, AT_ONCE = 6, 30, 3
CALLS = 2 * TOPICS  # a window of 20 moved by 10 over 30 passages


@dataclass
class Gate(OpenAIServer):
    """Answers `allowed` requests more and leaves the others waiting, so that a test knows what is in flight."""

    allowed: int = 1000
    held: int = 0

    async def _answer(self, headers: dict[str, str], body: Json, writer: Any) -> None:
        if self.allowed <= 0:
            self.held += 1
            await asyncio.sleep(120)
        self.allowed -= 1
        await super()._answer(headers, body, writer)

    def prompts(self, since: int = 0) -> list[str]:
        """What was asked, from a request on."""
        return [json.dumps(body["messages"]) for body in self.bodies[since:]]


@pytest.fixture
def server() -> Iterator[Gate]:
    server = Gate(pieces=4, seconds=0.02)
    with server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, server: Gate) -> Path:
    """A batch: topics, corpus, run and models file."""
    ids = {f"t{topic}": [f"doc {topic}/{number}" for number in range(PASSAGES)] for topic in range(TOPICS)}
    (tmp_path / "queries.jsonl").write_text("".join(json.dumps({"_id": topic, "text": f"question {topic}?"}) + "\n" for topic in ids))
    texts = [json.dumps({"_id": id_, "text": f"text of {id_}"}) for listed in ids.values() for id_ in listed]
    (tmp_path / "corpus.jsonl").write_text("\n".join(texts))
    lines = [f"{topic} Q0 {id_} {rank} {100 - rank} first" for topic, listed in ids.items() for rank, id_ in enumerate(listed, start=1)]
    (tmp_path / "first.run").write_text("\n".join(lines))
    entry = f'[[model]]\nname = "served"\nbackend = "openai"\nmodel = "inline"\naddress = "{server.address}"\n'
    (tmp_path / "models.toml").write_text(entry)
    return tmp_path


class Command:
    """The real program, started on a folder."""

    def __init__(self, folder: Path, out: str) -> None:
        files = ["--run", folder / "first.run", "--corpus", folder, "--models", folder / "models.toml", "--out", folder / out]
        files += ["--traces", folder / f"{out}.jsonl"]
        arguments = [sys.executable, "-m", "app", "rank", *map(str, files), "--model", "served", "--at-once", str(AT_ONCE), "--json"]
        self.process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def report(self) -> dict[str, Any]:
        """Wait for a good end; its report."""
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err
        found: dict[str, Any] = json.loads(out)
        return found

    def end(self, how: signal.Signals) -> str:
        """End it; what it said on standard error."""
        self.process.send_signal(how)
        said = self.process.communicate(timeout=30)[1]
        return str(said)


def wait_until_held(server: Gate, command: Command) -> None:
    """Until all that can be in flight is at the server and stays there."""
    deadline = time.monotonic() + 30
    while server.held < AT_ONCE:
        assert command.process.poll() is None and time.monotonic() < deadline, command.process.communicate()
        time.sleep(0.01)


def orders(path: Path) -> dict[str, list[str]]:
    return {line["topic"]: line["order"] for line in map(json.loads, path.read_text().splitlines())}


def test_killed_at_any_moment_and_started_again(folder: Path, server: Gate) -> None:
    undisturbed = Command(folder, "whole.run").report()
    assert (undisturbed["calls"], undisturbed["requests"], undisturbed["cache"]["repeated"]) == (CALLS, CALLS, 0)
    whole = server.prompts()
    assert len(whole) == CALLS and max(Counter(whole).values()) == 1

    chance = random.Random(7)
    began = len(whole)
    # A kill whenever it comes: while starting, asking, reading or writing.
    command = Command(folder, "killed.run")
    while len(server.bodies) < began + 1:
        time.sleep(0.005)
    time.sleep(chance.uniform(0, 0.1))
    command.end(signal.SIGKILL)
    for _ in range(3):
        server.allowed, server.held = chance.randint(0, 2), 0
        command = Command(folder, "killed.run")
        wait_until_held(server, command)
        command.end(signal.SIGKILL)
        assert not (folder / "killed.run").exists() and not (folder / "killed.run.jsonl").exists()
    server.allowed, last = 1000, len(server.bodies)
    report = Command(folder, "killed.run").report()

    asked = Counter(server.prompts(began))
    assert set(asked) == set(whole)
    kills = 4
    surplus = sum(asked.values()) - CALLS
    # A call that was entered and not yet sent at a kill is counted too, so the report may say more, never less.
    assert surplus <= report["cache"]["repeated_ever"] <= kills * AT_ONCE
    again = [prompt for prompt in server.prompts(last) if prompt in server.prompts(began)[: last - began]]
    assert report["cache"]["repeated"] == len(again) == AT_ONCE
    assert report["cache"]["hits"] + report["cache"]["misses"] == CALLS
    assert report["requests"] == report["cache"]["misses"] == len(server.bodies) - last

    assert (folder / "killed.run").read_bytes() == (folder / "whole.run").read_bytes()
    assert orders(folder / "killed.run.jsonl") == orders(folder / "whole.run.jsonl")
    assert not list(folder.glob("*.part"))


def test_interrupted_ends_cleanly_and_goes_on(folder: Path, server: Gate) -> None:
    server.allowed = 4
    command = Command(folder, "out.run")
    wait_until_held(server, command)
    said = command.end(signal.SIGINT)
    assert command.process.returncode == 130 and "interrupted" in said and "Traceback" not in said
    assert not (folder / "out.run").exists()

    server.allowed = 1000
    report = Command(folder, "out.run").report()
    assert (report["cache"]["hits"], report["cache"]["misses"], report["cache"]["repeated"]) == (4, CALLS - 4, 0)
    assert report["outcomes"] == {"clean": TOPICS}
