"""How one of our web components gets into a Gradio page."""

from __future__ import annotations

import gradio as gr

COMPONENTS = frozenset({"rr-explore", "rr-annotate", "rr-review", "rr-data", "rr-train", "rr-models", "rr-results", "rr-manage"})


def component(tag: str) -> gr.Markdown:
    """Place a component by its tag. Raises ValueError for a tag that is not ours.

    The Markdown is a fixed string, so leaving it unsanitised lets nobody's text through; gr.HTML would need `eval`.
    """
    if tag not in COMPONENTS:
        raise ValueError(f"no component is called {tag!r}: the page has {', '.join(sorted(COMPONENTS))}")
    return gr.Markdown(f"<{tag}></{tag}>", sanitize_html=False, container=False, elem_classes="rr-place")
