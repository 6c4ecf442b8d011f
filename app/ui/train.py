"""The Train tab: jobs and their workers, synthesis of training data, filters, dataset versions."""

from __future__ import annotations

import gradio as gr

from app.ui.place import component


def build() -> None:
    """Place the tab's content in the Blocks that is being built."""
    with gr.Tab("Train", id="train", elem_id="tab-train"):
        component("rr-train")
