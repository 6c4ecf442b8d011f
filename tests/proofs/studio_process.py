"""A studio as `python app.py` starts it, in a process of its own, and people who use it as their browsers do: over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parent.parent.parent
PASSWORD = "a long password of a proof"
_START_SECONDS, _RUN_SECONDS, _ANSWER_SECONDS = 300.0, 600.0, 600.0


class Refused(Exception):
    """An answer other than 2xx: its status and its body."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body


@dataclass
class Client:
    """One person's browser. Without a session it is the local person, as long as there is no account."""

    address: str
    session: str = ""

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON that /api/v1/PATH answers. Raises Refused; waits where it is told that it asks too often."""
        while True:
            try:
                return self._once(method, path, body)
            except Refused as refused:
                if refused.status != 429:
                    raise
                time.sleep(2.0)

    def _once(self, method: str, path: str, body: Any) -> Any:
        headers = {"X-Requested-With": "reasonrank", "Content-Type": "application/json", "Origin": self.address}
        if self.session:
            headers["Cookie"] = f"rr_session={self.session}"
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"{self.address}/api/v1/{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=_ANSWER_SECONDS) as answer:
                self._keep_cookie(answer)
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise Refused(error.code, _body(error.read())) from error

    def _keep_cookie(self, answer: http.client.HTTPResponse) -> None:
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            if found := re.match(r"rr_session=([^;]+)", cookie):
                self.session = found[1]

    def rerank(self, query: str, passages: Sequence[Mapping[str, str]], model: str = "nano") -> dict[str, Any]:
        """A finished run over pasted passages, as RUN of the interface. Raises AssertionError for one that does not end well."""
        token = self.ask("POST", "runs", {"query": query, "passages": list(passages), "model": model})["run"]
        end = time.monotonic() + _RUN_SECONDS
        while time.monotonic() < end:
            run: dict[str, Any] = self.ask("GET", f"runs/{token}")
            if run["state"] == "finished":
                return run
            assert run["state"] not in ("failed", "stopped"), f"the run ended as {run['state']}: {run['error']}"
            time.sleep(0.02)
        raise AssertionError(f"the run did not end in {_RUN_SECONDS:g} s")

    def correct(self, run: Mapping[str, Any], groups: Sequence[Sequence[str]]) -> dict[str, Any]:
        """Submit a weak order, without grades, as one's judgement of a run."""
        draft = {
            "run": run["token"], "idempotency_key": str(uuid.uuid4()), "base_version": 0, "state": "submitted",
            "order": [list(group) for group in groups], "shown_order": run["order"], "active_seconds": 60.0,
        }  # fmt: skip
        saved: dict[str, Any] = self.ask("POST", "judgements", draft)["judgement"]
        return saved


def _body(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw[:500].decode(errors="replace")


class StudioProcess:
    """`app.py` on a free port, with its data in `folder` and no worker, from `with` to its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / "server.log"
        command = [sys.executable, "app.py", "--port", "0", "--no-worker", "--data-dir", str(self.folder)]
        with log.open("wb") as out:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, env={**os.environ, "PYTHONUNBUFFERED": "1"})
        self.address = self._wait(log)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(60)

    def _wait(self, log: Path) -> str:
        assert self._process is not None
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text(encoding="utf-8"))
            if found and _ready(found[0]):
                return found[0]
            time.sleep(0.2)
        self._process.kill()
        raise AssertionError(f"the studio did not get ready:\n{log.read_text(encoding='utf-8')[-2000:]}")

    def local(self) -> Client:
        """The person at this machine, who is everybody while there is no account."""
        return Client(self.address)

    def people(self, count: int) -> tuple[Client, list[Client]]:
        """An admin and so many annotators, each with an account made by an invite."""
        admin = _join(self.address, self.local(), "operator", ["annotator", "researcher", "admin"])
        return admin, [_join(self.address, admin, f"annotator{number}", ["annotator"]) for number in range(count)]


def _join(address: str, host: Client, name: str, roles: Sequence[str]) -> Client:
    link = host.ask("POST", "invites", {"roles": list(roles)})["link"]
    guest = Client(address)
    accepted = {"token": link.partition("invite=")[2], "name": name, "email": f"{name}@example.org", "password": PASSWORD}
    guest.ask("POST", "invites/accept", accepted)
    return guest


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
