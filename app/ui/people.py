"""The Manage tab: projects, accounts and invitations, for admins."""

from __future__ import annotations

import gradio as gr

from app.ui.place import component


def build() -> None:
    """Place the tab's content in the Blocks that is being built."""
    with gr.Tab("Manage", id="manage", elem_id="tab-manage"):
        component("rr-manage")
