"""Listening: one socket, one process, a sentence for every way in which it can go wrong, and a quick, clean end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys
import webbrowser
from types import FrameType

import uvicorn
from fastapi import FastAPI

from app.ranking.errors import SettingsError
from app.settings import Settings

from .ports import Studio
from .server import close_streams

# Runs are stopped and stored by the lifespan's end; answers on their way get this long before.
_GRACE_SECONDS = 5
_READY_WITHIN_SECONDS = 120.0


def serve(settings: Settings, app: FastAPI) -> None:
    """Serve until a signal comes. Raises SettingsError where the address can't be listened on."""
    listener = listen(settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    # Uvicorn passes Ctrl+C on once it has ended cleanly; by then there is nothing left to interrupt.
    with listener, contextlib.suppress(KeyboardInterrupt):
        _Server(config, settings, address(settings, listener)).run(sockets=[listener])


def listen(settings: Settings) -> socket.socket:
    """A bound socket. Raises SettingsError with what to do about it."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise SettingsError(_why_not(settings, error)) from error


def _why_not(settings: Settings, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {settings.port} is in use, perhaps by another ReasonRank Studio: stop that, or choose another port with "
            f"--port {settings.port % 65535 + 1} (or --port 0 for any free one)"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {settings.port} may not be used by this user: choose one above 1023 with --port"
    return f"can't listen on {settings.host!r}: {error.strerror or error}; choose an address of this machine with --host"


def address(settings: Settings, listener: socket.socket) -> str:
    """The address to open in a browser on this machine."""
    port = listener.getsockname()[1]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{port}"


class _Server(uvicorn.Server):
    """Uvicorn's server that says where it is, and lets streams end before it waits for connections."""

    def __init__(self, config: uvicorn.Config, settings: Settings, url: str) -> None:
        super().__init__(config)
        self._settings = settings
        self._url = url
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell the person who started it."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if not self.started:
            return
        everywhere = "" if self._settings.is_local else f" It listens on {self._settings.host}, so other machines can reach it too."
        sys.stdout.write(f"ReasonRank Studio is at {self._url} (Ctrl+C stops it).{everywhere}\n")
        sys.stdout.flush()
        if self._settings.open_browser:
            self._opening = asyncio.create_task(self._open())

    async def _open(self) -> None:
        studio: Studio = self._app.state.studio
        for _ in range(int(_READY_WITHIN_SECONDS / 0.2)):
            if not studio.readiness():
                break
            await asyncio.sleep(0.2)
        await asyncio.to_thread(webbrowser.open, self._url)

    @property
    def _app(self) -> FastAPI:
        app = self.config.app
        assert isinstance(app, FastAPI)
        return app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal: streams end first."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(close_streams, self._app)
        super().handle_exit(sig, frame)
