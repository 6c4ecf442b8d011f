"""The Results tab: evaluations beside each other, their domains and topics, headroom, and why two of them differ."""

from __future__ import annotations

import gradio as gr

from app.ui.place import component


def build() -> None:
    """Place the tab's content in the Blocks that is being built."""
    with gr.Tab("Results", id="results", elem_id="tab-results"):
        component("rr-results")
