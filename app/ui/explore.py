"""The Explore tab: ask, watch the model reason, see passages move."""

from __future__ import annotations

import gradio as gr

from app.ui.place import component


def build() -> None:
    """Place the tab's content in the Blocks that is being built."""
    with gr.Tab("Explore", id="explore", elem_id="tab-explore"):
        component("rr-explore")
