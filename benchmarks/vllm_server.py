"""A real vLLM server for as long as a block runs: what benchmarks and tests need of one, on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_END_WITHIN_SECONDS = 20
_QUIET = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What is served: a folder with a model, the name under which it is asked for, vLLM's options and the cache's size in GiB."""

    folder: Path
    name: str
    options: tuple[str, ...]
    cache: int = 1


def engine_python() -> str:
    """The Python that has vLLM: REASONRANK_ENGINE_PYTHON, or .venv-engine (`make engine`). Raises FileNotFoundError where there is none."""
    for path in (os.environ.get("REASONRANK_ENGINE_PYTHON", ""), str(ROOT / ".venv-engine/bin/python")):
        if path and Path(path).exists():
            return path
    raise FileNotFoundError(
        "no vLLM here: `make engine` installs its CPU build on Linux, or name a Python that has it in REASONRANK_ENGINE_PYTHON"
    )


@contextmanager
def serving(served: Served, log: Path, within: float) -> Iterator[str]:
    """Base URL of the server once it is up. Raises RuntimeError with the end of its log where it is not within so many seconds."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # As a module: the command of the CPU build looks for a distribution of another name.
    command = [engine_python(), "-m", "vllm.entrypoints.openai.api_server", "--model", str(served.folder)]
    options = ["--served-model-name", served.name, *served.options, "--host", "127.0.0.1", "--port", str(port)]
    with log.open("w") as file:
        process = subprocess.Popen(
            [*command, *options],
            env={**os.environ, **_QUIET, "VLLM_CPU_KVCACHE_SPACE": str(served.cache)},
            stdout=file,
            stderr=file,
            start_new_session=True,  # its workers are of its group, and end with it
        )
    try:
        _wait(f"http://127.0.0.1:{port}/health", process, log, within)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        _end(process)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, within: float) -> None:
    began = time.monotonic()
    while time.monotonic() - began < within:
        if process.poll() is not None:
            raise RuntimeError(f"vLLM ended: {log.read_text()[-2000:]}")
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    raise RuntimeError(f"vLLM was not ready in {within:.0f} s: {log.read_text()[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_END_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
