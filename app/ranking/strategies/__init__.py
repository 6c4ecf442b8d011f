"""Strategies by name. A new one is one new file and one line here."""

from __future__ import annotations

from ..protocols import Strategy
from .sliding import Sliding

STRATEGIES: dict[str, type[Strategy]] = {"sliding": Sliding}

__all__ = ["STRATEGIES", "Sliding"]
