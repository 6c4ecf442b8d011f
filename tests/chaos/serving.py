"""Servers of the routes without the page, to be killed: `python -m tests.chaos.serving`.

Reads `begin FOLDER PORT URL` and `kill` from standard input and answers each with a line. Every life is a fork of this process, which has
imported all that is needed and runs no thread; it ends by SIGKILL.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI


def main() -> None:
    """Begin and kill lives as told, until standard input ends."""
    _import_all()
    life = 0
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        word, *told = line.split()
        if word == "begin":
            life = os.fork()
            if life == 0:
                serve_routes(Path(told[0]), told[2], int(told[1]))
        elif life:
            os.kill(life, signal.SIGKILL)
            os.waitpid(life, 0)
            life = 0
        sys.stdout.write("done\n")
        sys.stdout.flush()
    if life:
        os.kill(life, signal.SIGKILL)


def _import_all() -> None:
    """Open a studio and build its app once: what that imports, each life would import again, which took a second of it."""
    import uvicorn  # noqa: F401

    from app.services.studio import Studio
    from app.settings import Settings
    from app.web.server import build_app

    with tempfile.TemporaryDirectory(prefix="reasonrank-chaos-") as name:
        studio = Studio.open(Settings(data_dir=Path(name), database_url=f"sqlite:///{name}/studio.db"))
        build_app(studio, None)
        asyncio.run(studio.aclose())
    assert threading.active_count() == 1, "a thread would not live on in the forks"


def serve_routes(folder: Path, url: str, port: int) -> None:
    """Serve until killed. Models and indexes are not loaded, because nothing here ranks; the sealer of the log is at work."""
    import uvicorn

    from app.services.studio import Studio
    from app.settings import Settings
    from app.web.limits import LIMITS, Limits
    from app.web.server import build_app

    try:
        out = os.open(folder / "server.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (0, 1, 2):
            os.dup2(out, stream)
        studio = Studio.open(Settings(data_dir=folder, database_url=url, port=port))
        app = build_app(studio, None)
        app.state.limits = Limits(dict.fromkeys(LIMITS, "100000/second"))

        @asynccontextmanager
        async def life(_: FastAPI) -> AsyncIterator[None]:
            sealing = asyncio.create_task(studio.log.run_sealer(0.1))
            yield
            sealing.cancel()

        app.router.lifespan_context = life
        uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, ws="none")
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
