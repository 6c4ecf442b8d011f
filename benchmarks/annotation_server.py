"""Servers for `benchmarks/annotation_load.py`: `python benchmarks/annotation_server.py routes|events|events40 FOLDER PORT`.

`routes` is the real app with its page. `events` offers the same save as an event of a Gradio page, with Gradio's own settings (one worker
for a function); `events40` lets forty run at once. Both kinds write to the same sort of database through the same service.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def main(kind: str, folder: Path, port: int) -> None:
    """Serve until ended. Nothing is warmed up, because nothing here ranks; the sealer of the log is at work, as always."""
    import uvicorn
    from fastapi import FastAPI

    from app.services.studio import Studio
    from app.settings import Settings
    from app.ui.page import build_blocks
    from app.web.server import build_app

    studio = Studio.open(Settings(data_dir=folder, port=port))

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        sealing = asyncio.create_task(studio.log.run_sealer())
        yield
        sealing.cancel()

    app = build_app(studio, build_blocks()) if kind == "routes" else _events(studio, 40 if kind == "events40" else None)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def both(given: FastAPI) -> AsyncIterator[None]:
        async with life(given):
            if kind == "routes":
                yield
            else:
                async with inner(given):
                    yield

    app.router.lifespan_context = both
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


def _events(studio: Any, at_once: int | None) -> Any:
    """A page with one event that saves, mounted as any Gradio page is."""
    import gradio as gr
    from fastapi import FastAPI

    from app.ranking.errors import RankingError
    from app.services.accounts import Credentials

    async def save(token: str, draft: str) -> str:
        try:
            actor = await studio.accounts.who(Credentials(session=token))
            saved = await studio.judgements.save(actor, json.loads(draft))
        except RankingError as error:
            return json.dumps({"error": str(error)})
        return json.dumps({"version": saved.judgement["version"]})

    with gr.Blocks(analytics_enabled=False) as blocks:
        token, draft, answer = gr.Textbox(), gr.Textbox(), gr.Textbox()
        gr.Button().click(save, [token, draft], answer, api_name="save", concurrency_limit=at_once or "default")
    blocks.queue()
    return gr.mount_gradio_app(FastAPI(), blocks, path="")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
