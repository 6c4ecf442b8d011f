"""Which windows to ask about, and in what order: pure plans, one file each. See docs/method.md for a table of them."""

from __future__ import annotations

from .consensus import Consensus
from .pointwise import Pointwise
from .registry import CHOICES, STRATEGIES, choices, plan_text, strategy_from
from .setwise import Setwise
from .single import Single
from .sliding import Sliding
from .top_down import TopDown
from .tournament import Tournament
from .two_level import TwoLevel

__all__ = [
    "CHOICES",
    "STRATEGIES",
    "Consensus",
    "Pointwise",
    "Setwise",
    "Single",
    "Sliding",
    "TopDown",
    "Tournament",
    "TwoLevel",
    "choices",
    "plan_text",
    "strategy_from",
]
