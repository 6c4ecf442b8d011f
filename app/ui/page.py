"""The whole page, and what has to be given to `gradio.mount_gradio_app` with it.

Gradio 6 takes theme and head when it is mounted, not when Blocks is built; `MOUNT` holds them so that they are decided once, here.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from app.ui import annotate, data, explore, models, people, results, review, train

HEAD = """
<link rel="stylesheet" href="/static/studio.css">
<script type="module" src="/static/studio.js"></script>
"""
"""Tags for the page's head: files of our own origin only, nothing inline, so that they need no nonce."""

_HEADER = """
<div class="rr-head">
<h1>ReasonRank <span>Studio</span></h1>
<p>Ask a question, watch a language model reason about which passages answer it, and correct it where it is wrong.</p>
<rr-account></rr-account>
</div>
"""

_SANS = ("-apple-system", "BlinkMacSystemFont", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")


def theme() -> gr.themes.Base:
    """A plain Gradio theme on system fonts: nothing to download, and our own custom properties decide the colours."""
    return gr.themes.Base(font=_SANS, font_mono=_MONO)


def build_blocks() -> gr.Blocks:
    """The page as Blocks, ready to be mounted. It has no events of its own: the components speak to `/api/v1`."""
    with gr.Blocks(title="ReasonRank Studio", analytics_enabled=False, fill_width=True) as blocks:
        gr.Markdown(_HEADER, sanitize_html=False, container=False, elem_classes="rr-place")
        with gr.Tabs(elem_id="tabs"):
            explore.build()
            annotate.build()
            review.build()
            data.build()
            train.build()
            models.build()
            results.build()
            people.build()
    return blocks


def mount_arguments() -> dict[str, Any]:
    """Keyword arguments for `gradio.mount_gradio_app` that belong to the look of the page."""
    return {"theme": theme(), "head": HEAD, "footer_links": [], "run_history": False, "ssr_mode": False, "pwa": False}
