"""Listening, and the real server in a process of its own: streams that come at once, and an end that does not wait for them."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from app.ranking.errors import SettingsError
from app.settings import Settings
from app.web.serve import address, listen

from .fakes import TOKEN

_SERVER = """
from pathlib import Path
from app.settings import Settings
from app.ui.page import build_blocks
from app.web.logs import configure_logging
from app.web.serve import serve
from app.web.server import build_app
from tests.web.fakes import FakeStudio
settings = Settings(port=0, data_dir=Path("unused"))
configure_logging(settings)
serve(settings, build_app(FakeStudio(settings=settings, open_ended=True), build_blocks()))
"""


def test_a_port_in_use_is_one_sentence_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port} is in use.*--port"):
            listen(Settings(port=port))


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(SettingsError, match="--host"):
        listen(Settings(host="203.0.113.1", port=0, visitors_only=True))


def test_port_zero_takes_a_free_one_and_everywhere_is_opened_here() -> None:
    settings = Settings(host="0.0.0.0", port=0, visitors_only=True)
    with listen(settings) as listener:
        assert address(settings, listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert Settings().port == 7860


@pytest.fixture
def server() -> Iterator[tuple[subprocess.Popen[str], int]]:
    process = subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        assert line.startswith("ReasonRank Studio is at http://127.0.0.1:"), line + (process.stderr.read() if process.stderr else "")
        yield process, int(line.split("(")[0].strip().rsplit(":", 1)[1])
    finally:
        process.kill()
        process.communicate()


@pytest.mark.process
def test_a_stream_comes_at_once_and_does_not_hold_up_the_end(server: tuple[subprocess.Popen[str], int]) -> None:
    process, port = server
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", f"/api/v1/runs/{TOKEN}/events")
    answer = connection.getresponse()
    assert answer.status == 200 and answer.readline() == b"id: 1\n"
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert b"event: end" in answer.read()
    assert process.wait(timeout=10) == 0
    assert time.monotonic() - began < 4.9  # streams that are waited for take the grace of 5 s
    _, logged = process.communicate()
    assert "Traceback" not in logged and "GET /api/v1/runs/{token}/events 200" in logged
