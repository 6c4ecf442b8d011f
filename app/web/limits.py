"""How often a person, or an address without one, may ask for what costs something. Counted in this process, by a maintained library."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.ranking.errors import RankingError

# Kind -> most in a window. A person who ranks quickly saves some twenty drafts a minute.
LIMITS: Mapping[str, str] = {
    "sign_in": "10/15 minutes",
    "sign_in_address": "60/15 minutes",
    "change": "300/minute",
    "visitor_change": "120/minute",
    "run": "60/minute",
    "visitor_run": "20/minute",
    "address_run": "240/minute",
    "upload": "30/hour",
    "export": "120/hour",
}


class TooMany(RankingError):
    """Too many requests; `seconds` until the next is taken."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"this was asked too often: try again in {seconds} seconds")
        self.seconds = seconds


class Limits:
    """Counts by kind and by who asks."""

    def __init__(self, limits: Mapping[str, str] = LIMITS) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._items: dict[str, RateLimitItem] = {kind: parse(text) for kind, text in limits.items()}

    def count(self, kind: str, who: str) -> None:
        """Count one request. Raises TooMany."""
        item = self._items[kind]
        if not self._limiter.hit(item, kind, who):
            reset = self._limiter.get_window_stats(item, kind, who).reset_time
            raise TooMany(max(1, math.ceil(reset - time.time())))
