"""The Data tab: what was collected, where people and models disagree, and how to take it away."""

from __future__ import annotations

import gradio as gr

from app.ui.place import component


def build() -> None:
    """Place the tab's content in the Blocks that is being built."""
    with gr.Tab("Data", id="data", elem_id="tab-data"):
        component("rr-data")
