"""Gradio's HTML page, let through a strict Content-Security-Policy by a nonce on its own inline scripts and styles."""

from __future__ import annotations

import re
import secrets

# Gradio's page escapes < and > in all data it writes into scripts, so a tag that matches is one of the template's.
_INLINE = re.compile(rb"<(script|style)(?=[\s>])(?![^>]*\ssrc=)", re.IGNORECASE)


def new_nonce() -> str:
    """An unguessable value for one response: 128 bits, base64url."""
    return secrets.token_urlsafe(16)


def with_nonce(html: bytes, nonce: str) -> bytes:
    """The page with the nonce on every inline script and style; scripts that have a `src` are allowed by their origin."""
    return _INLINE.sub(rb'<\1 nonce="' + nonce.encode("ascii") + b'"', html)
