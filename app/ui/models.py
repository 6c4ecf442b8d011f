"""The Models tab: versions and what serves, updates while they run and afterwards, what a version has learned."""

from __future__ import annotations

import gradio as gr

from app.ui.place import component


def build() -> None:
    """Place the tab's content in the Blocks that is being built."""
    with gr.Tab("Models", id="models", elem_id="tab-models"):
        component("rr-models")
