"""The Annotate tab: correct a ranking and the reasoning behind it."""

from __future__ import annotations

import gradio as gr

from app.ui.place import component


def build() -> None:
    """Place the tab's content in the Blocks that is being built."""
    with gr.Tab("Annotate", id="annotate", elem_id="tab-annotate"):
        component("rr-annotate")
