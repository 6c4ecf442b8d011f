"""A worker beside the server: a process of its own, never an import, started anew when it ends and ended with the server."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from app.settings import PREFIX, Settings

log = logging.getLogger(__name__)

_ROOT = Path(__file__).parents[2]
# What a worker has to know; a password in the URL goes by the environment, where other users of the machine can't read it.
_TOLD = ("data_dir", "database_url", "synchronous", "models", "artifacts", "suites", "max_passages", "log_level", "log_format")
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
# One that was at work for so long has not failed at its start: the next one is started soon.
_SETTLED_SECONDS = 60.0
_POLL_SECONDS = 0.2
# A worker gives its job back within five seconds of the signal.
_END_SECONDS = 8.0


@contextmanager
def beside(settings: Settings) -> Iterator[None]:
    """A worker for as long as the block lasts, unless the settings want none, or nobody may upload here."""
    if not settings.worker or settings.visitors_only:
        yield
        return
    keeper = Keeper([sys.executable, "-m", "training", "worker", "--parent", str(os.getpid())], environment(settings))

    def end(number: int, _frame: FrameType | None) -> None:
        keeper.stop()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    # Uvicorn raises SIGTERM once more when it has ended in good order, which ends this process before any `finally`.
    before = signal.signal(signal.SIGTERM, end)
    keeper.start()
    try:
        yield
    finally:
        keeper.stop()
        signal.signal(signal.SIGTERM, before)


def environment(settings: Settings) -> dict[str, str]:
    """Environment of the worker: this process's, with the settings as they are here and the place where `training` is found."""
    told = {PREFIX + name.upper(): str("" if (value := getattr(settings, name)) is None else value) for name in _TOLD}
    path = os.pathsep.join(part for part in (str(_ROOT), os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, **told, "PYTHONPATH": path}


class Keeper:
    """Keeps one process running, with a pause before each new start that grows while it ends at once. `first` is seconds."""

    def __init__(self, command: list[str], environ: Mapping[str, str], first: float = _FIRST_PAUSE) -> None:
        self._command, self._environ, self._first = command, environ, first
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="worker process", daemon=True)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin; the process starts in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End the process, by force where it does not listen."""
        self._stopping.set()
        self._thread.join()

    def _keep(self) -> None:
        pause = self._first
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                # A session of its own: Ctrl+C in the terminal is for the server, which ends its worker in good order.
                self.process = subprocess.Popen(self._command, env=dict(self._environ), stdin=subprocess.DEVNULL, start_new_session=True)
            except OSError as error:
                log.error("the worker can't be started: %s", error)
            else:
                self._watch(self.process)
                if self._stopping.is_set():
                    return
                log.warning("the worker ended with status %d; a new one is started in %.0f s", self.process.returncode, pause)
            if time.monotonic() - began > _SETTLED_SECONDS:
                pause = self._first
            self._stopping.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Until the process ends, or is to end."""
        while process.poll() is None:
            if self._stopping.wait(_POLL_SECONDS):
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_END_SECONDS)
                    return
                process.kill()
                process.wait()
