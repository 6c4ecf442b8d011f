"""The Review tab: compare judgements, decide, and see how good the judges are."""

from __future__ import annotations

import gradio as gr

from app.ui.place import component


def build() -> None:
    """Place the tab's content in the Blocks that is being built."""
    with gr.Tab("Review", id="review", elem_id="tab-review"):
        component("rr-review")
