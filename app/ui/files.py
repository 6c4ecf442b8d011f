"""Where our files lie, for whoever serves them without needing the page."""

from __future__ import annotations

from pathlib import Path

STATIC = Path(__file__).parent / "static"
"""Folder to be served at /static."""
